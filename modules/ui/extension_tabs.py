"""The tabs of extensions: laid out one by one, so that a failing one leaves nothing behind but its error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial

import gradio as gr

from modules.hooks import Tab, TabContext
from modules.ui.extension_layout import laid_out_by_extension
from modules.ui.notices import lay_out_remark
from modules.ui.page import Page

ContextOf = Callable[[str], TabContext]
"""What the tabs of a plugin are told."""


def lay_out_extension_tabs(page: Page, tabs: Iterable[tuple[str, Tab]], context_of: ContextOf) -> list[gr.Tab]:
    """A tab for each, in the place where it is called. Their events answer those whom the tabs are for."""
    return [_lay_out(page, number, plugin, tab, context_of) for number, (plugin, tab) in enumerate(tabs, 1)]


def _lay_out(page: Page, number: int, plugin: str, tab: Tab, context_of: ContextOf) -> gr.Tab:
    # The number tells those apart whose titles leave the same letters, or none.
    place = re.sub("[^a-z0-9]+", "-", f"{plugin}-{tab.title}-{number}".lower()).strip("-")
    with gr.Tab(tab.title, id=f"extension-{place}", elem_id=f"extension-{place}-tab") as shown:
        events = set(page.fns)
        build = partial(_built, tab, partial(context_of, plugin))
        if problem := laid_out_by_extension(page, shown, build, f"the tab {tab.title!r} of the extension {plugin}"):
            lay_out_remark(
                f"extension-{place}-failed", text=f"The extension {plugin} could not lay out this tab ({problem})."
            )
    if tab.audience == "owner":
        page.keep_for_owners(page.fns.keys() - events)
    return shown


def _built(tab: Tab, context: Callable[[], TabContext]) -> None:
    tab.build(context())
