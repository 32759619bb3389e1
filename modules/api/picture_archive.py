"""A ZIP archive of pictures that is sent while it is made: neither the memory nor the disk holds it."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from modules.config.files import safe_name
from modules.schema.pictures import Picture

MOST_PACKED = 1_000
_CHUNK = 2**20


class _Pipe(io.RawIOBase):
    """Takes what is written and gives it away; an archive on it knows that it cannot go back."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        piece = bytes(content)  # type: ignore[call-overload]
        self._waiting.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        """What was written since the last time."""
        content = b"".join(self._waiting)
        self._waiting.clear()
        return content


def archive_of(files: Iterable[tuple[Picture, Path]]) -> Iterator[bytes]:
    """The archive, piece by piece; what is not there or cannot be read is left out. Pictures are packed already."""
    pipe = _Pipe()
    names: set[str] = set()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for picture, path in files:
            try:
                source = path.open("rb")
            except OSError:
                continue
            with source:
                made = time.localtime(max(picture.created, 315_532_800.0))[:6]  # archives know no time before 1980
                entry = zipfile.ZipInfo(_free(picture, names), made)
                with archive.open(entry, "w", force_zip64=True) as target:
                    while chunk := source.read(_CHUNK):
                        target.write(chunk)
                        yield pipe.taken()
            yield pipe.taken()
    yield pipe.taken()


def _free(picture: Picture, names: set[str]) -> str:
    """The picture's own name, with a number behind it where another one has it, also one in other letters."""
    own = PurePosixPath(safe_name(PurePosixPath(picture.path).name) or f"{picture.id}.png")
    name, number = own.name, 1
    while name.lower() in names:
        number += 1
        name = f"{own.stem}-{number}{own.suffix}"
    names.add(name.lower())
    return name
