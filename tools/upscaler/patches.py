"""What the upscaler learns from: cuts of drawn scenes, and the same cuts at half their size.

Seeds decide everything; no seed of training is one of evaluation, and training sees no held-out combination.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.demo_model.painting import paint
from tools.demo_model.scene import training_scene, unseen_scene

SCALE = 2
FILTERS = (Image.Resampling.BOX, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
SIDES = (128, 192, 256, 384)
FIRST_SEED = 4_000_000
CUTS_PER_SCENE = 4
MARGIN = 8
"""Pixels of the scene around a cut, so that the filter that shrinks it finds the same neighbours as in the whole."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Cutting:
    """How pairs are made: `side` of a small cut in pixels, share of them with noise of up to `noise` levels."""

    side: int = 32
    noise_share: float = 0.25
    noise: float = 3.0


def shrink(picture: Image.Image, resampling: Image.Resampling) -> Image.Image:
    """A picture at half its size."""
    return picture.resize((picture.width // SCALE, picture.height // SCALE), resampling)


def pairs(cutting: Cutting, seed: str, count: int) -> tuple[Pixels, Pixels]:
    """`count` small cuts (count, side, side, 3) and what they are to become, at twice the side."""
    rng = random.Random(f"upscaler-{seed}")
    small: list[Pixels] = []
    large: list[Pixels] = []
    while len(small) < count:
        number = FIRST_SEED + rng.randrange(1_000_000)
        scene = paint(training_scene(number), number, rng.choice(SIDES))
        for _ in range(min(CUTS_PER_SCENE, count - len(small))):
            before, after = _pair(cutting, scene, rng)
            small.append(before)
            large.append(after)
    return np.stack(small), np.stack(large)


def unseen_scenes(count: int, side: int) -> list[Image.Image]:
    """Scenes from a stream of seeds that training does not draw from."""
    return [paint(unseen_scene(seed), seed, side) for seed in range(count)]


def _pair(cutting: Cutting, scene: Image.Image, rng: random.Random) -> tuple[Pixels, Pixels]:
    """The busier of two cuts: most of a drawing is plain ground, from which there is little to learn."""
    side = cutting.side * SCALE + 2 * MARGIN
    cuts = []
    for _ in range(2):
        left, top = rng.randrange(scene.width - side + 1), rng.randrange(scene.height - side + 1)
        cuts.append(scene.crop((left, top, left + side, top + side)))
    cut = max(cuts, key=lambda candidate: float(np.asarray(candidate, np.float32).std()))
    inner = MARGIN // SCALE
    small = np.asarray(shrink(cut, rng.choice(FILTERS)))[inner:-inner, inner:-inner]
    large = np.asarray(cut)[MARGIN:-MARGIN, MARGIN:-MARGIN]
    turns, mirrored = rng.randrange(4), rng.random() < 0.5
    if rng.random() < cutting.noise_share:
        small = _noisy(small, rng.uniform(0, cutting.noise), rng.getrandbits(32))
    return _turned(small, turns, mirrored), _turned(large, turns, mirrored)


def _turned(pixels: Pixels, turns: int, mirrored: bool) -> Pixels:
    turned = np.rot90(pixels, turns)
    return turned[:, ::-1] if mirrored else turned


def _noisy(pixels: Pixels, deviation: float, seed: int) -> Pixels:
    noise = np.random.default_rng(seed).standard_normal(pixels.shape) * deviation
    return (pixels + noise).round().clip(0, 255).astype(np.uint8)
