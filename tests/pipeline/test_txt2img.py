"""The laws of txt2img, on a tiny random model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from modules.checkpoints.diffusers_folder import load_folder
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.registry import Registry
from modules.diffusion.samplers import SAMPLERS
from modules.errors import Interrupted
from modules.pipeline.conditioning import encode_prompts
from modules.pipeline.txt2img import txt2img
from modules.schema.requests import ResolvedTxt2Img
from tests.schema.test_requests import RESOLVED
from tests.tiny_models import write_tiny_model


class Onlooker:
    """A watcher that remembers what it was told, and stops the task at a step if asked to."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.steps: list[tuple[int, int]] = []
        self.previews: list[torch.Tensor] = []
        self._stop_at = stop_at

    def stage(self, text: str) -> None:
        pass

    def step(self, done: int, total: int, preview: Callable[[], torch.Tensor]) -> None:
        self.steps.append((done, total))
        self.previews.append(preview())
        if done == self._stop_at:
            raise Interrupted


@pytest.fixture(scope="module", params=["epsilon", "v_prediction"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", prediction_type=request.param)
    checkpoint = Registry([folder.parent]).find("tiny")
    return load_folder(checkpoint, device=torch.device("cpu"), dtype=torch.float32, attention="sdp")


def resolved(**fields: Any) -> ResolvedTxt2Img:
    return ResolvedTxt2Img.of({**RESOLVED, "prompt": "a red house", "steps": 4, **fields})


def paint(model: LoadedModel, finished: frozenset[int] = frozenset(), **fields: Any) -> dict[int, np.ndarray]:
    return {made.index: made.pixels for made in txt2img(resolved(**fields), model, Onlooker(), finished=finished)}


def distance(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_same_request_same_pixels(model: LoadedModel, sampler: str) -> None:
    fields: dict[str, Any] = {"sampler_name": sampler, "scheduler": "DDIM" if sampler == "DDIM" else "Karras"}
    first, second = paint(model, **fields)[0], paint(model, **fields)[0]
    assert first.shape == (64, 64, 3)
    assert np.array_equal(first, second)


@pytest.mark.parametrize("sampler", ["Euler", "Euler a"])
def test_batch_of_four_is_four_single_pictures(model: LoadedModel, sampler: str) -> None:
    """Equal to one level of 255: matrix products of another batch size round differently."""
    batch = paint(model, sampler_name=sampler, batch_size=4, seed=10)
    for index in range(4):
        assert distance(batch[index], paint(model, sampler_name=sampler, seed=10 + index)[0]) <= 1


def test_batches_of_one_request_go_on_counting(model: LoadedModel) -> None:
    many = paint(model, batch_size=2, batch_count=2, seed=10)
    assert sorted(many) == [0, 1, 2, 3]
    assert distance(many[3], paint(model, seed=13)[0]) <= 1


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
    ],
    ids=lambda change: "-".join(change),
)
def test_every_field_changes_the_picture(model: LoadedModel, change: dict[str, Any]) -> None:
    assert not np.array_equal(paint(model)[0], paint(model, **change)[0])


def test_finished_pictures_are_not_made_again(model: LoadedModel) -> None:
    whole = paint(model, batch_size=2, batch_count=2, seed=10)
    rest = paint(model, frozenset({0, 2}), batch_size=2, batch_count=2, seed=10)
    assert sorted(rest) == [1, 3]
    assert all(distance(rest[index], whole[index]) <= 1 for index in rest)


def test_size_is_what_was_asked_for(model: LoadedModel) -> None:
    assert paint(model, width=96, height=72)[0].shape == (72, 96, 3)


def test_long_prompts_of_unequal_length_are_encoded(model: LoadedModel) -> None:
    conditioning = encode_prompts(model, "a red house, " * 100, "blurry", clip_skip=1)
    assert conditioning.positive.shape == conditioning.negative.shape
    assert conditioning.positive.shape[1] % 77 == 0
    assert conditioning.positive.shape[1] > 2 * 77


def test_empty_prompt_is_legal(model: LoadedModel) -> None:
    assert paint(model, prompt="")[0].shape == (64, 64, 3)


def test_progress_counts_all_steps_of_all_batches(model: LoadedModel) -> None:
    onlooker = Onlooker()
    list(txt2img(resolved(batch_count=2), model, onlooker))
    assert onlooker.steps == [(step, 8) for step in range(1, 9)]
    assert all(preview.shape == (1, 8, 8, 3) and preview.dtype == torch.uint8 for preview in onlooker.previews)


def test_interrupt_stops_at_its_step(model: LoadedModel) -> None:
    onlooker = Onlooker(stop_at=2)
    with pytest.raises(Interrupted):
        list(txt2img(resolved(), model, onlooker))
    assert onlooker.steps[-1] == (2, 4)


def test_clip_skip_beyond_the_first_layer_takes_the_first(model: LoadedModel, tmp_path: Path) -> None:
    assert np.array_equal(paint(model, clip_skip=3)[0], paint(model, clip_skip=12)[0])
