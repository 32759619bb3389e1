"""A part of the page that an extension lays out: one that fails leaves nothing behind."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

import gradio as gr
from gradio.blocks import BlockContext
from gradio.context import Context

from modules.hooks.extension_code import fault_of, in_time

log = logging.getLogger(__name__)


def laid_out_by_extension(page: gr.Blocks, within: BlockContext, build: Callable[[], None], whose: str) -> str:
    """Have an extension lay out what stands within a block of the page, in its time. `whose` is for the log.

    Returns what went wrong, with everything taken out again that was laid out; empty where nothing did.
    """
    blocks, events = set(page.blocks), set(page.fns)
    problem = ""
    try:
        in_time(build)
    except Exception as error:  # others wrote it
        log.warning("The layout of %s failed", whose, exc_info=True)
        problem = fault_of(error)
    Context.root_block, Context.block = page, within  # where it was ended, or forgot to leave one, there are others
    if problem:
        _forget(page, within, page.blocks.keys() - blocks, page.fns.keys() - events)
    return problem


def _forget(page: gr.Blocks, within: BlockContext, blocks: Collection[int], events: Collection[int]) -> None:
    within.children.clear()
    for event in events:
        del page.fns[event]
    for block in blocks:
        del page.blocks[block]
