"""The hooks: what an extension may contribute. One function each, with a line that says what it is for.

An implementation is a function of the same name marked with `hookimpl`; it may take any of the parameters that stand
here, so that a parameter which is added later breaks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

from pluggy import HookimplMarker, HookspecMarker

from modules.hooks.arguments import Argument
from modules.hooks.contexts import ProcessContext, SavedContext, SavingChange, SavingContext
from modules.hooks.routes import Route
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


@hookspec
def register_settings() -> Iterable[Argument]:  # type: ignore[empty-body]
    """Settings of the extension's own: `Text`, `Number`, `Switch`, `Choice` and `SeveralChoices`, with words to choose
    from that are known beforehand.

    They stand in the Settings tab and in the API under `EXTENSION.NAME`, in a section of the extension's name. Contexts
    give them back as `settings`, by their names, as they are at that moment. They stay when the extension is off.
    """


@hookspec
def register_routes() -> Iterable[Route]:  # type: ignore[empty-body]
    """Routes below `/extensions/EXTENSION/`, for owners unless they say otherwise.

    The server's guard, its logins and its limits hold for them as for all others.
    """


@hookspec
def start(context: ProcessContext) -> None:
    """The process begins: once in the server, and once in each worker process.

    It may take 20 seconds. Who fails here is left out of this start, with all that it brought.
    """


@hookspec
def stop(context: ProcessContext) -> None:
    """The process ends in order. A killed one does not say so, and all extensions together have two seconds."""


@hookspec
def before_saving(context: SavingContext) -> SavingChange | None:
    """A picture or a grid is about to be saved, in the process that made it: its pixels may be replaced, and parameters
    be added. Extensions are asked one after another, each with what the one before made of it.

    Where it fails the picture is saved as it was, and the job says at its end who failed.
    """


@hookspec
def after_saving(context: SavedContext) -> None:
    """A picture or a grid is on the disk. Where this fails the job says so at its end."""
