"""A whole enlargement: to a target, by one upscaler or two blended."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from modules.errors import InvalidRequest
from modules.upscaling.listener import SILENT, Listener
from modules.upscaling.target import Target
from modules.upscaling.tiling import USUAL_TILING, Tiling
from modules.upscaling.upscaler import Upscaler

_ROWS = 256


@dataclass(frozen=True)
class Enlargement:
    """Two upscalers and how much is seen of the second, 0 to 1."""

    first: Upscaler
    second: Upscaler | None = None
    visibility: float = 0.0

    def apply(
        self, pixels: np.ndarray, target: Target, *, tiling: Tiling = USUAL_TILING, listener: Listener = SILENT
    ) -> np.ndarray:
        """Pixels (height, width, 3 or 4) brought to the target, cut out of the middle where the target says so.

        Raises InvalidRequest and what `Upscaler.upscale` raises.
        """
        if not 0 <= self.visibility <= 1:
            raise InvalidRequest("Upscaler 2 visibility", self.visibility, "is not 0 to 1", "Choose 0 to 1.")
        width, height = target.sides(pixels.shape[1], pixels.shape[0])
        seen = self._seen()
        results = []
        for index, upscaler in enumerate(seen):

            def progress(share: float, index: int = index) -> None:
                listener.progress((index + share) / len(seen))

            part = replace(listener, progress=progress)
            results.append(upscaler.upscale(pixels, width, height, tiling=tiling, listener=part))
        result = results[0] if len(results) == 1 else _blended(results[0], results[1], self.visibility)
        inner_width, inner_height = target.crop(width, height)
        left, top = width // 2 - inner_width // 2, height // 2 - inner_height // 2
        return result[top : top + inner_height, left : left + inner_width].copy()

    def _seen(self) -> list[Upscaler]:
        if self.second is None or self.visibility == 0:
            return [self.first]
        return [self.second] if self.visibility == 1 else [self.first, self.second]


def _blended(first: np.ndarray, second: np.ndarray, visibility: float) -> np.ndarray:
    """A few rows at a time, so that no second picture is held as numbers."""
    result = np.empty_like(first)
    for top in range(0, len(first), _ROWS):
        rows = slice(top, top + _ROWS)
        mixed = first[rows] * np.float32(1 - visibility) + second[rows] * np.float32(visibility)
        result[rows] = np.clip(mixed + 0.5, 0, 255)
    return result
