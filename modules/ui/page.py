"""The page as gradio sees it, with two ways of gradio mended that would reach the user."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

import gradio as gr
from gradio.blocks import BlockFunction
from gradio.state_holder import SessionState

from modules.errors import NotAllowed
from modules.ui.visitors import visitor_of


class Page(gr.Blocks):
    """Blocks whose controls stay what they are when they are updated, and whose refusals are text."""

    _of_owners: frozenset[int] = frozenset()

    def keep_for_owners(self, events: Iterable[int]) -> None:
        """Events, by their numbers, that answer owners of the server alone; whoever binds them cannot say so."""
        self._of_owners |= set(events)

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

    async def process_api(
        self,
        block_fn: BlockFunction | int,
        inputs: list[Any],
        state: SessionState | None = None,
        request: gr.Request | list[gr.Request] | None = None,
        **given: Any,
    ) -> dict[str, Any]:
        """What an event answers. Raises `gradio.Error` where it is for owners and somebody else asks."""
        number = block_fn if isinstance(block_fn, int) else block_fn._id
        if number in self._of_owners and not _is_of_owner(request):
            raise gr.Error(str(NotAllowed()))
        answer: dict[str, Any] = await super().process_api(block_fn, inputs, state, request, **given)
        return answer


def _is_of_owner(request: gr.Request | list[gr.Request] | None) -> bool:
    try:
        asking = request if isinstance(request, list) else [request]
        return all(one is not None and visitor_of(one).is_owner for one in asking)
    except NotAllowed:
        return False


def _keep_own_preprocess(block_fn: BlockFunction, state: SessionState) -> None:
    """A control that was updated is a new one of its class, which has not got what `controls` gave to the first."""
    for block in block_fn.inputs:
        own = vars(block).get("preprocess")
        if own is not None:
            state[block._id].preprocess = own
