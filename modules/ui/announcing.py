"""What is said of a batch: at once that it is being taken in, then how much of it was."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.services.accounts import Visitor
from modules.services.batches import Batch
from modules.ui.notices import shortened

_TAKING_IN = "The pictures are being taken in …"
Values = Mapping[Component, Any]
Changes = dict[Component, Any]


def announced(
    submit: Callable[[Values, Visitor], Changes],
    mode: gr.Radio,
    modes: Collection[str],
    queued: gr.HTML,
    notice: gr.HTML,
) -> Callable[[Values, Visitor], AsyncIterator[Changes]]:
    """`submit` that says at once, in those modes, what it is about: taking in many pictures takes a while."""

    @functools.wraps(submit)
    async def submitting(values: Values, visitor: Visitor) -> AsyncIterator[Changes]:
        yield {notice: "", queued: _TAKING_IN if values[mode] in modes else ""}
        yield await asyncio.to_thread(submit, values, visitor)

    return submitting


def told_batch(batch: Batch, count: int, queued: gr.HTML, notice: gr.HTML) -> Changes:
    """How many of `count` files a batch is made of, and why the others were left out."""
    return {queued: queued_line(batch, count), notice: "\n".join(shortened(batch.left_out))}


def queued_line(batch: Batch, count: int) -> str:
    """How many of `count` files a batch is made of."""
    taken = count - len(batch.left_out)
    if batch.left_out:
        return f"{taken:,} of {count:,} pictures are queued."
    return "1 picture is queued." if count == 1 else f"{count:,} pictures are queued."
