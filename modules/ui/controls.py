"""Controls whose values reach the request as they come, so that its refusal, which says what to do, is what is shown.

Gradio would refuse a number outside of a slider or an unknown choice by itself, before any handler runs.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

_PLAIN_TEXT = gr.InputHTMLAttributes(autocomplete="off", spellcheck=False)


def lay_out_number(
    name: str,
    *,
    label: str,
    value: float,
    minimum: float,
    maximum: float,
    step: float,
    scale: int | None = None,
    info: str | None = None,
    min_width: int = 150,
) -> gr.Slider:
    """A slider with a box to type in."""
    slider = gr.Slider(
        minimum,
        maximum,
        value=value,
        step=step,
        label=label,
        info=info,
        min_width=min_width,
        scale=scale,
        elem_id=name,
    )
    slider.preprocess = _as_it_is
    return slider


def lay_out_number_box(
    name: str, *, label: str, value: float | None, placeholder: str, info: str | None = None, min_width: int = 150
) -> gr.Number:
    """A box for a number of any size; an emptied one shows what it then means."""
    box = gr.Number(
        value, label=label, info=info, placeholder=placeholder, step=0.01, min_width=min_width, elem_id=name
    )
    box.preprocess = _as_it_is
    return box


def lay_out_choice(
    name: str,
    choices: list[Any],
    value: str | None,
    *,
    label: str,
    filterable: bool = False,
    info: str | None = None,
    min_width: int = 150,
) -> gr.Dropdown:
    """A list to choose one from."""
    choice = gr.Dropdown(
        choices, value=value, label=label, filterable=filterable, info=info, min_width=min_width, elem_id=name
    )
    choice.preprocess = _as_it_is
    return choice


def lay_out_choices(
    name: str, choices: list[str], *, label: str, value: list[str] | None = None, min_width: int = 150
) -> gr.Dropdown:
    """A list to choose any number from, in an order."""
    several = gr.Dropdown(
        choices, value=value or [], multiselect=True, label=label, min_width=min_width, scale=3, elem_id=name
    )
    several.preprocess = _as_it_is
    return several


def lay_out_ticks(name: str, choices: list[Any], *, label: str, info: str | None = None) -> gr.CheckboxGroup:
    """A few boxes side by side, any number of which are ticked."""
    several = gr.CheckboxGroup(choices, value=[], label=label, info=info, elem_id=name)
    several.preprocess = _as_it_is
    return several


def lay_out_switch(name: str, *, label: str, value: bool, info: str | None = None, min_width: int = 150) -> gr.Checkbox:
    """A box to tick."""
    return gr.Checkbox(value, label=label, info=info, min_width=min_width, elem_id=name)


def lay_out_line(
    name: str,
    *,
    label: str,
    value: str,
    placeholder: str,
    info: str | None = None,
    scale: int | None = None,
    min_width: int = 150,
) -> gr.Textbox:
    """One line for what is neither prose nor a number that a browser could hold: seeds, lists of numbers."""
    return gr.Textbox(
        value,
        label=label,
        info=info,
        placeholder=placeholder,
        lines=1,
        max_lines=1,
        scale=scale,
        min_width=min_width,
        elem_id=name,
        html_attributes=_PLAIN_TEXT,
    )


def lay_out_text(
    name: str,
    *,
    label: str,
    value: str,
    placeholder: str,
    info: str | None = None,
    lines: int = 2,
    min_width: int = 150,
) -> gr.Textbox:
    """A box for prose."""
    return gr.Textbox(
        value,
        label=label,
        info=info,
        placeholder=placeholder,
        lines=lines,
        max_lines=12,
        min_width=min_width,
        elem_id=name,
    )


def lay_out_colour(
    name: str, *, label: str, value: str, info: str | None = None, min_width: int = 150
) -> gr.ColorPicker:
    """A colour to choose; it travels as #rrggbb."""
    colour = gr.ColorPicker(value, label=label, info=info, min_width=min_width, elem_id=name)
    colour.preprocess = _as_hexadecimal
    return colour


def lay_out_one_of(
    name: str, choices: list[Any], value: str, *, label: str, classes: list[str], min_width: int = 150
) -> gr.Radio:
    """A few words side by side, one of which is chosen."""
    several = gr.Radio(
        choices,
        value=value,
        label=label,
        show_label=False,
        container=False,
        min_width=min_width,
        elem_id=name,
        elem_classes=[*classes, "segments"],
    )
    several.preprocess = _as_it_is
    return several


def take_over(component: Component) -> None:
    """Let the values of a component that somebody else laid out reach the request as they come."""
    if isinstance(component, gr.ColorPicker):
        component.preprocess = _as_hexadecimal
    elif isinstance(component, (gr.Slider, gr.Number, gr.Dropdown, gr.Radio, gr.CheckboxGroup)):
        component.preprocess = _as_it_is


def _as_hexadecimal(payload: Any) -> Any:
    """The browser's picker also says rgba(255, 127.5, 0, 1)."""
    if not isinstance(payload, str) or not payload.startswith("rgb"):
        return payload
    numbers = payload.partition("(")[2].rstrip(")").split(",")[:3]
    try:
        return "#" + "".join(f"{min(255, max(0, round(float(number)))):02x}" for number in numbers)
    except (ValueError, OverflowError):
        return payload


def _as_it_is(payload: Any) -> Any:
    return payload
