"""What happens around sections: pictures of their arguments come and go, and a request fills their controls."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.errors import UserError
from modules.hooks import Choice, SeveralChoices
from modules.services.build import Services
from modules.ui.extras_tab import ExtrasTab
from modules.ui.generation_tab import GenerationTab
from modules.ui.script_panel import choices_now
from modules.ui.section_controls import list_kind

Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class SectionHandlers:
    """Handlers of a tab's sections; `values` are those of the components named as inputs."""

    def __init__(self, services: Services, tab: GenerationTab | ExtrasTab) -> None:
        self._services = services
        self._tab = tab
        of_extras = isinstance(tab, ExtrasTab)
        self._available = (
            services.postprocessing.available if of_extras else partial(services.scripts.available, tab.task)
        )

    def take_in(self, name: str, argument: str, values: Values) -> Changes:
        """Store the file that was chosen or dropped; it takes the place of the one before."""
        box = self._tab.sections.parts[name].pictures[argument]
        path = values[box.file]
        if not path:
            return {}
        try:
            return self.showing(name, argument, self._services.inputs.add_file(Path(path)))
        except UserError as error:
            return {box.file: None, self._tab.notice: str(error)}

    def remove(self, name: str, argument: str) -> Changes:
        """Do without a picture."""
        return self.showing(name, argument)

    def showing(self, name: str, argument: str, picture_id: object = "") -> Changes:
        """Take this stored picture; none where it is not here."""
        box, inputs = self._tab.sections.parts[name].pictures[argument], self._services.inputs
        known = picture_id if isinstance(picture_id, str) and picture_id and inputs.has(picture_id) else ""
        return {
            box.source: known,
            box.file: None,
            box.picture: gr.Image(value=str(inputs.file(known)) if known else None, visible=bool(known)),
            box.remove: gr.Button(visible=bool(known)),
        }

    def recalled(self, values: Mapping[str, Any]) -> Changes:
        """The pictures of what was remembered under the names of the controls, and what the lists hold now."""
        available = self._available()
        changes: Changes = {}
        for name, part in self._tab.sections.parts.items():
            others = {argument.name: argument.initial for argument in part.section.arguments}
            for argument in part.pictures:
                if (kept := f"section:{name}/{argument}") in values:
                    changes |= self.showing(name, argument, values[kept])
            for row in part.section.arguments:
                if isinstance(row, Choice | SeveralChoices) and not isinstance(row.choices, tuple):
                    kept = f"section:{name}/{row.name}"
                    held = {"value": values[kept]} if kept in values else {}
                    control = part.controls[row.name]
                    changes[control] = list_kind(control)(choices=choices_now(row, available, others), **held)
        return changes

    def filled(self, sections: Mapping[str, Mapping[str, Any]]) -> Changes:
        """The sections of a request: these are on, with what they were given; all others are off and keep theirs."""
        changes: Changes = {}
        for name, part in self._tab.sections.parts.items():
            changes[part.switch] = name in sections
            for argument in part.section.arguments if name in sections else ():
                value = sections[name].get(argument.name, argument.initial)
                if argument.name in part.pictures:
                    changes |= self.showing(name, argument.name, value)
                else:
                    changes[part.controls[argument.name]] = list(value) if isinstance(value, tuple) else value
        return changes
