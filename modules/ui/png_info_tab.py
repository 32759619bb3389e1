"""Layout of the PNG Info tab: a picture is dropped, its parameters are read."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from modules.ui.notices import lay_out_notice

_HINT = """
<div class="png-info">
  <div class="empty">
    <strong>How was this picture made?</strong>
    <span>Drop a picture of this or another program: what it says of itself is listed here.</span>
  </div>
  <div class="png-info-found" hidden></div>
</div>
"""


@dataclass(frozen=True)
class PngInfoTab:
    """Everything on the tab that is wired."""

    tab: gr.Tab
    file: gr.File
    notice: gr.HTML
    found: gr.HTML
    """Its value is what the file says of itself, painted by png_info.js; None without a file."""


def lay_out_png_info() -> PngInfoTab:
    """The tab, waiting for a picture."""
    with gr.Tab("PNG Info", id="png-info", elem_id="png-info-tab") as tab:
        # A File and not an Image: it hands over the very bytes that were dropped, text and all.
        file = gr.File(label="Picture", show_label=False, height=150, elem_id="dropped-file")
        notice = lay_out_notice()
        found = gr.HTML(
            value=None,
            html_template=_HINT,
            js_on_load="window.atelier.pngInfo.mount(element, props, trigger, watch);",
            apply_default_css=False,
            elem_id="png-info-found",
            elem_classes=["painted"],
        )
    return PngInfoTab(tab, file, notice, found)
