"""Every field has a control that begins with the field's default and shows the limits of its schema."""

from __future__ import annotations

import gradio as gr
import pytest

from modules.config.request_words import REQUEST_WORDS
from modules.hooks import Available
from modules.schema.requests import REQUESTS, Options, Request, Task
from modules.ui.binding import RequestFields, request_of
from modules.ui.request_controls import COMPOSED, RequestControls, choices_of, element_id
from tests.ui.form import build_form

OPTIONS = [name for name in Options.model_fields if name not in {"styles", "script_name", *COMPOSED}]
AVAILABLE = {
    task: Available(
        task=task,
        samplers=("Euler",),
        schedules=("Automatic",),
        models=("a",),
        upscalers=("L",),
        hires_upscalers=("Latent",),
    )
    for task in REQUESTS
}
CONTROLS = {task: RequestControls(task, AVAILABLE[task]) for task in REQUESTS}
OWN = {
    task: [name for name in request.model_fields if name not in Request.model_fields and name not in COMPOSED]
    for task, request in REQUESTS.items()
}


def form_of(task: Task) -> RequestFields:
    """The controls of the options and of the task's own fields, in a form."""
    return RequestFields(task, {**build_form(task).by_name(), **CONTROLS[task].lay_out([*OPTIONS, *OWN[task]])})


@pytest.mark.parametrize("task", list(REQUESTS))
def test_controls_as_they_are_laid_out_ask_for_the_defaults(task: Task) -> None:
    form = form_of(task)
    values = {component: component.value for component in form.components()}
    assert request_of(values, form) == REQUESTS[task]()


@pytest.mark.parametrize("task", list(REQUESTS))
def test_emptied_boxes_are_the_defaults_too(task: Task) -> None:
    form = form_of(task)
    values = {component: component.value for component in form.components()}
    empty = {
        box: "" if isinstance(box, gr.Textbox) else None for box in values if isinstance(box, gr.Textbox | gr.Number)
    }
    assert len(empty) > 10
    assert request_of({**values, **empty}, form) == REQUESTS[task]()


def test_ids_of_two_tabs_differ() -> None:
    ids = {task: {one.elem_id for one in form_of(task).components() if one.elem_id} for task in REQUESTS}
    assert len(ids["txt2img"]) > 60 and not ids["txt2img"] & ids["img2img"]
    assert {element_id("mask_blur_x", "img2img"), "img2img-eta"} <= ids["img2img"]


def test_a_task_has_its_own_fields_and_defaults() -> None:
    assert CONTROLS["txt2img"].fields_of("outpainting") == [] and CONTROLS["img2img"].fields_of("hires") == []
    strengths = {task: CONTROLS[task].default_of("denoising_strength") for task in REQUESTS}
    assert strengths == {"txt2img": 0.7, "img2img": 0.75}


def test_a_list_says_what_is_not_chosen() -> None:
    assert choices_of("refiner_checkpoint", AVAILABLE["txt2img"]) == [("None", ""), "a"]
    assert choices_of("hr_upscaler", AVAILABLE["txt2img"]) == ["Latent"]
    assert choices_of("inpainting_fill", AVAILABLE["img2img"]) == ["fill", "original", "latent noise", "latent nothing"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("seed", gr.Textbox),
        ("subseed", gr.Textbox),
        ("wildcard_seed", gr.Textbox),
        ("sigmas", gr.Textbox),
        ("eta", gr.Textbox),
        ("emphasis", gr.Dropdown),
        ("rng", gr.Dropdown),
        ("zero_terminal_snr", gr.Checkbox),
        ("subseed_strength", gr.Slider),
        ("apg_momentum", gr.Slider),
        ("seed_resize_from_w", gr.Slider),
        ("comma_padding_backtrack", gr.Slider),
        ("sigma_max", gr.Number),
        ("s_churn", gr.Number),
        ("eta_noise_seed_delta", gr.Number),
        ("hr_scale", gr.Slider),
        ("hr_upscaler", gr.Dropdown),
        ("hr_prompt", gr.Textbox),
        ("hr_cfg_scale", gr.Textbox),
        ("tiling", gr.Dropdown),
        ("img2img_background_color", gr.ColorPicker),
        ("outpaint_left", gr.Slider),
        ("mask_blur_x", gr.Slider),
    ],
)
def test_the_kind_of_a_field_decides_its_control(name: str, kind: type[gr.components.Component]) -> None:
    task: Task = "txt2img" if name in REQUESTS["txt2img"].model_fields else "img2img"
    control = CONTROLS[task].lay_out([name], {"rng": "NV"})[name]
    assert isinstance(control, kind) and control.__class__ is kind
    assert control.elem_id == element_id(name, task)
    assert control.label == REQUEST_WORDS[name].label
    assert control.info


def test_a_slider_ends_where_the_request_does() -> None:
    slider = CONTROLS["img2img"].lay_out(["apg_momentum"])["apg_momentum"]
    assert (slider.minimum, slider.maximum, slider.step) == (-1, 1, 0.01)
    slider = CONTROLS["img2img"].lay_out(["seed_resize_from_h"])["seed_resize_from_h"]
    assert (slider.minimum, slider.maximum, slider.step) == (0, 4096, 8)


def test_a_group_has_the_order_of_the_table() -> None:
    assert CONTROLS["txt2img"].fields_of("sampling", {"sampler_name", "steps", "cfg_scale"}) == [
        "eta",
        "s_churn",
        "s_tmin",
        "s_tmax",
        "s_noise",
        "sampler_order",
        "uni_pc_variant",
        "ge_gamma",
    ]


@pytest.mark.parametrize("name", OPTIONS)
def test_help_is_plain_text_to_gradio_too(name: str) -> None:
    """It reads a little markup in the line below a label: __name__ would be bold there."""
    info = CONTROLS["txt2img"].lay_out([name], {"rng": "NV"})[name].info if name != "wildcards" else ""
    assert not any(mark in info for mark in ("`", "*", "_", "]("))


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("#a1B2c3", "#a1B2c3"),
        ("rgba(255, 127.6, 0, 1)", "#ff8000"),
        ("rgb(0,0,300)", "#0000ff"),
        ("rgb(nan, inf, x)", "rgb(nan, inf, x)"),
    ],
)
def test_a_colour_is_read_as_browsers_say_it(sent: str, read: str) -> None:
    picker = CONTROLS["img2img"].lay_out(["img2img_background_color"])["img2img_background_color"]
    assert picker.preprocess(sent) == read
