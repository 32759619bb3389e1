"""Which event on the Merge tab calls which handler."""

from __future__ import annotations

from functools import partial

import gradio as gr

from modules.ui.memory import filling
from modules.ui.merge_handlers import MergeHandlers
from modules.ui.merge_tab import MODELS, MergeTab
from modules.ui.models_tab import ModelsTab
from modules.ui.models_wiring import changed_by_use, form_components, opened_handlers
from modules.ui.notices import guarded
from modules.ui.wiring import Wiring


def wire_merge(wiring: Wiring, tab: MergeTab, models: ModelsTab, model: gr.Dropdown) -> None:
    """Choosing, merging, cancelling, and using what was made."""
    handlers = MergeHandlers(wiring.services, tab)
    opened = opened_handlers(wiring, models, model)
    guard = partial(guarded, tab.notice)
    form, state = tab.form, tab.state()
    lists = {*(form[name] for name in MODELS), form["vae"], *state}
    tab.tab.select(guard(handlers.open, empties=False), None, lists, **wiring.quiet)
    models.seen.change(guard(handlers.open, empties=False), None, lists, **wiring.quiet)
    chosen = {*(form[name] for name in MODELS), form["multiplier"], tab.formula, tab.notice}
    form["method"].input(guard(handlers.choose_method), {form["method"]}, chosen, **wiring.quiet)
    tab.merge.click(guard(handlers.start), set(form.values()), state, **wiring.quiet)
    tab.cancel.click(guard(handlers.cancel), None, state, **wiring.quiet)
    models.timer.tick(guard(handlers.look, empties=False), None, {tab.under_way, tab.notice}, **wiring.quiet)
    tab.under_way.change(guard(handlers.watch, empties=False), {tab.under_way}, {*state, tab.timer}, **wiring.quiet)
    tab.timer.tick(guard(handlers.show, empties=False), None, state, **wiring.quiet)
    filling(
        tab.use.click,
        guard(partial(handlers.use, opened)),
        {tab.made, *form_components(wiring)},
        {tab.result, tab.notice, *changed_by_use(wiring, model)},
        **wiring.quiet,
    )
