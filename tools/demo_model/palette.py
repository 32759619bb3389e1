"""The eleven colours of the world and how they are shaded. Knows nothing of shapes or words."""

from __future__ import annotations

RGB = tuple[int, int, int]

COLOURS: dict[str, RGB] = {
    "red": (214, 48, 49),
    "orange": (240, 140, 30),
    "yellow": (250, 210, 50),
    "green": (60, 165, 80),
    "blue": (45, 105, 215),
    "purple": (135, 75, 175),
    "pink": (245, 135, 180),
    "brown": (130, 80, 50),
    "black": (35, 35, 40),
    "white": (250, 250, 250),
    "grey": (140, 145, 152),
}

INK: RGB = (25, 22, 30)
PAPER: RGB = (252, 251, 247)


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """`first` with `share` (0..1) of `second` stirred in."""
    red, green, blue = (round(a * (1 - share) + b * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def lighter(colour: RGB, share: float) -> RGB:
    """The colour moved towards white."""
    return mix(colour, (255, 255, 255), share)


def darker(colour: RGB, share: float) -> RGB:
    """The colour moved towards black."""
    return mix(colour, (0, 0, 0), share)


def shade(colour: RGB) -> RGB:
    """A second tone for roofs and wings: darker, or lighter where the colour is nearly black."""
    return darker(colour, 0.38) if sum(colour) > 150 else lighter(colour, 0.3)


def plain_ground(name: str) -> RGB:
    """The softened tone a plain background of that colour has."""
    return COLOURS[name] if name in ("white", "black") else lighter(COLOURS[name], 0.28)


def glowing(colour: RGB) -> RGB:
    """The tone a line of that colour has in neon light."""
    peak = max(colour)
    vivid: RGB = (colour[0] * 255 // peak, colour[1] * 255 // peak, colour[2] * 255 // peak)
    return lighter(vivid, 0.12)
