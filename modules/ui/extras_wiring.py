"""Which event on the Extras tab calls which handler."""

from __future__ import annotations

from functools import partial

from modules.ui.announcing import announced
from modules.ui.extras_handlers import ExtrasHandlers
from modules.ui.extras_tab import DIRECTORY, SEVERAL
from modules.ui.memory import describe_script, mark_script, remember
from modules.ui.notices import guarded
from modules.ui.wiring import Wiring, wire_jobs


def wire_extras(wiring: Wiring) -> None:
    """Opening the page, choosing a picture, asking, and what the browser remembers."""
    tab, state, memory = wiring.extras, wiring.state, wiring.memories[wiring.extras.task]
    handlers = ExtrasHandlers(wiring.services, tab, state)
    guard = partial(guarded, tab.notice)
    asked, shown = tab.asked(), {*tab.shown_source(), tab.notice}
    wiring.page.load(None, None, None, js=describe_script(tab))
    welcomed = wiring.page.load(guard(handlers.welcome), memory, {*asked, *shown}, **wiring.quiet)
    welcomed.then(None, asked, None, js=mark_script(tab))
    tab.tab.select(None, asked, None, js=mark_script(tab))  # a tab is there only when it is looked at
    submit = announced(handlers.submit, tab.mode, {SEVERAL, DIRECTORY}, tab.queued, tab.notice)
    tab.generate.click(
        guard(submit, tab.queued),
        {*asked, tab.files.files},
        {state.submitted, tab.status, tab.queued, tab.notice},
        trigger_mode="multiple",
        **wiring.quiet,
    )
    wire_jobs(wiring, tab)
    changes = [
        tab.file.upload(guard(handlers.take_in), {tab.file}, shown, **wiring.quiet),
        tab.remove.click(guard(handlers.remove), None, shown, **wiring.quiet),
    ]
    typed = [one.input for one in asked if one is not tab.source]
    remember(tab, memory, [*typed, *(change.then for change in changes)])
