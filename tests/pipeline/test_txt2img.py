"""The laws of txt2img, on tiny random models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from modules.diffusion.names import BUILT_IN_NAMES
from modules.diffusion.samplers import SAMPLERS
from modules.errors import Interrupted
from modules.pipeline.text_cache import Reuse, TextCache
from tests.pipeline.painting import SHAPES, Onlooker, Studio, distance, to_txt2img

Paint = Callable[..., dict[int, np.ndarray]]


@pytest.fixture
def paint(studio: Studio) -> Paint:
    """All pictures of a request by index; keywords are the request's fields, or a watcher, texts or `finished`."""

    def painted(
        watcher: Onlooker | None = None,
        texts: TextCache | None = None,
        finished: frozenset[int] = frozenset(),
        **fields: Any,
    ) -> dict[int, np.ndarray]:
        return studio.paint(to_txt2img(**fields), watcher, texts, finished)

    return painted


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_same_request_same_pixels(paint: Paint, sampler: str) -> None:
    fields: dict[str, Any] = {
        "sampler_name": sampler,
        "scheduler": BUILT_IN_NAMES.find_pair(sampler, "Karras")[1],
        "steps": 2,
    }
    first, second = paint(**fields)[0], paint(**fields)[0]
    assert first.shape == (64, 64, 3)
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("model", "sampler"),
    [
        *(("plain", sampler) for sampler in ("Euler a", "DPM++ 2M SDE", "Heun", "Euler a CFG++", "UniPC")),
        *((model, "Euler") for model in SHAPES),
    ],
)
def test_batch_of_three_is_three_single_pictures(paint: Paint, model: str, sampler: str) -> None:
    """Equal to one level of 255: matrix products of another batch size round differently."""
    fields: dict[str, Any] = {"model": model, "sampler_name": sampler}
    batch = paint(**fields, batch_size=3, seed=10)
    for index in range(3):
        assert distance(batch[index], paint(**fields, seed=10 + index)[0]) <= 1


def test_batches_of_one_request_go_on_counting(paint: Paint) -> None:
    many = paint(batch_size=2, batch_count=2, seed=10)
    assert sorted(many) == [0, 1, 2, 3]
    assert distance(many[3], paint(seed=13)[0]) <= 1


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"prompt": "a blue boat"},
        {"negative_prompt": "a blue boat"},
        {"cfg_scale": 3},
        {"steps": 5},
        {"sampler_name": "Euler a"},
        {"scheduler": "Karras"},
        {"clip_skip": 2},
        {"rng": "CPU"},
        {"prompt": "a (red:1.5) house"},
        {"prompt": "a [red:blue:0.5] house"},
        {"prompt": "a [red|blue] house"},
        {"prompt": "a red house AND a blue boat :0.5"},
        {"prompt": "a red BREAK house"},
        {"subseed_strength": 0.3, "subseed": 5},
        {"seed_resize_from_w": 32, "seed_resize_from_h": 32},
        {"sgm_noise_multiplier": True},
        {"s_churn": 5.0, "s_tmax": 100.0},
        {"sigma_min": 0.5},
        {"sigma_max": 8.0},
        {"discard_next_to_last_sigma": True},
        {"downcast_alphas_cumprod": True},
        {"zero_terminal_snr": True},
        {"scheduler": "Custom", "sigmas": (10.0, 5.0, 2.0, 1.0, 0.0)},
        {"cfg_rescale": 0.7},
        {"apg_eta": 0.0},
        {"apg_momentum": -0.5},
        {"cfg_zero_star": True, "cfg_zero_init_steps": 1},
        {"dynamic_thresholding_mimic_scale": 3.0},
        {"guidance_interval_end": 0.5},
        {"s_min_uncond": 100.0},
        {"skip_early_cond": 0.5},
    ],
    ids=lambda change: "-".join(change),
)
def test_every_field_changes_the_picture(paint: Paint, change: dict[str, Any]) -> None:
    assert not np.array_equal(paint()[0], paint(**change)[0])


def test_finished_pictures_are_not_made_again(paint: Paint) -> None:
    whole = paint(batch_size=2, batch_count=2, seed=10)
    rest = paint(finished=frozenset({0, 2}), batch_size=2, batch_count=2, seed=10)
    assert sorted(rest) == [1, 3]
    assert all(distance(rest[index], whole[index]) <= 1 for index in rest)


