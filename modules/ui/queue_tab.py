"""Layout of the Queue tab: one component, which queue.js paints from the native API."""

from __future__ import annotations

import gradio as gr


def lay_out_queue() -> gr.HTML:
    """The tab; it begins to work when somebody looks at it."""
    with gr.Tab("Queue", id="queue", elem_id="queue-tab"):
        return gr.HTML(
            value=None,
            html_template='<div class="queue"></div>',
            js_on_load="window.atelier.queue.mount(element.querySelector('.queue'));",
            elem_id="queue",
            elem_classes=["painted"],
        )
