"""Hashes by which models are named in infotexts: of whole files and folders, and of networks without their header."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from modules.checkpoints.file_facts import FileFacts, FileState
from modules.checkpoints.interruption import check_interrupt
from modules.checkpoints.weights_header import read_header
from modules.errors import BrokenModel

SHORT = 10
"""Digits of a checkpoint's short hash."""
SHORT_NETWORK = 12
"""Digits of a LoRA's."""

_SHA256, _NETWORK_SHA256 = "sha256", "network sha256"
_TOLD = "sshs_model_hash"
"""Where trainers write down the hash of a network's numbers."""
_BLOCK = 1 << 22
_LENGTH_BYTES = 8
_SHARE = 0.25
"""Of the time, that hashing in the background takes."""
_POLITE = 10

AfterBlock = Callable[[], None]


class Stopped(Exception):
    """Hashing in the background was told to stop."""


class Pace:
    """Called after each block, waits as long as it takes to leave the disk to others. Raises Stopped."""

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped
        self._since = time.monotonic()

    def __call__(self) -> None:
        if self._stopped.wait((time.monotonic() - self._since) * (1 / _SHARE - 1)):
            raise Stopped
        self._since = time.monotonic()


class FileHashes:
    """Computes hashes once and keeps them among the facts; those who ask take turns."""

    def __init__(self, facts: FileFacts) -> None:
        self._facts = facts
        self._turn = threading.Lock()

    def known_sha256(self, state: FileState) -> str | None:
        """If it was computed before."""
        return self._known(state, _SHA256)

    def known_network_hash(self, state: FileState) -> str | None:
        """If it was computed before."""
        whole = self._known(state, _NETWORK_SHA256)
        return None if whole is None else whole[:SHORT_NETWORK]

    def sha256(self, path: Path, pace: Pace | None = None) -> str:
        """Of a file; of a folder over names and contents of its weights. Raises OSError, BrokenModel."""
        return self._hash(path, _SHA256, _sha256, pace)

    def network_hash(self, path: Path, pace: Pace | None = None) -> str:
        """The hash that a LoRA tells itself, or that of its numbers. Raises OSError and what `read_header` raises."""
        return self._hash(path, _NETWORK_SHA256, _network_sha256, pace)[:SHORT_NETWORK]

    def _known(self, state: FileState, name: str) -> str | None:
        known = self._facts.get(state, name)
        return known if isinstance(known, str) else None

    def _hash(self, path: Path, name: str, compute: Callable[[Path, AfterBlock], str], pace: Pace | None) -> str:
        if pace is not None:
            return self._computed(path, name, compute, pace)
        with self._turn:
            return self._computed(path, name, compute, check_interrupt)

    def _computed(self, path: Path, name: str, compute: Callable[[Path, AfterBlock], str], pace: AfterBlock) -> str:
        state = FileState.of(path)
        known = self._facts.look_up(state, name)
        if isinstance(known, str):
            return known
        whole = compute(path, pace)
        if FileState.of(path) != state:
            raise BrokenModel(f"{path.name} changed while it was read. Try again when it is written.")
        self._facts.put(state, name, whole)
        return whole


def be_polite() -> None:
    """Let every other thread of this program and the machine go first, where the system can do that for one thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _POLITE)


def _sha256(path: Path, after_block: AfterBlock) -> str:
    digest = hashlib.sha256()
    if not path.is_dir():
        _add(digest, path, 0, after_block)
        return digest.hexdigest()
    for file in sorted(path.rglob("*.safetensors")):
        digest.update(file.relative_to(path).as_posix().encode())
        _add(digest, file, 0, after_block)
    return digest.hexdigest()


def _network_sha256(path: Path, after_block: AfterBlock) -> str:
    """Without the header, so that other metadata do not change it."""
    told = read_header(path).metadata.get(_TOLD, "").strip().lower()
    if len(told) == 64 and set(told) <= set("0123456789abcdef"):
        return told
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    digest = hashlib.sha256()
    _add(digest, path, _LENGTH_BYTES + length, after_block)
    return digest.hexdigest()


def _add(digest: hashlib._Hash, path: Path, offset: int, after_block: AfterBlock) -> None:
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        while block := file.read(_BLOCK):
            digest.update(block)
            after_block()
