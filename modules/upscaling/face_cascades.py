"""Finds faces by the Haar cascades that come with OpenCV (Viola and Jones 2001; Lienhart and Maydt 2002).

No model file is needed. Two cascades that were trained apart have to agree on a face, since their mistakes seldom fall
together. They know upright faces only, so the picture is looked at turned to either side as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import cv2.data
import numpy as np
from PIL import Image

from modules.errors import BrokenInstallation
from modules.upscaling.face_alignment import TEMPLATE, inverse, moved, similarity, warped

_ANGLES = (0, -25, 25)
"""Degrees that the picture is turned by; a cascade bears some 15 to either side."""
_LONGEST_SIDE = 640
_LEAST_FACE = 24
"""Pixels at the size that is looked at; the cascades' own windows are 20 and 24."""
_LEAST_OVERLAP = 0.4
"""Of the boxes of two cascades, the shared area over the whole, for them to mean the same face."""
_FACE = 200
"""Pixels that the box of a face is brought to, for its eyes to be found."""
_SURE = 12
"""Votes for a face without two eyes: patterns and foliage seldom get as many."""
_EYES = slice(_FACE // 6, _FACE * 6 // 10)
"""The rows of the box in which eyes are looked for."""
_BROW = 0.15
"""How much too high the boxes of the cascades for one eye lie, which take in the brow, as a share of their sides."""
_BOX_MIDDLE, _BOX_SIDE = np.array([256.0, 279.0]), 323.0
"""The box that the cascades give to a face which lies as TEMPLATE does; measured on two faces at seven angles each."""

_Box = tuple[np.ndarray, int]
_EyeCascade = tuple[cv2.CascadeClassifier, float]


@dataclass(frozen=True)
class _Face:
    """A square in a picture, upright once the picture is turned by `angle` degrees; `votes` of overlapping windows."""

    middle: np.ndarray
    side: float
    angle: float
    votes: int

    def upright(self, side: float) -> np.ndarray:
        """The map that brings the square upright to 0, 0 with another side."""
        return _turn(self.angle, side / self.side, self.middle, np.array([side / 2, side / 2]))


class CascadeDetector:
    """The cascades, read once; for one thread at a time."""

    def __init__(self) -> None:
        """Raises BrokenInstallation."""
        self._face, self._second_face = _cascade("frontalface_alt2"), _cascade("frontalface_default")
        eye, eye_with_glasses = _cascade("eye"), _cascade("eye_tree_eyeglasses")
        # A person's right eye is on the left as one sees it.
        self._left: Sequence[_EyeCascade] = (eye, 0.0), (eye_with_glasses, 0.0), (_cascade("righteye_2splits"), _BROW)
        self._right: Sequence[_EyeCascade] = (eye, 0.0), (eye_with_glasses, 0.0), (_cascade("lefteye_2splits"), _BROW)

    def detect(self, pixels: np.ndarray) -> list[np.ndarray]:
        """The faces of a picture (height, width, 3 or 4), surest first: five points (5, 2) each, as in TEMPLATE."""
        picture = Image.fromarray(pixels[..., :3]).convert("L")
        grey = np.asarray(picture)
        shrinking = min(1.0, _LONGEST_SIDE / max(picture.size))
        if shrinking < 1:
            picture = picture.resize([max(1, round(side * shrinking)) for side in picture.size], Image.Resampling.BOX)
        found = sorted(self._found(np.asarray(picture)), key=lambda face: (-face.votes, *face.middle, face.side))
        faces: list[_Face] = []
        for face in found:
            if all(np.hypot(*(face.middle - other.middle)) > max(face.side, other.side) / 2 for other in faces):
                faces.append(face)
        whole = [replace(face, middle=face.middle / shrinking, side=face.side / shrinking) for face in faces]
        return [points for face in whole if (points := self._points(grey, face)) is not None]

    def _found(self, grey: np.ndarray) -> Iterator[_Face]:
        """What both cascades hold for a face, at every angle; the border is drawn out for faces that touch it."""
        border = max(grey.shape) // 8
        height, width = grey.shape
        grey = np.pad(grey, border, mode="edge")
        size = np.array(grey.shape[::-1])
        for angle in _ANGLES:
            turned_size = np.ceil(abs(_turn(angle, 1, size, size)[:, :2]) @ size).astype(int)
            there = _turn(angle, 1, size / 2, turned_size / 2)
            turned = warped(grey, inverse(there), *turned_size)
            for box, votes in _boxes(self._face, turned, 3, _LEAST_FACE):
                agreed = self._agreed(turned, box)
                if agreed is None:
                    continue
                middle = moved((agreed[0][:2] + agreed[0][2:] / 2)[None], inverse(there))[0] - border
                if (middle >= 0).all() and (middle < [width, height]).all():
                    yield _Face(middle, agreed[0][2], angle, votes + agreed[1])

    def _agreed(self, grey: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, int] | None:
        """The mean of a box and that of the second cascade there, and the second one's votes."""
        margin = box[2] // 3
        left, top = np.maximum(box[:2] - margin, 0).astype(int)
        right, bottom = (box[:2] + box[2:] + margin).astype(int)
        around = np.ascontiguousarray(grey[top:bottom, left:right])
        found = _boxes(self._second_face, around, 3, box[2] * 0.6)
        alike = [(other + [left, top, 0, 0], votes) for other, votes in found]
        alike = [(other, votes) for other, votes in alike if _overlap(box, other) > _LEAST_OVERLAP]
        if not alike:
            return None
        other, votes = max(alike, key=lambda pair: (pair[1], *pair[0]))
        return (box + other) / 2, votes

    def _points(self, grey: np.ndarray, face: _Face) -> np.ndarray | None:
        """The template where both eyes put it, which give roll and scale; without them where a sure box does."""
        if face.side > 2 * _FACE:
            halved = replace(face, middle=face.middle / 2, side=face.side / 2)
            points = self._points(np.asarray(Image.fromarray(grey).reduce(2)), halved)
            return None if points is None else points * 2
        there = face.upright(_FACE)
        upright = warped(grey, inverse(there), _FACE, _FACE)
        left, right = self._eye(upright, 0, self._left), self._eye(upright, _FACE // 2, self._right)
        if left is not None and right is not None and _are_a_pair(left, right):
            placed = moved(TEMPLATE, similarity(TEMPLATE[:2], np.array([left, right])))
        elif face.votes >= _SURE:
            placed = (TEMPLATE - _BOX_MIDDLE) * (_FACE / _BOX_SIDE) + _FACE / 2
        else:
            return None
        return moved(placed, inverse(there))

    def _eye(self, upright: np.ndarray, begin: int, cascades: Sequence[_EyeCascade]) -> np.ndarray | None:
        """The middle of the eye in one half of an upright face: the mean of what the cascades say."""
        half = np.ascontiguousarray(upright[_EYES, begin : begin + _FACE // 2])
        middles = []
        for cascade, brow in cascades:
            boxes = _boxes(cascade, half, 2, _FACE // 8)
            if boxes:
                box, _ = max(boxes, key=lambda pair: (pair[1], *pair[0]))
                middles.append(box[:2] + box[2:] * [0.5, 0.5 + brow] + [begin, _EYES.start])
        return np.mean(middles, axis=0) if middles else None


def _cascade(name: str) -> cv2.CascadeClassifier:
    path = Path(cv2.data.haarcascades) / f"haarcascade_{name}.xml"
    cascade = cv2.CascadeClassifier()
    try:
        # OpenCV cannot open every path that Windows knows, so the text is read here.
        text = path.read_text(encoding="ascii")
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        whole = cascade.read(storage.getFirstTopLevelNode())
    except (OSError, ValueError, SystemError, cv2.error) as error:
        raise _broken_installation(path) from error
    if not whole:
        raise _broken_installation(path)
    return cascade


def _broken_installation(path: Path) -> BrokenInstallation:
    return BrokenInstallation(
        f"OpenCV's file {path.name} is missing or damaged, so faces cannot be found. Start with --reinstall."
    )


def _boxes(cascade: cv2.CascadeClassifier, grey: np.ndarray, neighbours: int, least: float) -> list[_Box]:
    """Left, top, width and height of what a cascade finds, with how many windows found it."""
    side = int(least)
    boxes, votes = cascade.detectMultiScale2(grey, scaleFactor=1.1, minNeighbors=neighbours, minSize=(side, side))
    return [(np.array(box, np.float64), int(count)) for box, count in zip(boxes, votes, strict=True)]


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """The area that two boxes share over the area that they cover."""
    ends = np.minimum(first[:2] + first[2:], second[:2] + second[2:])
    shared = float(np.clip(ends - np.maximum(first[:2], second[:2]), 0, None).prod())
    return shared / float(first[2:].prod() + second[2:].prod() - shared)


def _are_a_pair(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether two eyes in an upright face of _FACE pixels are about as far apart and as level as eyes are."""
    across, down = (right - left) / _FACE
    return bool(0.25 < across < 0.6 and abs(down) < across * 0.6)


def _turn(angle: float, scale: float, middle: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The map that turns and scales about a point and brings it to a place."""
    turn = scale * np.exp(1j * np.deg2rad(angle))
    map_ = np.array([[turn.real, -turn.imag, 0.0], [turn.imag, turn.real, 0.0]])
    map_[:, 2] = place - map_[:, :2] @ middle
    return map_
