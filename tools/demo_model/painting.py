"""Draws a scene: ground, subjects, weather, style, anti-aliased by drawing twice as large. Knows no words."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from tools.demo_model.grounds import Stage, neon_ground, paint_ground, paint_rainbow, paint_weather
from tools.demo_model.palette import COLOURS
from tools.demo_model.pen import Pen, Touch
from tools.demo_model.scene import Scene, Thing
from tools.demo_model.subjects import SUBJECTS

NATIVE_SIDE = 256
SUPERSAMPLING = 2
PIXEL_ART_SIDE = 32

Spot = tuple[Thing, float, float, float]  # thing, x, y, half-size, in shares of the side


def paint(scene: Scene, seed: int, side: int = NATIVE_SIDE) -> Image.Image:
    """The picture of a scene; same scene, seed and side give the same picture."""
    rng = random.Random(f"paint-{seed}")
    canvas = side * SUPERSAMPLING
    stage = Stage(canvas, paper_cut=scene.style == "paper cut")
    paint_ground(stage, rng, scene.ground)
    if scene.weather == "rainbow":
        paint_rainbow(stage, rng)
    if scene.style == "neon":
        stage.picture = neon_ground(stage.picture)
    for spot in spots(scene, rng):
        _paint_spot(stage, spot, scene.style)
    picture = paint_weather(stage.picture, rng, scene.weather)
    return _finish(picture, scene.style, rng, side)


def standing(scene: Scene) -> list[Spot]:
    """Where each thing of the scene stands when nothing is left to chance."""
    return spots(scene, _Even())


class _Even(random.Random):
    """Chance that always takes the middle."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def spots(scene: Scene, rng: random.Random) -> list[Spot]:
    """Where each thing of the scene stands."""
    plain = scene.ground.startswith("plain-")
    base = {"sea": 0.58, "meadow": 0.62}.get(scene.ground, 0.5 if plain else 0.6) + rng.uniform(-0.03, 0.03)
    wobble = rng.uniform(0.94, 1.06)
    if scene.second is not None:
        return _pair_spots(scene, scene.second, rng, base, 0.195 * wobble)
    if scene.count > 1:
        return _group_spots(scene, rng, base, wobble)
    half = {"small": 0.15, "medium": 0.25, "large": 0.345}[scene.size] * wobble
    if SUBJECTS[scene.first.kind].flies and not plain and scene.place == "centre" and scene.size != "large":
        base -= 0.14
    x, y = 0.5, base
    if scene.place in ("left", "right"):
        half *= 0.75 if scene.size == "large" else 0.92
        x = 0.25 if scene.place == "left" else 0.75
    elif scene.place in ("top", "bottom"):
        half *= 0.72 if scene.size == "large" else 0.9
        y = 0.26 if scene.place == "top" else 0.76
    return [(scene.first, x + rng.uniform(-0.03, 0.03), y + rng.uniform(-0.01, 0.01), half)]


def _pair_spots(scene: Scene, second: Thing, rng: random.Random, base: float, half: float) -> list[Spot]:
    jitter = [rng.uniform(-0.025, 0.025) for _ in range(4)]
    near, far = (0.27, 0.73)
    if scene.relation in ("left of", "right of"):
        first_x, second_x = (near, far) if scene.relation == "left of" else (far, near)
        return [
            (scene.first, first_x + jitter[0], base + jitter[1], half),
            (second, second_x + jitter[2], base + jitter[3], half),
        ]
    first_y, second_y = (near, far) if scene.relation == "above" else (far, near)
    return [
        (scene.first, 0.5 + jitter[0], first_y + jitter[1] / 2, half),
        (second, 0.5 + jitter[2], second_y + jitter[3] / 2, half),
    ]


def _group_spots(scene: Scene, rng: random.Random, base: float, wobble: float) -> list[Spot]:
    if scene.count == 4:
        places = [(x, y) for y in (0.28, 0.72) for x in (0.28, 0.72)]
        half = 0.165 * wobble
    else:
        places = [((k + 0.5) / scene.count, base) for k in range(scene.count)]
        half = {2: 0.19, 3: 0.145}[scene.count] * wobble
    return [(scene.first, x + rng.uniform(-0.02, 0.02), y + rng.uniform(-0.025, 0.025), half) for x, y in places]


def _paint_spot(stage: Stage, spot: Spot, style: str) -> None:
    thing, x, y, half = spot
    touch: Touch = "fill"
    if style in ("outlined", "neon"):
        touch = "outline" if style == "outlined" else "neon"
    painter, colour, side = SUBJECTS[thing.kind].paint, COLOURS[thing.colour], stage.side

    def pen(draw: ImageDraw.ImageDraw) -> Pen:
        return Pen(draw=draw, x=x * side, y=y * side, size=half * side, touch=touch)

    if style == "neon":
        tubes = Image.new("RGB", stage.picture.size)
        painter(pen(ImageDraw.Draw(tubes)), colour)
        halo = tubes.resize((side // 4, side // 4)).filter(ImageFilter.GaussianBlur(side * 0.008)).resize(tubes.size)
        with stage.layer() as draw:
            painter(pen(draw), colour)
        stage.picture = ImageChops.screen(stage.picture, halo)
        return
    with stage.layer() as draw:
        painter(pen(draw), colour)


def _finish(picture: Image.Image, style: str, rng: random.Random, side: int) -> Image.Image:
    if style == "pixel art":
        small = picture.resize((PIXEL_ART_SIDE, PIXEL_ART_SIDE), Image.Resampling.BOX)
        return small.resize((side, side), Image.Resampling.NEAREST)
    picture = picture.resize((side, side), Image.Resampling.BOX)
    if style == "watercolour":
        wash = np.random.default_rng(rng.getrandbits(32)).standard_normal((9, 9)).astype(np.float32)
        spread = np.asarray(Image.fromarray(wash).resize((side, side), Image.Resampling.BICUBIC))[..., None]
        soft = np.asarray(picture.filter(ImageFilter.GaussianBlur(side / 160)), np.float32)
        washed = 255 - (255 - soft) * np.clip(0.70 + 0.16 * spread, 0.3, 1)
        return Image.fromarray(washed.clip(0, 255).astype(np.uint8))
    return picture
