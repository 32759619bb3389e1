"""What the Gallery tab does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.ui.gallery_tab import GalleryTab
from modules.ui.thumbnails import clicked_picture, entries, shown_file
from modules.ui.visitors import whose

PAGE_SIZE = 24
Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class GalleryHandlers:
    """The tab's handlers; `values` hold the number of the page that is shown."""

    def __init__(self, services: Services, tab: GalleryTab) -> None:
        self._services = services
        self._tab = tab

    def open(self, values: Values, visitor: Visitor) -> Changes:
        """Look at the outputs folder and show the page that was shown before."""
        self._services.pictures.refresh()
        return self._page(values[self._tab.page], visitor)

    def show_newer(self, values: Values, visitor: Visitor) -> Changes:
        """Show the page before."""
        return self._page(int(values[self._tab.page]) - 1, visitor)

    def show_older(self, values: Values, visitor: Visitor) -> Changes:
        """Show the page after."""
        return self._page(int(values[self._tab.page]) + 1, visitor)

    def choose(self, event: gr.SelectData, visitor: Visitor) -> Changes:
        """Show a picture large."""
        picture = clicked_picture(self._services.pictures, visitor, event)
        return self._tab.chosen.showing(shown_file(self._services, picture), picture)

    def _page(self, wanted: float | None, visitor: Visitor) -> Changes:
        tab, user = self._tab, whose(visitor)
        count = self._services.pictures.count(user)
        pages = max(1, -(-count // PAGE_SIZE))
        number = min(max(0, int(wanted or 0)), pages - 1)
        pictures = self._services.pictures.page(number, PAGE_SIZE, user)
        return {
            tab.page: number,
            tab.position: f"<b>{count:,}</b> pictures · page {number + 1} of {pages}" if count else "",
            tab.newer: gr.Button(interactive=number > 0, visible=pages > 1),
            tab.older: gr.Button(interactive=number + 1 < pages, visible=pages > 1),
            tab.empty: gr.HTML(visible=not count),
            tab.thumbnails: gr.Gallery(value=entries(self._services.pictures, pictures), visible=bool(count)),
        }
