"""X/Y/Z plot: which requests, in which order, refused how, drawn and described how."""

from __future__ import annotations

import weakref
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.builtin.axes import A1111_AXES, axes
from modules.builtin.xyz_plot import XyzPlot
from modules.hooks import (
    Arguments,
    Available,
    Choice,
    Colour,
    Interrupted,
    InvalidRequest,
    Number,
    PaintedResult,
    Picture,
    Resolved,
    Section,
    SeveralChoices,
    Switch,
    Text,
    arguments_of_infotext,
    drawn_seed,
    read_arguments,
)
from modules.schema.infotext import parse_infotext, write_parameters
from modules.schema.requests import RESOLVED, ResolvedTxt2Img
from tests.builtin.painter import INPUT, NAMES, Painter, colour_of, picture, run, words

PLOT = XyzPlot()


def fields(painter: Painter, *names: str) -> list[Any]:
    """Some fields of what was painted."""
    rows = [request.model_dump() for request in painter.painted]
    return [row[names[0]] if len(names) == 1 else tuple(row[name] for name in names) for row in rows]


def refusal(base: Any = None, **given: Any) -> str:
    base = base or words()
    painter = Painter(base)
    with pytest.raises(InvalidRequest) as refused:
        run(PLOT, base, painter, **given)
    assert not painter.asked and not painter.grids
    return str(refused.value)


# --- axes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axis", "text", "field", "expected"),
    [
        ("Seed", "7, 9", "seed", [7, 9]),
        ("Var. seed", "1-2", "subseed", [1, 2]),
        ("Var. strength", "0-1 [3]", "subseed_strength", [0, 0.5, 1]),
        ("Steps", "10-30 (+10)", "steps", [10, 20, 30]),
        ("CFG Scale", "1, 7.5", "cfg_scale", [1, 7.5]),
        ("Sampler", "Euler, DPM++ 2M", "sampler_name", ["Euler", "DPM++ 2M"]),
        ("Schedule type", "Karras", "scheduler", ["Karras"]),
        ("Checkpoint name", "sub/garden, sea", "model", ["sub/garden", "sea"]),
        ("Negative Guidance minimum sigma", "0, 3", "s_min_uncond", [0, 3]),
        ("Sigma Churn", "0-10 (+5)", "s_churn", [0, 5, 10]),
        ("Sigma min", "0.5", "s_tmin", [0.5]),
        ("Sigma max", "5", "s_tmax", [5]),
        ("Sigma noise", "1", "s_noise", [1]),
        ("Schedule min sigma", "0.1", "sigma_min", [0.1]),
        ("Schedule max sigma", "10", "sigma_max", [10]),
        ("Schedule rho", "7", "rho", [7]),
        ("Beta schedule alpha", "0.5", "beta_dist_alpha", [0.5]),
        ("Beta schedule beta", "0.5", "beta_dist_beta", [0.5]),
        ("Eta", "0-1", "eta", [0, 1]),
        ("Clip skip", "1-3", "clip_skip", [1, 2, 3]),
        ("UniPC Order", "1-3", "sampler_order", [1, 2, 3]),
        ("Always discard next-to-last sigma", "True, false", "discard_next_to_last_sigma", [True, False]),
        ("SGM noise multiplier", "True", "sgm_noise_multiplier", [True]),
        ("RNG source", "NV, CPU", "rng", ["NV", "CPU"]),
        ("Refiner checkpoint", "sea", "refiner_checkpoint", ["sea"]),
        ("Refiner switch at", "0.5-1 (+0.25)", "refiner_switch_at", [0.5, 0.75, 1]),
        ("CFG rescale", "0, 0.7", "cfg_rescale", [0, 0.7]),
        ("APG eta", "-1-1", "apg_eta", [-1, 0, 1]),
        ("Prompt S/R", "red, blue, ", "prompt", ["a red house", "a blue house", "a  house"]),
        ("Prompt S/R", "night, day", "negative_prompt", ["night", "day"]),
        ("Prompt order", "red, a", "prompt", ["red a house", "a red house"]),
        ("Styles", 'film, "film,film"', "styles", [("film",), ("film", "film")]),
        ("Styles", '"ink, blue"', "styles", [("ink, blue",)]),
    ],
)
def test_axis_sets_its_field(axis: str, text: str, field: str, expected: list[Any]) -> None:
    painter = run(PLOT, words(), x_type=axis, x_values=text)
    assert [request.model_dump()[field] for request in painter.asked] == expected


