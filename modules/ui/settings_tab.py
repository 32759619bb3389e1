"""Layout of the Settings tab: one component, which settings.js paints from the table of the native API."""

from __future__ import annotations

import gradio as gr


def lay_out_settings() -> gr.Tab:
    """The tab, empty."""
    with gr.Tab("Settings", id="settings", elem_id="settings-tab") as tab:
        gr.HTML(
            html_template='<div class="settings-table"></div>',
            js_on_load='window.atelier.settings.mount(element.querySelector(".settings-table"));',
            elem_id="settings-page",
            elem_classes=["painted"],
        )
    return tab
