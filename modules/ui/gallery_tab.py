"""Layout of the Gallery tab: one component, which gallery.js paints from the native API."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr


@dataclass(frozen=True)
class GalleryTab:
    """Everything on the tab that is wired."""

    tab: gr.Tab
    gallery: gr.HTML
    """Its value says who looks and when the folders were looked at."""


def lay_out_gallery() -> GalleryTab:
    """The tab, empty."""
    with gr.Tab("Gallery", id="gallery", elem_id="gallery-tab") as tab:
        gallery = gr.HTML(
            value=None,
            html_template='<div class="gallery"></div>',
            js_on_load="window.atelier.gallery.mount(element, props, watch);",
            apply_default_css=False,
            elem_id="gallery",
            elem_classes=["painted"],
        )
    return GalleryTab(tab, gallery)
