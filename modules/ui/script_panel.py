"""Layout of the scripts: a list of them, and the controls that each one's declarations ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.hooks import Argument, Available, Choice, Colour, Drawn, Number, Script, SeveralChoices, Switch, Text
from modules.schema.requests import Task
from modules.ui.controls import (
    lay_out_choice,
    lay_out_choices,
    lay_out_colour,
    lay_out_line,
    lay_out_number,
    lay_out_number_box,
    lay_out_switch,
    lay_out_text,
)
from modules.ui.notices import lay_out_remark, shortened
from modules.ui.request_controls import LONGEST_SLIDER, element_id

NO_SCRIPT = ""
_WIDTH = 240


@dataclass(frozen=True)
class ScriptPart:
    """The controls of one script, in a column that is shown while the script is chosen."""

    script: Script
    column: gr.Column
    controls: dict[str, Component]
    """By the names of the arguments that a person is asked for."""
    fillers: dict[str, gr.Button]
    """Beside texts with suggestions: puts all of them in."""
    openers: dict[str, gr.Button]
    """Beside texts of several lines: puts in what a file holds."""

    @property
    def asked(self) -> list[Argument]:
        """The arguments that have controls."""
        return [argument for argument in self.script.arguments if argument.name in self.controls]

    def read(self, values: Mapping[Component, Any]) -> dict[str, Any]:
        """What was given, by the arguments' names."""
        given = {name: values[control] for name, control in self.controls.items()}
        return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


@dataclass(frozen=True)
class ScriptPanel:
    """The list and every script's part. A script that depends on others' choices is told of each change."""

    choice: gr.Dropdown
    parts: dict[str, ScriptPart]
    """By the scripts' names."""

    def components(self) -> list[Component]:
        """The list and all controls."""
        return [self.choice, *self.remembered().values()]

    def remembered(self) -> dict[str, Component]:
        """All controls, under names that no field of a request has."""
        return {
            f"{part.script.name}/{name}": control
            for part in self.parts.values()
            for name, control in part.controls.items()
        }

    def columns(self) -> list[gr.Column]:
        """What is shown or hidden with the choice."""
        return [part.column for part in self.parts.values()]


def lay_out_scripts(
    task: Task, scripts: Sequence[Script], available: Available, failures: Sequence[str] = ()
) -> ScriptPanel:
    """The list, with nothing chosen, and what kept others away."""
    choice = lay_out_choice(
        element_id("script_name", task),
        [("None", NO_SCRIPT), *(script.name for script in scripts)],
        NO_SCRIPT,
        label="Script",
        info="Makes several requests of this one",
    )
    if failures:
        lay_out_remark(element_id("script-failures", task), text="\n".join(shortened(failures)))
    return ScriptPanel(choice, {script.name: _lay_out_part(task, script, available) for script in scripts})


def slug(name: str) -> str:
    """A script's name as the page's elements are called."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")


def choices_now(argument: Argument, available: Available, others: Mapping[str, Any]) -> list[str]:
    """What an argument offers, given the values of the others; nothing where those make no sense."""
    try:
        if isinstance(argument, Choice | SeveralChoices):
            return list(argument.offered(available, others))
        return list(argument.suggested(available, others)) if isinstance(argument, Text) else []
    except Exception:  # noqa: BLE001  others wrote it, and it is checked when the request is
        return []


def _lay_out_part(task: Task, script: Script, available: Available) -> ScriptPart:
    place = element_id(f"script-{slug(script.name)}", task)
    initial = {argument.name: argument.initial for argument in script.arguments}
    controls: dict[str, Component] = {}
    fillers: dict[str, gr.Button] = {}
    openers: dict[str, gr.Button] = {}
    with gr.Column(visible=False, elem_id=place, elem_classes=["script"]) as column:
        if script.help:
            lay_out_remark(f"{place}-help", text=f"{script.help[:1].upper()}{script.help[1:]}.")
        with gr.Row(elem_classes=["fields"]):
            for argument in script.arguments:
                if isinstance(argument, Drawn):
                    continue
                name = f"{place}-{element_id(argument.name)}"
                controls[argument.name] = lay_out_argument(name, argument, choices_now(argument, available, initial))
                if isinstance(argument, Text) and argument.suggestions:
                    fillers[argument.name] = _chip("Put all in", f"{name}-all", visible=False)
                if isinstance(argument, Text) and argument.lines > 1:
                    openers[argument.name] = _chip("Put in a text file", f"{name}-file")
    return ScriptPart(script, column, controls, fillers, openers)


def _chip(label: str, name: str, *, visible: bool = True) -> gr.Button:
    return gr.Button(label, visible=visible, size="sm", scale=0, elem_id=name, elem_classes=["chip"])


def lay_out_argument(name: str, argument: Argument, choices: list[str]) -> Component:
    """The control of an argument, holding what it is where nothing was given."""
    help = f"{argument.help[:1].upper()}{argument.help[1:]}"
    words: dict[str, Any] = {"label": argument.label, "info": help or None, "min_width": _WIDTH}
    if isinstance(argument, Switch):
        return lay_out_switch(name, value=argument.default, **words)
    if isinstance(argument, Choice):
        return lay_out_choice(name, choices, argument.default, filterable=len(choices) > 10, **words)
    if isinstance(argument, SeveralChoices):
        return lay_out_choices(name, choices, label=argument.label, value=list(argument.default))
    if isinstance(argument, Number):
        words |= {"value": argument.default}
        if (argument.maximum - argument.minimum) / argument.step > 10 * LONGEST_SLIDER:
            return lay_out_number_box(name, placeholder=f"{argument.default:g}", **words)
        return lay_out_number(name, minimum=argument.minimum, maximum=argument.maximum, step=argument.step, **words)
    if isinstance(argument, Colour):
        return lay_out_colour(name, value=argument.default, **words)
    lines = argument.lines if isinstance(argument, Text) else 1
    if lines == 1:
        return lay_out_line(name, value=str(argument.initial), placeholder="", **words)
    return lay_out_text(name, value=str(argument.initial), placeholder="", lines=lines, **words)
