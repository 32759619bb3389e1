"""The routes by which extensions come, change and go: looks and installations, the index, and whole sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from modules.api.exchange import Asked, Body, Report, Teller, body_of, checked, fields_of, read_as, readable, refusals
from modules.api.exchange import takes as takes_body
from modules.errors import InvalidRequest, NotFound
from modules.services.build import Services
from modules.services.extension_backups import Backup, Restoring
from modules.services.extension_changes import ExtensionChanges
from modules.services.extension_index import MOST_TAGS, Sort, found_in
from modules.services.extension_installing import ExtensionInstaller
from modules.services.extension_looks import Look, LookState
from modules.services.extension_manager import ExtensionManager

MOST_ZIP_BYTES = 100 * 2**20
ZIP_PLACE = "/api/v1/extensions/looks/zip"
_MOST_BACKUP_BYTES = 4 * 2**20
_MOST_PAGE = 500

WISHES: Mapping[str, Callable[[ExtensionChanges, str, int | None], None]] = {
    "pin": lambda changes, name, version: changes.pin(name, True),
    "unpin": lambda changes, name, version: changes.pin(name, False),
    "roll-back": lambda changes, name, version: changes.roll_back(name, version),
    "remove": lambda changes, name, version: changes.remove(name),
    "forget": lambda changes, name, version: changes.forget(name),
}
"""What can be done with an installed extension, by the last part of its address."""

LookId = Annotated[str, Path(description="The id that the look got when it was begun.")]
Name = Annotated[str, Path(description="The name of its folder.", examples=["seed-travel"])]
Wish = Annotated[str, Path(description=f"One of: {', '.join(WISHES)}.", examples=["pin"])]
Version = Annotated[int | None, Query(description="The number of the previous version; without one the latest.")]
FileName = Annotated[str, Query(max_length=200, description="What the file is called.")]


class LookBody(Body):
    """What is to be looked at: one of a repository, a folder of the server's computer, and an installed extension."""

    repository: Annotated[str, Field(max_length=1000)] = ""
    """The address of a git repository."""
    reference: Annotated[str, Field(max_length=200)] = ""
    """A branch, a tag or a whole commit of the repository; empty: what it is at by itself."""
    folder: Annotated[str, Field(max_length=1000)] = ""
    """The whole path of a folder of the server's computer."""
    update: Annotated[str, Field(max_length=100)] = ""
    """The name of an extension that came from a repository, and is fetched anew."""


class InstallBody(Body):
    """That what was looked at is wanted."""

    content: Annotated[str, Field(max_length=100)]
    """The hash that the look told: nothing else is installed."""
    enable: bool | None = None
    """Whether it is switched on, once a process of its own has tried it; null: where the version before is."""


class IndexAsked(Asked):
    """What is looked for in the index."""

    words: Annotated[str, Field(max_length=200)] = ""
    """Every one has to occur in the name, the description or the address."""
    tags: Annotated[list[str], Field(max_length=MOST_TAGS)] = []
    """Tags that an extension must have, all of them."""
    without: Annotated[list[str], Field(max_length=MOST_TAGS)] = []
    """Tags that it must not have."""
    sort: Sort = "name"
    """By what the rows are sorted."""
    descending: bool = False
    """Whether the last comes first."""
    again: bool = False
    """Whether the index is fetched anew."""
    limit: Annotated[int, Field(ge=1, le=_MOST_PAGE)] = 100
    """The most rows of this answer."""
    offset: Annotated[int, Field(ge=0, le=100_000)] = 0
    """How many rows come before."""


class PackageReport(Report):
    """A package that would be installed for an extension."""

    name: str
    """As package indexes have it."""
    version: str
    """The one that was chosen."""
    size: int | None
    """Bytes of its file; null where nobody told."""
    sha256: str
    """Of its file."""


class CommitReport(Report):
    """A commit of a repository."""

    commit: str
    """Its id."""
    title: str
    """The first line of what was written of it."""
    author: str
    """Who wrote it."""
    time: float
    """When, in seconds since 1970."""


