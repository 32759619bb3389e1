"""Draws simple shapes in a subject's own coordinates, filled, outlined or as neon lines. Knows nothing of subjects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import ImageDraw

from tools.demo_model.palette import INK, RGB, darker, glowing, lighter

Point = tuple[float, float]
Touch = Literal["fill", "outline", "neon"]


@dataclass(frozen=True, kw_only=True)
class Pen:
    """A brush placed at (x, y) pixels; the box from -1 to 1 becomes `size` pixels to each side."""

    draw: ImageDraw.ImageDraw
    x: float
    y: float
    size: float
    touch: Touch = "fill"

    @property
    def line_width(self) -> int:
        return max(2, round(self.size * 0.085))

    def polygon(self, points: Sequence[Point], fill: RGB) -> None:
        """A closed shape through the points."""
        placed = [(self.x + a * self.size, self.y + b * self.size) for a, b in points]
        inside, line = self._tones(fill)
        self.draw.polygon(placed, fill=inside)
        if line is not None:
            self.draw.line([*placed, *placed[:2]], fill=line, width=self.line_width, joint="curve")

    def ellipse(self, left: float, top: float, right: float, bottom: float, fill: RGB) -> None:
        """An ellipse in the box."""
        inside, line = self._tones(fill)
        box = self._box(left, top, right, bottom)
        if line is None:
            self.draw.ellipse(box, fill=inside)
        else:
            self.draw.ellipse(box, fill=inside, outline=line, width=self.line_width)

    def disc(self, x: float, y: float, radius: float, fill: RGB) -> None:
        """A circle around a point."""
        self.ellipse(x - radius, y - radius, x + radius, y + radius, fill)

    def box(self, left: float, top: float, right: float, bottom: float, fill: RGB) -> None:
        """A rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], fill)

    def sector(
        self, left: float, top: float, right: float, bottom: float, fill: RGB, start: float = 180, end: float = 360
    ) -> None:
        """A slice of the ellipse in the box, closed by a straight line; the upper half by default."""
        mid_x, mid_y, half_x, half_y = (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2
        angles = [math.radians(start + (end - start) * step / 24) for step in range(25)]
        self.polygon([(mid_x + half_x * math.cos(a), mid_y + half_y * math.sin(a)) for a in angles], fill)

    def line(self, points: Sequence[Point], fill: RGB, width: float = 0.06) -> None:
        """An open line."""
        placed = [(self.x + a * self.size, self.y + b * self.size) for a, b in points]
        tone = glowing(_visible(fill)) if self.touch == "neon" else fill
        self.draw.line(placed, fill=tone, width=max(2, round(width * self.size)), joint="curve")

    def dot(self, x: float, y: float, radius: float, fill: RGB) -> None:
        """A small spot without an outline: pupils, dots, berries."""
        tone = glowing(_visible(fill)) if self.touch == "neon" else fill
        self.draw.ellipse(self._box(x - radius, y - radius, x + radius, y + radius), fill=tone)

    def _box(self, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        return (
            self.x + left * self.size,
            self.y + top * self.size,
            self.x + right * self.size,
            self.y + bottom * self.size,
        )

    def _tones(self, fill: RGB) -> tuple[RGB, RGB | None]:
        if self.touch == "fill":
            return fill, None
        if self.touch == "outline":
            return fill, INK
        return darker(_visible(fill), 0.72), glowing(_visible(fill))


def _visible(colour: RGB) -> RGB:
    """Neon light needs some brightness to start from."""
    return lighter(colour, 0.45) if max(colour) < 110 else colour
