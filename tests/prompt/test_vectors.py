"""The prompt language gives what established implementations give."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from modules.prompt.composition import composed_parts
from modules.prompt.emphasis import Break, weighted_pieces
from modules.prompt.schedule import prompt_schedule

VECTORS = Path(os.environ.get("VECTORS_DIR", Path(__file__).parent.parent / "vectors"))
FILES = sorted(VECTORS.glob("prompts*.json"))
_BREAK = ("BREAK", None)


def _vectors(path: Path, key: str) -> list[dict[str, Any]]:
    """The vectors that have a key; the reference raised where it is missing."""
    vectors: list[dict[str, Any]] = json.loads(path.read_bytes())
    assert vectors
    return [vector for vector in vectors if key in vector]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_emphasis(path: Path) -> None:
    for vector in _vectors(path, "attention"):
        expected = [_BREAK if text == "BREAK" else (text, weight) for text, weight in vector["attention"] if text]
        got = [
            _BREAK if isinstance(piece, Break) else (piece.text, piece.weight)
            for piece in weighted_pieces(vector["prompt"])
        ]
        assert [text for text, _ in got] == [text for text, _ in expected], vector["prompt"]
        for (_, weight), (_, right) in zip(got, expected, strict=True):
            assert weight == (right if right is None else pytest.approx(right, abs=1e-6)), vector["prompt"]


@pytest.mark.parametrize(
    ("key", "steps", "hires_steps"),
    [("schedule_10", 10, None), ("schedule_20", 20, None), ("hires_schedule_10_7", 10, 7)],
)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_schedule(path: Path, key: str, steps: int, hires_steps: int | None) -> None:
    for vector in _vectors(path, key):
        schedule = prompt_schedule(vector["prompt"], steps, hires_steps=hires_steps)
        assert [[entry.end_at_step, entry.text] for entry in schedule] == vector[key], vector["prompt"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_composition(path: Path) -> None:
    for vector in _vectors(path, "and"):
        parts = composed_parts(vector["prompt"])
        assert [text for text, _ in parts] == [text for text, _ in vector["and"]], vector["prompt"]
        assert [weight for _, weight in parts] == pytest.approx([weight for _, weight in vector["and"]], abs=1e-6)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_the_reference_refuses_is_read(path: Path) -> None:
    for vector in _vectors(path, "prompt"):
        if any(key.endswith("_error") for key in vector):
            assert weighted_pieces(vector["prompt"]) and prompt_schedule(vector["prompt"], 10)
