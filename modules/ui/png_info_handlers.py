"""What the PNG Info tab does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.services.build import Services
from modules.services.pictures import PictureReading
from modules.ui.png_info_tab import PngInfoTab

Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class PngInfoHandlers:
    """The tab's handlers."""

    def __init__(self, services: Services, tab: PngInfoTab) -> None:
        self._services = services
        self._tab = tab

    def clear(self) -> Changes:
        """Forget the picture before; a new one may turn out unreadable."""
        hidden = {component: gr.update(visible=False) for component in self._tab.results()}
        return {**hidden, self._tab.infotext: gr.Textbox(value="", visible=False)}

    def read(self, values: Values) -> Changes:
        """Show what the dropped file says of how it was made."""
        if not values[self._tab.file]:
            return {self._tab.hint: gr.HTML(visible=True)}
        path = Path(values[self._tab.file])
        reading = self._services.pictures.read(path)
        picture = {self._tab.picture: gr.Image(value=str(path), visible=True), self._tab.tools: gr.Row(visible=True)}
        if not reading.infotext:
            return {**picture, self._tab.notice: "This picture carries no parameters: nothing says how it was made."}
        return {**picture, **self._found(reading)}

    def _found(self, reading: PictureReading) -> Changes:
        tab, parsed = self._tab, reading.parsed
        rows = table_of(parsed.parameters)
        return {
            tab.prompt: gr.Textbox(value=parsed.prompt, visible=True),
            tab.negative_prompt: gr.Textbox(value=parsed.negative_prompt, visible=bool(parsed.negative_prompt)),
            tab.parameters: gr.Dataframe(value=rows, visible=bool(rows)),
            tab.not_honoured: gr.Textbox(value="\n".join(reading.not_honoured), visible=bool(reading.not_honoured)),
            tab.infotext: gr.Textbox(value=reading.infotext, visible=True),
            tab.send: gr.Button(f"Send to {reading.request.task}", visible=True),
        }


def table_of(parameters: Mapping[str, str]) -> list[list[str]]:
    """Rows of name and value, with the two halves of a size in one row again."""
    rows = []
    for name, value in parameters.items():
        stem, _, half = name.rpartition("-")
        if half == "1" and f"{stem}-2" in parameters:
            rows.append([stem, f"{value} x {parameters[f'{stem}-2']}"])
        elif not (half == "2" and f"{stem}-1" in parameters):
            rows.append([name, value])
    return rows
