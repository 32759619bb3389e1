"""How a file of ours is named and written: as every system takes it, and whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modules.errors import StorageFull

TEMPORARY_SUFFIX = ".atelier-part"
"""Ends the name of a file that is being written; a server sweeps such leftovers when it starts."""
GROWING_SUFFIX = ".atelier-growing"
"""The same of a large file, which another process may be writing for hours."""
LONGEST_NAME = 150
"""Characters of a file's name; side files and temporary ones add to it, and folders stop at 255 bytes."""
FORBIDDEN_IN_NAMES = '<>:"/\\|?*'

_LONGEST_SUFFIX = 20
_A_DAY = 86_400.0
_OF_WINDOWS = frozenset(
    {
        *("con", "prn", "aux", "nul", "conin$", "conout$"),
        *(f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"),
    }
)


def safe_name(name: str) -> str:
    """A file's name that every system takes and that stays in its folder; "" where nothing is left of it.

    A name that is safe already comes back as it is.
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    signs = ("_" if sign in FORBIDDEN_IN_NAMES or not sign.isprintable() else sign for sign in last)
    name = "".join(signs).strip(". ")
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        stem, suffix = name, ""
    stem = stem[: LONGEST_NAME - len(suffix) - 1] if len(suffix) < _LONGEST_SUFFIX else stem[:LONGEST_NAME]
    while len(stem.encode()) > LONGEST_NAME:
        stem = stem[:-1]
    if stem.split(".", 1)[0].strip().lower() in _OF_WINDOWS:
        stem = f"_{stem}"
    return f"{stem}{dot}{suffix[:_LONGEST_SUFFIX]}" if stem else ""


def is_safe_name(name: str) -> bool:
    """Whether every system takes a name as it stands, and it stays in its folder; it may begin with a dot."""
    bare = name.lstrip(".")
    return (
        bool(bare)
        and bare == bare.strip(". ")
        and len(name.encode("utf-8", "replace")) <= LONGEST_NAME
        and all(sign.isprintable() and sign not in FORBIDDEN_IN_NAMES for sign in name)
        and name.split(".", 1)[0].strip().lower() not in _OF_WINDOWS
    )


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


def sweep_temporary_files(folder: Path, *, deep: bool = True) -> int:
    """Remove what killed writers left in `folder`, and with `deep` below it; returns how many files went.

    Large files that somebody wrote to within a day may be another program's, and stay.
    """
    swept = 0
    latest = time.time() - _A_DAY
    for parent, folders, names in os.walk(folder):
        if not deep:
            folders.clear()
        for name in names:
            leftover = Path(parent, name)
            with suppress(OSError):  # others sweep and write there too, and some may not be removed
                is_dead = name.endswith(GROWING_SUFFIX) and leftover.stat().st_mtime < latest
                if is_dead or name.endswith(TEMPORARY_SUFFIX):
                    leftover.unlink()
                    swept += 1
    return swept


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
