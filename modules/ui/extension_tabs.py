"""The tabs of extensions: laid out one by one, so that a failing one leaves nothing behind but its error."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable
from functools import partial

import gradio as gr
from gradio.context import Context

from modules.hooks import Tab, TabContext
from modules.hooks.extension_code import fault_of, in_time
from modules.ui.notices import lay_out_remark
from modules.ui.page import Page

log = logging.getLogger(__name__)

ContextOf = Callable[[str], TabContext]
"""What the tabs of a plugin are told."""


def lay_out_extension_tabs(page: Page, tabs: Iterable[tuple[str, Tab]], context_of: ContextOf) -> list[gr.Tab]:
    """A tab for each, in the place where it is called. Their events answer those whom the tabs are for."""
    return [_lay_out(page, number, plugin, tab, context_of) for number, (plugin, tab) in enumerate(tabs, 1)]


def _lay_out(page: Page, number: int, plugin: str, tab: Tab, context_of: ContextOf) -> gr.Tab:
    # The number tells those apart whose titles leave the same letters, or none.
    place = re.sub("[^a-z0-9]+", "-", f"{plugin}-{tab.title}-{number}".lower()).strip("-")
    with gr.Tab(tab.title, id=f"extension-{place}", elem_id=f"extension-{place}-tab") as shown:
        blocks, events = set(page.blocks), set(page.fns)
        try:
            in_time(partial(_built, tab, partial(context_of, plugin)))
        except Exception as error:  # others wrote it
            log.warning("The tab %r of the extension %s failed", tab.title, plugin, exc_info=True)
            Context.root_block, Context.block = page, shown  # where it was ended it may have left others
            _forget(page, shown, page.blocks.keys() - blocks, page.fns.keys() - events)
            problem = fault_of(error)
            lay_out_remark(
                f"extension-{place}-failed", text=f"The extension {plugin} could not lay out this tab ({problem})."
            )
    if tab.audience == "owner":
        page.keep_for_owners(page.fns.keys() - events)
    return shown


def _built(tab: Tab, context: Callable[[], TabContext]) -> None:
    tab.build(context())


def _forget(page: Page, shown: gr.Tab, blocks: Collection[int], events: Collection[int]) -> None:
    """Take out what a tab laid out before it failed."""
    shown.children.clear()
    for event in events:
        del page.fns[event]
    for block in blocks:
        del page.blocks[block]
