"""Files of strangers, written below a new folder: names that lead elsewhere and floods of bytes are refused."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from modules.config.files import is_safe_name, storage_full
from modules.errors import BrokenExtension
from modules.hooks.extension_folders import MOST_BYTES, MOST_FILES, NOT_CODE, files_below, too_much
from modules.hooks.manifest import MANIFEST_FILE

MOST_CHARACTERS = 180
"""Of a name with its folders: with those above it, it stays below what Windows takes."""
_MOST_FOLDERS = MOST_FILES
_PIECE = 1 << 20
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The usual ones. Others unfold a few bytes into gigabytes before anybody can count them."""
_ENCRYPTED = 0x1


class IncomingFiles:
    """A new folder that takes files one by one. Raises BrokenExtension for what may not be in it, StorageFull."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = 0
        self.size = 0
        """Bytes."""
        self._folders = 0
        self._spelled: dict[str, str] = {}
        root.mkdir(parents=True)

    def enter(self, name: str) -> None:
        """Count a folder: a tree of nothing but folders can be endless too."""
        self._folders += 1
        if self._folders > _MOST_FOLDERS:
            raise too_much()
        self._check(name)

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """Add a file; `name` has / between its parts. Caches of Python and of git are counted and left out."""
        parts = self._check(name)
        path = self.root.joinpath(*parts)
        self.files += 1
        if self.files > MOST_FILES:
            raise too_much()
        if not NOT_CODE.isdisjoint(parts[:-1]):
            self._count(pieces)
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                for piece in self._counted(pieces):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError as error:
            raise BrokenExtension(f"It holds {_shown(name)} twice.") from error
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise storage_full(path) from error
            raise

    def _count(self, pieces: Iterable[bytes]) -> None:
        for _ in self._counted(pieces):
            pass

    def _counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.size += len(piece)
            if self.size > MOST_BYTES:
                raise too_much()
            yield piece

    def _check(self, name: str) -> list[str]:
        """The parts of a name, each of which every system takes as it is, and takes for no other one's."""
        parts = name.split("/")
        if len(name) > MOST_CHARACTERS:
            raise BrokenExtension(f"The name {_shown(name)} in it is longer than {MOST_CHARACTERS} characters.")
        for part in parts:
            if not is_safe_name(part) or part.lower() in (".git", "git~1"):
                raise BrokenExtension(f"The name {_shown(name)} in it is one that not every system takes as it is.")
        for length in range(1, len(parts) + 1):
            spelled = "/".join(parts[:length])
            known = self._spelled.setdefault(_folded(spelled), spelled)
            if known != spelled:
                raise BrokenExtension(
                    f"The names {_shown(known)} and {_shown(spelled)} in it are the same on some systems."
                )
        return parts


def copy_folder(source: Path, files: IncomingFiles) -> None:
    """Take over a folder of this computer, without caches. Raises BrokenExtension, StorageFull."""
    for path in files_below(source):
        with path.open("rb") as file:
            files.write(path.relative_to(source).as_posix(), _pieces(file))


def unpack_zip(archive: Path, files: IncomingFiles) -> None:
    """Take over a zip file; the one folder that may stand around everything in it falls away.

    Raises BrokenExtension, StorageFull.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            rows = [row for row in opened.infolist() if not row.is_dir()]
            if len(rows) > MOST_FILES:
                raise too_much()
            outer = _outer_folder([row.filename for row in rows])
            for row in rows:
                _refuse_special(row)
                with opened.open(row) as file:
                    files.write(row.filename.removeprefix(outer), _pieces(file))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise BrokenExtension("It is no zip file that can be read.") from error


def remove_folder(path: Path) -> None:
    """Take a folder away; what cannot be removed stays."""
    shutil.rmtree(path, ignore_errors=True)


def _refuse_special(row: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(row.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise BrokenExtension(f"{_shown(row.filename)} in it is a link, or no file at all.")
    if row.flag_bits & _ENCRYPTED or row.compress_type not in _COMPRESSIONS:
        raise BrokenExtension(f"{_shown(row.filename)} in it is encrypted, or packed in an unusual way.")


def _outer_folder(names: list[str]) -> str:
    """The folder that all names begin with, with its slash; empty where the manifest lies outermost."""
    first = {name.split("/", 1)[0] for name in names}
    is_wrapped = len(first) == 1 and all("/" in name for name in names) and MANIFEST_FILE not in names
    return f"{first.pop()}/" if is_wrapped else ""


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def _folded(name: str) -> str:
    """What two names have in common that some file system calls the same."""
    return unicodedata.normalize("NFKC", name).casefold()


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else f"{name[:79]}…")
