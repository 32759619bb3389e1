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
from modules.diffusion.names import find_pair
from modules.diffusion.samplers import SAMPLERS
from modules.errors import Interrupted
from modules.pipeline.text_cache import Reuse, TextCache
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

    def check(self) -> None:
        pass

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
    made = txt2img(resolved(**fields), model, Onlooker(), TextCache(), finished=finished)
    return {picture.index: picture.pixels for picture in made}


def distance(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_same_request_same_pixels(model: LoadedModel, sampler: str) -> None:
    fields: dict[str, Any] = {"sampler_name": sampler, "scheduler": find_pair(sampler, "Karras")[1]}
    first, second = paint(model, **fields)[0], paint(model, **fields)[0]
    assert first.shape == (64, 64, 3)
    assert np.array_equal(first, second)


@pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DPM++ 2M SDE", "Heun", "Euler a CFG++", "UniPC"])
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
def test_every_field_changes_the_picture(model: LoadedModel, change: dict[str, Any]) -> None:
    assert not np.array_equal(paint(model)[0], paint(model, **change)[0])


def test_finished_pictures_are_not_made_again(model: LoadedModel) -> None:
    whole = paint(model, batch_size=2, batch_count=2, seed=10)
    rest = paint(model, frozenset({0, 2}), batch_size=2, batch_count=2, seed=10)
    assert sorted(rest) == [1, 3]
    assert all(distance(rest[index], whole[index]) <= 1 for index in rest)


def test_size_is_what_was_asked_for(model: LoadedModel) -> None:
    assert paint(model, width=96, height=72)[0].shape == (72, 96, 3)


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
    model: LoadedModel, before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert not np.array_equal(paint(model, **before)[0], paint(model, **before | after)[0])


def test_every_picture_follows_its_own_prompt(model: LoadedModel) -> None:
    words = ("a red house", "a blue boat, " * 30)
    both = paint(model, batch_size=2, prompts=words, seed=10)
    for index, prompt in enumerate(words):
        assert distance(both[index], paint(model, prompt=prompt, seed=10 + index)[0]) <= 1


def test_networks_and_comments_in_the_prompt_are_not_read_as_words(model: LoadedModel) -> None:
    plain = paint(model, prompt="a red house")[0]
    assert np.array_equal(plain, paint(model, prompt="a red house<lora:nothing:0.8>")[0])
    assert np.array_equal(plain, paint(model, prompt="a red house# and a boat")[0])


def test_remembered_texts_give_the_same_picture(model: LoadedModel) -> None:
    texts = TextCache()
    prompt = {"prompt": "a (red:1.3) [house|boat] AND a tree"}
    first, second = (next(txt2img(resolved(**prompt), model, Onlooker(), texts)).pixels for _ in range(2))
    assert np.array_equal(first, second)
    assert texts.take_reuse() == Reuse(found=3, encoded=3)


def test_empty_prompt_is_legal(model: LoadedModel) -> None:
    assert paint(model, prompt="")[0].shape == (64, 64, 3)


def test_progress_counts_all_steps_of_all_batches(model: LoadedModel) -> None:
    onlooker = Onlooker()
    list(txt2img(resolved(batch_count=2), model, onlooker, TextCache()))
    assert onlooker.steps == [(step, 8) for step in range(1, 9)]
    assert all(preview.shape == (1, 8, 8, 3) and preview.dtype == torch.uint8 for preview in onlooker.previews)


def test_interrupt_stops_at_its_step(model: LoadedModel) -> None:
    onlooker = Onlooker(stop_at=2)
    with pytest.raises(Interrupted):
        list(txt2img(resolved(), model, onlooker, TextCache()))
    assert onlooker.steps[-1] == (2, 4)


@pytest.mark.parametrize("sampler", ["Heun", "DPM adaptive"])
def test_interrupt_stops_between_two_calls_of_a_step(model: LoadedModel, sampler: str) -> None:
    class Impatient(Onlooker):
        calls = 0

        def check(self) -> None:
            self.calls += 1
            if self.calls == 4:
                raise Interrupted

    onlooker = Impatient()
    with pytest.raises(Interrupted):
        list(txt2img(resolved(sampler_name=sampler, scheduler="Uniform"), model, onlooker, TextCache()))
    assert len(onlooker.steps) <= 1


def test_eta_noise_seed_delta_changes_every_later_draw(model: LoadedModel) -> None:
    for sampler in ("Restart", "LCM", "DPM2 a"):
        fields: dict[str, Any] = {"sampler_name": sampler, "scheduler": "Karras", "steps": 20}
        changed = paint(model, **fields, eta_noise_seed_delta=31337)[0]
        assert not np.array_equal(paint(model, **fields)[0], changed)


def test_clip_skip_beyond_the_first_layer_takes_the_first(model: LoadedModel, tmp_path: Path) -> None:
    assert np.array_equal(paint(model, clip_skip=3)[0], paint(model, clip_skip=12)[0])
