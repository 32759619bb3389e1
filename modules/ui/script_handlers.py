"""What happens around scripts: their controls come and go, and follow from one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.hooks import Available, Choice, SeveralChoices, Text
from modules.services.build import Services
from modules.ui.generation_tab import GenerationTab
from modules.ui.script_panel import ScriptPart, choices_now

Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class ScriptHandlers:
    """Handlers of a tab's scripts; `values` are those of the components named as inputs."""

    def __init__(self, services: Services, tab: GenerationTab) -> None:
        self._services = services
        self._tab = tab

    def choose(self, values: Values) -> Changes:
        """Show the controls of the chosen script, with what there is to choose from now."""
        panel, chosen = self._tab.script, values[self._tab.script.choice]
        changes: Changes = {part.column: gr.Column(visible=name == chosen) for name, part in panel.parts.items()}
        return changes | (self.offer(chosen, values) if chosen in panel.parts else {})

    def offer(self, name: str, values: Values) -> Changes:
        """What the lists of a script offer, given what was chosen in the others."""
        part, available = self._tab.script.parts[name], self._services.scripts.available(self._tab.task)
        others = part.read(values)
        changes: Changes = {}
        for argument in part.asked:
            choices = choices_now(argument, available, others)
            if argument.name in part.fillers:
                changes[part.fillers[argument.name]] = gr.Button(visible=bool(choices))
            if isinstance(argument, Choice | SeveralChoices) and not isinstance(argument.choices, tuple):
                changes[part.controls[argument.name]] = gr.Dropdown(choices=choices)
        return changes

    def put_all_in(self, name: str, argument_name: str, values: Values) -> Changes:
        """Everything that is suggested for a text, as that text."""
        part = self._tab.script.parts[name]
        available = self._services.scripts.available(self._tab.task)
        return {part.controls[argument_name]: Text.joined(_suggested(part, argument_name, available, values))}


def _suggested(part: ScriptPart, name: str, available: Available, values: Values) -> list[str]:
    argument = next(one for one in part.asked if one.name == name)
    return choices_now(argument, available, part.read(values))
