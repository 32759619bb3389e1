"""Where the points of a face lie in the square that networks restore, and how a picture comes there and back.

Points are x, y in pixels from the picture's top left corner; the middle of the first pixel is at 0.5, 0.5. Maps are
(2, 3): rotation, scaling and shift.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from modules.errors import InvalidRequest

SIDE = 512
TEMPLATE = np.array(
    [[192.98, 239.95], [318.90, 240.19], [256.63, 314.02], [201.26, 371.41], [313.09, 371.15]], np.float64
)
"""Where FFHQ's faces have the eyes, the tip of the nose and the corners of the mouth, as x, y; left as one sees it."""


def similarity(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The rotation, scaling and shift (2, 3) that brings points (n, 2) closest to their targets in the square mean.

    As complex numbers (x + iy) it is z * a + b, and a is the regression of the targets on the points; a mirrored face
    stays mirrored. Raises InvalidRequest where all points are one.
    """
    source, target = points[:, 0] + 1j * points[:, 1], targets[:, 0] + 1j * targets[:, 1]
    spread = source - source.mean()
    strength = float((abs(spread) ** 2).sum())
    if strength < 1e-6:
        raise InvalidRequest("Face", points.tolist(), "has all its points in one place", "Give five points of a face.")
    turn = complex((spread.conj() * (target - target.mean())).sum() / strength)
    shift = complex(target.mean() - turn * source.mean())
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def inverse(map_: np.ndarray) -> np.ndarray:
    """The map that leads back."""
    whole: np.ndarray = np.linalg.inv(np.vstack([map_, [0, 0, 1]]))
    return whole[:2]


def moved(points: np.ndarray, map_: np.ndarray) -> np.ndarray:
    """Points (n, 2) at the places to which a map leads."""
    places: np.ndarray = points @ map_[:, :2].T + map_[:, 2]
    return places


def warped(pixels: np.ndarray, back: np.ndarray, width: int, height: int) -> np.ndarray:
    """The picture looked up at `back` (2, 3) of every pixel; black outside it."""
    image = Image.fromarray(pixels).transform(
        (width, height), Image.Transform.AFFINE, tuple(back.ravel()), Image.Resampling.BICUBIC
    )
    return np.asarray(image)
