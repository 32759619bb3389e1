"""What the cards of the Models tab follow from: the kind, a search, and what lies on the disk now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.config.model_folders import FolderKind
from modules.errors import UserError
from modules.services.build import Services
from modules.services.model_cards import ModelCard
from modules.ui.generation_handlers import LISTS
from modules.ui.generation_tab import GenerationTab
from modules.ui.model_grid import Previews, shown_card
from modules.ui.model_kinds import KINDS, RARE
from modules.ui.models_tab import ORDERS, PAGE_SIZE, ModelsTab
from modules.ui.request_controls import choices_of

Values = Mapping[Component, Any]
Changes = dict[Component, Any]
DEMO = "atelier-demo"
"""The checkpoint that ships with the program."""


class ModelsHandlers:
    """Handlers of the list; `values` are those of the tab's `asked`."""

    def __init__(self, services: Services, tab: ModelsTab) -> None:
        self._services = services
        self._tab = tab
        self._previews = Previews(services.cards)

    def look(self) -> Changes:
        """Whether there is anything new; the page asks this again and again, so nothing else hangs on it."""
        return {self._tab.seen: str(self._services.models.version)}

    async def show(self, values: Values) -> AsyncIterator[Changes]:
        """Show the cards, with the previews that are known; then with those that have to be made first."""
        shown, cards = await asyncio.to_thread(self._shown, values)
        yield shown
        if any(self._previews.known(card) is None for card in cards):
            yield {self._tab.grid: await asyncio.to_thread(self._grid, cards, values, with_all=True)}

    async def show_from_start(self, values: Values) -> AsyncIterator[Changes]:
        """The same with the first cards only: another kind or another search."""
        async for shown in self.show({**values, self._tab.limit: PAGE_SIZE}):
            yield shown

    async def show_more(self, values: Values) -> AsyncIterator[Changes]:
        """The same with more cards."""
        async for shown in self.show({**values, self._tab.limit: _limit(values, self._tab) + PAGE_SIZE}):
            yield shown

    async def look_again(self, values: Values) -> AsyncIterator[Changes]:
        """The same after a look at the disk that takes as long as it takes."""
        await asyncio.to_thread(self._services.model_files.refresh, wait=30.0, read=True)
        async for shown in self.show(values):
            yield shown

    def _shown(self, values: Values) -> tuple[Changes, list[ModelCard]]:
        tab, cards = self._tab, self._services.cards
        kind: FolderKind = values[tab.kind] if values[tab.kind] in KINDS else "checkpoint"
        order = values[tab.order] if values[tab.order] in ORDERS else "name"
        search = str(values[tab.search] or "")
        plain: Any = order.removeprefix("-")
        found = cards.all(kind, search, order=plain, descending=order.startswith("-"))
        limit = _limit(values, tab)
        first = found[:limit]
        counts = {name: len(self._services.model_files.all(name, wait=0.0)) for name in KINDS}
        there = [name for name in KINDS if counts[name] or name == kind or name not in RARE]
        choices = [(f"{KINDS[name]} {counts[name]:,}", name) for name in there]
        changes: Changes = {
            # Without its value: somebody may have chosen another kind by now.
            tab.kind: gr.Radio(choices=choices),
            tab.limit: limit,
            tab.position: _position(len(first), len(found), search, self._folder(kind)),
            tab.more: gr.Button(visible=len(first) < len(found)),
            tab.grid: self._grid(first, values, with_all=False),
        }
        return changes, first

    def _grid(self, cards: list[ModelCard], values: Values, *, with_all: bool) -> dict[str, Any]:
        previews, used = self._previews, self._used()
        shown = [
            shown_card(
                card,
                preview=previews.find(card) if with_all else previews.known(card) or "",
                is_used=card.path == used,
            )
            for card in cards
        ]
        return {"cards": shown, "chosen": values[self._tab.opened.chosen] or ""}

    def _used(self) -> Path | None:
        try:
            return self._services.models.current().path
        except UserError:
            return None

    def _folder(self, kind: FolderKind) -> str:
        return str(self._services.paths.model_folders[kind][0])


class ListHandlers:
    """Everything else on the page that lists model files: the header, and fields of forms."""

    def __init__(self, services: Services, model: gr.Dropdown, tabs: Mapping[Any, GenerationTab]) -> None:
        self._services = services
        self._model = model
        self._tabs = tabs

    def lists(self) -> set[Component]:
        """All of them."""
        return {self._model, *(tab.form[name] for tab in self._tabs.values() for name in self._names(tab))}

    def show(self) -> Changes:
        """Offer what is there now; whatever is chosen stays."""
        names = [checkpoint.name for checkpoint in self._services.models.all()]
        changes: Changes = {self._model: gr.Dropdown(choices=names)}
        for task, tab in self._tabs.items():
            available = self._services.scripts.available(task)
            for name in self._names(tab):
                changes[tab.form[name]] = gr.Dropdown(choices=choices_of(name, available))
        return changes

    def _names(self, tab: GenerationTab) -> list[str]:
        there = tab.form.by_name()
        return [name for name in LISTS if isinstance(there.get(name), gr.Dropdown)]


def has_own_checkpoints(services: Services) -> bool:
    """Whether there is a checkpoint besides the one that ships with the program."""
    return any(checkpoint.name != DEMO for checkpoint in services.models.all())


def _limit(values: Values, tab: ModelsTab) -> int:
    try:
        return max(PAGE_SIZE, int(values[tab.limit] or 0))
    except (TypeError, ValueError, OverflowError):
        return PAGE_SIZE


def _position(shown: int, found: int, search: str, folder: str) -> str:
    if shown < found:
        return f"{shown:,} of {found:,}"
    if found:
        return ""
    if search.strip():
        return "Nothing holds all of these words. Search for fewer of them."
    return f"Nothing yet. Files that are put into {folder} appear here by themselves."
