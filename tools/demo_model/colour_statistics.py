"""Colours measured in the pixels, without any network: a second witness beside the judge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.demo_model.painting import standing
from tools.demo_model.palette import COLOURS, RGB, plain_ground
from tools.demo_model.scene import Scene

FLAT_STYLES = ("flat", "outlined", "paper cut")
DIFFERENT = 60.0
FloatArray = NDArray[np.float32]


def measured(picture: Image.Image, scene: Scene) -> dict[str, bool]:
    """Whether pixels agree with the scene; only questions that pixels can answer.

    `ground`: the corners' median is nearest to the plain ground asked for. `subject`: among the pixels around the
    subjects' places that differ from the ground, the named colour is the commonest of the palette.
    """
    if scene.style not in FLAT_STYLES or scene.weather != "clear" or not scene.ground.startswith("plain-"):
        return {}
    pixels = np.asarray(picture.convert("RGB"), np.float32)
    side = pixels.shape[0]
    edge = max(2, side // 16)
    ends = (slice(edge), slice(-edge, None))
    corners = np.concatenate([pixels[rows, columns].reshape(-1, 3) for rows in ends for columns in ends])
    ground = np.median(corners, axis=0)
    grounds = {name: plain_ground(name) for name in COLOURS}
    found = {"ground": _nearest(ground[None], grounds)[0] == scene.ground.removeprefix("plain-")}
    if scene.second is None:
        found["subject"] = _subject_colour(pixels, ground, scene) == scene.first.colour
    return found


def _subject_colour(pixels: FloatArray, ground: FloatArray, scene: Scene) -> str | None:
    side = pixels.shape[0]
    votes: dict[str, int] = {}
    for _, x, y, half in standing(scene):
        left, right = (round(min(max(edge, 0), 1) * side) for edge in (x - half, x + half))
        top, bottom = (round(min(max(edge, 0), 1) * side) for edge in (y - half, y + half))
        patch = pixels[top:bottom, left:right].reshape(-1, 3)
        patch = patch[np.linalg.norm(patch - ground, axis=1) > DIFFERENT]
        for name in _nearest(patch, COLOURS):
            votes[name] = votes.get(name, 0) + 1
    return max(votes, key=votes.__getitem__) if votes else None


def _nearest(pixels: FloatArray, palette: dict[str, RGB]) -> list[str]:
    names = list(palette)
    tones = np.array([palette[name] for name in names], np.float32)
    distances = np.linalg.norm(pixels[:, None, :] - tones[None], axis=2)
    return [names[number] for number in distances.argmin(axis=1)]
