"""Which event of the infotext desk calls which handler."""

from __future__ import annotations

import gradio as gr

from modules.ui.infotext_handlers import InfotextHandlers
from modules.ui.memory import filling
from modules.ui.notices import guarded
from modules.ui.wiring import Wiring


def wire_infotexts(wiring: Wiring, desk: gr.HTML) -> None:
    """An infotext that comes to the desk fills a form, which is remembered."""
    fills = wiring.fills
    notice = wiring.tabs["txt2img"].notice
    use = guarded(notice, InfotextHandlers(fills).use)
    filling(desk.select, use, None, {*fills.outputs(), notice}, **wiring.quiet)
