"""A1111's `modules.ui_components`: its own kinds of components, by gradio's. None of them is laid out here."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from modules.compat.gradio_of_a1111 import ComponentOfA1111, WithoutInterfaceFile
from modules.compat.surroundings import A1111Module

_SAME_AS = {
    "FormRow": gr.Row,
    "FormColumn": gr.Column,
    "FormGroup": gr.Group,
    "FormHTML": gr.HTML,
    "FormColorPicker": gr.ColorPicker,
    "ToolButton": gr.Button,
}


class SwitchedGroup(gr.Checkbox, metaclass=WithoutInterfaceFile):  # type: ignore[misc]
    """A checkbox that other components are made inside of."""

    def __init__(self, value: bool = False, *, label: str = "", **words: Any) -> None:
        super().__init__(value=bool(value), label=label)

    def __enter__(self) -> SwitchedGroup:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def extra(self) -> gr.Row:
        """Where A1111 puts components into its heading."""
        return gr.Row()


def ui_components_module() -> A1111Module:
    """The module."""
    dropdown = ComponentOfA1111(gr.Dropdown)
    return A1111Module(
        "modules.ui_components",
        {
            **{name: ComponentOfA1111(real) for name, real in _SAME_AS.items()},
            "DropdownMulti": partial(dropdown, multiselect=True),
            "DropdownEditable": partial(dropdown, allow_custom_value=True),
            "InputAccordion": SwitchedGroup,
        },
    )
