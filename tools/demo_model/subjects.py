"""The things that can stand in a picture, each drawn into the box from -1 to 1. Knows no grounds or styles."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tools.demo_model.palette import COLOURS, RGB, lighter, shade
from tools.demo_model.pen import Pen, Point

WOOD: RGB = (110, 72, 44)
DOOR: RGB = (96, 62, 40)
LAMP: RGB = (255, 240, 170)
GLASS: RGB = (205, 232, 245)
CREAM: RGB = (244, 232, 210)
CLOTH: RGB = (250, 246, 236)
LEAF: RGB = (60, 140, 70)
WHITE: RGB = (255, 255, 255)
DARK: RGB = (25, 25, 30)
BLUSH: RGB = (240, 150, 160)


def _eye_tone(colour: RGB) -> RGB:
    return DARK if sum(colour) > 230 else WHITE


def _eyes(pen: Pen, colour: RGB, y: float, gap: float, radius: float) -> None:
    for x in (-gap, gap):
        pen.dot(x, y, radius, _eye_tone(colour))


def _arc(left: float, right: float, y: float, depth: float) -> list[Point]:
    return [(left + (right - left) * k / 8, y + depth * math.sin(math.pi * k / 8)) for k in range(9)]


def _star_points(outer: float, inner: float, count: int, turn: float = 0.0) -> list[Point]:
    points = []
    for k in range(2 * count):
        radius = outer if k % 2 == 0 else inner
        angle = k * math.pi / count + turn
        points.append((radius * math.sin(angle), -radius * math.cos(angle)))
    return points


def circle(pen: Pen, colour: RGB) -> None:
    pen.ellipse(-1, -1, 1, 1, colour)


def square(pen: Pen, colour: RGB) -> None:
    pen.box(-0.9, -0.9, 0.9, 0.9, colour)


def triangle(pen: Pen, colour: RGB) -> None:
    pen.polygon([(0, -1), (1, 0.85), (-1, 0.85)], colour)


def star(pen: Pen, colour: RGB) -> None:
    pen.polygon(_star_points(1.1, 0.45, 5), colour)


def heart(pen: Pen, colour: RGB) -> None:
    turns = [k * 2 * math.pi / 60 for k in range(60)]
    pen.polygon(
        [
            (
                math.sin(t) ** 3,
                -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16,
            )
            for t in turns
        ],
        colour,
    )


def house(pen: Pen, colour: RGB) -> None:
    pen.box(0.38, -0.95, 0.58, -0.4, shade(colour))
    pen.box(-0.75, -0.15, 0.75, 1, colour)
    pen.polygon([(-1, -0.15), (0, -1), (1, -0.15)], shade(colour))
    pen.box(-0.18, 0.35, 0.18, 1, DOOR)
    pen.box(-0.6, 0.15, -0.3, 0.45, LAMP)
    pen.box(0.3, 0.15, 0.6, 0.45, LAMP)


def castle(pen: Pen, colour: RGB) -> None:
    for left in (-1.0, 0.45):
        pen.polygon([(left - 0.08, -0.45), (left + 0.275, -1.1), (left + 0.63, -0.45)], shade(colour))
        pen.box(left, -0.45, left + 0.55, 1, colour)
        pen.box(left + 0.18, -0.2, left + 0.37, 0.12, LAMP)
    pen.box(-0.45, 0.05, 0.45, 1, colour)
    for left in (-0.45, -0.11, 0.23):
        pen.box(left, -0.17, left + 0.22, 0.1, colour)
    pen.box(-0.22, 0.6, 0.22, 1, DOOR)
    pen.sector(-0.22, 0.38, 0.22, 0.82, DOOR)


def lighthouse(pen: Pen, colour: RGB) -> None:
    band = WHITE if colour != COLOURS["white"] else (205, 70, 70)
    edges = [(-0.28, -0.45), (-0.34, -0.12), (-0.4, 0.21), (-0.46, 0.54), (-0.52, 1.0)]
    for number, ((upper, top), (lower, bottom)) in enumerate(zip(edges, edges[1:], strict=False)):
        tone = colour if number % 2 == 0 else band
        pen.polygon([(upper, top), (-upper, top), (-lower, bottom), (lower, bottom)], tone)
    pen.polygon([(0.26, -0.82), (1.05, -1.0), (1.05, -0.5), (0.26, -0.62)], LAMP)
    pen.box(-0.24, -0.85, 0.24, -0.5, LAMP)
    pen.box(-0.4, -0.52, 0.4, -0.42, DARK)
    pen.sector(-0.32, -1.15, 0.32, -0.55, shade(colour))


def tree(pen: Pen, colour: RGB) -> None:
    pen.box(-0.14, 0.2, 0.14, 1, WOOD)
    pen.ellipse(-0.85, -0.35, 0.15, 0.6, colour)
    pen.ellipse(-0.15, -0.35, 0.85, 0.6, colour)
    pen.ellipse(-0.6, -1, 0.6, 0.25, colour)


def flower(pen: Pen, colour: RGB) -> None:
    pen.box(-0.06, 0.1, 0.06, 1, LEAF)
    pen.ellipse(0.02, 0.55, 0.5, 0.8, LEAF)
    for k in range(6):
        angle = k * math.pi / 3
        pen.disc(0.42 * math.cos(angle), -0.4 + 0.42 * math.sin(angle), 0.3, colour)
    pen.disc(0, -0.4, 0.24, (250, 200, 60) if colour != COLOURS["yellow"] else (170, 100, 50))


def mushroom(pen: Pen, colour: RGB) -> None:
    pen.box(-0.28, -0.05, 0.28, 1, CREAM)
    pen.sector(-1, -0.9, 1, 1.0, colour)
    dots = WHITE if colour != COLOURS["white"] else (205, 70, 70)
    for x, y, radius in ((-0.5, -0.3, 0.16), (0.05, -0.55, 0.18), (0.55, -0.22, 0.14)):
        pen.dot(x, y, radius, dots)


def cat(pen: Pen, colour: RGB) -> None:
    pen.polygon([(0.5, 0.95), (1.0, 0.75), (1.0, 0.1), (0.84, 0.1), (0.84, 0.6), (0.5, 0.7)], shade(colour))
    pen.ellipse(-0.62, 0.0, 0.62, 1.1, colour)
    pen.polygon([(-0.64, -0.3), (-0.6, -1.05), (-0.08, -0.7)], colour)
    pen.polygon([(0.64, -0.3), (0.6, -1.05), (0.08, -0.7)], colour)
    pen.ellipse(-0.68, -0.85, 0.68, 0.25, colour)
    for x in (-0.28, 0.28):
        pen.ellipse(x - 0.14, -0.48, x + 0.14, -0.16, (170, 235, 130))
        pen.dot(x, -0.32, 0.075, DARK)
    pen.polygon([(-0.1, -0.1), (0.1, -0.1), (0, 0.03)], BLUSH)


def dog(pen: Pen, colour: RGB) -> None:
    pen.polygon([(0.75, 0.15), (1.05, -0.35), (0.95, 0.3)], colour)
    pen.box(-0.45, 0.45, -0.2, 1, shade(colour))
    pen.box(0.5, 0.45, 0.75, 1, shade(colour))
    pen.ellipse(-0.55, 0.02, 0.92, 0.75, colour)
    pen.ellipse(-1.0, -0.8, -0.1, 0.2, colour)
    pen.ellipse(-1.15, -0.3, -0.6, 0.15, lighter(colour, 0.35))
    pen.dot(-1.06, -0.14, 0.1, DARK)
    pen.ellipse(-0.4, -0.72, -0.05, 0.2, shade(colour))
    pen.dot(-0.68, -0.42, 0.09, _eye_tone(colour))


def bird(pen: Pen, colour: RGB) -> None:
    pen.polygon([(0.5, 0.05), (1.1, -0.3), (1.0, 0.3)], shade(colour))
    pen.line([(-0.15, 0.6), (-0.15, 1)], (200, 120, 40), 0.08)
    pen.line([(0.2, 0.6), (0.2, 1)], (200, 120, 40), 0.08)
    pen.ellipse(-0.7, -0.35, 0.75, 0.7, colour)
    pen.polygon([(-1.15, -0.3), (-0.8, -0.5), (-0.8, -0.15)], (245, 165, 40))
    pen.disc(-0.5, -0.4, 0.45, colour)
    pen.sector(-0.25, -0.35, 0.65, 0.6, shade(colour), 0, 180)
    pen.dot(-0.6, -0.5, 0.11, _eye_tone(colour))


def fish(pen: Pen, colour: RGB) -> None:
    pen.polygon([(0.45, 0), (1, -0.55), (1, 0.55)], shade(colour))
    pen.polygon([(-0.35, -0.45), (0.0, -0.9), (0.3, -0.4)], shade(colour))
    pen.ellipse(-1, -0.6, 0.65, 0.6, colour)
    pen.disc(-0.57, -0.15, 0.16, WHITE)
    pen.dot(-0.58, -0.15, 0.08, DARK)


def car(pen: Pen, colour: RGB) -> None:
    pen.polygon([(-0.6, -0.05), (-0.4, -0.55), (0.35, -0.55), (0.62, -0.05)], shade(colour))
    pen.polygon([(-0.45, -0.08), (-0.31, -0.44), (-0.04, -0.44), (-0.04, -0.08)], GLASS)
    pen.polygon([(0.05, -0.08), (0.05, -0.44), (0.28, -0.44), (0.46, -0.08)], GLASS)
    pen.box(-1, -0.08, 1, 0.42, colour)
    for x in (-0.55, 0.55):
        pen.disc(x, 0.43, 0.25, (40, 40, 46))
        pen.dot(x, 0.43, 0.1, (200, 200, 205))


def boat(pen: Pen, colour: RGB) -> None:
    pen.box(-0.06, -1, 0.04, 0.4, DOOR)
    pen.polygon([(0.1, -0.95), (0.85, 0.25), (0.1, 0.25)], CLOTH)
    pen.polygon([(-0.12, -0.75), (-0.12, 0.25), (-0.75, 0.25)], (236, 226, 210))
    pen.polygon([(-1, 0.38), (1, 0.38), (0.65, 0.95), (-0.65, 0.95)], colour)


def rocket(pen: Pen, colour: RGB) -> None:
    pen.polygon([(-0.2, 0.6), (0, 1.15), (0.2, 0.6)], (250, 170, 50))
    pen.polygon([(-0.35, 0.1), (-0.75, 0.75), (-0.3, 0.6)], shade(colour))
    pen.polygon([(0.35, 0.1), (0.75, 0.75), (0.3, 0.6)], shade(colour))
    pen.polygon(
        [(0, -1.15), (0.26, -0.75), (0.38, -0.25), (0.34, 0.65), (-0.34, 0.65), (-0.38, -0.25), (-0.26, -0.75)], colour
    )
    pen.disc(0, -0.2, 0.2, GLASS)


def balloon(pen: Pen, colour: RGB) -> None:
    pen.line([(0, 0.4), (0.06, 0.7), (-0.04, 1)], (90, 90, 95), 0.05)
    pen.polygon([(-0.14, 0.52), (0.14, 0.52), (0, 0.32)], shade(colour))
    pen.ellipse(-0.68, -1, 0.68, 0.42, colour)
    pen.dot(-0.28, -0.6, 0.15, lighter(colour, 0.5))


def sun(pen: Pen, colour: RGB) -> None:
    for k in range(8):
        angle = k * math.pi / 4
        side = angle + math.pi / 2
        foot_x, foot_y = 0.66 * math.cos(angle), 0.66 * math.sin(angle)
        wing_x, wing_y = 0.18 * math.cos(side), 0.18 * math.sin(side)
        tip = (1.12 * math.cos(angle), 1.12 * math.sin(angle))
        pen.polygon([(foot_x + wing_x, foot_y + wing_y), tip, (foot_x - wing_x, foot_y - wing_y)], colour)
    pen.disc(0, 0, 0.6, colour)
    _eyes(pen, colour, -0.08, 0.2, 0.08)
    pen.line(_arc(-0.25, 0.25, 0.14, 0.16), _eye_tone(colour), 0.07)


def moon(pen: Pen, colour: RGB) -> None:
    outer = [(math.cos(a), math.sin(a)) for a in (math.radians(50 + 260 * k / 30) for k in range(31))]
    inner = [
        (0.42 + 0.79 * math.cos(a), 0.79 * math.sin(a)) for a in (math.radians(285 - 210 * k / 24) for k in range(25))
    ]
    pen.polygon([(x + 0.2, y) for x, y in outer + inner], colour)
    pen.dot(-0.5, -0.2, 0.09, _eye_tone(colour))


def cloud(pen: Pen, colour: RGB) -> None:
    if pen.touch == "fill":
        pen.box(-0.7, 0.0, 0.7, 0.55, colour)
        pen.disc(-0.68, 0.2, 0.36, colour)
        pen.disc(0.68, 0.2, 0.36, colour)
        pen.disc(-0.25, -0.15, 0.46, colour)
        pen.disc(0.32, -0.05, 0.4, colour)
    else:
        bumps = ((-0.68, 0.2, 0.36, 90, 240), (-0.25, -0.15, 0.46, 190, 320), (0.32, -0.05, 0.4, 225, 345),
                 (0.68, 0.2, 0.36, 285, 450))  # fmt: skip
        rim: list[Point] = []
        for x, y, radius, start, end in bumps:
            angles = [math.radians(start + (end - start) * k / 12) for k in range(13)]
            rim += [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]
        pen.polygon(rim, colour)
    _eyes(pen, colour, 0.1, 0.2, 0.08)
    pen.line(_arc(-0.18, 0.18, 0.27, 0.1), _eye_tone(colour), 0.06)


def mountain(pen: Pen, colour: RGB) -> None:
    snow = WHITE if colour != COLOURS["white"] else (170, 200, 235)
    pen.polygon([(-0.15, 0.9), (0.5, -0.35), (1.15, 0.9)], shade(colour))
    pen.polygon([(-1.15, 0.9), (-0.25, -0.95), (0.65, 0.9)], colour)
    pen.polygon([(-0.55, -0.33), (-0.25, -0.95), (0.05, -0.33), (-0.12, -0.46), (-0.25, -0.28), (-0.4, -0.46)], snow)


def umbrella(pen: Pen, colour: RGB) -> None:
    pen.line([(0, -0.9), (0, 0.75), (0.06, 0.9), (0.2, 0.95), (0.32, 0.85), (0.34, 0.7)], DOOR, 0.1)
    pen.sector(-1.05, -0.95, 1.05, 0.85, colour)
    pen.sector(-0.38, -0.95, 0.38, 0.85, shade(colour))


def apple(pen: Pen, colour: RGB) -> None:
    pen.line([(0, -0.45), (0.1, -0.95)], WOOD, 0.12)
    pen.polygon([(0.1, -0.7), (0.4, -1.0), (0.72, -0.9), (0.45, -0.62)], LEAF)
    if pen.touch == "fill":
        pen.ellipse(-0.88, -0.6, 0.3, 0.85, colour)
        pen.ellipse(-0.3, -0.6, 0.88, 0.85, colour)
        pen.ellipse(-0.6, -0.1, 0.6, 0.95, colour)
    else:
        rim = []
        for k in range(48):
            angle = k * 2 * math.pi / 48
            dip = 0.2 * math.exp(-((math.sin(angle / 2 - math.pi * 0.75) / 0.16) ** 2))
            rim.append((0.88 * math.cos(angle), 0.14 + (0.78 - dip) * math.sin(angle)))
        pen.polygon(rim, colour)
    pen.dot(-0.5, -0.15, 0.14, lighter(colour, 0.55))


def cup(pen: Pen, colour: RGB) -> None:
    pen.line([(0.5, -0.2), (0.85, -0.22), (0.98, 0.1), (0.85, 0.42), (0.45, 0.5)], colour, 0.2)
    pen.polygon([(-0.75, -0.45), (0.6, -0.45), (0.45, 0.85), (-0.6, 0.85)], colour)
    pen.ellipse(-0.75, -0.62, 0.6, -0.28, shade(colour))
    pen.line([(-0.3, -0.72), (-0.2, -0.85), (-0.32, -0.98), (-0.22, -1.1)], (225, 228, 235), 0.09)
    pen.line([(0.1, -0.72), (0.2, -0.85), (0.08, -0.98), (0.18, -1.1)], (225, 228, 235), 0.09)


Painter = Callable[[Pen, RGB], None]


@dataclass(frozen=True)
class Subject:
    """A drawable thing: its painter, how it is called, and whether it belongs in the air."""

    paint: Painter
    names: tuple[str, ...]
    plurals: tuple[str, ...]
    flies: bool = False


SUBJECTS: dict[str, Subject] = {
    "circle": Subject(circle, ("circle", "disc", "ball"), ("circles", "discs", "balls")),
    "square": Subject(square, ("square", "box"), ("squares", "boxes")),
    "triangle": Subject(triangle, ("triangle",), ("triangles",)),
    "star": Subject(star, ("star",), ("stars",), flies=True),
    "heart": Subject(heart, ("heart",), ("hearts",)),
    "house": Subject(house, ("house", "home", "cottage"), ("houses", "homes", "cottages")),
    "castle": Subject(castle, ("castle", "fortress"), ("castles", "fortresses")),
    "lighthouse": Subject(lighthouse, ("lighthouse", "beacon"), ("lighthouses", "beacons")),
    "tree": Subject(tree, ("tree",), ("trees",)),
    "flower": Subject(flower, ("flower", "blossom"), ("flowers", "blossoms")),
    "mushroom": Subject(mushroom, ("mushroom", "toadstool"), ("mushrooms", "toadstools")),
    "cat": Subject(cat, ("cat", "kitten", "kitty"), ("cats", "kittens", "kitties")),
    "dog": Subject(dog, ("dog", "puppy"), ("dogs", "puppies")),
    "bird": Subject(bird, ("bird",), ("birds",)),
    "fish": Subject(fish, ("fish",), ("fish", "fishes")),
    "car": Subject(car, ("car", "automobile"), ("cars", "automobiles")),
    "boat": Subject(boat, ("boat", "ship", "sailboat"), ("boats", "ships", "sailboats")),
    "rocket": Subject(rocket, ("rocket", "spaceship"), ("rockets", "spaceships"), flies=True),
    "balloon": Subject(balloon, ("balloon",), ("balloons",), flies=True),
    "sun": Subject(sun, ("sun",), ("suns",), flies=True),
    "moon": Subject(moon, ("moon", "crescent moon"), ("moons", "crescent moons"), flies=True),
    "cloud": Subject(cloud, ("cloud",), ("clouds",), flies=True),
    "mountain": Subject(mountain, ("mountain", "peak"), ("mountains", "peaks")),
    "umbrella": Subject(umbrella, ("umbrella", "parasol"), ("umbrellas", "parasols")),
    "apple": Subject(apple, ("apple",), ("apples",)),
    "cup": Subject(cup, ("cup", "mug", "coffee cup"), ("cups", "mugs", "coffee cups")),
}