class FileChangeReport(Report):
    """A file that an update touches."""

    name: str
    """With its folders."""
    kind: Literal["added", "removed", "changed"]
    """What happens to it."""


class LookReport(Report):
    """An extension that was fetched to be looked at, and how far it is on its way to be installed."""

    id: str
    """By which it is asked for."""
    kind: Literal["git", "zip", "folder"]
    """What it comes from."""
    source: str
    """The address of the repository, the name of the zip file, or the folder."""
    reference: str
    """The branch, tag or commit that was asked for; empty: the repository's own choice."""
    state: LookState
    """`ready`: it can be installed. `unchanged`: it is installed as it is."""
    problem: str
    """Why it failed; empty where it did not."""
    received: int
    """Bytes that came so far."""
    name: str
    """Of its folder; empty until it is known, as the next ones."""
    title: str
    """What people call it."""
    version: str
    """What its manifest says."""
    author: str
    """Who wrote it; may be empty."""
    description: str
    """What it says of itself; may be empty."""
    requirements: list[str]
    """The packages that it needs."""
    touches: list[str]
    """What it says that it changes or uses."""
    commit: str
    """Of the repository."""
    content: str
    """The hash of all its names and bytes, which the wish to install it names."""
    files: int
    """How many it has."""
    size: int
    """Bytes of all its files."""
    python_files: list[str]
    """What runs in the server once it is switched on."""
    page_files: list[str]
    """What runs in the browser then."""
    packages: list[PackageReport]
    """What would be installed for it."""
    replaces: str
    """The version in whose place it would come; empty where there is none."""
    is_enabled: bool
    """Whether that version is switched on."""
    was_changed: bool
    """Whether somebody changed the files of that version here."""
    commits: list[CommitReport] | None
    """What happened between the two, the latest first; null where nobody can tell."""
    changed_files: list[FileChangeReport]
    """What differs between the two."""


class IndexRowReport(Report):
    """What the index says of an extension."""

    name: str
    """What it is called there."""
    address: str
    """Of its repository."""
    description: str
    """What it is for."""
    added: str
    """A day like 2026-01-31; may be empty."""
    tags: list[str]
    """Words that it is sorted under."""
    stars: int | None
    """How many people marked it; null where the index does not say."""
    is_installed: bool
    """Whether it is installed from that address."""


class IndexReport(Report):
    """A part of the index."""

    address: str
    """Where it is; empty: the settings name none."""
    total: int
    """How many rows were found."""
    rows: list[IndexRowReport]
    """Some of them."""
    tags: dict[str, str]
    """What the tags mean."""


class RestoredRowReport(Report):
    """What became of an extension of a set."""

    name: str
    """The name of its folder."""
    state: Literal["waiting", "running", "done", "failed"]
    """How far it is."""
    problem: str
    """Why it failed; empty where it did not."""


class RestoreReport(Report):
    """How far a set is restored."""

    id: str
    """Another one for each time."""
    state: Literal["running", "done", "cancelled"]
    """The last two are ends."""
    rows: list[RestoredRowReport]
    """One for each extension of the set."""


class PreviousReport(Report):
    """A version that can be gone back to."""

    number: int
    """By which it is asked for."""
    version: str
    """What its manifest says."""
    commit: str
    """Of its repository; may be empty."""


def extension_installing_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/extensions", tags=["extensions"], responses=refusals())
    _add_looks(router, services.extension_manager.installer, Teller(services.paths))
    _add_index(router, services)
    _add_sets(router, services.extension_manager, Teller(services.paths))
    _add_changes(router, services.extension_manager, Teller(services.paths))
    return router


