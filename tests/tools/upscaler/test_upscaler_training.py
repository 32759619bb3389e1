"""The upscaler's training: its data, its resumption, and the file it ends in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from modules.upscaling.model_files import load_network
from modules.upscaling.upscaler import PillowUpscaler
from tools.demo_model.scene import held_out, training_scene
from tools.demo_model.trainer import averaged_weights, put_weights
from tools.upscaler.evaluate import MOST_DECIBELS, decibels, restored
from tools.upscaler.export import export
from tools.upscaler.patches import FILTERS, FIRST_SEED, Cutting, pairs, shrink
from tools.upscaler.train import LOSSES, Recipe, batch_tensor, new_network, root_of_error, train

CUTTING = Cutting(side=12, noise_share=0)


def recipe(run: Path, steps: int) -> Recipe:
    return Recipe(
        run=run,
        steps=steps,
        batch=4,
        piece=2,
        rate=5e-3,
        warmup=2,
        cooldown=0.7,
        ema=0.9,
        save_seconds=1e9,
        minutes=1e9,
        features=8,
        convolutions=1,
        cutting=CUTTING,
    )


def test_the_same_seed_gives_the_same_pairs() -> None:
    first, second, other = pairs(Cutting(), "3/0", 5), pairs(Cutting(), "3/0", 5), pairs(Cutting(), "3/1", 5)
    assert first[0].shape == (5, 32, 32, 3) and first[1].shape == (5, 64, 64, 3)
    assert all(np.array_equal(one, two) for one, two in zip(first, second, strict=True))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("seed", range(4))
def test_a_small_cut_is_its_large_one_shrunk(seed: int) -> None:
    """Away from the edges, where the cut's surroundings matter, one of the filters gives it to the level."""
    for small, large in zip(*pairs(CUTTING, str(seed), 4), strict=True):
        nearest = [
            np.abs(np.asarray(shrink(Image.fromarray(large), resampling)).astype(int) - small)[3:-3, 3:-3].max()
            for resampling in FILTERS
        ]
        assert min(nearest) <= 1


def test_noise_comes_to_its_share_of_the_cuts() -> None:
    plain, noisy = (pairs(Cutting(noise_share=share), "x", 8) for share in (0, 1))
    assert np.array_equal(plain[1][0], noisy[1][0]), "what is wanted is without noise"
    difference = noisy[0][0].astype(int) - plain[0][0]
    assert 0 < np.abs(difference).mean() < 3


def test_training_draws_no_held_out_scene() -> None:
    assert not any(held_out(training_scene(FIRST_SEED + number)) for number in range(200))


def test_a_fresh_network_enlarges_like_nearest_neighbour() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3), dtype=np.uint8)
    small = batch_tensor(pixels, torch.device("cpu"))
    made = new_network(8, 2)(small)
    assert torch.allclose(made, small.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_a_cut_training_goes_on_as_if_it_had_not_been_cut(tmp_path: Path) -> None:
    train(recipe(tmp_path / "whole", 5))
    train(replace(recipe(tmp_path / "cut", 5), minutes=0))
    assert averaged_weights(tmp_path / "cut")[1]["step"] == 1
    train(recipe(tmp_path / "cut", 5))
    whole, cut = averaged_weights(tmp_path / "whole")[0], averaged_weights(tmp_path / "cut")[0]
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_training_learns_and_its_file_is_the_network(tmp_path: Path) -> None:
    train(recipe(tmp_path, 80))
    export(tmp_path, tmp_path / "small.safetensors")
    network, loaded = new_network(8, 1), load_network(tmp_path / "small.safetensors")
    put_weights(dict(network.named_parameters()), averaged_weights(tmp_path)[0])
    assert (loaded.scale, loaded.architecture.id) == (2, "Compact")
    small, large = (batch_tensor(pixels, torch.device("cpu")) for pixels in pairs(CUTTING, "unseen", 32))
    with torch.inference_mode():
        made, fresh = network(small), new_network(8, 1)(small)
        assert (loaded(small[:1]) - made[:1].clamp(0, 1)).abs().max() < 2e-2, "fp16 in the file"
        assert root_of_error(made, large) < 0.985 * root_of_error(fresh, large)


def test_a_file_that_is_too_large_to_ship_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(recipe(tmp_path, 1))
    monkeypatch.setattr("tools.upscaler.export.SIZE_LIMIT", 1000)
    with pytest.raises(SystemExit, match="too much to ship"):
        export(tmp_path, tmp_path / "small.safetensors")
    assert not list(tmp_path.glob("small*"))


def test_decibels() -> None:
    black = np.zeros((4, 4, 3), np.uint8)
    assert decibels(black, black) == MOST_DECIBELS
    assert decibels(black + np.uint8(255), black) == pytest.approx(0)
    assert decibels(black + np.uint8(1), black) == pytest.approx(48.13, abs=0.01)
    plain = Image.new("RGB", (16, 16), "red")
    assert restored(PillowUpscaler("Nearest", Image.Resampling.NEAREST), plain, FILTERS[0]) == MOST_DECIBELS


def test_losses_of_a_known_error() -> None:
    wanted = torch.zeros(2, 3, 4, 4)
    made = wanted + torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)
    assert float(LOSSES["root"](made, wanted)) == pytest.approx(0.055, abs=1e-3)
    assert float(LOSSES["decibels"](made, wanted)) == pytest.approx(-(20 + 39.6) / 2, abs=0.1)
