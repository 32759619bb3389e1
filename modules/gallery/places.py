"""Where the file of a picture of ours lies."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from modules.schema.pictures import Picture

BIN = "recycle-bin"
"""Below the folder of outputs, so that a file is moved there on its own drive."""


def bin_file(outputs: Path, number: int, path: str) -> Path:
    """Where picture `number` with that path lies while it is in the bin."""
    return outputs / BIN / f"{number}{PurePosixPath(path).suffix}"


def text_beside(file: Path) -> Path:
    """Where a picture's parameters lie that are kept in a file of their own."""
    return file.with_suffix(".txt")


def file_of(picture: Picture, outputs: Path) -> Path:
    """Where a picture of the outputs folder lies, wherever that is at this moment."""
    place = outputs / picture.path
    in_bin = bin_file(outputs, picture.id, picture.path)
    # One that is on its way has its record first and its file a moment later.
    first, second = (place, in_bin) if picture.binned is None else (in_bin, place)
    return second if not first.is_file() and second.is_file() else first