def test_size_sets_both_sides() -> None:
    painter = run(PLOT, words(), x_type="Size", x_values="64x128, 128x64", draw_grid=False)
    assert fields(painter, "width", "height") == [(64, 128), (128, 64)]


@pytest.mark.parametrize(
    ("axis", "text", "field", "expected"),
    [
        ("Hires steps", "0, 5", "hr_second_pass_steps", [0, 5]),
        ("Hires sampler", "Heun", "hr_sampler_name", ["Heun"]),
        ("Hires upscaler", "Latent, Lanczos", "hr_upscaler", ["Latent", "Lanczos"]),
        ("Denoising", "0.1-0.5 (+0.2)", "denoising_strength", [0.1, 0.3, 0.5]),
    ],
)
def test_axes_of_the_second_pass(axis: str, text: str, field: str, expected: list[Any]) -> None:
    painter = run(PLOT, words(enable_hr=True), x_type=axis, x_values=text)
    assert fields(painter, field) == expected


def test_the_second_pass_may_itself_be_varied() -> None:
    by_field = {
        row.field.name: label for label, row in axes(Painter(words()).available).items() if hasattr(row, "field")
    }
    painter = run(
        PLOT, words(), x_type=by_field["enable_hr"], x_values="False, True", y_type="Hires steps", y_values="3"
    )  # fmt: skip
    assert fields(painter, "enable_hr", "hr_second_pass_steps") == [(False, 3), (True, 3)]


@pytest.mark.parametrize(
    ("axis", "text", "field", "expected"),
    [
        ("Denoising", "0-1 [3]", "denoising_strength", [0, 0.5, 1]),
        ("Image CFG Scale", "1, 1.5", "image_cfg_scale", [1, 1.5]),
        ("Initial noise multiplier", "0.9", "initial_noise_multiplier", [0.9]),
        ("Extra noise", "0.1", "img2img_extra_noise", [0.1]),
        ("Cond. Image Mask Weight", "0.5", "inpainting_mask_weight", [0.5]),
    ],
)
def test_axes_of_img2img(axis: str, text: str, field: str, expected: list[Any]) -> None:
    painter = run(PLOT, picture(), x_type=axis, x_values=text)
    assert fields(painter, field) == expected


def test_a_task_has_the_axes_of_its_fields() -> None:
    of_words, of_pictures = (set(axes(Painter(base).available)) for base in (words(), picture()))
    assert {"Hires steps", "Hires sampler", "Hires upscaler"} <= of_words - of_pictures
    assert {"Image CFG Scale", "Cond. Image Mask Weight"} <= of_pictures - of_words
    assert set(A1111_AXES) <= of_words | of_pictures
    assert {"Nothing", "Seed", "Prompt S/R", "Prompt order", "Styles", "Size"} <= of_words & of_pictures


def test_every_number_switch_and_choice_of_a_request_is_an_axis() -> None:
    available = Painter(words()).available
    covered = {row.field.name for row in axes(available).values() if hasattr(row, "field")}
    varied = {name for name, row in available.fields.items() if row.kind not in ("text", "list")}
    assert varied - covered == {"batch_count", "batch_size"} - covered
    assert covered <= RESOLVED["txt2img"].model_fields.keys()


@pytest.mark.parametrize(
    ("axis", "offered"),
    [
        ("Sampler", NAMES["samplers"]),
        ("Schedule type", NAMES["schedules"]),
        ("Checkpoint name", NAMES["models"]),
        ("Hires upscaler", NAMES["hires_upscalers"]),
        ("Styles", NAMES["styles"]),
        ("RNG source", ("NV", "CPU", "GPU")),
        ("SGM noise multiplier", ("True", "False")),
        ("Steps", ()),
    ],
)
def test_axes_whose_values_can_be_listed_offer_them(axis: str, offered: tuple[str, ...]) -> None:
    values = next(row for row in PLOT.arguments if row.name == "y_values")
    assert isinstance(values, Text)
    assert values.suggested(Painter(words()).available, {"y_type": axis}) == offered


# --- order -----------------------------------------------------------------------------------------------------------


