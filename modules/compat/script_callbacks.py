"""A1111's `modules.script_callbacks`: what an extension wants to be called at."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from modules.compat.guidance_callbacks import AfterCFGCallbackParams, CFGDenoisedParams, CFGDenoiserParams
from modules.compat.saving import ImageSaveParams
from modules.compat.surroundings import A1111Module

log = logging.getLogger(__name__)

Callback = Callable[..., Any]

_CALLED = (
    *("app_started", "before_ui", "ui_settings", "infotext_pasted"),
    *("before_image_saved", "image_saved", "cfg_denoiser", "cfg_denoised", "cfg_after_cfg"),
    *("before_reload", "script_unloaded"),
)
_NEVER = ("before_component", "after_component")
"""Accepted, though never called: A1111's own components, which they are told of, are not here."""


class Callbacks:
    """The callbacks of one extension, by A1111's names for what they are called at."""

    def __init__(self, extension: str) -> None:
        self._extension = extension
        self._found: dict[str, list[Callback]] = {}

    def of(self, kind: str) -> tuple[Callback, ...]:
        """Those of one kind, in the order in which they were given."""
        return tuple(self._found.get(kind, ()))

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
                "remove_current_script_callbacks": self._found.clear,
                "ImageSaveParams": ImageSaveParams,
                "CFGDenoiserParams": CFGDenoiserParams,
                "CFGDenoisedParams": CFGDenoisedParams,
                "AfterCFGCallbackParams": AfterCFGCallbackParams,
            },
        )

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
