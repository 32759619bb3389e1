"""The controls of one section's arguments: laid out by the program, or taken over from the layout of the section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.hooks import (
    Argument,
    ArgumentGroup,
    Available,
    Choice,
    Colour,
    Number,
    Picture,
    SeveralChoices,
    Switch,
    Text,
)
from modules.ui.controls import take_over
from modules.ui.file_choice import FILE_TYPES
from modules.ui.request_controls import element_id
from modules.ui.script_panel import choices_now, lay_out_argument

_LISTS = (gr.Dropdown, gr.Radio, gr.CheckboxGroup)
_KINDS: dict[type[Argument], tuple[type[Component], ...]] = {
    Switch: (gr.Checkbox,),
    Number: (gr.Slider, gr.Number),
    Choice: (gr.Dropdown, gr.Radio),
    SeveralChoices: (gr.Dropdown, gr.CheckboxGroup),
    Colour: (gr.ColorPicker, gr.Textbox),
    Text: (gr.Textbox,),
}
"""The components that can hold an argument's values."""


@dataclass(frozen=True)
class PictureBox:
    """Where the picture of an argument is chosen, shown and removed; `source` holds its id, empty without one."""

    source: gr.Textbox
    file: gr.File
    picture: gr.Image
    remove: gr.Button

    def components(self) -> set[Component]:
        """Everything that changes with the picture."""
        return {self.source, self.file, self.picture, self.remove}


class SectionControls:
    """The controls that are there so far. `place` is what the ids of their elements begin with."""

    def __init__(self, place: str, section: ArgumentGroup, available: Available) -> None:
        self.place, self.section, self.available = place, section, available
        self.pictures: dict[str, PictureBox] = {}
        self._controls: dict[str, Component] = {}

    @property
    def by_name(self) -> dict[str, Component]:
        """Those that are there, by the names of the arguments and in their order."""
        return {row.name: self._controls[row.name] for row in self.section.arguments if row.name in self._controls}

    def lay_out(self, name: str) -> Component:
        """The program's control of an argument, where this is called. Raises ValueError where it has one."""
        argument = self._without_control(name)
        place = f"{self.place}-{element_id(name)}"
        if isinstance(argument, Picture):
            self.pictures[name] = box = _lay_out_picture(place, argument)
            self._controls[name] = box.source
        else:
            self._controls[name] = lay_out_argument(place, argument, self._choices(argument))
        return self._controls[name]

    def take_over(self, name: str, component: Component) -> Component:
        """A component that is there as the control of an argument. Raises ValueError where it cannot be."""
        argument = self._without_control(name)
        kinds = _KINDS.get(type(argument), ())
        if not isinstance(component, kinds):
            wanted = ", ".join(f"gradio.{kind.__name__}" for kind in kinds) or "context.component"
            raise ValueError(f"{type(component).__name__} cannot hold {name!r}; choose from: {wanted}")
        if isinstance(component, gr.Dropdown) and bool(component.multiselect) != isinstance(argument, SeveralChoices):
            raise ValueError(f"the list of {name!r} has to have multiselect={not component.multiselect}")
        if component in self._controls.values():
            raise ValueError(f"a component cannot hold {name!r} and another argument")
        if isinstance(component, _LISTS):
            component.choices = [(choice, choice) for choice in self._choices(argument)]
        initial = argument.initial
        component.value = list(initial) if isinstance(initial, tuple) else initial
        component.elem_id = component.elem_id or f"{self.place}-{element_id(name)}"
        take_over(component)
        self._controls[name] = component
        return component

    def lay_out_rest(self) -> None:
        """The program's controls of all other arguments, in a row."""
        rest = [row.name for row in self.section.arguments if row.name not in self._controls]
        if rest:
            with gr.Row(elem_classes=["fields"]):
                for name in rest:
                    self.lay_out(name)

    def _without_control(self, name: str) -> Argument:
        argument = next((row for row in self.section.arguments if row.name == name), None)
        if argument is None:
            raise ValueError(f"{name!r} is no argument of {self.section.name!r}")
        if name in self._controls:
            raise ValueError(f"{name!r} is placed already")
        return argument

    def _choices(self, argument: Argument) -> list[str]:
        initial = {row.name: row.initial for row in self.section.arguments}
        return choices_now(argument, self.available, initial)


def list_kind(control: Component) -> type[Any]:
    """What kind of list a control is."""
    return next(kind for kind in _LISTS if isinstance(control, kind))


def _lay_out_picture(name: str, argument: Argument) -> PictureBox:
    with gr.Column(min_width=240):
        source = gr.Textbox("", visible="hidden", elem_id=name)
        file = gr.File(label=argument.label, file_types=FILE_TYPES, height=110, elem_id=f"{name}-file")
        picture = gr.Image(
            type="filepath",
            interactive=False,
            show_label=False,
            container=False,
            visible=False,
            buttons=["fullscreen"],
            elem_id=f"{name}-picture",
            elem_classes=["large-picture", "source-picture"],
        )
        remove = gr.Button(
            "Remove",
            size="sm",
            scale=0,
            min_width=36,
            visible=False,
            elem_id=f"{name}-remove",
            elem_classes=["chip"],
        )
    return PictureBox(source, file, picture, remove)
