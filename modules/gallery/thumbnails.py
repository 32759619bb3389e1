"""Small copies of pictures, made when first asked for and kept in the cache folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from modules.config.files import write_atomically
from modules.imaging.encoding import encode_thumbnail
from modules.imaging.reading import LISTED_FORMATS, load_picture

SIDE = 320


def thumbnail_of(picture: Path, folder: Path) -> Path:
    """The thumbnail of a picture file, below `folder`. Raises UnreadablePicture, StorageFull."""
    state = picture.stat() if picture.is_file() else None
    mark = f"{picture}|{state.st_mtime_ns}|{state.st_size}" if state else str(picture)
    path = folder / f"{hashlib.sha256(mark.encode()).hexdigest()[:32]}.jpg"
    if not path.is_file():
        write_atomically(path, encode_thumbnail(load_picture(picture, LISTED_FORMATS), SIDE))
    return path
