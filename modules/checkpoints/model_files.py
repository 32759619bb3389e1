"""Which model files there are: found in the background, known by their headers, and hashed when there is time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from modules.checkpoints.file_facts import Fact, FileFacts, FileState
from modules.checkpoints.file_hashes import SHORT, SHORT_NETWORK, FileHashes, Pace, Stopped, be_polite
from modules.checkpoints.folder_walk import FoundFile, walk
from modules.checkpoints.inspection import Finding, finding_from_fact, inspect_file, inspect_folder
from modules.checkpoints.weights_header import PICKLES, WeightsHeader, read_header
from modules.checkpoints.weights_identity import WeightsIdentity
from modules.checkpoints.weights_kinds import BELONGS
from modules.config.model_folders import FOLDER_KINDS as FOLDER_KINDS
from modules.config.model_folders import FolderKind as FolderKind
from modules.errors import BrokenModel, UnsupportedModel, UserError

log = logging.getLogger(__name__)

WAIT = 0.3
"""Seconds that a question waits for a look at the disk."""
FIRST_WAIT = 3.0
"""The same for the very first one at a kind of files."""
POLL = 4.0
"""Seconds between two looks at the disk while nobody asks; network drives tell nothing by themselves."""
_REST = 10
"""How many times as long as a look at the disk took it is left alone thereafter, at least, while nobody asks."""
_READING = 1.0
"""Seconds of reading headers that no other look at the disk interrupts; more where a look takes longer."""
_BATCH_SECONDS = 0.2

_IDENTITY = "identity 2"
"""The number grows with the table of `weights_kinds`, so that what was told by an older one is looked at again."""


@dataclass(frozen=True)
class ModelFile:
    """A file, or a folder in diffusers' format, among those of one kind."""

    kind: FolderKind
    """Of the folder it lies in, which is what it is used as."""
    name: str
    """Its path below its folder, with forward slashes and without suffix; no other of its kind has it."""
    path: Path
    state: FileState
    is_folder: bool = False
    identity: WeightsIdentity | None = None
    """None where its header tells none, or was not read yet."""
    problem: str = ""
    """Why it cannot be used, in sentences; empty where it can be, or nobody looked yet."""
    is_broken: bool = False
    """Whether the problem is damage, and not its kind."""
    was_read: bool = False
    """Whether its header was looked at."""
    sha256: str | None = None
    """None where it is not known yet."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.state.size

    @property
    def mtime(self) -> float:
        """Seconds since 1970; 0 of a folder."""
        return 0.0 if self.is_folder else self.state.stamp / 1e9

    @property
    def short_hash(self) -> str:
        """The first ten digits of the sha256; empty where it is not known yet."""
        return (self.sha256 or "")[:SHORT]

    @property
    def refusal(self) -> UserError | None:
        """The error to raise when it is asked for; None where it can be used."""
        if not self.problem:
            return None
        return BrokenModel(self.problem) if self.is_broken else UnsupportedModel(self.problem)


Recognition = Callable[[FolderKind, WeightsHeader], WeightsIdentity | None]
"""What a file is that nothing here can use, by the folder it lies in and its header; None where that is not known
either. It holds in this process alone."""


@dataclass(frozen=True)
class Snapshot:
    """The files of all kinds as they were at one look, by name."""

    files: Mapping[FolderKind, tuple[ModelFile, ...]]
    version: int


class ModelFiles:
    """The model files below some folders of each kind; of two with one name the one in the earlier folder.

    Looking at the disk is the work of a thread; questions wait for it a moment, and else are answered with what it
    found before. `start` has it look by itself, and hash.
    """

    def __init__(
        self,
        folders: Mapping[FolderKind, Sequence[Path]],
        facts: FileFacts | None = None,
        *,
        recognise: Recognition | None = None,
    ) -> None:
        """`recognise` is asked of files that are not known here, or cannot be used."""
        self._recognise = recognise
        self.folders = {kind: tuple(folders.get(kind, ())) for kind in FOLDER_KINDS}
        self.facts = facts or FileFacts()
        self._changed = threading.Condition()
        self._snapshot = Snapshot(dict.fromkeys(FOLDER_KINDS, ()), 0)
        self._wanted = 0
        self._wanted_kinds: set[FolderKind] = set()
        self._seen: frozenset[FolderKind] = frozenset()
        self._listed = 0
        self._read = 0
        self._look_seconds = 0.0
        self._scanner: threading.Thread | None = None
        self._stopped = threading.Event()
        self._poller: threading.Thread | None = None
        self._hasher: threading.Thread | None = None
        self._hashes = FileHashes(self.facts)

    @property
    def version(self) -> int:
        """Another number means that something changed."""
        return self._snapshot.version

    def all(self, kind: FolderKind, *, wait: float = WAIT) -> tuple[ModelFile, ...]:
        """The files of a kind by name, as a look at the disk finds them if it takes no longer than `wait` seconds.

        The very first look at a kind may take longer, since there is nothing yet to answer with.
        """
        self.refresh((kind,), wait=wait if kind in self._seen else max(wait, FIRST_WAIT), read=True)
        return self._snapshot.files[kind]

    def refresh(
        self, kinds: Iterable[FolderKind] = FOLDER_KINDS, *, wait: float | None = WAIT, read: bool = False
    ) -> bool:
        """Look at the disk, and wait until all files are listed, with `read` also until all headers are read.

        Whether that came about within `wait` seconds (None: however long it takes).
        """
        with self._changed:
            mine = self._want(kinds)
            return self._changed.wait_for(lambda: (self._read if read else self._listed) >= mine, wait)

    def await_first_look(self, kinds: Iterable[FolderKind]) -> None:
        """Wait until these were looked for once, however long that takes: whoever cannot ask again needs it."""
        if unseen := set(kinds) - self._seen:
            self.refresh(unseen, wait=None)

    def read(self, file: ModelFile) -> ModelFile:
        """The file with its header read, now if need be."""
        if file.was_read:
            return file
        found, fact = self._looked_at(file)
        if fact is not None:
            self.facts.put(*fact)
        self._replace([found])
        return found

    def sha256(self, file: ModelFile, *, wait: bool = True) -> str | None:
        """Of a file or folder; with `wait` it is computed now if it is not known yet. Raises OSError, BrokenModel."""
        known = self._hashes.known_sha256(file.state)
        return self.sha256_of(file.path) if known is None and wait else known

    def sha256_of(self, path: Path) -> str:
        """Of any file or folder, computed now if it is not known yet. Raises OSError, BrokenModel."""
        known = self._hashes.sha256(path)
        self._replace(
            replace(file, sha256=known)
            for files in self._snapshot.files.values()
            for file in files
            if file.path == path and file.sha256 != known
        )
        return known

    def network_hash(self, file: ModelFile, *, wait: bool = True) -> str | None:
        """The 12 digits by which infotexts name a network: of an embedding those of its sha256.

        Of a LoRA those of the hash that it tells itself, or of that of its numbers. Raises OSError, and what
        `read_header` raises.
        """
        if file.kind == "embedding":
            whole = self.sha256(file, wait=wait)
            return None if whole is None else whole[:SHORT_NETWORK]
        known = self._hashes.known_network_hash(file.state)
        return self._hashes.network_hash(file.path) if known is None and wait else known

    def start(self) -> None:
        """Look at the disk again and again, and hash whatever is not hashed, one file at a time."""
        if self._poller is None:
            self._stopped.clear()
            self._poller = threading.Thread(target=self._poll, name="watching model files", daemon=True)
            self._hasher = threading.Thread(target=self._hash_in_background, name="hashing model files", daemon=True)
            self._poller.start()
            self._hasher.start()

    def close(self) -> None:
        """Stop looking and hashing, and close the facts."""
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()
        for thread in (self._poller, self._scanner, self._hasher):
            if thread is not None:
                thread.join(timeout=2.0)  # it may hang in a network drive that is gone
        self.facts.close()

    def _poll(self) -> None:
        while not self._stopped.is_set():
            with self._changed:
                mine = self._want(FOLDER_KINDS)
                self._changed.wait_for(lambda mine=mine: self._listed >= mine or self._stopped.is_set())  # type: ignore[misc]
                rest = max(POLL, _REST * self._look_seconds)
            self._stopped.wait(rest)

    def _want(self, kinds: Iterable[FolderKind]) -> int:
        """Ask for a look at the disk, by its number; called with the lock."""
        self._wanted += 1
        self._wanted_kinds.update(kinds)
        if self._scanner is None:
            self._scanner = threading.Thread(target=self._scan_as_wanted, name="model files", daemon=True)
            self._scanner.start()
        return self._wanted

    def _scan_as_wanted(self) -> None:
        """One look at the disk after the other, until nobody wants another one."""
        try:
            while (look := self._next_look()) is not None:
                number, kinds = look
                began = time.monotonic()
                listed = {kind: self._list_kind(kind) for kind in FOLDER_KINDS if kind in kinds}
                seconds = time.monotonic() - began
                with self._changed:
                    self._listed = number
                    self._seen |= kinds
                    if len(kinds) == len(FOLDER_KINDS):
                        self._look_seconds = seconds
                    self._publish({**self._snapshot.files, **listed})
                if self._read_new_files(number, max(_READING, seconds)):
                    with self._changed:
                        self._read = number
                        self._changed.notify_all()
        except BaseException:
            with self._changed:
                self._end_of_scanner()
            raise

    def _next_look(self) -> tuple[int, set[FolderKind]] | None:
        """The number of the look that is wanted, and at what; None where there is none, which ends the thread."""
        with self._changed:
            if self._read >= self._wanted or self._stopped.is_set():
                self._end_of_scanner()
                return None
            kinds, self._wanted_kinds = self._wanted_kinds, set()
            return self._wanted, kinds

    def _end_of_scanner(self) -> None:
        """Let nobody wait for what does not come; called with the lock."""
        self._scanner = None
        self._listed = self._read = self._wanted
        self._changed.notify_all()

    def _list_kind(self, kind: FolderKind) -> tuple[ModelFile, ...]:
        before = {file.path: file for file in self._snapshot.files[kind]}
        found: dict[str, tuple[tuple[int, int], FoundFile]] = {}
        for place, folder in enumerate(self.folders[kind]):
            for file in walk(folder, whole_folders=kind == "checkpoint"):
                # A pickle is no reason to hide a file of the same name that can be used.
                order = (0 if file.rank <= 1 else file.rank, place)
                key = file.name.lower()
                if key not in found or order < found[key][0]:
                    found[key] = (order, file)
        listed = []
        for _, (_, file) in sorted(found.items()):
            known = before.get(file.path)
            is_same = known is not None and known.state == file.state and known.name == file.name and known.was_read
            listed.append(known if known is not None and is_same else self._listed_file(kind, file))
        return tuple(listed)

    def _listed_file(self, kind: FolderKind, file: FoundFile) -> ModelFile:
        listed = ModelFile(
            kind, file.name, file.path, file.state, file.is_folder, sha256=self._hashes.known_sha256(file.state)
        )
        if kind == "upscaler" and file.path.suffix.lower() in PICKLES:
            return replace(listed, was_read=True)  # those are read by a reader of numbers alone
        finding = finding_from_fact(self.facts.get(file.state, _IDENTITY))
        if finding is None or self._is_to_be_recognised(file.is_folder, finding):
            return listed  # its header is read again: others may know it now
        return _with(listed, finding)

    def _read_new_files(self, number: int, least: float) -> bool:
        """Read headers that were not read yet, and show what was found every now and then.

        Whether it came to the end: where another look is wanted, that goes first after `least` seconds.
        """
        found: list[ModelFile] = []
        facts: list[Fact] = []

        def show() -> float:
            self.facts.put_many(facts)
            self._replace(found)
            facts.clear()
            found.clear()
            return time.monotonic()

        began = shown = time.monotonic()
        for file in [file for kind in FOLDER_KINDS for file in self._snapshot.files[kind] if not file.was_read]:
            looked_at, fact = self._looked_at(file)
            found.append(looked_at)
            facts.extend([fact] if fact else [])
            if self._stopped.is_set() or time.monotonic() - shown > _BATCH_SECONDS:
                shown = show()
                if self._stopped.is_set() or (self._wanted > number and shown - began >= least):
                    return False
        show()
        return True

    def _looked_at(self, file: ModelFile) -> tuple[ModelFile, Fact | None]:
        """The file with its header read, and what is to be kept of it."""
        finding = inspect_folder(file.path, file.name) if file.is_folder else inspect_file(file.path)
        fact = (file.state, _IDENTITY, finding.as_fact()) if finding.is_lasting else None
        if self._is_to_be_recognised(file.is_folder, finding):
            finding = self._recognised(file, finding)
        return _with(file, finding), fact

    def _is_to_be_recognised(self, is_folder: bool, finding: Finding) -> bool:
        identity = finding.identity
        if self._recognise is None or identity is None or is_folder:
            return False
        return bool(identity.unsupported) or identity.kind in ("unknown", "part")

    def _recognised(self, file: ModelFile, finding: Finding) -> Finding:
        """What is known of a file that nothing here knows."""
        assert self._recognise is not None
        try:
            identity = self._recognise(file.kind, read_header(file.path))
        except (OSError, UserError):  # it was changed just now, which the next look will see
            return finding
        return finding if identity is None else replace(finding, identity=identity)

    def _replace(self, files: Iterable[ModelFile]) -> None:
        """Put files in the places of their older selves, where those are still there."""
        newer = {(file.kind, file.path, file.state): file for file in files}
        if not newer:
            return
        with self._changed:
            self._publish(
                {
                    kind: tuple(newer.get((kind, file.path, file.state), file) for file in known)
                    for kind, known in self._snapshot.files.items()
                }
            )

    def _publish(self, files: Mapping[FolderKind, tuple[ModelFile, ...]]) -> None:
        """Show another state of things; called with the lock.

        A look begins before the lock is held: what a hash or a question found out meanwhile is kept.
        """
        kept = {kind: _with_what_is_known(files[kind], self._snapshot.files[kind]) for kind in files}
        if kept != self._snapshot.files:
            self._snapshot = Snapshot(kept, self._snapshot.version + 1)
        self._changed.notify_all()

    def _hash_in_background(self) -> None:
        """Hash one file after the other, slowly, until there is none left or it is to stop; then wait for more."""
        be_polite()
        tried: set[tuple[FolderKind, FileState]] = set()
        while not self._stopped.is_set():
            file = next(self._unhashed(tried), None)
            if file is None:
                # Files that went away, as with a drive, are tried again when they come back.
                tried &= {(kind, one.state) for kind, files in self._snapshot.files.items() for one in files}
                self._stopped.wait(POLL)
                continue
            tried.add((file.kind, file.state))
            try:
                self._replace([replace(file, sha256=self._hashes.sha256(file.path, Pace(self._stopped)))])
                if file.kind == "lora":
                    self._hashes.network_hash(file.path, Pace(self._stopped))
            except Stopped:
                return
            except (OSError, UserError) as error:
                log.debug("%s was not hashed: %s", file.path, error)

    def _unhashed(self, tried: Set[tuple[FolderKind, FileState]]) -> Iterator[ModelFile]:
        """Files that can be used and lack a hash, checkpoints first, without those that were tried as they are now."""
        for kind in FOLDER_KINDS:
            for file in self._snapshot.files[kind]:
                if not file.was_read or file.problem or (kind, file.state) in tried:
                    continue
                if not file.sha256 or (kind == "lora" and self._hashes.known_network_hash(file.state) is None):
                    yield file


def _with_what_is_known(files: tuple[ModelFile, ...], shown: tuple[ModelFile, ...]) -> tuple[ModelFile, ...]:
    """The files of a kind, each with the reading and the hash that the shown ones have of it as it is now."""
    known = {(file.name, file.state): file for file in shown}
    joined = []
    for file in files:
        older = known.get((file.name, file.state), file)
        reading = older if older.was_read and not file.was_read else file
        joined.append(reading if reading.sha256 else replace(reading, sha256=older.sha256 or file.sha256))
    return tuple(joined)


def _with(file: ModelFile, finding: Finding) -> ModelFile:
    """A file with what was found in it, and why it cannot be used as what its folder holds."""
    identity = finding.identity
    problem = finding.problem or ("" if identity is None else _problem(file, identity))
    return replace(file, identity=identity, problem=problem, is_broken=finding.is_broken, was_read=True)


def _problem(file: ModelFile, identity: WeightsIdentity) -> str:
    if identity.kind == file.kind:
        remedy = " Choose a Stable Diffusion 1, 2 or XL checkpoint." if file.kind == "checkpoint" else ""
        reason = identity.unsupported
        return f"{file.path.name} ({identity.title}) cannot be used: {reason}{remedy}" if reason else ""
    if file.kind == "upscaler" and identity.kind == "unknown":
        return ""  # there are more kinds of upscalers than the table has
    if identity.kind in ("unknown", "part"):
        return f"{file.path.name} cannot be used here: it holds {identity.title}. Take it out of {_folder(file)}."
    return f"{file.path.name} is of another kind: {identity.title}. Move it to {BELONGS[identity.kind]}."


def _folder(file: ModelFile) -> str:
    return BELONGS[file.kind]
