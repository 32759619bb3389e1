"""What happens when a preset is chosen."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from modules.errors import InvalidRequest
from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.ui.generation_handlers import GenerationHandlers
from modules.ui.generation_tab import GenerationTab
from modules.ui.notices import shortened

Changes = dict[Component, Any]


class PresetHandlers:
    """The handlers of one tab."""

    def __init__(self, services: Services, tab: GenerationTab, forms: GenerationHandlers) -> None:
        self._services = services
        self._tab = tab
        self._forms = forms

    def apply(self, event: gr.EventData, visitor: Visitor) -> Changes:
        """Fill the form with a preset; says what is not here. Raises NotFound, InvalidRequest."""
        wanted = event._data.get("id") if isinstance(event._data, dict) else None
        if type(wanted) is not int or abs(wanted) > 1 << 53:
            raise InvalidRequest("Preset", wanted, "is not chosen", "Choose one first.")
        preset = self._services.presets.get(wanted, visitor.name)
        changes, dropped = self._forms.put_in(preset.values)
        return {**changes, self._tab.notice: "\n".join(shortened(dropped))}
