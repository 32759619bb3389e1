"""Colour correction brings the colours nearer to the original's and keeps light and shadow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from modules.imaging.colour_correction import colour_corrected, lab_to_srgb, srgb_to_lab

LUMINOSITY = np.array([0.3, 0.59, 0.11])
CASTS = [(30, -10, -28), (-40, 15, 29), (11, -15, 50)]
"""Casts that change the colours and hardly the luminosity."""


def scene(seed: int, side: int = 96) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(60, 190, (6, 6, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def histogram_distance(one: np.ndarray, other: np.ndarray) -> float:
    """The mean over the channels of how far levels must be moved to turn the one histogram into the other."""
    cumulative = [
        np.stack([np.cumsum(np.bincount(p[..., c].ravel(), minlength=256)) / p[..., c].size for c in range(3)])
        for p in (one, other)
    ]
    return float(np.abs(cumulative[0] - cumulative[1]).sum(axis=1).mean())


def test_lab_of_known_colours() -> None:
    colours = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], dtype=np.uint8)
    expected: list[list[float]] = [
        [100, 0, 0],
        [0, 0, 0],
        [53.24, 80.09, 67.20],
        [87.73, -86.18, 83.18],
        [32.30, 79.19, -107.86],
    ]
    assert np.allclose(srgb_to_lab(colours)[0], expected, atol=0.03)


@given(arrays.arrays(np.uint8, (4, 4, 3)))
def test_lab_and_back_is_the_same_picture(pixels: np.ndarray) -> None:
    assert np.abs(lab_to_srgb(srgb_to_lab(pixels)) - pixels).max() < 0.1


@settings(max_examples=30)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))))
def test_picture_corrected_by_itself_stays(pixels: np.ndarray) -> None:
    assert np.abs(colour_corrected(pixels, pixels).astype(int) - pixels).max() <= 1


@pytest.mark.parametrize("cast", CASTS)
@pytest.mark.parametrize("seed", range(4))
def test_cast_is_taken_out(seed: int, cast: tuple[int, int, int]) -> None:
    original = scene(seed)
    tinted = (original.astype(int) + cast).clip(0, 255).astype(np.uint8)
    corrected = colour_corrected(tinted, original)
    assert histogram_distance(corrected, original) < 0.15 * histogram_distance(tinted, original)
    assert np.abs(corrected.astype(int) - original).mean() < 0.25 * np.abs(tinted.astype(int) - original).mean()


@pytest.mark.parametrize("seed", range(4))
def test_cast_that_changes_the_luminosity_loses_its_colour_only(seed: int) -> None:
    original = scene(seed)
    tinted = (original.astype(int) + (0, 25, 0)).clip(0, 255).astype(np.uint8)
    corrected = colour_corrected(tinted, original)
    before, after = (
        np.abs(srgb_to_lab(p)[..., 1:] - srgb_to_lab(original)[..., 1:]).mean() for p in (tinted, corrected)
    )
    assert after < 0.2 * before
    assert np.abs(corrected @ LUMINOSITY - tinted @ LUMINOSITY).max() < 1


@pytest.mark.parametrize("seed", range(4))
def test_another_scene_takes_the_colours_and_keeps_its_light(seed: int) -> None:
    original, result = scene(seed, 64), (scene(seed + 10) * np.array([1.2, 0.9, 0.7])).clip(0, 255).astype(np.uint8)
    corrected = colour_corrected(result, original)
    assert corrected.shape == result.shape
    assert histogram_distance(corrected, original) < 0.7 * histogram_distance(result, original)
    assert np.abs(corrected @ LUMINOSITY - result @ LUMINOSITY).max() < 1
