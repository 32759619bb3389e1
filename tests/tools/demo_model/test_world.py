"""The drawn world: same seed same picture, every combination drawable, legible, and the held-out rule kept."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image, ImageChops

from tools.demo_model.grounds import GROUNDS, WEATHERS
from tools.demo_model.painting import paint, spots
from tools.demo_model.palette import COLOURS, plain_ground
from tools.demo_model.scene import (
    PLACES,
    RELATIONS,
    STYLES,
    Scene,
    Thing,
    held_out,
    sample_scene,
    training_scene,
    unseen_scene,
    visible,
)
from tools.demo_model.subjects import SUBJECTS

RED_HOUSE = Scene(first=Thing("house", "red"))


def difference(first: Image.Image, second: Image.Image) -> int:
    box = ImageChops.difference(first, second).getbbox()
    return 0 if box is None else (box[2] - box[0]) * (box[3] - box[1])


def test_the_world_is_as_large_as_promised() -> None:
    assert len(SUBJECTS) >= 24
    assert set(COLOURS) == set("red orange yellow green blue purple pink brown black white grey".split())
    assert len([ground for ground in GROUNDS if not ground.startswith("plain-")]) >= 8
    assert {f"plain-{colour}" for colour in COLOURS} <= set(GROUNDS)
    assert len(STYLES) >= 6


def test_same_seed_same_picture_and_another_seed_another() -> None:
    scene = training_scene(5)
    assert difference(paint(scene, 5, 64), paint(scene, 5, 64)) == 0
    assert training_scene(5) == scene
    night = Scene(first=Thing("house", "red"), ground="night")
    assert difference(paint(night, 1, 64), paint(night, 2, 64)) > 0


@pytest.mark.parametrize("kind", SUBJECTS)
def test_every_subject_shows_its_colour_and_differs_from_every_other(kind: str) -> None:
    picture = paint(Scene(first=Thing(kind, "blue")), 0, 64)
    pixels = np.asarray(picture, np.float32)
    near = np.linalg.norm(pixels - np.array(COLOURS["blue"]), axis=2) < 30
    assert near.mean() > 0.015
    for other in SUBJECTS:
        if other != kind:
            assert difference(picture, paint(Scene(first=Thing(other, "blue")), 0, 64)) > 0


@pytest.mark.parametrize("ground", GROUNDS)
def test_every_ground_is_drawn_and_plain_ones_have_their_tone(ground: str) -> None:
    colour = "red" if ground != "plain-red" else "blue"
    picture = paint(Scene(first=Thing("circle", colour), ground=ground), 0, 64)
    if ground.startswith("plain-"):
        assert picture.getpixel((2, 2)) == plain_ground(ground.removeprefix("plain-"))
    else:
        assert len(picture.getcolors(64 * 64) or []) > 40


@pytest.mark.parametrize("style", STYLES[1:])
def test_every_style_changes_the_picture(style: str) -> None:
    plain = Scene(first=Thing("castle", "yellow"), ground="meadow")
    styled = Scene(first=Thing("castle", "yellow"), ground="meadow", style=style)
    assert difference(paint(plain, 3, 96), paint(styled, 3, 96)) > 96 * 96 // 8


@pytest.mark.parametrize("weather", WEATHERS[1:])
def test_every_weather_changes_the_picture(weather: str) -> None:
    clear, other = (Scene(first=Thing("cat", "pink"), ground="day", weather=name) for name in ("clear", weather))
    assert difference(paint(clear, 3, 96), paint(other, 3, 96)) > 96 * 96 // 8


@pytest.mark.parametrize("place", PLACES)
def test_places_are_where_they_are_called(place: str) -> None:
    scene = Scene(first=Thing("circle", "red"), place=place)
    for seed in range(20):
        [(_, x, y, half)] = spots(scene, random.Random(seed))
        wanted = {"left": x < 0.3, "right": x > 0.7, "top": y < 0.3, "bottom": y > 0.7, "centre": abs(x - 0.5) < 0.1}
        assert wanted[place]
        assert half > 0.1


@pytest.mark.parametrize("relation", RELATIONS)
def test_relations_hold_in_the_drawing(relation: str) -> None:
    scene = Scene(first=Thing("boat", "red"), second=Thing("star", "yellow"), relation=relation, ground="sea")
    for seed in range(20):
        [(first, x, y, _), (second, other_x, other_y, _)] = spots(scene, random.Random(seed))
        assert (first.kind, second.kind) == ("boat", "star")
        holds = {
            "left of": x < other_x - 0.3,
            "right of": x > other_x + 0.3,
            "above": y < other_y - 0.3,
            "below": y > other_y + 0.3,
        }
        assert holds[relation]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_counts_are_drawn_apart(count: int) -> None:
    scene = Scene(first=Thing("star", "red"), count=count)
    placed = spots(scene, random.Random(0))
    assert len(placed) == count
    for number, (_, x, y, half) in enumerate(placed):
        for _, other_x, other_y, _ in placed[number + 1 :]:
            assert max(abs(x - other_x), abs(y - other_y)) > 1.7 * half


def test_training_never_sees_what_is_held_out_and_evaluation_does() -> None:
    assert not any(held_out(training_scene(seed)) for seed in range(400))
    share = sum(held_out(unseen_scene(seed)) for seed in range(400)) / 400
    assert 0.08 < share < 0.4


def test_every_value_occurs_and_every_scene_is_legible() -> None:
    scenes = [sample_scene(random.Random(seed)) for seed in range(3000)]
    assert {scene.ground for scene in scenes} == set(GROUNDS)
    assert {scene.style for scene in scenes} == set(STYLES)
    assert {scene.weather for scene in scenes} == set(WEATHERS)
    assert {scene.place for scene in scenes} == set(PLACES)
    assert {scene.relation for scene in scenes} == {None, *RELATIONS}
    assert {scene.count for scene in scenes} == {1, 2, 3, 4}
    assert {thing.kind for scene in scenes for thing in scene.things} == set(SUBJECTS)
    assert {thing.colour for scene in scenes for thing in scene.things} == set(COLOURS)
    assert all(visible(thing, scene.ground, scene.style) for scene in scenes for thing in scene.things)
    assert not visible(Thing("cat", "red"), "plain-red", "flat")


def test_a_house_is_bigger_when_it_is_large() -> None:
    halves = [
        spots(Scene(first=RED_HOUSE.first, size=size), random.Random(0))[0][3] for size in ("small", "medium", "large")
    ]
    assert halves[0] < 0.8 * halves[1] < 0.7 * halves[2]
