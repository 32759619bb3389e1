"""What somebody is shown of an extension before it is installed: what would run, come along, and change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

import httpx

from modules.errors import BrokenExtension, InvalidRequest
from modules.hooks.extension_folders import ExtensionFolder, extension_folder, file_digests
from modules.hooks.extension_states import OriginKind
from modules.hooks.extensions import Extension
from modules.hooks.manifest import MANIFEST_FILE, NAME_PATTERN, Manifest, read_manifest
from modules.hooks.package_installer import Package

if TYPE_CHECKING:
    from modules.services.git_repositories import CommitNote

LookState = Literal["fetching", "ready", "unchanged", "installing", "done", "failed", "cancelled"]
"""`unchanged`: an update that brings nothing."""
MOST_FILES_TOLD = 500
_OVER = ("unchanged", "done", "failed", "cancelled")
_NO_NAME = re.compile(r"[^a-z0-9_-]+")


@dataclass(frozen=True)
class FileChange:
    """A file that an update would add, remove or change."""

    name: str
    kind: Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class Look:
    """An extension that was fetched to be looked at, and how far it is on its way to be installed."""

    id: str
    kind: OriginKind
    source: str
    reference: str = ""
    state: LookState = "fetching"
    problem: str = ""
    received: int = 0
    """Bytes that came so far."""
    name: str = ""
    manifest: Manifest | None = None
    commit: str = ""
    content: str = ""
    """The hash of all names and bytes; what is installed is what has this one."""
    files: int = 0
    size: int = 0
    """Bytes of its files."""
    python_files: tuple[str, ...] = ()
    """What runs in the server once it is switched on."""
    page_files: tuple[str, ...] = ()
    """What runs in the browser then."""
    packages: tuple[Package, ...] = ()
    """What would be installed for it."""
    replaces: str = ""
    """The version that is installed now; empty where there is none."""
    replaced_content: str = ""
    """The hash of what is installed now."""
    is_enabled: bool = False
    """Whether what is installed now is switched on."""
    was_changed: bool = False
    """Whether somebody changed the files of what is installed now; they are kept as a previous version."""
    commits: tuple[CommitNote, ...] | None = None
    """What happened between the two versions; None where nobody can tell."""
    changed_files: tuple[FileChange, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether nothing happens to it any more."""
        return self.state in _OVER


def named_folder(files: Path, source: str) -> ExtensionFolder:
    """Call the fetched files what they say they are, and read what they say. Raises BrokenExtension."""
    if (files / MANIFEST_FILE).exists():
        name = read_manifest(files, any_name=True).name
    else:
        name = name_of_source(source)
    folder = extension_folder(files.rename(files.with_name(name)))
    if folder.manifest is None:
        raise BrokenExtension(folder.problem)
    return folder


def name_of_source(source: str) -> str:
    """A name for what says none of itself, after where it came from."""
    last = (
        unquote(urlsplit(source).path if "://" in source else source).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    )
    name = _NO_NAME.sub("-", last.lower().removesuffix(".git").removesuffix(".zip")).strip("-_")[:63]
    return name if re.fullmatch(NAME_PATTERN, name) else "extension"


def refuse_clash(look: Look, installed: Extension | None) -> None:
    """An extension takes the place of an earlier version of itself alone. Raises InvalidRequest."""
    if installed is None:
        return
    origin = installed.origin
    if origin is not None and (origin.kind, origin.source) == (look.kind, look.source):
        return
    if origin is not None and origin.kind == look.kind == "zip":
        return  # a new file of the same extension has another name; what it replaces is shown
    came = f"came from {origin.source}" if origin is not None else "was put there by hand"
    raise InvalidRequest(
        "Extension",
        installed.name,
        f"is installed already, and {came}",
        "Remove that one first if you want this one in its place.",
    )


def described(look: Look, folder: ExtensionFolder, installed: Extension | None) -> Look:
    """The look with what the fetched folder holds, and what it would change. Raises BrokenExtension."""
    files = file_digests(folder.path)
    names = sorted(files)
    look = replace(
        look,
        name=folder.name,
        manifest=folder.manifest,
        content=folder.content(),
        files=len(names),
        size=sum((folder.path / name).stat().st_size for name in names),
        python_files=tuple(name for name in names if name.endswith(".py"))[:MOST_FILES_TOLD],
        page_files=tuple(name for name in names if name.endswith((".js", ".mjs", ".css")))[:MOST_FILES_TOLD],
    )
    if installed is None:
        return look
    content = installed.folder.content()
    return replace(
        look,
        replaces=installed.folder.manifest.version if installed.folder.manifest else "?",
        replaced_content=content,
        is_enabled=installed.decision == "on",
        was_changed=installed.origin is not None and installed.origin.content != content,
        changed_files=tuple(_changes(file_digests(installed.folder.path), files))[:MOST_FILES_TOLD],
    )


def with_sizes(packages: Sequence[Package], client: httpx.Client) -> tuple[Package, ...]:
    """The packages with the sizes that their servers tell."""
    return tuple(one if one.size is not None else replace(one, size=_told_size(one.url, client)) for one in packages)


def _told_size(url: str, client: httpx.Client) -> int | None:
    with suppress(httpx.HTTPError, InvalidRequest, ValueError):
        answer = client.head(url)
        if answer.status_code == 200 and (length := answer.headers.get("Content-Length", "")).isdecimal():
            return int(length[:15])
    return None


def _changes(before: dict[str, str], after: dict[str, str]) -> list[FileChange]:
    found = [FileChange(name, "removed") for name in before.keys() - after.keys()]
    found += [FileChange(name, "added") for name in after.keys() - before.keys()]
    found += [FileChange(name, "changed") for name in before.keys() & after.keys() if before[name] != after[name]]
    return sorted(found, key=lambda one: one.name)
