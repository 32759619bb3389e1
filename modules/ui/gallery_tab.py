"""Layout of the Gallery tab: pages of thumbnails, the chosen picture large beside them."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from modules.ui.notices import lay_out_notice
from modules.ui.picture_panel import PicturePanel, lay_out_picture
from modules.ui.thumbnails import lay_out_thumbnails


@dataclass(frozen=True)
class GalleryTab:
    """Everything on the tab that is wired."""

    tab: gr.Tab
    position: gr.HTML
    """Which page this is, made of numbers only."""
    page: gr.Number
    newer: gr.Button
    older: gr.Button
    empty: gr.HTML
    thumbnails: gr.Gallery
    chosen: PicturePanel
    notice: gr.HTML


def lay_out_gallery() -> GalleryTab:
    """The tab, empty."""
    with gr.Tab("Gallery", id="gallery", elem_id="gallery-tab") as tab:
        with gr.Row(elem_id="gallery-bar"):
            position = gr.HTML(elem_id="gallery-position")
            newer = gr.Button("← Newer", size="md", scale=0, min_width=110, elem_id="newer")
            older = gr.Button("Older →", size="md", scale=0, min_width=110, elem_id="older")
        page = gr.Number(0, precision=0, visible="hidden", elem_id="gallery-page")
        empty = gr.HTML(
            '<div class="empty"><strong>No pictures yet</strong>'
            "<span>Make one on the txt2img tab. Whatever lies in the outputs folder is listed here.</span></div>",
            visible=False,
            elem_id="gallery-empty",
        )
        with gr.Row(elem_id="gallery-work"):
            with gr.Column(scale=6, min_width=320):
                thumbnails = lay_out_thumbnails("gallery-thumbnails", 6, label="Pictures")
            with gr.Column(scale=5, min_width=320, elem_id="chosen"):
                notice = lay_out_notice()
                chosen = lay_out_picture("chosen", send_label="Use these parameters")
    return GalleryTab(tab, position, page, newer, older, empty, thumbnails, chosen, notice)
