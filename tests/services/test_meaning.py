"""What the prompt language and guidance mean, measured in the demo model's pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modules.services.build import Services
from tests.services.test_generate import finish, pixels

SEEDS = 8
RED, GREEN, BLUE = range(3)


def pictures(services: Services, **fields: Any) -> list[np.ndarray]:
    """Pictures of the seeds 0 to 7."""
    given = {"steps": 10, "seed": 0, "batch_size": SEEDS, **fields}
    return [pixels(services, picture) for picture in finish(services, **given)[1]]


def excess(picture: np.ndarray, channel: int) -> float:
    """How far a channel is above the mean of the two others, in levels of 255."""
    return float(picture[..., channel].mean() - np.delete(picture, channel, axis=2).mean())


def mean_excess(found: list[np.ndarray], channel: int) -> float:
    return float(np.mean([excess(picture, channel) for picture in found]))


def test_weight_raises_redness_step_by_step(demo_services: Services) -> None:
    weights = (0.6, 1.0, 1.5, 2.0)
    redness = [
        mean_excess(pictures(demo_services, prompt=f"a (red:{weight}) star on a blue background"), RED)
        for weight in weights
    ]
    assert redness == sorted(redness)
    assert redness[-1] > redness[0] + 5


def test_negative_prompt_lowers_redness(demo_services: Services) -> None:
    prompt = "a house on a white background"
    plain = mean_excess(pictures(demo_services, prompt=prompt), RED)
    without = mean_excess(pictures(demo_services, prompt=prompt, negative_prompt="a red house"), RED)
    assert without < plain - 3


def test_scheduled_colour_starts_as_one_and_ends_as_the_other(demo_services: Services) -> None:
    """The colour is decided by the words of the time when it is painted: first red counts, at the end blue."""
    whole = {word: f"a {word} balloon on a white background" for word in ("red", "blue")}
    red, blue = (pictures(demo_services, prompt=text) for text in whole.values())
    late = pictures(demo_services, prompt="a [red:blue:0.9] balloon on a white background")
    early = pictures(demo_services, prompt="a [red:blue:0.1] balloon on a white background")

    def blueness(found: list[np.ndarray]) -> float:
        return mean_excess(found, BLUE) - mean_excess(found, RED)

    assert blueness(red) <= blueness(late) < blueness(early) <= blueness(blue) + 3
    assert blueness(early) > blueness(late) + 10


def test_both_parts_of_a_composition_show(demo_services: Services) -> None:
    alone = {
        name: pictures(demo_services, prompt=text)
        for name, text in (("red", "a red heart on a white background"), ("blue", "a heart on a blue background"))
    }
    both = pictures(demo_services, prompt="a red heart on a white background AND a heart on a blue background")
    assert mean_excess(both, BLUE) > mean_excess(alone["red"], BLUE) + 10
    assert mean_excess(both, RED) > mean_excess(alone["blue"], RED) + 10


@pytest.mark.parametrize("rng", ["NV", "CPU"])
def test_batch_is_its_single_pictures(demo_services: Services, rng: str) -> None:
    fields: dict[str, Any] = {"prompt": "a (red:1.3) house AND a [star|moon]", "rng": rng, "steps": 8}
    batch = pictures(demo_services, **fields, batch_size=4)
    for seed in range(4):
        (single,) = pictures(demo_services, **fields, batch_size=1, seed=seed)
        assert np.abs(batch[seed] - single).max() <= 1


def test_jobs_reuse_encoded_texts_and_doctor_says_so(demo_services: Services) -> None:
    def told() -> str:
        return dict(demo_services.doctor.report())["Encoded texts"]

    finish(demo_services, prompt="a prompt that nobody wrote before", seed=1)
    before = told()
    finish(demo_services, prompt="a prompt that nobody wrote before", seed=2)
    assert told() != before
    assert "reused" in told()
