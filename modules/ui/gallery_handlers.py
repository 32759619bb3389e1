"""What the server does for the Gallery tab; everything else the tab asks the native API for."""

from __future__ import annotations

import time
from typing import Any

from gradio.components import Component

from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.ui.gallery_tab import GalleryTab

Changes = dict[Component, Any]


class GalleryHandlers:
    """The tab's handlers."""

    def __init__(self, services: Services, tab: GalleryTab) -> None:
        self._services = services
        self._tab = tab

    def open(self, visitor: Visitor) -> Changes:
        """Look at the outputs folder, begin to look at adopted ones, and tell the tab that this was done."""
        self._services.pictures.refresh()
        self._services.picture_folders.look_at_all()
        return {self._tab.gallery: {"owner": visitor.is_owner, "looked": time.time()}}
