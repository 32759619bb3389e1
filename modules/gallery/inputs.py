"""Input pictures of tasks, kept by what they show: the same pixels are one file, whatever they came in."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from modules.config.files import write_atomically
from modules.errors import NotFound
from modules.imaging.encoding import PARAMETERS_KEY, encode_png, is_text_key
from modules.imaging.reading import load_picture, open_picture, read_texts

_ID = re.compile("[0-9a-f]{32}")


class InputPictures:
    """Stored as `<id>.png`; the id is the first half of a sha256 over size, mode and pixels."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, picture: Image.Image, texts: Mapping[str, str] | None = None) -> str:
        """Store an RGB or RGBA picture and give its id. Raises StorageFull.

        With `texts` the file carries them, by their keys, and the id is of both.
        """
        digest = hashlib.sha256(f"{picture.mode} {picture.width}x{picture.height}\n".encode())
        digest.update(picture.tobytes())
        texts = {key: text for key, text in (texts or {}).items() if is_text_key(key)}
        if texts:
            digest.update(json.dumps(sorted(texts.items())).encode())
        picture_id = digest.hexdigest()[:32]
        path = self._path(picture_id)
        if not path.is_file():
            write_atomically(path, encode_png(np.asarray(picture), texts.get(PARAMETERS_KEY, ""), texts))
        return picture_id

    def get(self, picture_id: str) -> Image.Image:
        """The picture of that id, its pixels in memory. Raises NotFound."""
        return load_picture(self.file(picture_id))

    def size(self, picture_id: str) -> tuple[int, int]:
        """Width and height of the picture of that id; its pixels are not read. Raises NotFound."""
        with open_picture(self.file(picture_id)) as image:
            return image.size

    def texts(self, picture_id: str) -> dict[str, str]:
        """What the picture of that id came with, by key. Raises NotFound."""
        return read_texts(self.file(picture_id))

    def file(self, picture_id: str) -> Path:
        """Where the picture lies. Raises NotFound."""
        path = self._path(picture_id)
        if not path.is_file():
            raise NotFound(f"Input picture {picture_id[:40]} is not stored here. Choose the picture again.")
        return path

    def has(self, picture_id: str) -> bool:
        """Whether there is a picture of that id."""
        return bool(_ID.fullmatch(picture_id)) and self._path(picture_id).is_file()

    def _path(self, picture_id: str) -> Path:
        if not _ID.fullmatch(picture_id):
            raise NotFound(f"{picture_id[:40]!r} is no id of an input picture. Choose the picture again.")
        return self._folder / f"{picture_id}.png"
