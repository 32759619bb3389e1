"""The whole set of extensions as one file, and that set had again: here, or on another computer."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, replace
from threading import Event, Lock, Thread
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from modules.errors import BrokenExtension, QueueFull, UserError
from modules.hooks.extension_states import OriginKind
from modules.hooks.extensions import Extension, Extensions
from modules.hooks.manifest import NAME_PATTERN
from modules.services.extension_changes import ExtensionChanges
from modules.services.extension_installing import ExtensionInstaller
from modules.services.extensions import ExtensionService

log = logging.getLogger(__name__)

MOST_ROWS = 500


class BackupRow(BaseModel):
    """One extension of a set."""

    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    """The name of its folder."""
    version: Annotated[str, Field(max_length=100)] = ""
    """What its manifest says."""
    kind: OriginKind | Literal[""] = ""
    """Where it came from; empty: somebody put its folder there."""
    source: Annotated[str, Field(max_length=2000)] = ""
    """The address of its repository, the name of its zip file, or its folder."""
    reference: Annotated[str, Field(max_length=200)] = ""
    """The branch, tag or commit that was asked for."""
    commit: Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")] = ""
    """The commit that was installed."""
    content: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """The hash of all its names and bytes."""
    is_enabled: bool = False
    """Whether it was switched on."""
    is_pinned: bool = False
    """Whether updates left it alone."""


class Backup(BaseModel):
    """A set of extensions."""

    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)

    format: Literal[1] = 1
    """The version of this form."""
    extensions: Annotated[list[BackupRow], Field(max_length=MOST_ROWS)]
    """One row for each."""


@dataclass(frozen=True)
class RestoredRow:
    """What became of an extension of the set."""

    name: str
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    problem: str = ""


@dataclass(frozen=True)
class Restoring:
    """How far a set is restored."""

    id: str
    rows: tuple[RestoredRow, ...]
    state: Literal["running", "done", "cancelled"] = "running"


class ExtensionBackups:
    """Writes down the set of extensions, and restores one in a thread: one set at a time."""

    def __init__(
        self,
        extensions: Extensions,
        service: ExtensionService,
        installer: ExtensionInstaller,
        changes: ExtensionChanges,
    ) -> None:
        self._extensions = extensions
        self._service = service
        self._installer = installer
        self._changes = changes
        self._lock = Lock()
        self._stop = Event()
        self._thread: Thread | None = None
        self._shown: Restoring | None = None

    def backup(self) -> Backup:
        """The set as it is now."""
        return Backup(extensions=[_row(one) for one in self._extensions.all() if one.folder.manifest is not None])

    def restore(self, backup: Backup) -> str:
        """Begin to have a set again; extensions that are not in it stay as they are. Its id.

        Raises NotAllowed, QueueFull while another one is at work.
        """
        self._service.check()
        with self._lock:
            if self._shown is not None and self._shown.state == "running":
                raise QueueFull("A set of extensions is being restored already. Wait until that is done, or cancel it.")
            self._stop.clear()
            self._shown = Restoring(uuid.uuid4().hex, tuple(RestoredRow(one.name) for one in backup.extensions))
            self._thread = Thread(target=self._run, args=(backup,), name="restoring", daemon=True)
            self._thread.start()
            return self._shown.id

    def state(self) -> Restoring | None:
        """How far the latest one is; None before the first."""
        with self._lock:
            return self._shown

    def cancel(self) -> None:
        """Stop after the extension at which it is. Raises NotAllowed."""
        self._service.check()
        self._stop.set()

    def wait(self, seconds: float | None = None) -> Restoring | None:
        """The latest one once it is over, or after some seconds."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self.state()

    def close(self) -> None:
        """Stop, as the program ends."""
        self._stop.set()
        self.wait()

    def _run(self, backup: Backup) -> None:
        for place, row in enumerate(backup.extensions):
            if self._stop.is_set():
                break
            self._show(place, state="running")
            try:
                self._have(row)
            except UserError as error:
                self._show(place, state="failed", problem=str(error))
            except OSError as error:
                self._show(place, state="failed", problem=f"{error.strerror or error}: {error.filename or ''}")
            except Exception:  # the thread's boundary: the others are still to be had
                log.exception("The extension %s could not be restored", row.name)
                self._show(place, state="failed", problem="A fault of the program; its log says more.")
            else:
                self._show(place, state="done")
        with self._lock:
            assert self._shown is not None
            self._shown = replace(self._shown, state="cancelled" if self._stop.is_set() else "done")

    def _show(self, place: int, **changes: str) -> None:
        with self._lock:
            assert self._shown is not None
            rows = list(self._shown.rows)
            rows[place] = replace(rows[place], **changes)  # type: ignore[arg-type]  # fields of RestoredRow
            self._shown = replace(self._shown, rows=tuple(rows))

    def _have(self, row: BackupRow) -> None:
        """One extension as the set has it. Raises UserError."""
        installed = next((one for one in self._extensions.all() if one.name == row.name), None)
        if installed is not None and installed.folder.content() == row.content:
            if row.is_enabled and installed.decision != "on":
                self._service.enable(row.name)
            elif not row.is_enabled and installed.decision in ("on", "changed"):
                self._service.disable(row.name)
        elif not self._changes.put_back(row.name, row.content, is_enabled=row.is_enabled):
            self._fetch(row)
        if row.kind:
            self._changes.pin(row.name, row.is_pinned)

    def _fetch(self, row: BackupRow) -> None:
        if row.kind != "git":
            raise BrokenExtension(f"Extension {row.name!r} came from no repository. Install it as you did before.")
        id = self._installer.look_at_repository(row.source, row.reference, commit=row.commit)
        try:
            look = self._installer.wait(id)
            if look.state != "ready":
                raise BrokenExtension(look.problem or f"The installation of {row.name!r} was cancelled.")
            if look.name != row.name or look.content != row.content:
                raise BrokenExtension(
                    f"What {row.source} has at {row.commit[:12]} is not what the backup says. Nothing was installed."
                )
            self._installer.install(id, row.content, enable=row.is_enabled)
            done = self._installer.wait(id)
            if done.state != "done":
                raise BrokenExtension(done.problem or f"The installation of {row.name!r} was cancelled.")
        finally:
            self._installer.forget(id)


def _row(one: Extension) -> BackupRow:
    manifest, origin = one.folder.manifest, one.origin
    try:
        content = one.folder.content()
    except BrokenExtension:
        content = ""
    return BackupRow(
        name=one.name,
        version=manifest.version if manifest else "",
        kind=origin.kind if origin else "",
        source=origin.source if origin else "",
        reference=origin.reference if origin else "",
        commit=origin.commit if origin else "",
        content=content,
        is_enabled=one.decision == "on",
        is_pinned=origin.is_pinned if origin else False,
    )
