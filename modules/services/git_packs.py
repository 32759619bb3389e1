"""The packs that git servers send: how much they unfold to, found out before anything is unfolded in memory.

Format: "PACK", a version and the number of objects; each object is a head with its kind and unfolded size, for changes
of another object what that is, and a stream of zlib. A change begins with the sizes of what it is made of and makes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from modules.errors import BrokenExtension
from modules.hooks.extension_folders import MOST_BYTES, too_much

MOST_OBJECTS = 100_000
_PIECE = 1 << 16
_OFFSET_CHANGE, _NAMED_CHANGE = 6, 7
_HASH_BYTES = 20


def check_pack(file: BinaryIO) -> None:
    """Refuse a pack that unfolds to more than any extension. Raises BrokenExtension."""
    file.seek(0)
    reader = _Reader(file)
    head = reader.take(12)
    if head[:4] != b"PACK":
        raise _damaged()
    count = int.from_bytes(head[8:], "big")
    if count > MOST_OBJECTS:
        raise too_much()
    unfolded = made = 0
    for _ in range(count):
        kind, size = _object_head(reader)
        if kind == _OFFSET_CHANGE:
            while reader.byte() & 0x80:
                pass
        elif kind == _NAMED_CHANGE:
            reader.take(_HASH_BYTES)
        first = b""
        told = 0
        for piece in reader.unfolded():
            if told == 0:
                first = piece[:20]
            told += len(piece)
            if told > size or unfolded + told > 2 * MOST_BYTES:
                raise too_much() if told <= size else _damaged()
        unfolded += told
        made += _made_by(first) if kind in (_OFFSET_CHANGE, _NAMED_CHANGE) else size
        if made > 4 * MOST_BYTES:
            raise too_much()


class _Reader:
    """Bytes of a file, with those that zlib has not used put back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = b""

    def take(self, count: int) -> bytes:
        while len(self._left) < count:
            if not (piece := self._file.read(_PIECE)):
                raise _damaged()
            self._left += piece
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def unfolded(self) -> Iterator[bytes]:
        """The next stream of zlib, piece by piece."""
        inflater = zlib.decompressobj()
        try:
            while not inflater.eof:
                given = inflater.unconsumed_tail or self._left or self._file.read(_PIECE)
                if not given:
                    raise _damaged()
                if not inflater.unconsumed_tail:
                    self._left = b""
                yield inflater.decompress(given, _PIECE)
        except zlib.error as error:
            raise _damaged() from error
        self._left = inflater.unused_data + self._left


def _object_head(reader: _Reader) -> tuple[int, int]:
    """Kind and unfolded size: three bits and four, then seven more with each byte."""
    byte = reader.byte()
    kind, size, shift = (byte >> 4) & 7, byte & 15, 4
    while byte & 0x80:
        byte = reader.byte()
        size |= (byte & 0x7F) << shift
        shift += 7
        if shift > 63:
            raise _damaged()
    return kind, size


def _made_by(change: bytes) -> int:
    """The size of what a change makes: the second of the numbers that it begins with."""
    numbers, value, shift = [], 0, 0
    for byte in change:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            numbers.append(value)
            value = shift = 0
    if len(numbers) < 2:
        raise _damaged()
    return numbers[1]


def _damaged() -> BrokenExtension:
    return BrokenExtension("What the server sent of the repository is damaged.")
