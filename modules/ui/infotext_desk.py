"""Layout of where the page's scripts hand in an infotext that somebody dropped or pasted, or a request."""

from __future__ import annotations

import gradio as gr

from modules.ui.assets import asset


def lay_out_infotext_desk() -> gr.HTML:
    """Shows nothing; its event `select` carries it."""
    return gr.HTML(
        html_template='<i class="infotext-desk"></i>',
        js_on_load=asset("infotext_desk.js"),
        elem_id="infotext-desk",
        elem_classes=["text-box"],
    )
