"""What the Extras tab does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.errors import InvalidRequest, UserError
from modules.schema.extras_request import ExtrasRequest
from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.ui.announcing import told_batch
from modules.ui.extras_controls import PLACE, UPSCALERS, usual_upscaler
from modules.ui.extras_tab import AUTO_SIZED, BY_FACTOR, DIRECTORY, PIECES, SINGLE, SPLIT, TO_SIZE, ExtrasTab
from modules.ui.job_handlers import JobHandlers
from modules.ui.memory import can_hold
from modules.ui.page_state import PageState
from modules.ui.section_handlers import SectionHandlers
from modules.upscaling.registry import NONE

Values = Mapping[Component, Any]
Changes = dict[Component, Any]
_NO_PICTURE = "0" * 32


class ExtrasHandlers:
    """The tab's handlers; `values` are those of the components named as inputs."""

    def __init__(self, services: Services, tab: ExtrasTab, state: PageState) -> None:
        self._services = services
        self._tab = tab
        self._state = state

    def welcome(self, remembered: Mapping[str, Any] | None) -> Changes:
        """Bring a page that was just opened up to date: the upscalers there are, and what its form held before."""
        kept = self._tab.remembered()
        pairs = remembered.items() if isinstance(remembered, Mapping) else ()
        values = {name: value for name, value in pairs if name in kept and can_hold(kept[name], value)}
        upscalers = [entry.name for entry in self._services.upscalers.all()]
        changes = {kept[name]: value for name, value in values.items()}
        changes |= SectionHandlers(self._services, self._tab).recalled(values)
        for name in UPSCALERS:
            value = values.get(name)
            chosen = value if value in upscalers else usual_upscaler(name, upscalers)
            changes[kept[name]] = gr.Dropdown(choices=upscalers, value=chosen)
        # Without one nothing is emptied: a picture may have been chosen before this answer came.
        source = str(values.get("source") or "")
        return {**changes, **(self._showing(source) if source else {})}

    def take_in(self, values: Values) -> Changes:
        """Store the file that was chosen or dropped; it takes the place of the one before."""
        path = values[self._tab.file]
        if not path:
            return {}
        try:
            return self._showing(self._stored(Path(path)))
        except UserError as error:
            return {self._tab.file: None, self._tab.notice: str(error)}

    def remove(self) -> Changes:
        """Begin with no picture."""
        return self._showing("")

    def begin_with(self, file: Path) -> Changes:
        """Begin with a picture and what it says in words, and go there. Raises UnreadablePicture, StorageFull."""
        shown = self._showing(self._stored(file))
        return {**shown, self._tab.mode: SINGLE, self._tab.notice: "", self._state.tabs: gr.Tabs(selected=PLACE)}

    def submit(self, values: Values, visitor: Visitor) -> Changes:
        """Queue what the tab asks for, and say what was left out.

        Raises InvalidRequest, ModelNotFound, NotFound, StorageFull, QueueFull, NotAllowed.
        """
        tab, generate = self._tab, self._services.generate
        jobs = JobHandlers(self._services, tab, self._state)
        fields, mode = self._fields(values), values[tab.mode]
        if mode == SINGLE:
            if not values[tab.source]:
                raise InvalidRequest("Input picture", "", "is missing", "Choose the picture to begin with.")
            request = ExtrasRequest.of({**fields, "images": [values[tab.source]]})
            return {**jobs.queue(partial(generate.submit_extras, request), values, visitor), tab.queued: ""}
        files = tab.files.read(self._services.batches, values, visitor, of_folder=mode == DIRECTORY)
        ExtrasRequest.of({**fields, "images": [_NO_PICTURE]})  # what is refused anyway stores no pictures
        folder = str(values[tab.subfolder] or "").strip()
        batch = self._services.batches.extras(fields, files, folder=folder)
        shown = jobs.queue(partial(generate.submit_batch, batch), values, visitor)
        return {**shown, **told_batch(batch, len(files), tab.queued, tab.notice)}

    def _stored(self, file: Path) -> str:
        return self._services.inputs.add_file(file, with_texts=True)

    def _showing(self, picture_id: str) -> Changes:
        """Begin with this stored picture; with none where it is not here."""
        tab, inputs = self._tab, self._services.inputs
        there = inputs.has(picture_id)
        width, height = inputs.size(picture_id) if there else (0, 0)
        return {
            tab.file: None,
            tab.source: picture_id if there else "",
            tab.picture: gr.Image(value=str(inputs.file(picture_id)) if there else None, visible=there),
            tab.told: f"{width} x {height} pixels" if there else "",
            tab.remove: gr.Button(visible=there),
        }

    def _fields(self, values: Values) -> dict[str, Any]:
        """The fields that count and that are not empty."""
        given = {name: values[component] for name, component in self._tab.form.items()}
        unused = {*(BY_FACTOR if given["resize_mode"] == "Scale to" else TO_SIZE)}
        if given["upscaler_1"] in (None, NONE):
            unused |= {"resize_mode", *BY_FACTOR, *TO_SIZE}
        if not given["split_oversized"]:
            unused |= {*SPLIT, *(() if given["focal_crop"] else PIECES)}
        if not given["auto_sized_crop"]:
            unused |= {*AUTO_SIZED}
        fields = {name: value for name, value in given.items() if name not in unused and value not in (None, "")}
        return {**fields, "postprocessing": self._tab.sections.read(values)}
