"""Which event on the Models tab calls which handler."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.ui.download_handlers import DownloadHandlers
from modules.ui.generation_handlers import GenerationHandlers
from modules.ui.memory import filling
from modules.ui.model_handlers import ModelHandlers
from modules.ui.models_handlers import ListHandlers, ModelsHandlers
from modules.ui.models_tab import ModelsTab
from modules.ui.notices import guarded
from modules.ui.opened_model_handlers import OpenedModelHandlers
from modules.ui.wiring import Wiring

_GO_TO_PANEL = """() => {
  if (window.matchMedia('(max-width: 760px)').matches)
    setTimeout(() => document.querySelector('#model-panel')?.scrollIntoView({behavior: 'smooth'}), 60);
  return [];
}"""
"""On a phone the opened card lies below the others."""
_GO_BACK = """() => {
  const card = document.querySelector('.model-card[aria-pressed="true"]');
  card?.setAttribute('aria-pressed', 'false');
  if (window.matchMedia('(max-width: 760px)').matches) card?.scrollIntoView({block: 'center'});
  return [];
}"""
_GO_TO_DOWNLOADS = """() => {
  const told = document.querySelector('#models-side > .notice-box p:not(:empty)');
  setTimeout(() => (told || document.querySelector('.download'))?.scrollIntoView({block: 'nearest'}), 60);
  return [];
}"""
"""What was begun, or why it was not, stands above the list."""


def wire_models(wiring: Wiring, tab: ModelsTab, model: gr.Dropdown) -> None:
    """The cards, the one that is opened, and the downloads."""
    _wire_list(wiring, tab, model)
    _wire_opened(wiring, tab, model)
    _wire_downloads(wiring, tab)


def opened_handlers(wiring: Wiring, tab: ModelsTab, model: gr.Dropdown) -> OpenedModelHandlers:
    """What can be done with a model, here and where one was made."""
    generating = [GenerationHandlers(wiring.services, one, wiring.state) for one in wiring.tabs.values()]
    models = ModelHandlers(wiring.services, model, generating)
    return OpenedModelHandlers(wiring.services, tab.opened, wiring.tabs, model, models)


def form_components(wiring: Wiring) -> set[Component]:
    """The fields of all forms."""
    return {component for tab in wiring.tabs.values() for component in tab.form.components()}


def changed_by_use(wiring: Wiring, model: gr.Dropdown) -> set[Any]:
    """What using a model may change on the other tabs."""
    return {
        model,
        *form_components(wiring),
        *(one for tab in wiring.tabs.values() for one in (tab.examples, tab.size_tools)),
    }


def _last(wiring: Wiring) -> dict[str, Any]:
    """Of events that show the cards: one after the other, so that what was asked for last is what is shown."""
    in_turn = {"concurrency_id": "model-list", "concurrency_limit": 1}
    return {"trigger_mode": "always_last", **wiring.quiet, **in_turn}


def _wire_list(wiring: Wiring, tab: ModelsTab, model: gr.Dropdown) -> None:
    handlers, lists = ModelsHandlers(wiring.services, tab), ListHandlers(wiring.services, model, wiring.tabs)
    guard = partial(guarded, tab.notice)
    asked, shown = tab.asked(), tab.shown()
    last = _last(wiring)
    tab.timer.tick(guard(handlers.look, empties=False), None, {tab.seen, tab.notice}, **wiring.quiet)
    tab.seen.change(guard(handlers.show, empties=False), asked, shown, **last)
    tab.seen.change(guard(lists.show, empties=False), None, {tab.notice, *lists.lists()}, **wiring.quiet)
    tab.tab.select(guard(handlers.show), asked, shown, **last)
    gr.on([tab.kind.input, tab.search.input, tab.order.input], guard(handlers.show_from_start), asked, shown, **last)
    tab.more.click(guard(handlers.show_more), asked, shown, **last)
    tab.refresh.click(guard(handlers.look_again), asked, shown, **last)


def _wire_opened(wiring: Wiring, tab: ModelsTab, model: gr.Dropdown) -> None:
    panel, handlers = tab.opened, opened_handlers(wiring, tab, model)
    shown = panel.shown()
    guard = partial(guarded, panel.notice)
    opened = tab.grid.select(guarded(tab.notice, handlers.open), None, {*shown, tab.notice}, **wiring.quiet)
    opened.then(None, None, None, js=_GO_TO_PANEL)
    panel.close.click(None, None, None, js=_GO_BACK)
    panel.close.click(guard(handlers.close), None, {panel.column, panel.chosen, panel.notice}, **wiring.quiet)
    values = {panel.chosen, panel.place, panel.negative, *form_components(wiring)}
    changed = {panel.remark, panel.notice, *changed_by_use(wiring, model)}
    used = filling(panel.use.click, guard(handlers.use), values, changed, **wiring.quiet)
    filling(panel.words.select, guard(handlers.use_word), values, changed, **wiring.quiet)
    edited = {panel.chosen, *panel.form.values()}
    saved = panel.save.click(guard(handlers.save), edited, shown, **wiring.quiet)
    newest = panel.newest.click(guard(handlers.take_newest), {panel.chosen}, shown, **wiring.quiet)
    uploaded = panel.upload.upload(guard(handlers.take_upload), {panel.chosen, panel.upload}, shown, **wiring.quiet)
    cards = guarded(tab.notice, ModelsHandlers(wiring.services, tab).show, empties=False)
    for event in (used, saved, newest, uploaded):
        event.then(cards, tab.asked(), tab.shown(), **_last(wiring))


def _wire_downloads(wiring: Wiring, tab: ModelsTab) -> None:
    panel = tab.downloads
    handlers = DownloadHandlers(wiring.services, panel)
    guard = partial(guarded, panel.notice)
    shown = {panel.current, panel.listed, panel.under_way, panel.notice}
    wiring.page.load(guard(handlers.welcome), None, {*shown, panel.welcome, panel.more}, **wiring.quiet)
    tab.timer.tick(guard(handlers.look, empties=False), None, {panel.under_way, panel.notice}, **wiring.quiet)
    panel.under_way.change(
        guard(handlers.watch, empties=False), {panel.under_way}, {*shown, panel.timer}, **wiring.quiet
    )
    panel.timer.tick(guard(handlers.show, empties=False), None, shown, **wiring.quiet)
    tab.seen.change(guard(handlers.show, empties=False), None, shown, **wiring.quiet)
    started = panel.listed.select(guard(handlers.start_listed), None, shown, **wiring.quiet)
    started.then(None, None, None, js=_GO_TO_DOWNLOADS)
    panel.current.select(guard(handlers.act), None, shown, **wiring.quiet)
    form = set(panel.form().values())
    started = panel.start.click(guard(handlers.start), form, {*shown, *form}, **wiring.quiet)
    started.then(None, None, None, js=_GO_TO_DOWNLOADS)