def _add_looks(router: APIRouter, installer: ExtensionInstaller, tell: Teller) -> None:
    @router.get("/looks")
    def looks() -> list[LookReport]:
        """The extensions that were fetched to be looked at since the server was started."""
        return [_look_report(one, tell) for one in installer.all()]

    asking = takes_body(LookBody, {"repository": "https://example.org/ann/seed-travel"})

    @router.post("/looks", status_code=201, responses=refusals(400, 404, 413, 429), openapi_extra=asking)
    async def look(request: Request) -> LookReport:
        """Begin to fetch an extension to be looked at; nothing of it runs."""
        wanted = await read_as(LookBody, request)
        return await run_in_threadpool(lambda: _look_report(tell.told(_begun, installer, wanted), tell))

    @router.post(
        "/looks/zip",
        status_code=201,
        responses=refusals(413, 429),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/zip": {"schema": {"type": "string", "contentMediaType": "application/zip"}}},
            }
        },
    )
    async def look_at_zip(request: Request, name: FileName = "extension.zip") -> LookReport:
        """Begin to look at the zip file that the body is."""
        await run_in_threadpool(tell.told, installer.check)
        content = await body_of(request, MOST_ZIP_BYTES)

        def begin() -> LookReport:
            id = tell.told(installer.look_at_zip, name, lambda place: FilePath.write_bytes(place, content))
            return _look_report(tell.told(installer.find, id), tell)

        return await run_in_threadpool(begin)

    @router.post("/looks/updates", status_code=201, responses=refusals(429))
    def look_for_updates() -> list[LookReport]:
        """Begin to fetch anew all extensions that came from repositories and are not pinned."""
        return [_look_report(installer.find(id), tell) for id in tell.told(installer.look_for_updates)]

    @router.get("/looks/{look_id}", responses=refusals(404))
    def report(look_id: LookId) -> LookReport:
        """One look."""
        return _look_report(tell.told(installer.find, look_id), tell)

    installing = takes_body(InstallBody, {"content": "0" * 64, "enable": True})

    @router.post(
        "/looks/{look_id}/install", status_code=202, responses=refusals(400, 404, 413), openapi_extra=installing
    )
    async def install(request: Request, look_id: LookId) -> LookReport:
        """Begin to install exactly what was looked at."""
        wanted = await read_as(InstallBody, request)

        def begin() -> LookReport:
            tell.told(lambda: installer.install(look_id, wanted.content, enable=wanted.enable))
            return _look_report(tell.told(installer.find, look_id), tell)

        return await run_in_threadpool(begin)

    @router.post("/looks/{look_id}/cancel", responses=refusals(404))
    def cancel(look_id: LookId) -> LookReport:
        """Give it up; what was fetched is deleted."""
        tell.told(installer.cancel, look_id)
        return _look_report(tell.told(installer.find, look_id), tell)

    @router.delete("/looks/{look_id}", status_code=204, responses=refusals(404))
    def forget(look_id: LookId) -> Response:
        """Take it off the list, and give it up where it is not over."""
        tell.told(installer.forget, look_id)
        return Response(status_code=204)


def _add_index(router: APIRouter, services: Services) -> None:
    index, tell = services.extension_manager.index, Teller(services.paths)

    @router.get("/index")
    def found(asked: Annotated[IndexAsked, Query()]) -> IndexReport:
        """Extensions of the index that the settings name, as its keeper describes them."""
        read = tell.told(lambda: index.read(again=asked.again))
        rows = found_in(
            read,
            words=asked.words,
            tags=asked.tags,
            without=asked.without,
            sort=asked.sort,
            descending=asked.descending,
        )
        installed = {one.origin.source for one in services.extensions.all() if one.origin is not None}
        page = rows[asked.offset : asked.offset + asked.limit]
        return IndexReport(
            address=index.address,
            total=len(rows),
            rows=[IndexRowReport(**readable({**vars(row), "is_installed": row.address in installed})) for row in page],
            tags=readable(read.tags),
        )


