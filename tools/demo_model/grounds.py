"""Backgrounds: plain colours, nine scenes and the weather over them. Knows nothing of subjects or words."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tools.demo_model.palette import COLOURS, RGB, lighter, plain_ground

SCENES = ("day", "night", "sunset", "sea", "snow", "desert", "meadow", "city", "forest")
PLAIN = tuple(f"plain-{name}" for name in COLOURS)
GROUNDS = (*SCENES, *PLAIN)
WEATHERS = ("clear", "rain", "snowfall", "fog", "rainbow")

SHADOW_STRENGTH = 150


class Stage:
    """A square picture that grows layer by layer; in paper cut every layer throws a shadow on those below."""

    def __init__(self, side: int, *, paper_cut: bool = False) -> None:
        self.side = side
        self.paper_cut = paper_cut
        self.picture = Image.new("RGB", (side, side))

    @contextmanager
    def layer(self) -> Iterator[ImageDraw.ImageDraw]:
        """A drawing surface whose content becomes the next layer."""
        if not self.paper_cut:
            yield ImageDraw.Draw(self.picture)
            return
        sheet = Image.new("RGBA", (self.side, self.side))
        yield ImageDraw.Draw(sheet)
        self.add(sheet)

    def add(self, sheet: Image.Image) -> None:
        """Put a drawn RGBA sheet on top."""
        mask = sheet.getchannel("A")
        if self.paper_cut:
            step = max(1, round(self.side * 0.026))
            shadow = Image.new("L", mask.size)
            shadow.paste(mask.point([value * SHADOW_STRENGTH // 255 for value in range(256)]), (step, step + step // 2))
            self.picture.paste((20, 15, 30), (0, 0), shadow.filter(ImageFilter.GaussianBlur(self.side * 0.01)))
        self.picture.paste(sheet.convert("RGB"), (0, 0), mask)

    def gradient(self, stops: Sequence[tuple[float, RGB]]) -> None:
        """Fill the picture from top to bottom through the (height, colour) stops."""
        rows = np.linspace(0, 1, self.side)
        heights = [height for height, _ in stops]
        channels = [np.interp(rows, heights, [colour[k] for _, colour in stops]) for k in range(3)]
        column = np.stack(channels, 1).round().astype(np.uint8)
        self.picture.paste(Image.fromarray(np.repeat(column[:, None, :], self.side, 1)))

    def disc(self, x: float, y: float, radius: float, colour: RGB) -> None:
        """A layer with one circle, in shares of the side."""
        with self.layer() as draw:
            draw.ellipse(_box(self.side, x - radius, y - radius, x + radius, y + radius), fill=colour)


def _box(side: int, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
    return left * side, top * side, right * side, bottom * side


def _hills(stage: Stage, rng: random.Random, y: float, colour: RGB, humps: int = 2) -> None:
    side = stage.side
    for number in range(humps):
        centre, width, height = rng.uniform(0, 1), rng.uniform(0.5, 0.9), rng.uniform(0.10, 0.2)
        with stage.layer() as draw:
            box = _box(side, centre - width, y - height, centre + width, y + 2 * height)
            draw.ellipse(box, fill=lighter(colour, 0.12 * (humps - number)))
    with stage.layer() as draw:
        draw.rectangle(_box(side, -0.1, y, 1.1, 1.1), fill=colour)


def _puff(stage: Stage, x: float, y: float, size: float, colour: RGB) -> None:
    with stage.layer() as draw:
        for dx, dy, share in ((-1.2, 0.2, 0.8), (0.0, -0.2, 1.1), (1.2, 0.2, 0.8)):
            centre_x, centre_y, radius = x + dx * size, y + dy * size, share * size
            box = _box(stage.side, centre_x - radius, centre_y - radius, centre_x + radius, centre_y + radius)
            draw.ellipse(box, fill=colour)


def _specks(
    stage: Stage, rng: random.Random, count: int, top: float, bottom: float, size: tuple[float, float], *colours: RGB
) -> None:
    draw = ImageDraw.Draw(stage.picture)
    for _ in range(count):
        x, y, radius = rng.uniform(0, 1), rng.uniform(top, bottom), rng.uniform(*size)
        draw.ellipse(_box(stage.side, x - radius, y - radius, x + radius, y + radius), fill=rng.choice(colours))


def _day(stage: Stage, rng: random.Random) -> None:
    stage.gradient([(0, (96, 180, 240)), (0.75, (206, 234, 250)), (1, (206, 234, 250))])
    for _ in range(2):
        _puff(stage, rng.uniform(0.1, 0.9), rng.uniform(0.08, 0.25), rng.uniform(0.04, 0.06), (255, 255, 255))
    _hills(stage, rng, rng.uniform(0.70, 0.76), (120, 185, 95))


def _night(stage: Stage, rng: random.Random) -> None:
    stage.gradient([(0, (12, 16, 52)), (0.72, (44, 54, 116)), (1, (44, 54, 116))])
    _specks(stage, rng, 26, 0, 0.66, (0.005, 0.01), (250, 246, 210))
    x, y, radius = rng.choice([0.14, 0.86]), 0.15, 0.07
    with stage.layer() as draw:
        draw.ellipse(_box(stage.side, x - radius, y - radius, x + radius, y + radius), fill=(250, 244, 200))
    bite = _box(stage.side, x - radius * 0.35, y - radius * 1.15, x + radius * 1.45, y + radius * 0.75)
    ImageDraw.Draw(stage.picture).ellipse(bite, fill=(17, 22, 62))
    _hills(stage, rng, rng.uniform(0.70, 0.76), (26, 44, 62))


def _sunset(stage: Stage, rng: random.Random) -> None:
    stage.gradient([(0, (92, 60, 130)), (0.35, (228, 100, 110)), (0.72, (255, 196, 110)), (1, (255, 196, 110))])
    y = rng.uniform(0.70, 0.76)
    stage.disc(rng.uniform(0.15, 0.85), y - 0.03, 0.12, (255, 236, 170))
    _hills(stage, rng, y, (88, 52, 84), 1)


def _sea(stage: Stage, rng: random.Random) -> None:
    stage.gradient([(0, (150, 214, 244)), (0.45, (220, 242, 250)), (1, (220, 242, 250))])
    with stage.layer() as draw:
        draw.rectangle(_box(stage.side, -0.1, 0.46, 1.1, 1.1), fill=(36, 122, 180))
    draw = ImageDraw.Draw(stage.picture)
    for row in range(4):
        y, phase = 0.46 + 0.10 + 0.13 * row, rng.uniform(0, 0.22)
        for column in range(-1, 6):
            x = column * 0.22 + phase
            box = _box(stage.side, x, y - 0.02, x + 0.11, y + 0.035)
            draw.arc(box, 200, 340, fill=(130, 196, 228), width=max(1, round(stage.side * 0.012)))


def _snow(stage: Stage, rng: random.Random) -> None:
    stage.gradient([(0, (150, 170, 196)), (0.75, (214, 224, 236)), (1, (214, 224, 236))])
    y = rng.uniform(0.70, 0.76)
    for _ in range(2):
        x, width, height = rng.uniform(0, 1), 0.3, rng.uniform(0.25, 0.38)
        with stage.layer() as draw:
            for share, colour in ((1.0, (122, 140, 168)), (0.33, (250, 252, 255))):
                foot = y - height * (1 - share)
                corners = [(x - width * share, foot), (x, y - height), (x + width * share, foot)]
                draw.polygon([(a * stage.side, b * stage.side) for a, b in corners], fill=colour)
    _hills(stage, rng, y, (242, 247, 252), 1)
    _specks(stage, rng, 22, 0, 1, (0.007, 0.012), (255, 255, 255))


def _desert(stage: Stage, rng: random.Random) -> None:
    stage.gradient([(0, (120, 196, 224)), (0.7, (250, 232, 196)), (1, (250, 232, 196))])
    stage.disc(rng.choice([0.14, 0.86]), 0.15, 0.08, (255, 214, 90))
    _hills(stage, rng, rng.uniform(0.70, 0.76), (226, 180, 110))
    x, y = rng.choice([0.08, 0.92]), 0.72
    with stage.layer() as draw:
        for left, top, right, bottom in (
            (-0.022, -0.2, 0.022, 0.1), (-0.075, -0.05, 0.0, -0.02), (-0.075, -0.12, -0.045, -0.02),
            (0.0, 0.0, 0.075, 0.03), (0.045, -0.09, 0.075, 0.03),
        ):  # fmt: skip
            draw.rectangle(_box(stage.side, x + left, y + top, x + right, y + bottom), fill=(86, 140, 86))


def _meadow(stage: Stage, rng: random.Random) -> None:
    stage.gradient([(0, (170, 222, 250)), (0.5, (226, 244, 238)), (1, (226, 244, 238))])
    _hills(stage, rng, 0.55, (104, 190, 84))
    _specks(stage, rng, 18, 0.6, 0.98, (0.008, 0.014), (255, 255, 255), (255, 225, 80), (250, 150, 190))


def _city(stage: Stage, rng: random.Random) -> None:
    stage.gradient([(0, (176, 200, 222)), (0.7, (238, 226, 214)), (1, (238, 226, 214))])
    left = -0.05
    while left < 1:
        width, top = rng.uniform(0.14, 0.2), rng.uniform(0.22, 0.48)
        tone = rng.choice([(120, 132, 158), (140, 148, 172), (104, 118, 146)])
        with stage.layer() as draw:
            draw.rectangle(_box(stage.side, left, top, left + width, 0.9), fill=tone)
            for row in range(4):
                for column in (0.22, 0.6):
                    x, y = left + width * column, top + 0.05 + row * 0.1
                    draw.rectangle(_box(stage.side, x, y, x + width * 0.2, y + 0.045), fill=(252, 232, 160))
        left += width + 0.02
    with stage.layer() as draw:
        draw.rectangle(_box(stage.side, -0.1, 0.76, 1.1, 1.1), fill=(92, 96, 106))
        for column in range(5):
            x = 0.03 + column * 0.22
            draw.rectangle(_box(stage.side, x, 0.9, x + 0.11, 0.92), fill=(240, 236, 220))


def _forest(stage: Stage, rng: random.Random) -> None:
    stage.gradient([(0, (176, 214, 196)), (0.7, (214, 232, 204)), (1, (214, 232, 204))])
    for row, (tone, foot, height) in enumerate((((96, 150, 122), 0.68, 0.5), ((46, 104, 78), 0.76, 0.56))):
        for column in range(6):
            x = column * 0.2 + 0.1 * row + rng.uniform(-0.03, 0.03)
            top = foot - height * rng.uniform(0.8, 1.1)
            with stage.layer() as draw:
                for start, width in ((0.0, 0.075), (0.28, 0.105)):
                    hem = foot - 0.04 + 0.3 * (start - 0.28)
                    corners = [(x - width, hem), (x, top + start * height), (x + width, hem)]
                    draw.polygon([(a * stage.side, b * stage.side) for a, b in corners], fill=tone)
    with stage.layer() as draw:
        draw.rectangle(_box(stage.side, -0.1, 0.72, 1.1, 1.1), fill=(92, 122, 66))


def _plain(stage: Stage, rng: random.Random, name: str) -> None:
    stage.picture.paste(plain_ground(name), (0, 0, stage.side, stage.side))


_PAINTERS: dict[str, Callable[[Stage, random.Random], None]] = {
    "day": _day,
    "night": _night,
    "sunset": _sunset,
    "sea": _sea,
    "snow": _snow,
    "desert": _desert,
    "meadow": _meadow,
    "city": _city,
    "forest": _forest,
}


def paint_ground(stage: Stage, rng: random.Random, ground: str) -> None:
    """Fill the stage with the named ground."""
    if ground.startswith("plain-"):
        _plain(stage, rng, ground.removeprefix("plain-"))
    else:
        _PAINTERS[ground](stage, rng)


def paint_rainbow(stage: Stage, rng: random.Random) -> None:
    """A broad arc behind the subjects."""
    x = rng.uniform(0.35, 0.65)
    with stage.layer() as draw:
        for number, name in enumerate(("red", "orange", "yellow", "green", "blue", "purple")):
            radius = 0.56 - 0.03 * number
            box = _box(stage.side, x - radius, 0.68 - radius, x + radius, 0.68 + radius)
            draw.arc(box, 180, 360, fill=lighter(COLOURS[name], 0.15), width=round(stage.side * 0.032))


def paint_weather(picture: Image.Image, rng: random.Random, weather: str) -> Image.Image:
    """Rain, snowfall or fog over a finished picture."""
    side = picture.width
    if weather == "rain":
        picture = Image.blend(picture, Image.new("RGB", picture.size, (92, 106, 128)), 0.28)
        draw = ImageDraw.Draw(picture)
        for number in range(34):
            x, y = (number % 7 + rng.uniform(0, 1)) / 7, (number // 7 + rng.uniform(0, 1)) / 5
            length = rng.uniform(0.07, 0.1)
            line = (x * side, y * side, (x - length * 0.35) * side, (y + length) * side)
            draw.line(line, fill=(196, 220, 244), width=max(1, round(side * 0.011)))
    elif weather == "snowfall":
        draw = ImageDraw.Draw(picture)
        for number in range(40):
            x, y, radius = (number % 8 + rng.uniform(0, 1)) / 8, (number // 8 + rng.uniform(0, 1)) / 5, 0.016
            box = _box(side, x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(box, fill=(255, 255, 255), outline=(205, 218, 235))
    elif weather == "fog":
        veil = Image.new("RGB", picture.size, (226, 230, 234))
        rows = np.interp(np.linspace(0, 1, side), [0, 0.5, 1], [80, 140, 110])
        wave = 22 * np.sin(np.linspace(0, 1, side) * 14 + rng.uniform(0, 6))
        column = np.clip(rows + wave, 0, 255).astype(np.uint8)
        picture = Image.composite(veil, picture, Image.fromarray(np.repeat(column[:, None], side, 1)))
    return picture


def neon_ground(picture: Image.Image) -> Image.Image:
    """The ground as it looks when only neon tubes light it."""
    return picture.point([round(value * 0.38) for value in range(256)] * 3)
