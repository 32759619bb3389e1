"""What the PNG Info tab does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gradio.components import Component

from modules.services.build import Services
from modules.services.picture_reading import PictureReading
from modules.ui.png_info_tab import PngInfoTab

_NOTHING = "This picture carries no parameters: nothing says how it was made."
Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class PngInfoHandlers:
    """The tab's handlers."""

    def __init__(self, services: Services, tab: PngInfoTab) -> None:
        self._services = services
        self._tab = tab

    async def read(self, values: Values) -> AsyncIterator[Changes]:
        """Forget the picture before, since a new one may turn out unreadable; show how the dropped one was made."""
        yield {self._tab.found: None, self._tab.notice: ""}
        if not values[self._tab.file]:
            return
        path = Path(values[self._tab.file])
        reading = await asyncio.to_thread(self._services.pictures.read, path)
        shown = {"picture": f"gradio_api/file={quote(path.as_posix())}", **told(reading)}
        yield {self._tab.found: shown, self._tab.notice: "" if reading.infotext else _NOTHING}


def told(reading: PictureReading) -> dict[str, Any]:
    """What a reading says, as parameters.js shows it."""
    return {
        "prompt": reading.parsed.prompt,
        "negative_prompt": reading.parsed.negative_prompt,
        "parameters": [{"name": name, "value": value} for name, value in reading.rows()],
        "not_honoured": list(reading.not_honoured),
        "infotext": reading.infotext,
        "origin": reading.origin if reading.infotext else "",
        "task": reading.request.task,
    }
