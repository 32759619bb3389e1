"""A picture that was painted and is to be saved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FinishedSide:
    """What belongs to a picture and is saved beside it; `kind` ends the name of its file."""

    kind: str
    pixels: np.ndarray
    infotext: str


@dataclass(frozen=True)
class FinishedPicture:
    """Picture `index` of a request, (height, width, 3) or with alpha (height, width, 4), uint8, and its infotext."""

    index: int
    pixels: np.ndarray
    infotext: str
    seed: int | None
    sides: tuple[FinishedSide, ...] = ()