def test_size_is_what_was_asked_for(paint: Paint) -> None:
    assert paint(width=96, height=72)[0].shape == (72, 96, 3)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"sampler_name": "Euler a"}, {"eta": 0.5}),
        ({"sampler_name": "Euler a"}, {"s_noise": 0.9}),
        ({"sampler_name": "Euler a"}, {"eta_noise_seed_delta": 31337}),
        ({"scheduler": "Karras"}, {"rho": 3.0}),
        ({"sampler_name": "LMS", "scheduler": "Karras", "steps": 8}, {"sampler_order": 1}),
        ({"sampler_name": "UniPC", "scheduler": "Time uniform", "steps": 8}, {"uni_pc_variant": "vary_coeff"}),
        ({"sampler_name": "Gradient Estimation"}, {"ge_gamma": 1.0}),
        ({"scheduler": "Karras"}, {"old_karras_sigmas": True}),
        ({"scheduler": "Beta"}, {"beta_dist_alpha": 1.2}),
        ({"scheduler": "Beta"}, {"beta_dist_beta": 1.2}),
        ({"prompt": "a (red:1.5) house"}, {"emphasis": "Ignore"}),
        ({"prompt": "a (red:1.5) house"}, {"emphasis": "None"}),
        ({"prompt": "a red house on the green hill, " * 20}, {"comma_padding_backtrack": 0}),
        ({"prompt": "a [red:blue:0.5] house"}, {"old_prompt_timelines": True, "prompt": "a [red:blue:1.0] house"}),
        ({"s_min_uncond": 100.0}, {"s_min_uncond_all": True}),
        ({"apg_momentum": -0.5}, {"apg_norm_threshold": 0.1}),
        ({"dynamic_thresholding_mimic_scale": 3.0}, {"dynamic_thresholding_percentile": 0.5}),
    ],
    ids=lambda change: "-".join(change),
)
def test_fields_that_others_bring_to_life_change_the_picture(
    paint: Paint, before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert not np.array_equal(paint(**before)[0], paint(**before | after)[0])


def test_every_picture_follows_its_own_prompt(paint: Paint) -> None:
    words = ("a red house", "a blue boat, " * 30)
    both = paint(batch_size=2, prompts=words, seed=10)
    for index, prompt in enumerate(words):
        assert distance(both[index], paint(prompt=prompt, seed=10 + index)[0]) <= 1


def test_networks_and_comments_in_the_prompt_are_not_read_as_words(paint: Paint) -> None:
    plain = paint(prompt="a red house")[0]
    assert np.array_equal(plain, paint(prompt="a red house<hypernet:nothing:0.8>")[0])
    assert np.array_equal(plain, paint(prompt="a red house# and a boat")[0])


def test_remembered_texts_give_the_same_picture(paint: Paint) -> None:
    texts = TextCache()
    prompt = {"prompt": "a (red:1.3) [house|boat] AND a tree"}
    first, second = (paint(texts=texts, **prompt)[0] for _ in range(2))
    assert np.array_equal(first, second)
    assert texts.take_reuse() == Reuse(found=3, encoded=3)


def test_empty_prompt_is_legal(paint: Paint) -> None:
    assert paint(prompt="")[0].shape == (64, 64, 3)


@pytest.mark.parametrize("sampler", ["Euler", "Heun", "Restart", "DPM adaptive", "DPM fast", "UniPC", "PLMS"])
def test_progress_counts_all_steps_of_all_batches(paint: Paint, sampler: str) -> None:
    """It never goes back, and ends at its total: also of samplers that take more steps, or as many as they like."""
    onlooker = Onlooker()
    paint(onlooker, batch_count=2, steps=20 if sampler == "Restart" else 4, sampler_name=sampler)
    done = [step for step, _ in onlooker.steps]
    assert done == list(range(1, len(done) + 1))
    assert onlooker.steps[-1] == (len(done), len(done))
    assert all(step <= total for step, total in onlooker.steps)
    if sampler == "Euler":
        assert onlooker.steps == [(step, 8) for step in range(1, 9)]
    assert all(preview.shape == (1, 8, 8, 3) and preview.dtype == torch.uint8 for preview in onlooker.previews)


def test_interrupt_stops_at_its_step(paint: Paint) -> None:
    onlooker = Onlooker(stop_at=2)
    with pytest.raises(Interrupted):
        paint(onlooker)
    assert onlooker.steps[-1] == (2, 4)


@pytest.mark.parametrize(("sampler", "steps"), [("Restart", 20), ("LCM", 4), ("DPM2 a", 4)])
def test_eta_noise_seed_delta_changes_every_later_draw(paint: Paint, sampler: str, steps: int) -> None:
    fields: dict[str, Any] = {"sampler_name": sampler, "scheduler": "Karras", "steps": steps}
    changed = paint(**fields, eta_noise_seed_delta=31337)[0]
    assert not np.array_equal(paint(**fields)[0], changed)


def test_clip_skip_beyond_the_first_layer_takes_the_first(paint: Paint) -> None:
    assert np.array_equal(paint(clip_skip=3)[0], paint(clip_skip=12)[0])
