"""What a picture shows, as data: sampled from a seed, drawn by a painter, and the rule for what training never sees.

Knows nothing of words: `captions` says a scene, `painting` draws it.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass

from tools.demo_model.grounds import PLAIN, SCENES, WEATHERS
from tools.demo_model.palette import COLOURS
from tools.demo_model.subjects import SUBJECTS

PLACES = ("left", "right", "top", "bottom", "centre")
RELATIONS = ("left of", "right of", "above", "below")
STYLES = ("flat", "outlined", "pixel art", "watercolour", "neon", "paper cut")
SIZES = ("small", "medium", "large")
HELD_OUT_SHARE = 12


@dataclass(frozen=True)
class Thing:
    """One kind of subject in one colour."""

    kind: str
    colour: str


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that decides a picture, apart from its random details.

    With a `second` thing, `relation` says where the first stands as seen from the second; then count is 1.
    """

    first: Thing
    second: Thing | None = None
    relation: str | None = None
    count: int = 1
    size: str = "medium"
    place: str = "centre"
    ground: str = "plain-white"
    weather: str = "clear"
    style: str = "flat"

    @property
    def things(self) -> tuple[Thing, ...]:
        return (self.first,) if self.second is None else (self.first, self.second)


def visible(thing: Thing, ground: str, style: str) -> bool:
    """Whether a thing of that colour can be told from the ground at all."""
    if ground == f"plain-{thing.colour}":
        return False
    if style == "neon":
        return thing.colour not in ("black", "grey", "brown")
    return (thing.colour, ground) not in {("white", "snow"), ("black", "night")}


def plain(scene: Scene) -> bool:
    """Whether a scene is of the kind to learn first: one kind of subject, flat, in clear weather."""
    return scene.second is None and scene.style == "flat" and scene.weather == "clear"


def held_out(scene: Scene) -> bool:
    """Whether training must never see the scene: a twelfth of the (subject, colour) and (subject, ground) pairs."""
    pairs = [f"{thing.kind}/{thing.colour}" for thing in scene.things]
    pairs += [f"{thing.kind}@{scene.ground}" for thing in scene.things]
    return any(zlib.crc32(pair.encode()) % HELD_OUT_SHARE == 0 for pair in pairs)


def sample_scene(rng: random.Random) -> Scene:
    """A random legible scene; about half of them are one plainly placed subject."""
    while True:
        scene = _sample_any(rng)
        if all(visible(thing, scene.ground, scene.style) for thing in scene.things):
            return scene


def _sample_any(rng: random.Random) -> Scene:
    ground = rng.choice(SCENES) if rng.random() < 0.55 else rng.choice(PLAIN)
    weather = "clear"
    if not ground.startswith("plain-") and rng.random() < 0.2:
        weather = rng.choice(WEATHERS[1:] if ground != "snow" else ("fog", "rainbow"))
    style = rng.choices(STYLES, [0.5, 0.1, 0.1, 0.1, 0.1, 0.1])[0]
    first = _sample_thing(rng)
    form = rng.random()
    if form < 0.18:
        second = _sample_thing(rng)
        while second.kind == first.kind:
            second = _sample_thing(rng)
        relation = rng.choice(RELATIONS)
        return Scene(first=first, second=second, relation=relation, ground=ground, weather=weather, style=style)
    if form < 0.40:
        return Scene(first=first, count=rng.choice([2, 3, 4]), ground=ground, weather=weather, style=style)
    place = rng.choice(PLACES[:4]) if rng.random() < 0.45 else "centre"
    size = rng.choice(["small", "large"]) if rng.random() < 0.3 else "medium"
    return Scene(first=first, size=size, place=place, ground=ground, weather=weather, style=style)


def _sample_thing(rng: random.Random) -> Thing:
    return Thing(rng.choice(list(SUBJECTS)), rng.choice(list(COLOURS)))


def training_scene(seed: int) -> Scene:
    """The scene of a seed, among those training may see."""
    rng = random.Random(f"train-{seed}")
    scene = sample_scene(rng)
    while held_out(scene):
        scene = sample_scene(rng)
    return scene


def unseen_scene(seed: int) -> Scene:
    """The scene of a seed from a stream that training does not draw from; combinations may be held out or not."""
    return sample_scene(random.Random(f"unseen-{seed}"))
