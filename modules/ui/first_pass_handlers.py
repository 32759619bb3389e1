"""What happens to the finished picture that takes the place of the first pass."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.errors import UserError
from modules.services.build import Services
from modules.ui.generation_tab import GenerationTab

Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class FirstPassHandlers:
    """Handlers of a tab with a second pass; `values` are those of the components named as inputs."""

    def __init__(self, services: Services, tab: GenerationTab) -> None:
        if tab.first_pass is None:
            raise ValueError(f"the tab {tab.task} has no second pass")
        self._services = services
        self._tab = tab
        self._panel = tab.first_pass

    def take_in(self, values: Values) -> Changes:
        """Store the file that was chosen or dropped; it takes the place of the one before."""
        path = values[self._panel.file]
        if not path:
            return {}
        try:
            return self.showing(self._services.inputs.add_file(Path(path)))
        except UserError as error:
            return {self._panel.file: None, self._tab.notice: str(error)}

    def remove(self) -> Changes:
        """Paint the first pass again."""
        return self.showing("")

    def showing(self, picture_id: str | None) -> Changes:
        """Take this stored picture; none where it is not here."""
        panel, inputs = self._panel, self._services.inputs
        known = picture_id if picture_id and inputs.has(picture_id) else ""
        return {
            panel.source: known,
            panel.file: None,
            panel.picture: gr.Image(value=str(inputs.file(known)) if known else None, visible=bool(known)),
            panel.remove: gr.Button(visible=bool(known)),
        }
