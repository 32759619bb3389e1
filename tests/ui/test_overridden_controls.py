"""Controls get the defaults and limits that ui-config.json names, as far as a request would take them."""

from __future__ import annotations

import logging
from typing import Any

import gradio as gr
import pytest
from gradio.components import Component

from modules.hooks import Available
from modules.ui.overridden_controls import override_controls
from modules.ui.request_controls import RequestControls
from tests.ui.form import laid_out

NAMES = ["hr_scale", "clip_skip", "sigmas", "emphasis", "enable_hr", "hr_upscaler", "subseed", "sigma_max"]


@pytest.fixture
def controls() -> dict[str, Component]:
    available = Available(task="txt2img", hires_upscalers=("Latent", "Lanczos"))
    return laid_out(lambda: RequestControls("txt2img", available).lay_out(NAMES))


@pytest.mark.parametrize(
    ("name", "value", "held"),
    [
        ("hr_scale", 1.5, 1.5),
        ("clip_skip", 2, 2),
        ("sigmas", [14, 7, 0], "14, 7, 0"),
        ("emphasis", "No norm", "No norm"),
        ("enable_hr", True, True),
        ("hr_upscaler", "Lanczos", "Lanczos"),
        ("subseed", 7, "7"),
    ],
)
def test_a_default_is_held_as_the_control_holds_it(
    controls: dict[str, Component], name: str, value: Any, held: Any
) -> None:
    assert override_controls("txt2img", controls, {name: {"value": value}}) == {name: held}
    assert controls[name].value == held


def test_limits_are_those_of_the_file(controls: dict[str, Component]) -> None:
    override_controls("txt2img", controls, {"hr_scale": {"minimum": 1.25, "maximum": 3, "step": 0.25, "value": 2}})
    slider = controls["hr_scale"]
    assert isinstance(slider, gr.Slider)
    assert (slider.minimum, slider.maximum, slider.step, slider.value) == (1.25, 3, 0.25, 2)


def test_what_is_hidden_keeps_its_value(controls: dict[str, Component]) -> None:
    override_controls("txt2img", controls, {"clip_skip": {"value": 2, "visible": False}})
    assert (controls["clip_skip"].visible, controls["clip_skip"].value) == ("hidden", 2)


@pytest.mark.parametrize(
    ("name", "override", "sentence"),
    [
        ("hr_scale", {"value": 100}, "Hires upscale 100 is too large"),
        ("hr_upscaler", {"value": "Magic"}, "'Magic' is not in the list"),
        ("enable_hr", {"value": "perhaps"}, "Hires. fix 'perhaps'"),
        ("hr_scale", {"maximum": 1000}, "is not within"),
        ("hr_scale", {"minimum": 3, "maximum": 2}, "is not within"),
        ("hr_scale", {"step": 0}, "a step of 0"),
        ("hr_scale", {"step": "big"}, "'big' is not a number"),
        ("emphasis", {"maximum": 3}, "has no limits"),
        ("clip_skip", {"visible": 1}, "neither true nor false"),
        ("mask_round", {"value": True}, "has no control for 'mask_round'"),
    ],
)
def test_what_cannot_be_is_told_and_changes_nothing(
    controls: dict[str, Component],
    caplog: pytest.LogCaptureFixture,
    name: str,
    override: dict[str, Any],
    sentence: str,
) -> None:
    before = {one: (control.value, control.visible) for one, control in controls.items()}
    with caplog.at_level(logging.WARNING):
        assert override_controls("txt2img", controls, {name: override}) == {}
    assert sentence in caplog.text
    assert {one: (control.value, control.visible) for one, control in controls.items()} == before
