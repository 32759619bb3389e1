"""The page as gradio sees it, with two ways of gradio mended that would reach the user."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr
from gradio.blocks import BlockFunction
from gradio.state_holder import SessionState


class Page(gr.Blocks):
    """Blocks whose controls stay what they are when they are updated, and whose refusals are text."""

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: SessionState | None, explicit_call: bool = False
    ) -> list[Any]:
        """What the handler gets of what the browser sent. Raises `gradio.Error` with its message escaped."""
        if state is not None:
            _keep_own_preprocess(block_fn, state)
        try:
            processed: list[Any] = await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except gr.Error as error:
            # Shown as HTML, and it quotes values: names of files and styles among them.
            error.message = html.escape(str(error.message))
            raise
        return processed


def _keep_own_preprocess(block_fn: BlockFunction, state: SessionState) -> None:
    """A control that was updated is a new one of its class, which has not got what `controls` gave to the first."""
    for block in block_fn.inputs:
        own = vars(block).get("preprocess")
        if own is not None:
            state[block._id].preprocess = own