def test_the_dearest_axis_changes_least_often() -> None:
    painter = run(
        PLOT, words(), x_type="Checkpoint name", x_values="house, sea", y_type="CFG Scale", y_values="1-3",
        z_type="Prompt S/R", z_values="red, blue",
    )  # fmt: skip
    assert fields(painter, "model") == ["house"] * 6 + ["sea"] * 6
    assert fields(painter, "prompt") == (["a red house"] * 3 + ["a blue house"] * 3) * 2
    assert fields(painter, "cfg_scale") == [1, 2, 3] * 4


def test_of_equals_z_changes_least_often_and_x_most() -> None:
    given: dict[str, Any] = {
        f"{letter}_type": axis for letter, axis in zip("xyz", ("Steps", "CFG Scale", "Eta"), strict=True)
    }
    painter = run(PLOT, words(), **given, x_values="1,2", y_values="1,2", z_values="0,1")
    expected = [(1, 1, 0), (2, 1, 0), (1, 2, 0), (2, 2, 0), (1, 1, 1), (2, 1, 1), (1, 2, 1), (2, 2, 1)]
    assert fields(painter, "steps", "cfg_scale", "eta") == expected


def test_what_only_the_second_pass_needs_changes_first() -> None:
    painter = run(
        PLOT, words(enable_hr=True), x_type="Steps", x_values="5, 6", y_type="Hires steps", y_values="1, 2"
    )  # fmt: skip
    assert fields(painter, "steps", "hr_second_pass_steps") == [(5, 1), (5, 2), (6, 1), (6, 2)]


def test_cells_that_ask_for_the_same_are_painted_once() -> None:
    painter = run(PLOT, words(), x_type="Steps", x_values="5, 6, 5", draw_legend=False)
    assert fields(painter, "steps") == [5, 6]
    assert painter.planned == (2, 16)
    grid = painter.grids[0][0]
    assert (grid[:, :64] == grid[:, 128:]).all() and (grid[:, :64] != grid[:, 64:128]).any()


# --- seeds -----------------------------------------------------------------------------------------------------------


def test_minus_one_is_drawn_once_for_each_value() -> None:
    painter = run(PLOT, words(), x_type="Seed", x_values="-1, 5, -1", y_type="Steps", y_values="1, 2")
    seeds = fields(painter, "seed")
    assert seeds[:3] == seeds[3:]
    assert seeds[0] == drawn_seed(100, "x", 0) and seeds[1] == 5 and seeds[2] not in (-1, seeds[0])
    assert painter.grids[0][1]["Fixed X Values"] == ", ".join(map(str, seeds[:3]))


def test_minus_one_may_be_kept_so_that_each_cell_draws_its_own() -> None:
    painter = run(
        PLOT, words(), drawn=("seed",), x_type="Seed", x_values="-1, 5", y_type="Steps", y_values="1, 2",
        no_fixed_seeds=True,
    )  # fmt: skip
    seeds = fields(painter, "seed")
    assert seeds[1] == seeds[3] == 5
    assert seeds[0] != seeds[2] and -1 not in seeds
    assert "Fixed X Values" not in painter.grids[0][1]


@pytest.mark.parametrize(("drawn", "different"), [(("seed",), 3), ((), 1)])
def test_a_seed_that_was_drawn_is_drawn_for_each_cell_if_it_is_kept(drawn: tuple[str, ...], different: int) -> None:
    painter = run(PLOT, words(), drawn=drawn, x_type="Steps", x_values="1-3", no_fixed_seeds=True)
    assert len(set(fields(painter, "seed"))) == different
    fixed = run(PLOT, words(), drawn=drawn, x_type="Steps", x_values="1-3")
    assert set(fields(fixed, "seed")) == {100}


def test_seeds_vary_along_axes() -> None:
    axis: dict[str, Any] = {"x_type": "Steps", "x_values": "1-3", "y_type": "CFG Scale", "y_values": "1-2"}
    assert fields(run(PLOT, words(), **axis, vary_seeds_x=True), "seed") == [100, 101, 102] * 2
    assert fields(run(PLOT, words(), **axis, vary_seeds_y=True), "seed") == [100] * 3 + [101] * 3
    both = run(PLOT, words(), **axis, vary_seeds_x=True, vary_seeds_y=True)
    assert fields(both, "seed") == [100, 101, 102, 103, 104, 105]


