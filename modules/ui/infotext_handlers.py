"""What happens with an infotext that was dropped or pasted."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from modules.errors import InvalidRequest
from modules.ui.filling import FillHandlers

_LONGEST = 2**18
Changes = dict[Component, Any]


class InfotextHandlers:
    """The handler of the desk."""

    def __init__(self, filling: FillHandlers) -> None:
        self._filling = filling

    def use(self, event: gr.EventData) -> Changes:
        """Fill the form of the infotext's task, and go there."""
        infotext = event._data.get("infotext") if isinstance(event._data, dict) else None
        if not isinstance(infotext, str) or not infotext.strip() or len(infotext) > _LONGEST:
            raise InvalidRequest("Infotext", "", "cannot be read", "Copy it again.")
        return self._filling.fill(infotext)
