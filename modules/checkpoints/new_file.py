"""A large file that is written piece by piece, and is there whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from modules.config.files import GROWING_SUFFIX, move_to_new_name, storage_full
from modules.errors import StorageFull

_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


@contextmanager
def new_file(path: Path, *, overwrite: bool = False, expected_bytes: int = 0) -> Iterator[BinaryIO]:
    """A file that gets its name when the block ends well, and is gone otherwise.

    Raises StorageFull (before anything is written where `expected_bytes` do not fit), and FileExistsError.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(errno.EEXIST, "There is a file of that name", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(path.parent).free
    if free < expected_bytes:
        raise StorageFull(
            f"The disk that holds {path.parent} has {free / 1e9:.1f} GB free, and {path.name} needs "
            f"{expected_bytes / 1e9:.1f} GB. Free some space there and try again."
        )
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}{GROWING_SUFFIX}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            temporary.replace(path)
        else:
            move_to_new_name(temporary, path)
    except OSError as error:
        if error.errno in _FULL:
            raise storage_full(path) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