def test_the_grid_of_a_layer_has_the_seed_of_its_first_cell() -> None:
    painter = run(PLOT, words(), z_type="Seed", z_values="-1, 5", x_type="Steps", x_values="1, 2", no_fixed_seeds=True)
    first = next(row for row in painter.painted if row.steps == 1 and row.seed != 5)
    assert [grid[2].seed for grid in painter.grids] == [first.seed, 5, 100]
    varied = run(PLOT, words(), z_type="CFG Scale", z_values="3, 4", vary_seeds_z=True)
    assert [grid[2].seed for grid in varied.grids] == [100, 101, 100]


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"x_type": "Stepps"}, "X type 'Stepps' is not known. Nearest: Steps"),
        ({"x_type": "CFG Scale", "x_values": "7, 200"}, "X values (CFG Scale) 200.0 is too large. The most is 100."),
        ({"x_type": "Steps", "x_values": "5, x"}, "X values (Steps) 'x' is not a number."),
        ({"x_type": "Steps", "x_values": ""}, "X values (Steps) '' has no value."),
        (
            {"x_type": "Eta", "x_values": "0,1", "y_type": "Sampler", "y_values": "Euler, Eulr"},
            "Y values (Sampler) 'Eulr' is not known. Nearest: Euler.",
        ),
        (
            {"z_type": "Checkpoint name", "z_values": "house, barn"},
            "Z values (Checkpoint name) 'barn' cannot be used. There is no model 'barn'.",
        ),
        ({"x_type": "RNG source", "x_values": "dice"}, "X values (RNG source) 'dice' is not known. Choose one of"),
        ({"x_type": "Styles", "x_values": "felt"}, "X values (Styles) 'felt' is not known."),
        ({"x_type": "Size", "x_values": "64x65"}, "X values (Size) (64, 65) is not a multiple of 8. Choose 64 or 72."),
        ({"x_type": "Prompt S/R", "x_values": "tree, bush"}, "(Prompt S/R) 'tree' does not stand in the prompts."),
        ({"x_type": "Prompt S/R", "x_values": ", bush"}, "begins with nothing to look for."),
        ({"x_type": "Prompt order", "x_values": "red, tree"}, "'tree' does not stand in the prompt."),
        ({"x_type": "Prompt order", "x_values": "red, red house"}, "overlap in the prompt."),
        ({"x_type": "Prompt order", "x_values": "a,r,e,d,h,o,u"}, "7 words have too many orders."),
        (
            {"x_type": "Hires steps", "x_values": "5"},
            "X values (Hires steps) 'Hires steps' would change nothing: hires fix is off.",
        ),
        ({"y_type": "Denoising", "y_values": "0.5"}, "'Denoising' would change nothing: hires fix is off."),
        (
            {"x_type": "Steps", "x_values": "1-150", "y_type": "CFG Scale", "y_values": "0-100"},
            "X/Y/Z plot 15150 cells are too many. The most is 10,000.",
        ),
        (
            {"x_type": "Size", "x_values": "4096x4096", "y_type": "Steps", "y_values": "1-12"},
            "X/Y/Z plot 12 cells would be a grid of 201 megapixels. The most is 200",
        ),
        ({"x_typ": "Steps"}, "Script argument 'x_typ' is not known. Nearest: "),
        ({"margin_size": 501}, "Grid margins (px) 501 is too large. The most is 500."),
    ],
)
def test_what_cannot_be_painted_is_refused_before_anything_is(given: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(**given)


def test_values_that_disagree_only_together_are_refused_as_such() -> None:
    start: dict[str, Any] = {
        "x_type": "Guidance start",
        "x_values": "0.2, 0.8",
        "y_type": "Guidance end",
        "y_values": "0.5",
    }
    assert refusal(**start) == "Guidance interval '0.8 to 0.5' ends before it starts. Swap the two."


def test_values_that_agree_only_together_are_accepted() -> None:
    painter = run(
        PLOT, words(guidance_interval_end=0.5), x_type="Guidance start", x_values="0.8",
        y_type="Guidance end", y_values="0.9",
    )  # fmt: skip
    assert fields(painter, "guidance_interval_start", "guidance_interval_end") == [(0.8, 0.9)]


# --- prompts and styles ----------------------------------------------------------------------------------------------


def test_words_are_replaced_as_they_were_typed() -> None:
    base = words(prompt="a red house, grainy", template="a red house", styles=("film",))
    painter = run(PLOT, base, x_type="Prompt S/R", x_values="house, tree", y_type="Styles", y_values='"ink, blue"')
    assert fields(painter, "prompt") == ["a red house, grainy, drawn", "a red tree, grainy, drawn"]
    assert fields(painter, "template") == ["a red house", "a red tree"]


def test_two_axes_of_words_work_one_after_another() -> None:
    painter = run(
        PLOT, words(), x_type="Prompt S/R", x_values="red, blue", y_type="Prompt S/R", y_values="house, tree"
    )  # fmt: skip
    assert fields(painter, "prompt") == ["a red house", "a blue house", "a red tree", "a blue tree"]


def test_words_of_the_second_pass_are_replaced_too() -> None:
    base = words(enable_hr=True, hr_prompt="a red house, sharp")
    painter = run(PLOT, base, x_type="Prompt S/R", x_values="red, blue")
    assert fields(painter, "hr_prompt") == ["a red house, sharp", "a blue house, sharp"]


# --- grids -----------------------------------------------------------------------------------------------------------


def test_grid_has_x_as_columns_and_y_as_rows() -> None:
    painter = run(
        PLOT, words(), x_type="Steps", x_values="1-3", y_type="Checkpoint name", y_values="house, sea",
        draw_legend=False,
    )  # fmt: skip
    (grid, _, base), = painter.grids  # fmt: skip
    assert base is painter.base
    assert grid.shape == (128, 192, 3)
    for request in painter.painted:
        x, y = request.steps - 1, ["house", "sea"].index(request.model)
        assert (grid[64 * y : 64 * y + 64, 64 * x : 64 * x + 64] == colour_of(request)).all()


def test_a_cell_of_several_pictures_shows_them_all() -> None:
    painter = run(PLOT, words(batch_size=3), x_type="Steps", x_values="1, 2", draw_legend=False)
    grid = painter.grids[0][0]
    assert grid.shape == (128, 256, 3)
    for place, request in enumerate(painter.painted):
        for index in range(3):
            left, top = 128 * place + index % 2 * 64, index // 2 * 64
            assert (grid[top : top + 64, left : left + 64] == colour_of(request, index)).all()


def test_z_makes_a_grid_for_each_value_and_one_of_all() -> None:
    given: dict[str, Any] = {
        "x_type": "Steps",
        "x_values": "1, 2",
        "z_type": "CFG Scale",
        "z_values": "3, 4",
        "draw_legend": False,
    }
    painter = run(PLOT, words(), **given)
    first, second, whole = painter.grids
    assert [grid[2].cfg_scale for grid in painter.grids] == [3, 4, 7]
    assert (whole[0] == np.concatenate([first[0], second[0]])).all()
    assert "Z Type" not in first[1] and whole[1]["Z Values"] == "3, 4"
    assert len(run(PLOT, words(), **given, include_sub_grids=False).grids) == 1
    assert [grid[2].cfg_scale for grid in run(PLOT, words(), **given, draw_grid=False).grids] == [3, 4]
    assert not run(PLOT, words(), **given, draw_grid=False, include_sub_grids=False).grids


def test_legends_and_margins_make_room_and_leave_the_cells() -> None:
    axis: dict[str, Any] = {
        "x_type": "Steps",
        "x_values": "1, 2",
        "y_type": "Checkpoint name",
        "y_values": "sub/garden",
    }
    bare, told, apart = (
        run(PLOT, words(), **axis, **looks).grids[0][0]
        for looks in ({"draw_legend": False}, {}, {"draw_legend": False, "margin_size": 10})
    )
    assert bare.shape == (64, 128, 3)
    assert apart.shape[1] >= 138 and apart.shape[0] >= 64
    height, width = told.shape[:2]
    assert height > 64 and width > 128
    assert (told[height - 64 :, width - 128 :] == bare).all()
    legend = told[: height - 64]
    assert len(np.unique(legend.reshape(-1, 3), axis=0)) > 2


def test_cells_may_be_parts_of_the_grid_only() -> None:
    axis: dict[str, Any] = {"x_type": "Steps", "x_values": "1, 2"}
    assert run(PLOT, words(), **axis).shown == [True, True]
    assert run(PLOT, words(), **axis, include_lone_images=False).shown == [False, False]


def test_the_limit_of_a_grid_is_on_its_results() -> None:
    """A tile or a masked part is small; what comes out is not."""
    plot = {"x_type": "Steps", "x_values": "1-50"}
    for fields in ({"sd_upscale_upscaler": "Lanczos", "sd_upscale_by": 4}, {"inpaint_full_res": True, "mask": INPUT}):
        base = picture(**fields, batch_count=16)
        with pytest.raises(InvalidRequest, match="megapixels"):
            PLOT.check(base, read_arguments(PLOT.arguments, plot, Painter(base).available), Painter(base))
    run(PLOT, picture(), x_type="Steps", x_values="1-2")


def test_cells_without_a_grid_have_no_limit_and_a_grid_of_a_layer_has() -> None:
    base = words(width=4096, height=4096)
    steps = {"x_type": "Steps", "x_values": "1-12", "z_type": "CFG Scale", "z_values": "1, 2", "draw_grid": False}
    for fields, refused in (({"include_sub_grids": False}, False), ({}, True)):
        arguments = read_arguments(PLOT.arguments, {**steps, **fields}, Painter(base).available)
        with pytest.raises(InvalidRequest, match="megapixels") if refused else nullcontext():
            PLOT.check(base, arguments, Painter(base))


def test_cells_are_not_kept_where_no_grid_is_drawn() -> None:
    living: list[weakref.ref[Any]] = []
    most = 0

    class Forgetful(Painter):
        def paint(self, request: Resolved, *, shown: bool = True) -> list[PaintedResult]:
            nonlocal most
            most = max(most, sum(pixels() is not None for pixels in living))
            results = super().paint(request, shown=shown)
            self.stored.clear()
            living.extend(weakref.ref(result.pixels) for result in results)
            return results

    run(PLOT, words(), Forgetful(words()), x_type="Steps", x_values="1-9", draw_grid=False)
    assert len(living) == 9 and most <= 1


# --- infotext --------------------------------------------------------------------------------------------------------


def test_the_grid_says_what_it_is() -> None:
    painter = run(
        PLOT, words(prompt="a village"), x_type="Prompt S/R", x_values='village, "town, big", city',
        y_type="Steps", y_values="10-30 (+10)",
    )  # fmt: skip
    assert painter.grids[0][1] == {
        "Script": "X/Y/Z plot",
        "X Type": "Prompt S/R",
        "X Values": 'village, "town, big", city',
        "Y Type": "Steps",
        "Y Values": "10-30 (+10)",
    }


@given(
    given=st.fixed_dictionaries(
        {"x_type": st.just("Steps"), "x_values": st.sampled_from(["1", "2-4", "3, 5"])},
        optional={
            "y_type": st.sampled_from(["CFG Scale", "Nothing"]),
            "y_values": st.just("3-4"),
            "draw_legend": st.booleans(),
            "no_fixed_seeds": st.booleans(),
            "vary_seeds_x": st.booleans(),
            "vary_seeds_y": st.booleans(),
            "margin_size": st.integers(0, 500),
        },
    ),
    drawn=st.sampled_from([(), ("seed",), ("seed", "subseed")]),
)
def test_the_infotext_of_a_grid_makes_it_again(given: dict[str, Any], drawn: tuple[str, ...]) -> None:
    base = words()
    available = Painter(base).available
    arguments = read_arguments(PLOT.arguments, given, available, drawn=drawn)
    again = read_arguments(PLOT.arguments, arguments_of_infotext(PLOT.arguments, PLOT.parameters(arguments)), available)
    assert again == arguments


def test_seeds_that_were_drawn_count_as_the_infotext_says() -> None:
    parameters = {"Script": "X/Y/Z plot", "X Type": "Seed", "X Values": "-1, 5", "Fixed X Values": "77, 5"}
    assert PLOT.arguments_of(parameters) == {"x_type": "Seed", "x_values": "77, 5"}
    assert all(map(PLOT.explains, parameters))
    assert PLOT.explains("X Values-1") and not PLOT.explains("Fixed Values") and not PLOT.explains("Seed")


def test_one_size_that_was_taken_apart_by_the_reader_is_found() -> None:
    parameters = {"X Type": "Size", "X Values-1": "512", "X Values-2": "768"}
    assert arguments_of_infotext(PLOT.arguments, parameters) == {"x_type": "Size", "x_values": "512x768"}


# --- resuming --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop_at", range(8))
def test_a_plot_that_was_stopped_goes_on_where_it_was(stop_at: int) -> None:
    given: dict[str, Any] = {
        "x_type": "Seed", "x_values": "-1, 5", "y_type": "Checkpoint name", "y_values": "house, sea",
        "z_type": "Prompt S/R", "z_values": "red, blue", "no_fixed_seeds": True,
    }  # fmt: skip
    base = words()
    whole = run(PLOT, base, drawn=("seed",), **given)
    first = Painter(base, stop_at=stop_at)
    with pytest.raises(Interrupted):
        run(PLOT, base, first, drawn=("seed",), **given)
    second = run(PLOT, base, Painter(base, stored=first.stored), drawn=("seed",), **given)
    assert first.painted + second.painted == whole.painted
    assert len(first.painted) == stop_at
    assert all((ours[0] == theirs[0]).all() for ours, theirs in zip(second.grids, whole.grids, strict=True))
    assert [grid[1:] for grid in second.grids] == [grid[1:] for grid in whole.grids]


def test_a_cell_is_a_plain_request() -> None:
    base = words(script_name="X/Y/Z plot", script_args={"x_type": "Steps"})
    painter = run(PLOT, base, x_type="Steps", x_values="1")
    assert isinstance(painter.painted[0], ResolvedTxt2Img)
    assert painter.painted[0].script_name is None and not painter.painted[0].script_args


# --- skipping and interrupting ---------------------------------------------------------------------------------------

TWO_BY_TWO: dict[str, Any] = {
    "x_type": "Steps", "x_values": "1, 2", "y_type": "Seed", "y_values": "7, 8", "draw_legend": False,
}  # fmt: skip


def cells_of(painter: Painter) -> list[np.ndarray]:
    grid = painter.grids[-1][0]
    return [grid[top : top + 64, left : left + 64] for top in (0, 64) for left in (0, 64)]


@pytest.mark.parametrize("skipped", range(4))
def test_a_skipped_cell_is_white(skipped: int) -> None:
    whole = cells_of(run(PLOT, words(), **TWO_BY_TWO))
    some = cells_of(run(PLOT, words(), Painter(words(), skipped=[skipped]), **TWO_BY_TWO))
    assert sum((cell == 255).all() for cell in some) == 1
    assert sum(np.array_equal(*pair) for pair in zip(some, whole, strict=True)) == 3


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_an_interrupted_plot_draws_what_it_has(stop_at: int) -> None:
    whole = cells_of(run(PLOT, words(), **TWO_BY_TWO))
    painter = run(PLOT, words(), Painter(words(), stop_at=stop_at, winds_up=True), **TWO_BY_TWO)
    some = cells_of(painter)
    assert painter.is_interrupted and len(painter.painted) == stop_at
    assert sum((cell == 255).all() for cell in some) == 4 - stop_at
    assert sum(np.array_equal(*pair) for pair in zip(some, whole, strict=True)) == stop_at


def test_layers_without_a_cell_have_no_grid() -> None:
    layers = {**TWO_BY_TWO, "z_type": "CFG Scale", "z_values": "5, 6, 7", "include_sub_grids": True}
    painter = run(PLOT, words(), Painter(words(), stop_at=5, winds_up=True), **layers)
    assert [parameters.get("Z Type") for _, parameters, _ in painter.grids] == [None, None, "CFG Scale"]
    assert run(PLOT, words(), Painter(words(), skipped=range(12)), **layers).grids == []


class Frame(Section):
    name = "Frame"
    arguments = (
        Number(name="width", label="Width", default=4, minimum=0, maximum=40, whole=True),
        Number(name="share", label="Share", default=0.5, minimum=0, maximum=1),
        Choice(name="side", label="Side", choices=lambda there, others: ("left", "right, too"), default="left"),
        SeveralChoices(name="edges", label="Edges", choices=("top", "bottom")),
        Switch(name="round", label="Round"),
        Text(name="words", label="Words"),
        Colour(name="colour", label="Colour"),
        Picture(name="picture", label="Picture"),
        Text(name="first", label="Note"),
        Text(name="second", label="Note"),
    )


def _torn(there: Available, others: Arguments) -> tuple[str, ...]:
    raise ZeroDivisionError("it is torn")


class Torn(Section):
    name = "Torn"
    arguments = (Choice(name="how", label="How", choices=_torn, default="so"),)


def of_frame(painter: Painter) -> list[dict[str, Any]]:
    return [request.sections["Frame"] for request in painter.asked]


def framed(base: Any = None, **given: Any) -> Painter:
    base = base or words()
    return run(XyzPlot(), base, Painter(base, sections=(Frame(), Torn())), **given)


@pytest.mark.parametrize(
    ("axis", "text", "name", "expected"),
    [
        ("Frame: Width", "1-3, 9", "width", [1, 2, 3, 9]),
        ("Frame: Share", "0-1 [3]", "share", [0, 0.5, 1]),
        ("Frame: Side", 'left, "RIGHT, too"', "side", ["left", "right, too"]),
        ("Frame: Edges", 'top, "bottom, top"', "edges", [("top",), ("bottom", "top")]),
        ("Frame: Round", "true, False", "round", [True, False]),
        ("Frame: Words", 'a boat, "b, c"', "words", ["a boat", "b, c"]),
        ("Frame: Colour", "#FF0000, #000001", "colour", ["#ff0000", "#000001"]),
        ("frame: second", "x, y", "second", ["x", "y"]),
    ],
)
def test_arguments_of_sections_are_axes(axis: str, text: str, name: str, expected: list[Any]) -> None:
    painter = framed(x_type=axis, x_values=text)
    assert [row[name] for row in of_frame(painter)] == expected
    assert all(set(row) == {name} for row in of_frame(painter))  # the others are as usual
    (_, parameters, _) = painter.grids[0]
    again = XyzPlot().arguments_of(parse_infotext(f"a\nSteps: 1, Size: 8x8, {write_parameters(parameters)}").parameters)
    assert [request.sections for request in framed(**again).asked] == [one.sections for one in painter.asked]


def test_axes_of_sections_go_together_and_leave_the_rest() -> None:
    base = words(sections={"Frame": {"words": "mine", "width": 7}, "Other": {"a": 1}})
    painter = framed(base, x_type="Frame: Width", x_values="7, 8", y_type="Frame: Side", y_values='left, "right, too"')
    assert [(row["width"], row["side"], row["words"]) for row in of_frame(painter)] == [
        (7, "left", "mine"),
        (8, "left", "mine"),
        (7, "right, too", "mine"),
        (8, "right, too", "mine"),
    ]
    assert all(request.sections["Other"] == {"a": 1} for request in painter.asked)


def test_axes_of_sections_are_listed_behind_the_others_without_pictures() -> None:
    available = Painter(words(), sections=(Frame(), Torn())).available
    found = axes(available)
    names = [name for name in found if name.startswith(("Frame", "Torn"))]
    assert names == [*found][-len(names) :] and "Frame: Picture" not in found
    assert names == [f"Frame: {name}" for name in _LABELS] + ["Torn: How"]
    assert found["Frame: Side"].choices == ("left", "right, too")
    assert found["Frame: Round"].choices == ("True", "False")
    assert found["Torn: How"].choices == () == found["Frame: Words"].choices
    assert (
        found["Frame: Width"].legend(3) == "Width: 3"
        and found["Frame: Edges"].legend(("top", "bottom")) == "top, bottom"
    )


_LABELS = ("Width", "Share", "Side", "Edges", "Round", "Words", "Colour", "first", "second")


@pytest.mark.parametrize(
    ("axis", "text", "sentence"),
    [
        ("Frame: Width", "3, 41", "X values (Frame: Width) 41 is too large. The most is 40."),
        ("Frame: Width", "3.5", "X values (Frame: Width) '3.5' is not a whole number."),
        ("Frame: Side", "up", "X values (Frame: Side) 'up' is not known."),
        ("Frame: Colour", "red", "X values (Frame: Colour) 'red' is no colour."),
        ("Torn: How", "so", "X values (Torn: How) 'so' cannot be read: section 'Torn' failed (ZeroDivisionError:"),
    ],
)
def test_values_that_a_section_does_not_take_are_refused(axis: str, text: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        framed(x_type=axis, x_values=text)
    assert str(refused.value).startswith(sentence)
