"""Loopback: each loop begins with what came out of the one before, at the strength of the curve."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.builtin.loopback import CURVES, Loopback, strength_of
from modules.hooks import Interrupted, InvalidRequest
from tests.builtin.painter import INPUT, OTHER_INPUT, Painter, colour_of, picture, run

LOOPBACK = Loopback()
_SHARES = st.floats(0, 1, allow_subnormal=False)


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ("Linear", [0.8, 0.6, 0.4]),
        ("Aggressive", [0.8, 0.517157, 0.4]),
        ("Lazy", [0.8, 0.682843, 0.4]),
    ],
)
def test_strength_follows_the_curve(curve: str, expected: list[float]) -> None:
    assert [strength_of(loop, 3, 0.8, 0.4, curve) for loop in range(3)] == expected


@given(st.integers(2, 50), _SHARES, _SHARES)
def test_curves_share_their_ends_and_keep_their_order(loops: int, first: float, last: float) -> None:
    for curve in CURVES:
        strengths = [strength_of(loop, loops, first, last, curve) for loop in range(loops)]
        assert strengths[0] == pytest.approx(first, abs=1e-6) and strengths[-1] == pytest.approx(last, abs=1e-6)
        assert strengths == sorted(strengths, reverse=last < first)
    for loop in range(loops):
        ahead, even, behind = (abs(strength_of(loop, loops, first, last, curve) - first) for curve in CURVES)
        assert ahead >= even - 2e-6 and even >= behind - 2e-6


def test_one_loop_has_the_strength_of_the_request() -> None:
    assert [strength_of(0, 1, 0.8, 0.1, curve) for curve in CURVES] == [0.8] * 3


def test_each_loop_begins_with_what_came_out() -> None:
    base = picture(denoising_strength=0.8, img2img_color_correction=True)
    painter = run(LOOPBACK, base, loops=3, final_denoising_strength=0.4)
    first, second, third = painter.painted
    assert first.init_images == (INPUT,)
    for before, after in ((first, second), (second, third)):
        assert (painter.kept[after.init_images[0]] == colour_of(before)).all()
    assert [row.denoising_strength for row in painter.painted] == [0.8, 0.6, 0.4]
    assert [row.seed for row in painter.painted] == [100, 101, 102]
    assert all(row.img2img_color_correction for row in painter.painted)
    assert painter.planned == (3, 60)


def test_every_picture_of_the_request_has_loops_of_its_own() -> None:
    base = picture(init_images=(INPUT, OTHER_INPUT), batch_count=2, scale_by=2)
    painter = run(LOOPBACK, base, loops=2)
    assert [row.init_images[0] for row in painter.painted[::2]] == [INPUT, INPUT, OTHER_INPUT, OTHER_INPUT]
    assert [row.seed for row in painter.painted] == [100, 101, 102, 103] * 2
    assert {(row.batch_count, row.batch_size, len(row.init_images)) for row in painter.painted} == {(1, 1, 1)}
    assert [row.scale_by for row in painter.painted] == [2, 0] * 4


def test_the_grid_has_a_row_for_each_picture() -> None:
    painter = run(LOOPBACK, picture(batch_size=2), loops=3, denoising_curve="Lazy")
    ((grid, parameters, _),) = painter.grids
    assert grid.shape == (128, 192, 3)
    for number, request in enumerate(painter.painted):
        top, left = number // 3 * 64, number % 3 * 64
        assert (grid[top : top + 64, left : left + 64] == colour_of(request)).all()
    assert parameters == {"Script": "Loopback", "Loopback loops": "3", "Loopback denoising curve": "Lazy"}


def test_one_picture_needs_no_grid() -> None:
    assert not run(LOOPBACK, picture(), loops=1).grids


def test_a_mask_that_the_result_no_longer_has_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="cannot be looped"):
        run(LOOPBACK, picture(mask_from_alpha=True))


def test_margins_are_added_once() -> None:
    margins = {"outpaint_left": 8, "outpaint_right": 16, "outpaint_top": 24, "outpaint_bottom": 32}
    first, *later = run(LOOPBACK, picture(**margins), loops=3).painted
    assert {name: getattr(first, name) for name in margins} == margins
    assert [not loop.outpaints and (loop.width, loop.height) == (64, 64) for loop in later] == [True, True]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"sd_upscale_upscaler": "Lanczos"}, "'Lanczos' cannot be looped: each loop would enlarge. Switch it off."),
        ({"mask": OTHER_INPUT, "outpaint_top": 8}, "8 cannot be looped with a mask, which would lie elsewhere"),
        (
            {"mask": OTHER_INPUT, "inpaint_full_res": True, "batch_count": 40},
            "Loopback 800 cells would be a grid of 256 megapixels",
        ),
    ],
)
def test_what_cannot_be_looped_is_refused(fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        run(LOOPBACK, picture(**{**fields, "init_images": (OTHER_INPUT,)}), loops=20)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("stop_at", range(6))
def test_loops_that_were_stopped_go_on_where_they_were(stop_at: int) -> None:
    base = picture(batch_size=2)
    whole = run(LOOPBACK, base, loops=3)
    first = Painter(base, stop_at=stop_at)
    with pytest.raises(Interrupted):
        run(LOOPBACK, base, first, loops=3)
    second = run(LOOPBACK, base, Painter(base, stored=first.stored), loops=3)
    assert first.painted + second.painted == whole.painted
    assert (second.grids[0][0] == whole.grids[0][0]).all()


@pytest.mark.parametrize("skipped", range(3))
def test_a_loop_that_is_skipped_changes_nothing(skipped: int) -> None:
    """The next one begins with what the skipped one began with."""
    painter = run(LOOPBACK, picture(), Painter(picture(), skipped=[skipped]), loops=3)
    begins = [request.model_dump()["init_images"][0] for request in painter.asked]
    assert [begins[place] == begins[place + 1] for place in range(2)] == [place == skipped for place in range(2)]
    grid = painter.grids[0][0]
    assert [(grid[:, 64 * place : 64 * place + 64] == 255).all() for place in range(3)] == [
        place == skipped for place in range(3)
    ]


def test_interrupted_loops_draw_what_they_have() -> None:
    painter = run(LOOPBACK, picture(), Painter(picture(), stop_at=2, winds_up=True), loops=3)
    assert painter.is_interrupted
    grid = painter.grids[0][0]
    assert [(grid[:, 64 * place : 64 * place + 64] == 255).all() for place in range(3)] == [False, False, True]
