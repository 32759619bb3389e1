"""Controls whose values reach the request as they come, so that its refusal, which says what to do, is what is shown.

Gradio would refuse a number outside of a slider or an unknown choice by itself, before any handler runs.
"""

from __future__ import annotations

from typing import Any

import gradio as gr


def lay_out_number(
    name: str, *, label: str, value: float, minimum: float, maximum: float, step: float, scale: int | None = None
) -> gr.Slider:
    """A slider with a box to type in."""
    slider = gr.Slider(minimum, maximum, value=value, step=step, label=label, min_width=150, scale=scale, elem_id=name)
    slider.preprocess = _as_it_is
    return slider


def lay_out_choice(
    name: str, choices: list[Any], value: str | None, *, label: str, filterable: bool = False, min_width: int = 150
) -> gr.Dropdown:
    """A list to choose one from."""
    choice = gr.Dropdown(choices, value=value, label=label, filterable=filterable, min_width=min_width, elem_id=name)
    choice.preprocess = _as_it_is
    return choice


def _as_it_is(payload: Any) -> Any:
    return payload