def _add_sets(router: APIRouter, manager: ExtensionManager, tell: Teller) -> None:
    backups = manager.backups

    @router.get("/backup")
    def backup() -> Backup:
        """The set of extensions: what each is, where it came from, and whether it is on."""
        return backups.backup()

    example = {"format": 1, "extensions": []}

    @router.post(
        "/restore", status_code=202, responses=refusals(400, 413, 429), openapi_extra=takes_body(Backup, example)
    )
    async def restore(request: Request) -> RestoreReport:
        """Begin to have a set again; extensions that are not in it stay as they are."""
        wanted = checked(Backup, fields_of(await body_of(request, _MOST_BACKUP_BYTES)))  # type: ignore[type-var]
        await run_in_threadpool(tell.told, backups.restore, wanted)
        return _restored(tell, backups.state())

    @router.get("/restore", responses=refusals(404))
    def restoring() -> RestoreReport:
        """How far the latest set is."""
        return _restored(tell, backups.state())

    @router.post("/restore/cancel", responses=refusals(404))
    def cancel() -> RestoreReport:
        """Stop after the extension at which it is; what is there stays."""
        tell.told(backups.cancel)
        return _restored(tell, backups.state())


def _add_changes(router: APIRouter, manager: ExtensionManager, tell: Teller) -> None:
    @router.get("/{name}/previous")
    def previous(name: Name) -> list[PreviousReport]:
        """The versions that an extension can be gone back to, the latest first; also of one that was removed."""
        return [
            PreviousReport(
                number=one.number,
                version=readable(one.folder.manifest.version if one.folder.manifest else ""),
                commit=one.state.origin.commit if one.state is not None and one.state.origin is not None else "",
            )
            for one in tell.told(manager.changes.previous, name)
        ]

    @router.post("/{name}/{wish}", status_code=204, responses=refusals(404))
    def change(name: Name, wish: Wish, version: Version = None) -> Response:
        """Let updates leave it alone, or take it again; go back to a version; remove it; delete what was before."""
        if wish not in WISHES:
            tell.told(_unknown, wish)
        tell.told(WISHES[wish], manager.changes, name, version)
        return Response(status_code=204)


def _unknown(wish: str) -> None:
    raise InvalidRequest("Wish", wish, "is not known", f"Choose one of: {', '.join(WISHES)}.")


def _begun(installer: ExtensionInstaller, wanted: LookBody) -> Look:
    given = [name for name in ("repository", "folder", "update") if getattr(wanted, name)]
    if len(given) != 1:
        raise InvalidRequest(
            "Look", ", ".join(given), "names not one place", "Give a repository, a folder or an update."
        )
    if wanted.repository:
        return installer.find(installer.look_at_repository(wanted.repository, wanted.reference))
    if wanted.folder:
        return installer.find(installer.look_at_folder(wanted.folder))
    return installer.find(installer.look_for_update(wanted.update))


def _look_report(look: Look, tell: Teller) -> LookReport:
    manifest = look.manifest
    own = {name: getattr(look, name) for name in LookReport.model_fields if hasattr(look, name)}
    lists: dict[str, Any] = {
        "packages": [PackageReport(**readable(_fields(one, PackageReport))) for one in look.packages],
        "commits": None
        if look.commits is None
        else [CommitReport(**readable(_fields(one, CommitReport))) for one in look.commits],
        "changed_files": [FileChangeReport(**readable(_fields(one, FileChangeReport))) for one in look.changed_files],
    }
    told = {
        "title": manifest.shown_name if manifest else "",
        "version": manifest.version if manifest else "",
        "author": manifest.author if manifest else "",
        "description": manifest.description if manifest else "",
        "requirements": manifest.requirements if manifest else (),
        "touches": manifest.touches if manifest else (),
        "problem": tell.shown(look.problem),
    }
    plain = {name: value for name, value in own.items() if name not in lists}
    return LookReport(**readable({**plain, **told}), **lists)


def _fields(one: object, report: type[Report]) -> dict[str, Any]:
    return {name: getattr(one, name) for name in report.model_fields}


def _restored(tell: Teller, state: Restoring | None) -> RestoreReport:
    if state is None:
        state = tell.told(_nothing_restored)
    rows = [RestoredRowReport(name=one.name, state=one.state, problem=tell.shown(one.problem)) for one in state.rows]
    return RestoreReport(id=state.id, state=state.state, rows=rows)


def _nothing_restored() -> Restoring:
    raise NotFound("No set of extensions was restored since the server was started.")
