"""The routes of extensions: which there are, switching them on and off, and starting the server anew."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool

from modules.api.exchange import Report, Teller, readable, refusals
from modules.api.visitors import visitor
from modules.services.build import Services
from modules.services.extensions import ExtensionFacts

Name = Path(description="The name of its folder.", examples=["seed-travel"])


class ExtensionReport(Report):
    """An extension, or a feature that comes with the program and is written as one."""

    name: str
    """What it is called; of an extension the name of its folder."""
    title: str
    """What people call it."""
    version: str
    """Its own version; empty for what comes with the program."""
    author: str
    """Who wrote it; may be empty."""
    description: str
    """What it says of itself; may be empty."""
    homepage: str
    """Where there is more about it; empty, or an address of the web."""
    requirements: list[str]
    """The packages that it needs."""
    touches: list[str]
    """What it says that it changes or uses."""
    is_built_in: bool
    """Whether it comes with the program."""
    is_enabled: bool
    """Whether somebody switched it on."""
    can_be_enabled: bool
    """Whether there is something to switch on or off."""
    is_active: bool
    """Whether it is at work."""
    page_version: str
    """Another word where the page is given other files and texts of it; empty where it is given none."""
    waits: bool
    """Whether the next start of the server changes it."""
    is_wanted: bool
    """Whether the next start takes it in, whatever became of it in this one."""
    problem: str
    """Why it was left out; empty where there is nothing wrong with it."""
    has_failed: bool
    """Whether the problem is what this start met in it; others are in the way of the next start as well."""
    scripts: list[str]
    """What it adds to the list of scripts."""
    kind: Literal["git", "zip", "folder", ""]
    """What it was installed from; empty where somebody put it there, or it comes with the program."""
    source: str
    """Where it was installed from; empty where somebody put it there, or it comes with the program."""
    commit: str
    """Of its repository; empty where it is from none."""
    is_pinned: bool
    """Whether updates leave it alone."""
    previous: list[str]
    """The versions that it can be gone back to, the latest first."""


class ExtensionList(Report):
    """What was added to this installation, then what comes with the program."""

    extensions: list[ExtensionReport]
    """One row for each."""
    left_out: str
    """Why this start took in no extension; empty where it took in those that are switched on."""
    can_be_changed: bool
    """Whether you may switch extensions on and off, and start the server anew, from here."""
    takes_folders: bool
    """Whether one may be installed from a folder of the server's computer."""
    removed: list[str]
    """The names of extensions that were removed and can be had again."""
    waits: bool
    """Whether the next start of the server changes any of them."""
    start: str
    """Another word after every start of the server."""


def extension_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/extensions", tags=["extensions"], responses=refusals())
    tell = Teller(services.paths)
    extensions, manager = services.extensions, services.extension_manager
    changes = manager.changes

    @router.get("")
    def listed(request: Request) -> ExtensionList:
        """The extensions of this installation, and what is wrong with those that fail."""
        found = extensions.all()
        return ExtensionList(
            extensions=[_report(one, tell, changes.versions(one.name) if one.manifest else []) for one in found],
            removed=changes.removed(),
            waits=any(one.waits for one in found) or extensions.waits_for_removed,
            left_out=extensions.without,
            can_be_changed=extensions.may_change and visitor(request).is_owner,
            takes_folders=manager.installer.takes_folders,
            start=services.restarting.start,
        )

    @router.post("/restart", status_code=202)
    def restart() -> None:
        """Start the server anew. The queue stays, and the running job goes on where it was."""
        tell.told(services.restarting.ask)

    @router.put("/{name}", responses=refusals(404))
    async def enable(request: Request, name: str = Name) -> ExtensionList:
        """Switch one on, after it was tried in a process of its own.

        The next start takes it in. One without code is at work at once.
        """
        await run_in_threadpool(tell.told, extensions.enable, name)
        return await run_in_threadpool(listed, request)

    @router.delete("/{name}", responses=refusals(404))
    def disable(request: Request, name: str = Name) -> ExtensionList:
        """Switch one off; its folder stays. The next start leaves it out. One without code is off at once."""
        tell.told(extensions.disable, name)
        return listed(request)

    return router


def _report(one: ExtensionFacts, tell: Teller, previous: list[str]) -> ExtensionReport:
    manifest = one.manifest
    known = {
        "name": one.name,
        "title": one.title,
        "version": manifest.version if manifest else "",
        "author": manifest.author if manifest else "",
        "description": one.description,
        "homepage": manifest.homepage if manifest else "",
        "requirements": manifest.requirements if manifest else (),
        "touches": manifest.touches if manifest else (),
        "problem": tell.shown(one.problem),
        "scripts": one.scripts,
        "source": one.origin.source if one.origin else "",
        "commit": one.origin.commit if one.origin else "",
        "previous": previous,
    }
    return ExtensionReport(
        **readable(known),
        kind=one.origin.kind if one.origin else "",
        is_built_in=one.decision is None,
        is_enabled=one.decision in ("on", "changed", None),
        can_be_enabled=one.decision not in ("broken", None),
        is_active=one.is_active,
        page_version=one.page_version,
        is_pinned=one.origin is not None and one.origin.is_pinned,
        waits=one.waits,
        is_wanted=one.is_wanted,
        has_failed=one.has_failed,
    )
