"""What the page shows to owners of the server alone: others would only be refused there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.blocks import Block

from modules.services.accounts import Visitor
from modules.ui.generation_tab import GenerationTab
from modules.ui.models_tab import ModelsTab


class OwnersPartsHandlers:
    """The handler of a page that is opened."""

    def __init__(self, parts: Sequence[Block]) -> None:
        self._parts = parts

    def welcome(self, visitor: Visitor) -> dict[Block, Any]:
        """Hide the parts from who is no owner."""
        return {} if visitor.is_owner else {part: gr.update(visible=False) for part in self._parts}


def owners_parts(tabs: Mapping[Any, GenerationTab], models: ModelsTab) -> list[Block]:
    """Downloads, editing of cards, keeping of styles.

    The tab Merge stays and refuses: gradio takes no tab away that was not looked at yet.
    """
    tools = [tab.tools for tab in tabs.values()]
    kept: list[Block] = [one for tool in tools for one in tool.of_owners()]
    return [models.downloads.fetching, models.opened.card, *kept]
