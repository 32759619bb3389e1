"""Tiles cover a picture, their weights add up to one, and what they make has no seam."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import InvalidRequest
from modules.upscaling.tiling import LEAST_TILE, Tiling, in_tiles, ramps, stretches

TILINGS = st.integers(LEAST_TILE, 96).flatmap(lambda side: st.builds(Tiling, st.just(side), st.integers(0, side // 3)))


@given(st.integers(1, 700), TILINGS)
def test_stretches_cover_and_overlap(length: int, tiling: Tiling) -> None:
    cuts = stretches(length, tiling)
    assert cuts[0][0] == 0 and cuts[-1][1] == length
    assert all(end - start == min(length, tiling.side) for start, end in cuts)
    for (_, end), (start, _) in zip(cuts, cuts[1:], strict=False):
        assert tiling.overlap <= end - start < tiling.side


@given(st.integers(1, 700), TILINGS, st.integers(1, 4))
def test_weights_add_up_to_one(length: int, tiling: Tiling, scale: int) -> None:
    cuts = stretches(length, tiling)
    total = np.zeros(length * scale)
    for (start, end), weight in zip(cuts, ramps(cuts, scale), strict=True):
        assert weight.min() >= 0
        total[start * scale : end * scale] += weight
    np.testing.assert_allclose(total, 1, atol=1e-6)


@given(st.integers(1, 150), st.integers(1, 150), TILINGS, st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_what_looks_at_single_pixels_gives_the_same_picture_in_tiles(
    height: int, width: int, tiling: Tiling, scale: int, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    def nearest(piece: np.ndarray) -> np.ndarray:
        return piece.repeat(scale, 0).repeat(scale, 1).astype(np.float32)

    shares: list[float] = []
    made = in_tiles(nearest, pixels, scale, tiling, shares.append)
    assert np.array_equal(made, pixels.repeat(scale, 0).repeat(scale, 1))
    assert shares == sorted(set(shares)) and shares[0] == 0 and shares[-1] < 1
    assert len(shares) == len(stretches(height, tiling)) * len(stretches(width, tiling))


def test_the_outermost_pixels_of_a_tile_are_not_used() -> None:
    tiling = Tiling(64, 16)
    pixels = np.full((64, 200, 3), 100, np.uint8)

    def edged(piece: np.ndarray) -> np.ndarray:
        levels = piece.astype(np.float32)
        levels[:, :4], levels[:, -4:] = 255, 255
        return levels

    made = in_tiles(edged, pixels, 1, tiling, lambda share: None)
    assert (made[:, 4:-4] == 100).all()
    assert (made[:, :4] == 255).all(), "at the picture's own edge there is nothing else"


def test_levels_are_rounded_and_kept_in_range() -> None:
    pixels = np.array([[[0, 100, 255]]], np.uint8)
    made = in_tiles(lambda piece: piece.astype(np.float32) * 1.1 - 5.4, pixels, 1, Tiling(), lambda share: None)
    assert made.tolist() == [[[0, 105, 255]]]


def test_a_tiling_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="Tile size 31 is too small"):
        Tiling(31)
    for side, overlap in ((192, 65), (192, -1), (0, -1)):
        with pytest.raises(InvalidRequest, match="Tile overlap"):
            Tiling(side, overlap)


@given(st.integers(0, 5000).filter(lambda side: not 0 < side < LEAST_TILE), st.integers(1, 5000), st.integers(1, 5000))
def test_halving_ends(side: int, width: int, height: int) -> None:
    tiling: Tiling | None = Tiling(side, min(16, side // 3) if side else 16)
    for _ in range(10):
        assert tiling is not None
        smaller = tiling.halved(width, height)
        if smaller is None:
            return
        assert smaller.side <= max(width, height) // 2
        assert len(stretches(max(width, height), smaller)) > 1
        tiling = smaller
    raise AssertionError("it never ends")
