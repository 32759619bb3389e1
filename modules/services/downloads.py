"""Downloads of models: two at once, paused and resumed at will, also by the next start of the program."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from modules.checkpoints.weights_header import PICKLES, read_header
from modules.checkpoints.weights_identity import WeightsIdentity, identify_weights
from modules.config.files import GROWING_SUFFIX, move_to_new_name, safe_name
from modules.config.model_folders import FolderKind
from modules.config.paths import Paths
from modules.errors import BrokenModel, DownloadFailed, InvalidRequest, NotFound, UnsupportedModel, UserError
from modules.services.download_list import listed
from modules.services.download_records import DownloadRecord, DownloadRecords, id_of
from modules.services.download_sources import Source, hub_endpoint, origin, source_of
from modules.services.download_transfer import Stop, Stopped, Transfer, TryAgain
from modules.services.guarded_http import Lookup, guarded_client

log = logging.getLogger(__name__)

State = Literal["waiting", "running", "checking", "paused", "done", "failed", "cancelled"]

AT_ONCE = 2
MOST_TRIES = 6
"""In a row without a byte more; each waits twice as long as the one before."""
LONGEST_WAIT = 60.0
_WEIGHTS = ".safetensors"
_UPSCALER_PICKLES = (".pth", ".pt")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 22


@dataclass(frozen=True)
class Download:
    """A download as a page or a command shows it."""

    id: str
    source: str
    """Its address, without secrets."""
    kind: str
    """What the person said it is, and at the end what it was found to be; "" in between."""
    name: str
    state: State
    received: int
    """Bytes that are here."""
    total: int | None
    """Bytes of the whole; None where the server did not say."""
    speed: float
    """Bytes per second since it was started or resumed."""
    problem: str = ""
    """Why it failed, as a sentence; or what went wrong last and is tried again."""
    path: Path | None = None
    """Where the file is, once it is done."""
    note: str = ""
    """What there is to say of a file that is done."""

    @property
    def is_over(self) -> bool:
        """Whether nothing happens to it unless somebody resumes it."""
        return self.state in ("paused", "done", "failed", "cancelled")


@dataclass
class _Work:
    """A download in this process. Every field is changed under the service's lock."""

    record: DownloadRecord
    source: Source
    shown: Download
    stop: Stop | None = None
    """Of the thread that is at work on it."""


def download_folders(paths: Paths) -> dict[FolderKind, Path]:
    """Where new files of each kind belong."""
    return {kind: folders[0] for kind, folders in paths.model_folders.items()}


