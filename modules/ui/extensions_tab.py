"""Layout of the Extensions tab: one component, which extensions.js paints from the native API."""

from __future__ import annotations

import gradio as gr


def lay_out_extensions() -> gr.Tab:
    """The tab, empty."""
    with gr.Tab("Extensions", id="extensions", elem_id="extensions-tab") as tab:
        gr.HTML(
            html_template='<div class="extensions"></div>',
            js_on_load='window.atelier.extensions.mount(element.querySelector(".extensions"));',
            elem_id="extensions-page",
            elem_classes=["painted"],
        )
    return tab
