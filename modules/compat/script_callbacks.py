"""A1111's `modules.script_callbacks`: what an extension wants to be called at."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import local
from typing import Any

from modules.compat.guidance_callbacks import AfterCFGCallbackParams, CFGDenoisedParams, CFGDenoiserParams
from modules.compat.saving import ImageSaveParams
from modules.compat.surroundings import A1111Module

log = logging.getLogger(__name__)

Callback = Callable[..., Any]
Found = dict[str, list[Callback]]
"""By A1111's names for what they are called at."""

_CALLED = (
    *("app_started", "before_ui", "ui_settings", "ui_tabs", "infotext_pasted"),
    *("before_image_saved", "image_saved", "cfg_denoiser", "cfg_denoised", "cfg_after_cfg"),
    *("before_reload", "script_unloaded"),
)
_NEVER = ("before_component", "after_component")
"""Accepted, though never called: A1111's own components, which they are told of, are not here."""


class Callbacks:
    """The callbacks of one extension.

    Scripts give some anew for each picture and take them back afterwards, if at all. So what is done for a picture or a
    pass is done `within` callbacks of its own, and leaves those of the extension alone.
    """

    def __init__(self, extension: str) -> None:
        self._extension = extension
        self._lasting: Found = {}
        self._of_thread = local()

    def of(self, kind: str) -> tuple[Callback, ...]:
        """Those of one kind, in the order in which they were given."""
        return tuple(self._found.get(kind, ()))

    def copied(self) -> Found:
        """Those that hold now, to be changed by themselves."""
        return {kind: list(known) for kind, known in self._found.items()}

    @contextmanager
    def within(self, found: Found) -> Iterator[None]:
        """Meanwhile `found` are what holds in this thread: others are given to them, and taken back from them."""
        earlier = self._found
        self._of_thread.found = found
        try:
            yield
        finally:
            self._of_thread.found = earlier

    def module(self) -> A1111Module:
        """The module."""
        takers = {f"on_{kind}": partial(self._take, kind) for kind in _CALLED}
        ignorers = {f"on_{kind}": partial(self._ignore, kind) for kind in _NEVER}
        return A1111Module(
            "modules.script_callbacks",
            {
                **takers,
                **ignorers,
                "remove_callbacks_for_function": self._remove,
                "remove_current_script_callbacks": self._clear,
                "ImageSaveParams": ImageSaveParams,
                "CFGDenoiserParams": CFGDenoiserParams,
                "CFGDenoisedParams": CFGDenoisedParams,
                "AfterCFGCallbackParams": AfterCFGCallbackParams,
            },
        )

    @property
    def _found(self) -> Found:
        found: Found = getattr(self._of_thread, "found", self._lasting)
        return found

    def _take(self, kind: str, callback: Callback, *, name: str | None = None) -> None:
        known = self._found.setdefault(kind, [])
        if callback not in known:  # what is given anew for each picture would be called more and more often
            known.append(callback)

    def _ignore(self, kind: str, callback: Callback, *, name: str | None = None) -> None:
        log.info("The extension %s has a callback on_%s, which is never called here", self._extension, kind)

    def _remove(self, callback: Callback) -> None:
        for known in self._found.values():
            if callback in known:
                known.remove(callback)

    def _clear(self) -> None:
        self._found.clear()
