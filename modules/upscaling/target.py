"""How large a picture is to become: by a factor, or to a width and height."""

from __future__ import annotations

import math
from dataclasses import dataclass

from modules.errors import InvalidRequest
from modules.imaging.reading import MAX_PIXELS
from modules.imaging.sides import covering_sides


@dataclass(frozen=True)
class ByFactor:
    """Both sides times `factor`; where the longer one would pass `longest` (0: no limit), less."""

    factor: float
    longest: int = 0

    def sides(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that a picture of that size is brought to. Raises InvalidRequest."""
        if not (math.isfinite(self.factor) and self.factor > 0):
            raise InvalidRequest("Upscale by", self.factor, "is no factor", "Choose a number above 0.")
        if self.longest < 0:
            raise InvalidRequest("Max side length", self.longest, "is below 0", "Choose 0 for no limit.")
        factor = self.factor_for(width, height)
        sides = max(1, round(width * factor)), max(1, round(height * factor))
        if sides[0] * sides[1] > MAX_PIXELS:
            most = math.floor(100 * math.sqrt(MAX_PIXELS / (width * height))) / 100
            raise InvalidRequest(
                "Upscale by", self.factor, f"makes a picture of {_said(*sides)} pixels", f"Choose at most {most:g}."
            )
        return sides

    def factor_for(self, width: int, height: int) -> float:
        """The factor that takes effect for a picture of that size."""
        return min(self.factor, self.longest / max(width, height)) if self.longest else self.factor

    def crop(self, width: int, height: int) -> tuple[int, int]:
        """The size to cut out of the middle of a picture of that size: all of it."""
        return width, height


@dataclass(frozen=True)
class BySize:
    """Until width and height are covered; what sticks out is cut off evenly with `cut`, else kept."""

    width: int
    height: int
    cut: bool = True

    def sides(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that a picture of that size is brought to. Raises InvalidRequest."""
        if self.width < 1 or self.height < 1:
            raise InvalidRequest(
                "Resize to", _said(self.width, self.height), "is no size", "Both sides are at least 1."
            )
        sides = covering_sides(width, height, self.width, self.height)
        if sides[0] * sides[1] > MAX_PIXELS:
            raise InvalidRequest(
                "Resize to",
                _said(self.width, self.height),
                f"takes {_said(*sides)} pixels to cover",
                f"Choose a smaller size: all of it may have {MAX_PIXELS:,} pixels.",
            )
        return sides

    def crop(self, width: int, height: int) -> tuple[int, int]:
        """The size to cut out of the middle of a picture of that size."""
        return (min(width, self.width), min(height, self.height)) if self.cut else (width, height)


Target = ByFactor | BySize


def _said(width: int, height: int) -> str:
    return f"{width}x{height}"
