"""Which event on the Extras tab calls which handler."""

from __future__ import annotations

from functools import partial

from modules.ui.announcing import announced
from modules.ui.extras_handlers import ExtrasHandlers
from modules.ui.extras_tab import DIRECTORY, SEVERAL
from modules.ui.memory import filling, mark_script
from modules.ui.notices import guarded
from modules.ui.wiring import Wiring, how_script, wire_jobs, wire_sections


def wire_extras(wiring: Wiring) -> None:
    """Opening the page, choosing a picture, asking, and what the browser remembers."""
    tab, state, memory = wiring.extras, wiring.state, wiring.memories[wiring.extras.task]
    handlers = ExtrasHandlers(wiring.services, tab, state)
    guard = partial(guarded, tab.notice)
    asked, shown = tab.asked(), {*tab.shown_source(), tab.notice}
    of_steps = tab.sections.shown_pictures()
    welcomed = wiring.page.load(guard(handlers.welcome), memory, {*asked, *shown, *of_steps}, **wiring.quiet)
    welcomed.then(None, asked, None, js=mark_script([tab]))
    submit = announced(handlers.submit, tab.mode, {SEVERAL, DIRECTORY}, tab.queued, tab.notice)
    given = {*asked, tab.files.files, state.how}
    tab.generate.click(
        guard(submit, tab.queued),
        given,
        {state.submitted, tab.status, tab.queued, tab.notice},
        trigger_mode="multiple",
        js=how_script(state, given),
        **wiring.quiet,
    )
    wire_jobs(wiring, tab)
    filling(tab.file.upload, guard(handlers.take_in), {tab.file}, shown, **wiring.quiet)
    filling(tab.remove.click, guard(handlers.remove), None, shown, **wiring.quiet)
    wire_sections(wiring, tab, guard)
