"""Layout of the Models tab: cards of the model files, the opened one beside them, and where more come from."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from modules.ui.assets import asset
from modules.ui.controls import lay_out_choice, lay_out_line, lay_out_one_of
from modules.ui.downloads_panel import DownloadsPanel, lay_out_downloads
from modules.ui.model_kinds import KINDS
from modules.ui.model_panel import ModelPanel, lay_out_model
from modules.ui.notices import lay_out_notice, lay_out_remark

ORDERS = {
    "name": "Name, A to Z",
    "-name": "Name, Z to A",
    "-modified": "Newest first",
    "modified": "Oldest first",
    "-size": "Largest first",
    "size": "Smallest first",
}
"""The orders of the cards; those with a minus run backwards."""
PAGE_SIZE = 60
"""Cards that are shown at first, and that each "show more" adds."""


@dataclass(frozen=True)
class ModelsTab:
    """Everything on the tab that is wired."""

    tab: gr.Tab
    kind: gr.Radio
    search: gr.Textbox
    order: gr.Dropdown
    refresh: gr.Button
    limit: gr.Number
    """How many cards are shown at most."""
    seen: gr.Textbox
    """The state of the model files that the page shows, as the server numbers it."""
    grid: gr.HTML
    """Cards as `models_handlers` makes them, painted without any HTML made from them."""
    position: gr.HTML
    more: gr.Button
    opened: ModelPanel
    downloads: DownloadsPanel
    notice: gr.HTML
    timer: gr.Timer

    def asked(self) -> set[Component]:
        """What the cards follow from."""
        return {self.kind, self.search, self.order, self.limit, self.opened.chosen}

    def shown(self) -> set[Component]:
        """What changes with them."""
        return {self.kind, self.grid, self.position, self.more, self.limit, self.notice}


def lay_out_models() -> ModelsTab:
    """The tab, empty."""
    with gr.Tab("Models", id="models", elem_id="models-tab") as tab:
        limit = gr.Number(PAGE_SIZE, precision=0, visible="hidden", elem_id="models-limit")
        seen = gr.Textbox(visible="hidden", elem_id="models-seen")
        timer = gr.Timer(3)
        with gr.Row(elem_id="models-work"):
            with gr.Column(scale=7, min_width=320, elem_id="models-list"):
                kind = lay_out_one_of(
                    "models-kind",
                    [(title, name) for name, title in KINDS.items()],
                    "checkpoint",
                    label="Kind",
                    classes=["models-kind"],
                )
                search, order, refresh = _lay_out_bar()
                notice = lay_out_notice()
                grid = gr.HTML(
                    value={"cards": [], "chosen": ""},
                    html_template=asset("model_grid.html"),
                    js_on_load=asset("model_grid.js"),
                    elem_id="models-grid",
                    elem_classes=["painted"],
                )
                with gr.Row(elem_id="models-end"):
                    position = lay_out_remark("models-position")
                    more = gr.Button(
                        "Show more", size="md", scale=0, min_width=120, visible=False, elem_id="models-more"
                    )
            with gr.Column(scale=5, min_width=320, elem_id="models-side"):
                opened = lay_out_model()
                downloads = lay_out_downloads()
    return ModelsTab(
        tab, kind, search, order, refresh, limit, seen, grid, position, more, opened, downloads, notice, timer
    )


def _lay_out_bar() -> tuple[gr.Textbox, gr.Dropdown, gr.Button]:
    with gr.Row(elem_id="models-bar"):
        search = lay_out_line(
            "models-search", label="Search", value="", placeholder="Name, words, hash, description", scale=6
        )
        order = lay_out_choice("models-order", [(title, name) for name, title in ORDERS.items()], "name", label="Order")
        refresh = gr.Button("↻", elem_id="models-refresh", elem_classes=["tool"], scale=0, min_width=44)
    return search, order, refresh
