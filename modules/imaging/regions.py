"""Regions: the part of a picture that is painted by itself, at its own size ("only masked")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modules.imaging.boxes import Box
from modules.imaging.masks import composite, painted_box
from modules.imaging.resizing import Resize, contained_box, lanczos, resize_and_fill


@dataclass(frozen=True)
class Region:
    """A box of a picture, and the width and height at which it is painted."""

    box: Box
    width: int
    height: int

    @classmethod
    def around(cls, mask: np.ndarray, width: int, height: int, padding: int) -> Region | None:
        """The painted part of a mask with `padding` pixels around it, brought to the shape of width x height.

        None for a blank mask. `padding` counts pixels of the picture.
        """
        box = painted_box(mask)
        if box is None:
            return None
        picture_height, picture_width = mask.shape
        box = box.padded(padding, picture_width, picture_height)
        return cls(box.at_ratio(width, height, picture_width, picture_height), width, height)

    def cut(self, picture: np.ndarray, resize: Resize = lanczos) -> np.ndarray:
        """The box of a picture or of a mask, at the size at which it is painted."""
        return resize_and_fill(picture[self.box.slices], self.width, self.height, resize)

    def paste_back(
        self, painted: np.ndarray, original: np.ndarray, mask: np.ndarray, resize: Resize = lanczos
    ) -> np.ndarray:
        """The original with what was painted put into the box, through a mask of the original's size."""
        picture, inside = original.copy(), self.box.slices
        shown = contained_box(self.box.width, self.box.height, self.width, self.height)
        fitting = resize(painted[shown.slices], self.box.width, self.box.height)
        picture[inside] = composite(fitting, original[inside], mask[inside])
        return picture
