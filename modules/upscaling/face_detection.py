"""Says where the faces of a picture are: by YuNet where its file is there, else by OpenCV's own cascades."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from modules.upscaling.face_cascades import CascadeDetector
from modules.upscaling.face_yunet import YuNetDetector


class FaceDetector(Protocol):
    """What finds faces. The same picture gives the same faces."""

    def detect(self, pixels: np.ndarray) -> list[np.ndarray]:
        """The faces of a picture (height, width, 3 or 4), each once: five points (5, 2) each, as in TEMPLATE."""


def face_detector(yunet: Path | None) -> FaceDetector:
    """The better detector that there is. Raises BrokenModel for a YuNet file that is none, BrokenInstallation."""
    return CascadeDetector() if yunet is None else YuNetDetector(yunet)
