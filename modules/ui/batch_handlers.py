"""What a batch on the tab img2img does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradio.components import Component

from modules.schema.requests import Img2ImgRequest
from modules.services.accounts import Visitor
from modules.services.batches import Batch
from modules.services.build import Services
from modules.ui.announcing import told_batch
from modules.ui.asking import uncounted_fields
from modules.ui.batch_panel import DIRECTORY
from modules.ui.binding import request_of
from modules.ui.generation_tab import GenerationTab

Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class BatchHandlers:
    """Handlers of a tab with sources; `values` are those of the components named as inputs."""

    def __init__(self, services: Services, tab: GenerationTab) -> None:
        if tab.sources is None:
            raise ValueError(f"the tab {tab.task} begins with no pictures")
        self._services = services
        self._tab = tab
        self._panel = tab.sources.batch

    def batch(self, values: Values, visitor: Visitor) -> tuple[Batch, Changes]:
        """The batch that is asked for, and what says what was left out.

        Raises InvalidRequest, ModelNotFound, StorageFull, NotAllowed.
        """
        panel, batches = self._panel, self._services.batches
        of_folder = values[panel.origin] == DIRECTORY
        files = panel.files.read(batches, values, visitor, of_folder=of_folder)
        masks = panel.masks.read(batches, values, visitor, of_folder=of_folder)
        without = uncounted_fields(self._services, self._tab, values, masked=bool(masks))
        composed = {"sections": self._tab.sections.read(values, self._tab.task)}
        request = request_of(values, self._tab.form, composed, without)
        if not isinstance(request, Img2ImgRequest):
            raise TypeError("Batches are of img2img.")
        folder = str(values[panel.subfolder] or "").strip()
        batch = batches.img2img(request, files, masks=masks, take=values[panel.take] or (), folder=folder)
        return batch, told_batch(batch, len(files), panel.queued, self._tab.notice)
