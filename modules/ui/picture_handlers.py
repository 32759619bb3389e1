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
from modules.ui.picture_desk import REMIX_LABELS, SENDING, PictureDesk, remark
from modules.ui.visitors import chosen_picture

OWN_FORM = "parameters"
"""Fills the form that a picture was made with."""
Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class PictureHandlers:
    """The handlers of the desk, for the pictures of all tabs."""

    def __init__(self, services: Services, desk: PictureDesk, state: PageState, filling: FillHandlers) -> None:
        self._services = services
        self._desk = desk
        self._state = state
        self._filling = filling

    def remix(self, event: gr.EventData, visitor: Visitor) -> Changes:
        """Queue what follows from a picture."""
        picture, key = self._picture(event, visitor), text_of(event, "key")
        job = self._services.generate.submit(self._services.remix.request(picture, key), user=visitor.name)
        return {self._state.submitted: job.id, self._desk.desk: remark(f"{REMIX_LABELS[key]} is queued.")}

    def send(self, event: gr.EventData, visitor: Visitor) -> Changes:
        """Fill the form that a picture was made with, or begin with it on the tab of a place."""
        picture, place = self._picture(event, visitor), text_of(event, "key")
        return carried(self._filling, self._services.pictures.file(picture), picture.infotext, place)

    def _picture(self, event: gr.EventData, visitor: Visitor) -> Picture:
        return chosen_picture(self._services.pictures, visitor, text_of(event, "id"))


class DroppedPictureHandlers:
    """The same for a file that somebody dropped."""

    def __init__(self, services: Services, file: gr.File, filling: FillHandlers) -> None:
        self._services = services
        self._file = file
        self._filling = filling

    def send(self, values: Values, event: gr.EventData) -> Changes:
        """Fill the form that the file was made with, or begin with it on the tab of a place."""
        if not values[self._file]:
            raise InvalidRequest("Picture", "", "is missing", "Drop one first.")
        file = Path(values[self._file])
        return carried(self._filling, file, self._services.pictures.read(file).infotext, text_of(event, "key"))


def carried(filling: FillHandlers, file: Path, infotext: str, place: str) -> Changes:
    """A form filled from a picture. Raises InvalidRequest, UnreadablePicture, StorageFull."""
    if place not in (OWN_FORM, *SENDING):
        raise InvalidRequest("Place", place, "is not known", f"Choose one of: {', '.join(SENDING)}.")
    if place == OWN_FORM:
        return filling.fill(infotext)
    if place == "txt2img":
        return filling.fill(infotext, "txt2img")
    return filling.begin_with(file, infotext, place)


def text_of(event: gr.EventData, name: str) -> str:
    """A text that came with an event; the browser may have sent anything."""
    value = event._data.get(name) if isinstance(event._data, dict) else None
    return value if isinstance(value, str) else ""