class DownloadService:
    """Fetches model files into their folders; `allow_private` lets addresses of private networks through."""

    def __init__(
        self,
        folders: Mapping[FolderKind, Path],
        staging: Path,
        *,
        endpoint: str | None = None,
        allow_private: bool = False,
        first_wait: float = 1.0,
        lookup: Lookup | None = None,
        free_bytes: Callable[[Path], int] | None = None,
    ) -> None:
        self._folders = dict(folders)
        self._records = DownloadRecords(staging)
        self._endpoint = endpoint or hub_endpoint()
        self._allow_private = allow_private
        self._first_wait = first_wait
        self._lookup = lookup
        self._free_bytes = free_bytes
        self._changed = threading.Condition()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="download")
        self._works = {record.id: self._found(record) for record in self._records.all()}

    def all(self) -> list[Download]:
        """Every download that is known, in the order in which they were begun; those of earlier starts are paused."""
        with self._changed:
            return [work.shown for work in self._works.values()]

    def find(self, id: str) -> Download:
        """One download. Raises NotFound."""
        with self._changed:
            return self._work(id).shown

    def start(
        self, text: str, file: str = "", *, kind: str = "", name: str = "", sha256: str = "", revision: str = "main"
    ) -> str:
        """Begin a download, or go on with it where it is known; its id.

        `text` is an id of the list of well-known models, a repository (with its `file`) or an address. Raises
        InvalidRequest, UnsupportedModel.
        """
        if not file and (entry := listed(text)) is not None:
            text, file, kind = entry.repository, entry.file, kind or entry.kind
            name, sha256 = name or entry.name, sha256 or entry.sha256
        source = source_of(text, file, revision=revision, endpoint=self._endpoint)
        self._check(kind, sha256)
        called = self._accepted(name, kind) if name else self._accepted(source.name, kind) if source.name else ""
        self._refuse_taken(kind, called)
        id = id_of(source, called)
        with self._changed:
            work = self._works.get(id)
            if work is not None and not work.shown.is_over:
                return id
            known = DownloadRecord(id, source.shown, source.is_whole, name=called) if work is None else work.record
            # What failed may have failed because of a mistyped digest, which must not stick.
            digest = "" if work is not None and work.shown.state == "failed" else known.sha256
            record = replace(known, kind=kind or known.kind, sha256=sha256.strip().lower() or digest)
            self._records.write(record)
            found = self._found(record)
            if work is None:
                work = self._works[id] = found
            work.record, work.source, work.shown = record, source, found.shown
            self._enqueue(work)
        return id

    def pause(self, id: str) -> None:
        """Let a download rest; what is here is kept. Raises NotFound."""
        with self._changed:
            if not (work := self._work(id)).shown.is_over:
                self._halt(work, "paused")

    def resume(self, id: str) -> None:
        """Go on with a download that was paused or failed. Raises NotFound, InvalidRequest."""
        with self._changed:
            work = self._work(id)
            if work.shown.state not in ("paused", "failed"):
                return
            if not work.source.is_whole and work.source.url == work.record.shown:
                raise InvalidRequest(
                    "Address", work.record.shown, "held a secret, which is not stored", "Give it once more to go on."
                )
            self._enqueue(work)

    def cancel(self, id: str) -> None:
        """Give a download up, and throw away what came of it. Raises NotFound."""
        with self._changed:
            work = self._work(id)
            if work.shown.state == "done":
                return
            self._halt(work, "cancelled")
            if work.stop is None:
                self._records.discard(id)

    def forget(self, id: str) -> None:
        """Take a download that is done, cancelled or failed off the list. Raises NotFound."""
        with self._changed:
            work = self._work(id)
            if work.shown.is_over and work.stop is None:
                self._records.discard(id)
                del self._works[id]

    def wait(self, id: str, seconds: float | None = None) -> Download:
        """The download once nothing happens to it any more, or after some seconds. Raises NotFound."""
        with self._changed:
            self._changed.wait_for(lambda: self._work(id).shown.is_over and self._work(id).stop is None, seconds)
            return self._work(id).shown

    def close(self) -> None:
        """Pause whatever is at work; the next start finds it."""
        with self._changed:
            for work in self._works.values():
                if not work.shown.is_over:
                    self._halt(work, "paused")
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _work(self, id: str) -> _Work:
        if (work := self._works.get(id)) is None:
            raise NotFound(f"There is no download {id}. It may have been taken off the list.")
        return work

    def _found(self, record: DownloadRecord) -> _Work:
        shown = Download(
            record.id, record.shown, record.kind, record.name, "paused", self._records.received(record), record.total, 0
        )
        return _Work(record, Source(record.shown, record.shown, record.name, is_whole=record.is_whole), shown)

    def _enqueue(self, work: _Work) -> None:
        work.shown = replace(work.shown, state="waiting", problem="", speed=0)
        if work.stop is None:  # otherwise the thread that is about to end takes it up again
            work.stop = Stop()
            self._threads.submit(self._run, work)

    def _halt(self, work: _Work, state: State) -> None:
        work.shown = replace(work.shown, state=state, speed=0)
        if work.stop is not None:
            work.stop.set()
        self._changed.notify_all()

    def _run(self, work: _Work) -> None:
        """What a thread does with a download, until it is over."""
        stop = work.stop
        assert stop is not None
        try:
            with FileLock(self._records.lock_file(work.record.id), timeout=0):
                self._show(work, stop, state="running")
                self._fetch(work, stop)
                self._show(work, stop, state="checking", speed=0)
                path, kind, note = self._moved(work.record, stop)
            self._show(work, stop, state="done", path=path, kind=kind, note=note, name=path.name)
            self._records.discard(work.record.id)
        except Stopped:
            pass  # whoever stopped it has said so
        except Timeout:
            self._show(work, stop, state="failed", problem="Another process is at work on this download.")
        except UserError as error:
            self._show(work, stop, state="failed", problem=str(error), speed=0)
        except OSError as error:
            self._show(
                work, stop, state="failed", problem=f"{error.strerror or error}: {error.filename or ''}", speed=0
            )
        except Exception:  # the thread's boundary: a page must not show a dead download as a live one
            log.exception("The download of %s failed", work.record.shown)
            self._show(work, stop, state="failed", problem="A fault of the program; its log says more.", speed=0)
        finally:
            self._ended(work)

    def _ended(self, work: _Work) -> None:
        with self._changed:
            work.stop = None
            if work.shown.state == "cancelled":
                self._records.discard(work.record.id)
            elif work.shown.state == "waiting":
                self._enqueue(work)
            self._changed.notify_all()

    def _show(self, work: _Work, stop: Stop, **changes: object) -> None:
        """Change what is shown, unless somebody has stopped this thread: then what they said stays."""
        with self._changed:
            if not stop.is_set:
                work.shown = replace(work.shown, **changes)  # type: ignore[arg-type]  # fields of the class above
                self._changed.notify_all()

    def _fetch(self, work: _Work, stop: Stop) -> None:
        """Attempts until all is here. Raises Stopped, UserError."""
        began, at_first = time.monotonic(), work.shown.received

        def progress(record: DownloadRecord, received: int) -> None:
            if record != work.record:
                self._refuse_taken(record.kind, record.name)
                self._records.write(record)
                work.record = record
            speed = max(0, received - at_first) / max(time.monotonic() - began, 0.001)
            there = {"name": record.name, "total": record.total, "received": received}
            self._show(work, stop, **there, speed=speed, problem="")

        with guarded_client(
            (origin(self._endpoint),), allow_private=self._allow_private, lookup=self._lookup
        ) as client:
            transfer = Transfer(
                client,
                self._endpoint,
                stop,
                name=lambda told: self._accepted(told, work.record.kind),
                place=self._records.part,
                progress=progress,
                free_bytes=self._free_bytes,
            )
            self._attempts(work, stop, transfer)

    def _attempts(self, work: _Work, stop: Stop, transfer: Transfer) -> None:
        tries, furthest = 0, work.shown.received
        while True:
            stop.check()
            try:
                transfer.attempt(work.source, work.record)
                return
            except TryAgain as error:
                received = self._records.received(work.record)
                tries = 1 if received > furthest else tries + 1
                furthest = max(furthest, received)
                if tries >= MOST_TRIES:
                    raise DownloadFailed(
                        f"{work.record.shown} was tried {tries} times in vain: {error}. "
                        "What is here is kept; resume it later."
                    ) from error
                self._show(work, stop, problem=f"Trying again: {error}.", speed=0)
                stop.wait(min(self._first_wait * 2 ** (tries - 1), LONGEST_WAIT))

    def _moved(self, record: DownloadRecord, stop: Stop) -> tuple[Path, str, str]:
        """Check a whole file and move it into its folder: its place, its kind, and what there is to say of it."""
        part = self._records.part(record)
        try:
            self._check_digest(record, part, stop)
            identity = None if part.suffix.lower() in PICKLES else identify_weights(read_header(part))
        except BrokenModel:
            part.unlink(missing_ok=True)  # it would be as broken the next time
            raise
        kind, note = self._kind(record, identity)
        target = self._folders[kind] / record.name
        try:
            _move_into(part, target)
        except FileExistsError as error:
            if not part.samefile(target):  # as it is where the program was killed right after the move
                raise _taken(target) from error
        return target, kind, note

    def _check_digest(self, record: DownloadRecord, part: Path, stop: Stop) -> None:
        if not record.expected:
            return
        digest = hashlib.sha256()
        with part.open("rb") as file:
            while block := file.read(_BLOCK):
                stop.check()
                digest.update(block)
        if digest.hexdigest() != record.expected:
            raise BrokenModel(
                f"{record.name} has the sha256 {digest.hexdigest()}, and {record.expected} was expected. "
                "It was thrown away. Download it again, and check the sha256 that you gave."
            )

    def _kind(self, record: DownloadRecord, identity: WeightsIdentity | None) -> tuple[FolderKind, str]:
        """Where a file belongs: by what it is, or what the person said where it is unknown. Raises InvalidRequest."""
        asked = next((kind for kind in self._folders if kind == record.kind), None)
        if identity is None or identity.kind not in self._folders:
            if asked is None:
                raise InvalidRequest(
                    "File", record.name, "is of no kind that is known here", f"Say what it is: {self._kinds()}."
                )
            return asked, ""
        if asked is not None and asked != identity.kind:
            return identity.kind, f"It is no {asked} but a {identity.title}, and was put where those belong."
        return identity.kind, identity.unsupported

    def _accepted(self, name: str, kind: str) -> str:
        """A name for a file that may be fetched. Raises InvalidRequest, UnsupportedModel."""
        name = safe_name(name)
        suffix = Path(name).suffix.lower()
        if suffix == _WEIGHTS or (kind == "upscaler" and suffix in _UPSCALER_PICKLES):
            return name
        if suffix in PICKLES:
            raise UnsupportedModel(
                f"{name} is a pickle, a format that can run programs when it is loaded. Look for a .safetensors file; "
                "or fetch it with your browser and convert it with: python launch.py convert FILE"
            )
        raise InvalidRequest(
            "File name",
            name,
            f"does not end in {_WEIGHTS}",
            f"Choose such a file, or name it with --name NAME{_WEIGHTS}.",
        )

    def _check(self, kind: str, sha256: str) -> None:
        if kind and kind not in self._folders:
            raise InvalidRequest("Kind", kind, "is not known", f"Choose one of: {self._kinds()}.")
        if sha256 and not _SHA256.fullmatch(sha256.strip().lower()):
            raise InvalidRequest("sha256", sha256, "is none", "Give its 64 digits from 0 to 9 and a to f.")

    def _refuse_taken(self, kind: str, name: str) -> None:
        for known, folder in self._folders.items():
            if known == kind and name and (folder / name).exists():
                raise _taken(folder / name)

    def _kinds(self) -> str:
        return ", ".join(self._folders)


def open_downloads(paths: Paths, *, allow_private: bool = False) -> DownloadService:
    """The downloads of a data folder; those that were cut short are there, paused."""
    return DownloadService(download_folders(paths), paths.downloads, allow_private=allow_private)


def _move_into(part: Path, target: Path) -> None:
    """Give a file its name for good, on whichever disk. Raises FileExistsError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if part.stat().st_dev == target.parent.stat().st_dev:
        move_to_new_name(part, target)
        return
    copy = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}{GROWING_SUFFIX}")
    try:
        shutil.copyfile(part, copy)
        move_to_new_name(copy, target)
    finally:
        copy.unlink(missing_ok=True)


def _taken(path: Path) -> InvalidRequest:
    return InvalidRequest(
        "File name",
        path.name,
        f"is taken in {path.parent}",
        "Choose another one with --name, or move the old file away.",
    )
