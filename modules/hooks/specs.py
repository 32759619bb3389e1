"""The hooks: what an extension may contribute. One function each, with a line that says what it is for.

An implementation is a function of the same name marked with `hookimpl`; it may take any of the parameters that stand
here, so that a parameter which is added later breaks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

from pluggy import HookimplMarker, HookspecMarker

from modules.hooks.scripts import Script
from modules.hooks.sections import Section

PROJECT = "atelier"

hookspec = HookspecMarker(PROJECT)
hookimpl = HookimplMarker(PROJECT)


@hookspec
def register_scripts() -> Iterable[Script]:  # type: ignore[empty-body]
    """Scripts that a person can choose to run instead of one plain request."""


@hookspec
def register_sections() -> Iterable[Section]:  # type: ignore[empty-body]
    """Groups of arguments in the generation tabs, and what they do with prompts and finished pictures."""
