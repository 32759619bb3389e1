"""What happens with an infotext that was dropped or pasted, and with a request that an extension wants to show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.errors import InvalidRequest
from modules.schema.requests import REQUESTS, Img2ImgRequest, Txt2ImgRequest
from modules.ui.filling import FillHandlers

_LONGEST = 2**18
Changes = dict[Component, Any]


class InfotextHandlers:
    """The handler of the desk."""

    def __init__(self, filling: FillHandlers) -> None:
        self._filling = filling

    def use(self, event: gr.EventData) -> Changes:
        """Fill the form of the infotext's or the request's task, and go there."""
        form = event._data.get("form") if isinstance(event._data, dict) else None
        if isinstance(form, dict):
            return self._filling.show(_request_of(form))
        infotext = event._data.get("infotext") if isinstance(event._data, dict) else None
        if not isinstance(infotext, str) or not infotext.strip() or len(infotext) > _LONGEST:
            raise InvalidRequest("Infotext", "", "cannot be read", "Copy it again.")
        return self._filling.fill(infotext)


def _request_of(form: Mapping[str, Any]) -> Txt2ImgRequest | Img2ImgRequest:
    """The request that came with an event; the browser may have sent anything. Raises InvalidRequest."""
    task, fields = form.get("task"), form.get("fields")
    kind = REQUESTS.get(task) if isinstance(task, str) else None
    if kind is None or not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        raise InvalidRequest("Request", "", "cannot be read", "Press the button again.")
    return kind.of(fields)
