"""Boxes: rectangles of whole pixels inside a picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A rectangle; `right` and `bottom` lie just outside it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an array (height, width, ...) with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def padded(self, padding: int, width: int, height: int) -> Box:
        """Grown by `padding` pixels on every side, clipped to a picture of that width and height."""
        return Box(
            max(0, self.left - padding),
            max(0, self.top - padding),
            min(width, self.right + padding),
            min(height, self.bottom + padding),
        )

    def at_ratio(self, ratio_width: int, ratio_height: int, width: int, height: int) -> Box:
        """Grown along one axis to the aspect ratio ratio_width : ratio_height (rounded down to whole pixels).

        It is shifted where it would leave a picture of that width and height, and as long as the picture where even
        that is too short; only then the ratio is not reached.
        """
        if self.width * ratio_height > self.height * ratio_width:
            top, bottom = _grown(self.top, self.bottom, self.width * ratio_height // ratio_width, height)
            return Box(self.left, top, self.right, bottom)
        left, right = _grown(self.left, self.right, self.height * ratio_width // ratio_height, width)
        return Box(left, self.top, right, self.bottom)


def _grown(start: int, end: int, length: int, limit: int) -> tuple[int, int]:
    """A stretch of `length` about the middle of another one, inside 0 to `limit`."""
    length = min(length, limit)
    start = min(max(0, start - (length - (end - start)) // 2), limit - length)
    return start, start + length
