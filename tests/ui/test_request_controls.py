"""Every field has a control that begins with the field's default and shows the limits of its schema."""

from __future__ import annotations

import gradio as gr
import pytest

from modules.config.request_words import REQUEST_WORDS
from modules.schema.requests import Options, Txt2ImgRequest
from modules.ui.binding import RequestFields, request_of
from modules.ui.request_controls import fields_of, lay_out_fields
from tests.ui.form import build_form

OPTIONS = [name for name in Options.model_fields if name != "styles"]


def test_controls_as_they_are_laid_out_ask_for_the_defaults() -> None:
    controls = lay_out_fields(OPTIONS, {})
    form = RequestFields({**build_form().by_name(), **controls})
    values = {component: component.value for component in form.components()}
    assert request_of(values, form) == Txt2ImgRequest()


def test_emptied_boxes_are_the_defaults_too() -> None:
    form = RequestFields({**build_form().by_name(), **lay_out_fields(OPTIONS, {})})
    values = {component: component.value for component in form.components()}
    empty = {
        box: "" if isinstance(box, gr.Textbox) else None for box in values if isinstance(box, gr.Textbox | gr.Number)
    }
    assert len(empty) > 10
    assert request_of({**values, **empty}, form) == Txt2ImgRequest()


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
    ],
)
def test_the_kind_of_a_field_decides_its_control(name: str, kind: type[gr.components.Component]) -> None:
    control = lay_out_fields([name], {"rng": "NV"})[name]
    assert isinstance(control, kind) and control.__class__ is kind
    assert control.elem_id == name.replace("_", "-")
    assert control.label == REQUEST_WORDS[name].label
    assert control.info


def test_a_slider_ends_where_the_request_does() -> None:
    slider = lay_out_fields(["apg_momentum"], {})["apg_momentum"]
    assert (slider.minimum, slider.maximum, slider.step) == (-1, 1, 0.01)
    slider = lay_out_fields(["seed_resize_from_h"], {})["seed_resize_from_h"]
    assert (slider.minimum, slider.maximum, slider.step) == (0, 4096, 8)


def test_a_group_has_the_order_of_the_table() -> None:
    assert fields_of("sampling", {"sampler_name", "steps", "cfg_scale"}) == [
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
    info = lay_out_fields([name], {"rng": "NV"})[name].info if name != "wildcards" else ""
    assert not any(mark in info for mark in ("`", "*", "_", "]("))
