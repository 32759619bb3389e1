"""How a file of ours is written: whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modules.errors import StorageFull

TEMPORARY_SUFFIX = ".atelier-part"
"""Ends the name of a file that is being written; a server sweeps such leftovers when it starts."""


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content`, on the disk before it returns. Raises StorageFull."""
    with temporary_file(path, content) as temporary:
        temporary.replace(path)
        _sync_folder(path.parent)


@contextmanager
def temporary_file(path: Path, content: bytes) -> Iterator[Path]:
    """A file beside `path` with that content, on the disk already; gone after the block. Raises StorageFull."""
    temporary = _write_temporary(path, content)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def move_to_new_name(temporary: Path, path: Path) -> None:
    """Give a temporary file its name for good. Raises FileExistsError where the name is taken."""
    _move(temporary, path)
    _sync_folder(path.parent)


def sweep_temporary_files(folder: Path, *, idle_seconds: float = 0.0) -> int:
    """Remove what killed writers left below `folder`; returns how many files went.

    `idle_seconds`: those that somebody wrote to within that time may be another program's, and stay.
    """
    leftovers = list(folder.rglob(f"*{TEMPORARY_SUFFIX}")) if folder.is_dir() else []
    if idle_seconds:
        latest = time.time() - idle_seconds
        leftovers = [leftover for leftover in leftovers if leftover.stat().st_mtime < latest]
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    return len(leftovers)


def storage_full(path: Path) -> StorageFull:
    """The error to raise when the disk that holds `path` has no room."""
    return StorageFull(f"The disk that holds {path.parent} is full. Free some space there and try again.")


def _write_temporary(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise storage_full(path) from error
        raise
    return temporary


def _move(temporary: Path, path: Path) -> None:
    if os.name == "nt":
        temporary.rename(path)  # Windows refuses to rename onto an existing file
        return
    try:
        os.link(temporary, path)  # fails where the name is taken, unlike rename
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
        # A file system without hard links (exFAT, some network shares): reserve the name, then move onto it.
        path.open("xb").close()
        temporary.replace(path)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open a folder for syncing
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
