"""Colours measured in pixels agree with drawings, and disagree with wrong ones."""

from __future__ import annotations

from tools.demo_model.colour_statistics import measured
from tools.demo_model.painting import paint
from tools.demo_model.scene import Scene, Thing, unseen_scene


def test_drawings_are_measured_right() -> None:
    answers: dict[str, list[bool]] = {"ground": [], "subject": []}
    for seed in range(150):
        scene = unseen_scene(seed)
        for question, right in measured(paint(scene, seed, 96), scene).items():
            answers[question].append(right)
    assert sum(answers["ground"]) / len(answers["ground"]) > 0.97
    assert sum(answers["subject"]) / len(answers["subject"]) > 0.9


def test_a_wrong_colour_is_seen() -> None:
    asked = Scene(first=Thing("heart", "red"))
    drawn = paint(Scene(first=Thing("heart", "blue"), ground="plain-yellow"), 0, 96)
    assert measured(drawn, asked) == {"ground": False, "subject": False}


def test_pixels_do_not_answer_for_paint_and_light() -> None:
    neon = Scene(first=Thing("heart", "red"), style="neon")
    assert measured(paint(neon, 0, 96), neon) == {}
