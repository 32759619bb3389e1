"""What is done with a finished picture: queued again with a twist, or carried to another tab."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.errors import InvalidRequest
from modules.schema.pictures import Picture
from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.ui.filling import FillHandlers
from modules.ui.page_state import PageState
from modules.ui.picture_panel import REMIXES, PicturePanel
from modules.ui.visitors import own_picture

Values = Mapping[Component, Any]
Changes = dict[Component, Any]
_LABELS = {key: label for row in REMIXES.values() for key, label in row.items()}


class PictureHandlers:
    """The handlers of one panel."""

    def __init__(self, services: Services, panel: PicturePanel, state: PageState, filling: FillHandlers) -> None:
        self._services = services
        self._panel = panel
        self._state = state
        self._filling = filling

    def remix(self, key: str, values: Values, visitor: Visitor) -> Changes:
        """Queue what follows from the picture."""
        request = self._services.remix.request(self._picture(values, visitor), key)
        job = self._services.generate.submit(request, user=visitor.name)
        return {self._state.submitted: job.id, self._panel.remark: f"{_LABELS[key]} is queued."}

    def send(self, place: str, values: Values, visitor: Visitor) -> Changes:
        """Begin with the picture, at its full resolution, on the tab of a place."""
        picture = self._picture(values, visitor)
        return self._filling.begin_with(self._services.pictures.file(picture), picture.infotext, place)

    def _picture(self, values: Values, visitor: Visitor) -> Picture:
        chosen = str(values[self._panel.chosen] or "")
        if not (chosen.isascii() and chosen.isdecimal()):
            raise InvalidRequest("Picture", chosen, "is not chosen", "Choose one first.")
        return own_picture(self._services.pictures, visitor, int(chosen))


class DroppedPictureHandlers:
    """The same for a file that somebody dropped."""

    def __init__(self, file: gr.File, infotext: gr.Textbox, filling: FillHandlers) -> None:
        self._file = file
        self._infotext = infotext
        self._filling = filling

    def send(self, place: str, values: Values) -> Changes:
        """Begin with the picture on the tab of a place."""
        if not values[self._file]:
            raise InvalidRequest("Picture", "", "is missing", "Drop one first.")
        return self._filling.begin_with(Path(values[self._file]), values[self._infotext] or "", place)
