"""One server per data folder: two would take one another's jobs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from modules.config.paths import Paths
from modules.errors import DataFolderInUse


@contextmanager
def hold_data_folder(paths: Paths) -> Iterator[None]:
    """Hold the folder for the length of the block; the operating system lets go of it when a process dies.

    Raises DataFolderInUse, naming the process that has it.
    """
    paths.lock_file.parent.mkdir(parents=True, exist_ok=True)
    owner = paths.lock_file.with_suffix(".pid")
    lock = FileLock(paths.lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        who = owner.read_text().strip() if owner.is_file() else "unknown"
        raise DataFolderInUse(
            f"The data folder {paths.data} is in use by another Atelier (process {who}). Use that one, stop it, or "
            "choose another folder with --data-dir."
        ) from error
    try:
        owner.write_text(f"{os.getpid()}\n")
        yield
    finally:
        lock.release()
