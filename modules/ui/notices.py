"""The edge between a person and the program: sentences for what they can mend, an id for what they cannot."""

from __future__ import annotations

import functools
import inspect
import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from modules.errors import UserError
from modules.ui.assets import asset
from modules.ui.handler_classes import Admission

MAX_LINES = 20
log = logging.getLogger(__name__)


def lay_out_notice() -> gr.HTML:
    """A place for one sentence; its value is plain text, and never becomes HTML."""
    return _lay_out_text('<p class="notice" role="alert"></p>', "notice-box")


def lay_out_remark(name: str, look: str = "remark", text: str = "") -> gr.HTML:
    """A place for plain text that nobody has to act upon; `look` is its class."""
    return _lay_out_text(f'<p class="{look}" role="status"></p>', f"{look}-box", name, text)


def _lay_out_text(template: str, box: str, name: str | None = None, text: str = "") -> gr.HTML:
    return gr.HTML(
        value=text, html_template=template, js_on_load=asset("notice.js"), elem_classes=[box, "text-box"], elem_id=name
    )


def guarded(notice: gr.HTML, handler: Callable[..., Any], *hopes: gr.HTML, empties: bool = True) -> Callable[..., Any]:
    """`handler` for those whom it is for, with every exception turned into a sentence in `notice`.

    A success empties that. What comes of this takes the request first. A handler gives a dict keyed by component; it
    may be an async generator of such dicts. One that follows from another's changes must not empty what that has just
    said. `hopes` are remarks that a failure empties.
    """
    admission = Admission(handler)
    if inspect.isasyncgenfunction(handler):

        @admission.shaped
        @functools.wraps(handler)
        async def streaming(request: gr.Request, *arguments: Any) -> Any:
            try:
                told = admission.told(request)
                if told is None:
                    yield {notice: gr.skip()}
                    return
                async for shown in handler(*arguments, **told):
                    yield shown
            except Exception as error:  # noqa: BLE001  the page's boundary
                yield {**dict.fromkeys(hopes, ""), notice: _sentence(error)}

        return streaming

    @admission.shaped
    @functools.wraps(handler)
    def answering(request: gr.Request, *arguments: Any) -> Any:
        try:
            if (told := admission.told(request)) is None:
                return {notice: gr.skip()}  # gradio takes no empty answer
            return {**({notice: ""} if empties else {}), **handler(*arguments, **told)}
        except Exception as error:  # noqa: BLE001  the page's boundary
            return {**dict.fromkeys(hopes, ""), notice: _sentence(error)}

    return answering


def shortened(lines: Sequence[str], most: int = MAX_LINES) -> list[str]:
    """The first lines, and how many more there are."""
    more = len(lines) - most
    return [*lines[:most], f"… and {more:,} more"] if more > 0 else list(lines)


def _sentence(error: Exception) -> str:
    """What to tell the person; a fault of the program is logged with its traceback."""
    if isinstance(error, UserError):
        return str(error)
    fault_id = secrets.token_hex(4)
    log.error("Fault %s of the page", fault_id, exc_info=error)
    return f"This did not work, by a fault of the program. The log has the details under {fault_id}."
