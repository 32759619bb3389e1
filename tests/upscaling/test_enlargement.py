"""Whole enlargements: two upscalers blended, targets, cuts."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from modules.errors import InvalidRequest
from modules.upscaling.enlargement import Enlargement
from modules.upscaling.listener import Listener
from modules.upscaling.target import ByFactor, BySize
from modules.upscaling.upscaler import PillowUpscaler

NEAREST = PillowUpscaler("Nearest", Image.Resampling.NEAREST)
LANCZOS = PillowUpscaler("Lanczos", Image.Resampling.LANCZOS)
PIXELS = np.random.default_rng(0).integers(0, 256, (150, 31, 3), dtype=np.uint8)


@pytest.mark.parametrize("visibility", [0.0, 0.25, 0.5, 1.0])
def test_two_are_blended_by_visibility(visibility: float) -> None:
    first, second = (one.upscale(PIXELS, 62, 300).astype(np.float64) for one in (NEAREST, LANCZOS))
    made = Enlargement(NEAREST, LANCZOS, visibility).apply(PIXELS, ByFactor(2))
    assert np.abs(made - (first * (1 - visibility) + second * visibility)).max() <= 0.5 + 1e-4


def test_what_is_not_seen_is_not_made() -> None:
    calls: list[float] = []
    listener = Listener(progress=calls.append)
    Enlargement(NEAREST, LANCZOS, 0).apply(PIXELS, ByFactor(2), listener=listener)
    Enlargement(NEAREST, LANCZOS, 1).apply(PIXELS, ByFactor(2), listener=listener)
    assert calls == [1, 1]
    Enlargement(NEAREST, LANCZOS, 0.5).apply(PIXELS, ByFactor(2), listener=listener)
    assert calls == [1, 1, 0.5, 1]


def test_a_size_is_cut_out_of_the_middle() -> None:
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = 255
    made = Enlargement(NEAREST).apply(pixels, BySize(20, 20))
    assert made.shape == (20, 20, 3) and (made == 255).all()
    assert Enlargement(NEAREST).apply(pixels, BySize(20, 20, cut=False)).shape == (20, 60, 3)
    assert Enlargement(NEAREST).apply(pixels, BySize(60, 20)).base is None


@pytest.mark.parametrize("visibility", [-0.1, 1.1, float("nan")])
def test_a_visibility_that_is_none_is_refused(visibility: float) -> None:
    with pytest.raises(InvalidRequest, match="Upscaler 2 visibility"):
        Enlargement(NEAREST, LANCZOS, visibility).apply(PIXELS, ByFactor(2))
