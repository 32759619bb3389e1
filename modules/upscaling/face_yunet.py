"""Finds faces and their points with YuNet ("YuNet: A Tiny Millisecond-level Face Detector", Wu et al. 2023).

The network is OpenCV's, in a file of its own that a person puts there.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from modules.errors import BrokenModel
from modules.upscaling.face_alignment import SIDE

_LONGEST_SIDES = 1024, 320
"""Pixels that a picture is looked at with: YuNet sees faces of some 10 to 300 pixels, so large ones are made small."""
_LEAST_SIDE = 32
_LARGEST_FILE = 4 * 1024**2
"""Bytes; YuNet's own files have a quarter of a million. Whatever is larger is something else."""
_SURE = 0.7
"""The least score of a face, 0 to 1."""
_MOST_ALIKE = 0.3
"""Boxes that share more than this of what they cover are one face."""


class YuNetDetector:
    """The network of a file; for one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Raises BrokenModel."""
        self._path = path
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST_FILE + 1)
            if not 0 < len(content) <= _LARGEST_FILE:
                raise self._broken()
            # Bytes, not a path: what was measured is what is read, and OpenCV cannot open every path of Windows.
            network = np.frombuffer(content, np.uint8)
            self._network = cv2.FaceDetectorYN.create(
                "onnx", network, np.empty(0, np.uint8), (SIDE, SIDE), _SURE, _MOST_ALIKE
            )
        except (OSError, cv2.error) as error:
            raise self._broken() from error

    def detect(self, pixels: np.ndarray) -> list[np.ndarray]:
        """The faces of a picture (height, width, 3 or 4), small ones first: five points (5, 2) each, as in TEMPLATE.

        Raises BrokenModel.
        """
        picture = Image.fromarray(pixels[..., :3])
        faces: list[np.ndarray] = []
        for longest_side in _LONGEST_SIDES:
            for face in self._found(picture, min(1.0, longest_side / max(picture.size))):
                size = np.hypot(*(face[1] - face[0]))
                if all(np.hypot(*(face.mean(0) - other.mean(0))) > size for other in faces):
                    faces.append(face)
            if max(picture.size) <= _LONGEST_SIDES[-1]:
                break
        return faces

    def _found(self, picture: Image.Image, shrinking: float) -> list[np.ndarray]:
        width, height = (max(_LEAST_SIDE, round(side * shrinking)) for side in picture.size)
        small = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2))
        try:
            self._network.setInputSize((width, height))
            _, found = self._network.detect(np.ascontiguousarray(small[..., ::-1]))
        except cv2.error as error:
            raise self._broken() from error
        rows = [] if found is None else sorted(found.tolist(), key=lambda row: (-row[14], row))
        scale = np.array(picture.size) / [width, height]
        # x, y, width, height; the person's right eye, which is left as one sees it; ...; score.
        return [np.array(row[4:14]).reshape(5, 2) * scale for row in rows]

    def _broken(self) -> BrokenModel:
        return BrokenModel(
            f"{self._path.name} is damaged, or not a YuNet network. Download face_detection_yunet_2023mar.onnx again, "
            "or take the file away: faces are then found without it."
        )
