"""What concerns all tabs that generate: a page that is opened, and another checkpoint in its header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.errors import ModelNotFound
from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.ui.generation_handlers import GenerationHandlers


class ModelHandlers:
    """The checkpoint belongs to all tabs that generate."""

    def __init__(self, services: Services, model: gr.Dropdown, tabs: Sequence[GenerationHandlers]) -> None:
        self._services = services
        self._model = model
        self._tabs = tabs

    def welcome(self, *remembered: Mapping[str, Any] | None, visitor: Visitor) -> dict[Component, Any]:
        """Bring a page that was just opened up to date; `remembered` is what the browser kept of each tab."""
        changes: dict[Component, Any] = {}
        for tab, kept in zip(self._tabs, remembered, strict=True):
            changes |= tab.welcome(kept, visitor.name)
        return changes

    def select(self, values: Mapping[Component, Any], visitor: Visitor) -> dict[Component, Any]:
        """Use another checkpoint; fields that a person changed stay as they are. Raises ModelNotFound.

        Of an owner it is the one of the whole server from now on, of others that of this page.
        """
        try:
            before = self._services.models.current().card
        except ModelNotFound:
            before = None
        models = self._services.models
        find = models.select if visitor.is_owner else models.find
        checkpoint = find(values[self._model] or "")
        if visitor.is_owner:
            self._services.machine.load_current()
        changes: dict[Component, Any] = {}
        for tab in self._tabs:
            changes |= tab.follow_model(values, before or checkpoint.card, checkpoint.card)
            changes |= tab.sizes_of(checkpoint)
        return changes
