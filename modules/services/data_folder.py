"""One server per data folder: two would take one another's jobs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from modules.config.paths import Paths
from modules.errors import DataFolderInUse, InvalidSetting


@contextmanager
def hold_data_folder(paths: Paths) -> Iterator[None]:
    """Hold the folder for the length of the block; the operating system lets go of it when a process dies.

    Raises DataFolderInUse, naming the process that has it, and InvalidSetting where nothing can be written.
    """
    owner = paths.lock_file.with_suffix(".pid")
    lock = FileLock(paths.lock_file)
    try:
        paths.lock_file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except OSError as error:
        if isinstance(error, Timeout):
            raise _in_use(paths, owner) from error
        raise InvalidSetting(
            f"--data-dir {paths.data} cannot be written ({error.strerror}). Choose another folder."
        ) from error
    try:
        owner.write_text(f"{os.getpid()}\n")
        yield
    finally:
        lock.release()


def is_in_use(paths: Paths) -> bool:
    """Whether another process holds the folder. Raises InvalidSetting where nothing can be written."""
    try:
        with hold_data_folder(paths):
            return False
    except DataFolderInUse:
        return True


def _in_use(paths: Paths, owner: Path) -> DataFolderInUse:
    who = owner.read_text().strip() if owner.is_file() else "unknown"
    return DataFolderInUse(
        f"The data folder {paths.data} is in use by another Atelier (process {who}). Use that one, stop it, or choose "
        "another folder with --data-dir."
    )
