"""Whose handlers of the page are whose, as the classes of the routes have it, and how a handler learns who asks.

A handler that stands in no line is for owners alone, and a test fails for it.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any, Literal

import gradio as gr

from modules.errors import NotAllowed
from modules.services.accounts import Visitor
from modules.ui.visitors import visitor_of

HandlerClass = Literal["user", "owner", "unasked"]
"""Everybody's; those of owners; those of owners that the page calls by itself, and that tell others nothing."""

_TABLE: dict[HandlerClass, str] = {
    "user": """
        GenerationHandlers: submit reuse_seed take_size describe_hires
        ModelHandlers: welcome select
        PromptHandlers: describe preview add_wildcard apply_styles edit_style
        PresetHandlers: apply
        ScriptHandlers: choose offer put_all_in
        SectionHandlers: take_in remove
        SourceHandlers: take_in take_in_mask clear
        FirstPassHandlers: take_in remove
        ExtrasHandlers: welcome take_in remove submit
        FollowHandlers: follow
        JobHandlers: interrupt skip
        PictureHandlers: remix send
        DroppedPictureHandlers: send
        FillHandlers: paste
        InfotextHandlers: use
        GalleryHandlers: open
        PngInfoHandlers: read
        ModelsHandlers: look show show_from_start show_more look_again
        ListHandlers: show
        OpenedModelHandlers: open close use use_word
        OwnersPartsHandlers: welcome
    """,
    "owner": """
        PromptHandlers: save_style delete_style
        OpenedModelHandlers: save take_newest take_upload
        DownloadHandlers: start_listed start act
        MergeHandlers: choose_method start cancel use
    """,
    "unasked": """
        DownloadHandlers: welcome look watch show
        MergeHandlers: open look watch show
    """,
}


def names_of(kind: HandlerClass) -> set[str]:
    """The handlers of a class, by their qualified names."""
    lines = (line.split(":") for line in _TABLE[kind].splitlines() if line.strip())
    return {f"{owner.strip()}.{name}" for owner, names in lines for name in names.split()}


_CLASSES: dict[str, HandlerClass] = {name: kind for kind in _TABLE for name in names_of(kind)}


def class_of(handler: Callable[..., Any]) -> HandlerClass | None:
    """The class of a handler, however wrapped; None for one that stands in no line."""
    return _CLASSES.get(getattr(_inmost(handler), "__qualname__", ""))


class Admission:
    """Lets those through to a handler whom it is for, and tells it who asks where it wants to know."""

    def __init__(self, handler: Callable[..., Any]) -> None:
        self._class = class_of(handler)
        self._parameters = inspect.signature(handler).parameters
        self._hints = typing.get_type_hints(_inmost(handler))

    def told(self, request: gr.Request) -> dict[str, Visitor] | None:
        """What the handler is told of who asks; None where it is not to be called. Raises NotAllowed."""
        visitor = visitor_of(request)
        if self._class != "user" and not visitor.is_owner:
            if self._class == "unasked":
                return None
            raise NotAllowed
        return {"visitor": visitor} if "visitor" in self._parameters else {}

    def shaped(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function` with the signature by which gradio gives it a request and then what the handler takes."""
        request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=gr.Request)
        taken = [one for name, one in self._parameters.items() if name != "visitor"]
        function.__signature__ = inspect.Signature([request, *taken])  # type: ignore[attr-defined]
        hints = {name: hint for name, hint in self._hints.items() if name not in ("visitor", "return")}
        function.__annotations__ = {**hints, "request": gr.Request}
        return function


def _inmost(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The method that hides behind what was bound and wrapped."""
    while True:
        if isinstance(handler, functools.partial):
            handler = handler.func
        elif hasattr(handler, "__wrapped__"):
            handler = handler.__wrapped__
        else:
            return handler
