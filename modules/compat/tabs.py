"""What A1111's `on_ui_tabs` returns: forms that are laid out already, each of which becomes a tab of the extension."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import gradio as gr
from gradio.context import Context

from modules.hooks import Tab, TabContext


def tabs_of(callbacks: Sequence[Callable[[], Any]]) -> list[Tab]:
    """The tabs that the callbacks return, for owners of the server. Raises whatever a callback raises.

    It is called outside of an event loop.
    """
    return asyncio.run(_asked(callbacks)) if callbacks else []  # gradio wants a loop, and would leave one open


async def _asked(callbacks: Sequence[Callable[[], Any]]) -> list[Tab]:
    with _apart():
        return [_tab(*row) for callback in callbacks for row in callback() or ()]


def _tab(form: gr.Blocks, title: str, place: str) -> Tab:
    if not isinstance(form, gr.Blocks):
        raise TypeError(f"on_ui_tabs returned {type(form).__name__} instead of gradio.Blocks")
    return Tab(title=title, build=partial(_lay_out, form, place))


def _lay_out(form: gr.Blocks, place: str, context: TabContext) -> None:
    with gr.Column(elem_id=f"tab_{place}"):  # by which A1111's style sheets and scripts find it
        form.render()


@contextmanager
def _apart() -> Iterator[None]:
    """Where a form is no part of the page that is being laid out meanwhile: its tab comes later."""
    page, part = Context.root_block, Context.block
    Context.root_block = Context.block = None
    try:
        yield
    finally:
        Context.root_block, Context.block = page, part
