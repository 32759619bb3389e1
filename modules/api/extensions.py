"""The route of extensions: which are at work, and which had to be left out."""

from __future__ import annotations

from fastapi import APIRouter

from modules.api.exchange import Report, Teller, readable, refusals
from modules.services.build import Services

_BUILT_IN = "modules.builtin."


class ExtensionReport(Report):
    """An extension, or a feature that comes with the program and is written as one."""

    name: str
    """What it is called."""
    is_built_in: bool
    """Whether it comes with the program."""
    is_active: bool
    """Whether it is at work."""
    problem: str
    """Why it was left out; empty where it is at work."""
    scripts: list[str]
    """What it adds to the list of scripts."""


class ExtensionList(Report):
    """What is at work, then what was left out."""

    extensions: list[ExtensionReport]
    """One row for each."""


def extension_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/extensions", tags=["extensions"], responses=refusals())
    tell = Teller(services.paths)

    @router.get("")
    def listed() -> ExtensionList:
        """The extensions of this installation, and what is wrong with those that fail."""
        scripts = services.scripts
        active = [_report(name, scripts=list(names)) for name, names in scripts.plugins().items()]
        failed = [_report(one.plugin, problem=tell.shown(one.problem)) for one in scripts.failures]
        return ExtensionList(extensions=[*active, *failed])

    return router


def _report(name: str, *, problem: str = "", scripts: list[str] | None = None) -> ExtensionReport:
    known = {"name": name.removeprefix(_BUILT_IN), "problem": problem, "scripts": scripts or []}
    return ExtensionReport(**readable(known), is_built_in=name.startswith(_BUILT_IN), is_active=not problem)
