"""Use cases of input pictures: what a person gives a task to begin with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageChops

from modules.gallery.inputs import InputPictures
from modules.imaging.masks import mask_from_difference
from modules.imaging.reading import load_input, read_texts


class InputService:
    """Takes pictures in, and gives them back."""

    def __init__(self, inputs: InputPictures) -> None:
        self._inputs = inputs

    def add_file(self, path: Path, *, with_texts: bool = False) -> str:
        """Store the picture in a file as a person sees it; its id. Raises UnreadablePicture, StorageFull.

        `with_texts` keeps what the file says in words, for tasks that pass it on.
        """
        return self._inputs.add(load_input(path), read_texts(path) if with_texts else None)

    def add_bytes(self, content: bytes) -> str:
        """Store the picture in the content of a file; its id. Raises UnreadablePicture, StorageFull."""
        return self._inputs.add(load_input(content, "that was sent"))

    def add(self, picture: Image.Image) -> str:
        """Store a picture; its id. Raises StorageFull."""
        return self._inputs.add(picture.convert("RGBA" if picture.has_transparency_data else "RGB"))

    def add_strokes(self, painted: Image.Image, original: Image.Image, also: Image.Image | None = None) -> str:
        """Store the mask of what was painted over a picture of the same size; its id. Raises StorageFull.

        `also` is a mask that is joined to it.
        """
        pictures = (np.asarray(picture.convert("RGB")) for picture in (painted, original))
        mask = Image.fromarray(mask_from_difference(*pictures)).convert("L")
        return self._inputs.add((ImageChops.lighter(mask, also) if also is not None else mask).convert("RGB"))

    def file(self, picture_id: str) -> Path:
        """Where an input picture lies. Raises NotFound."""
        return self._inputs.file(picture_id)

    def size(self, picture_id: str) -> tuple[int, int]:
        """Width and height of an input picture. Raises NotFound."""
        return self._inputs.size(picture_id)

    def has(self, picture_id: str) -> bool:
        """Whether an input picture is stored here."""
        return self._inputs.has(picture_id)
