"""Every text is a legal prompt: nothing raises, nothing recurses, nothing takes long."""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.prompt.brackets import prompt_problem
from modules.prompt.comments import strip_comments
from modules.prompt.composition import composed_parts
from modules.prompt.emphasis import Break, weighted_pieces
from modules.prompt.extra_networks import take_extra_networks
from modules.prompt.novelai import from_novelai
from modules.prompt.parsing import parse
from modules.prompt.schedule import prompt_schedule
from tests.prompt.texts import KINDS
from tools.bench.prompt import KIB, READERS, nasty_texts, nested

PATTERNS = sorted(nasty_texts(KIB))


# Well-formed texts take long to draw, so there are fewer; 10,000 in all.
@pytest.mark.parametrize(
    ("kind", "examples"), [("any", 3000), ("marks", 3000), ("pieces", 3000), ("well formed", 500), ("damaged", 500)]
)
def test_random_texts_are_read(kind: str, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, database=None)
    @given(text=KINDS[kind], steps=st.integers(1, 6), hires_steps=st.none() | st.integers(1, 4), old=st.booleans())
    def read(text: str, steps: int, hires_steps: int | None, old: bool) -> None:
        clean, tags = take_extra_networks(strip_comments(text))
        assert len(clean) + sum(len(tag.source) for tag in tags) == len(strip_comments(text))
        parts = composed_parts(clean)
        assert parts and all(math.isfinite(part.weight) for part in parts)
        tree = parse(text)
        assert str(tree) == text and parse(str(tree)) == tree
        schedule = prompt_schedule(text, steps, hires_steps=hires_steps, old_timelines=old)
        ends = [entry.end_at_step for entry in schedule]
        assert ends == sorted(set(ends)) and ends[0] >= 1
        assert ends[-1] == (steps if hires_steps is None or old else hires_steps)
        for piece in weighted_pieces(text):
            assert isinstance(piece, Break) or (piece.text and math.isfinite(piece.weight))
        for problem in (prompt_problem(text), tree.problem):
            assert problem is None or 0 <= problem.position < len(text)
        assert math.isfinite(sum(part.weight for part in composed_parts(from_novelai(text))))

    read()


@pytest.mark.parametrize("name", sorted(READERS))
def test_depth_is_no_limit(name: str) -> None:
    """64 KiB of nesting with a stack of few frames."""
    limit = sys.getrecursionlimit()
    depth = len(_frames()) + 60
    sys.setrecursionlimit(depth)
    try:
        for text in (*nested(64 * KIB).values(), "(" * 64 * KIB, "[" * 64 * KIB, "[a|" * 20 * KIB, "(a:" * 20 * KIB):
            READERS[name](text)
    finally:
        sys.setrecursionlimit(limit)


def test_deep_trees_can_be_compared_hashed_printed_and_written() -> None:
    text = "[" * 20_000 + "a" + "|b]" * 10_000 + ":3]" * 10_000
    tree = parse(text)
    assert len(tree.nodes) == 1 and tree == parse(text) and hash(tree) == hash(parse(text))
    assert str(tree) == text and text[:20] in repr(tree)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_work_grows_with_length_alone(pattern: str) -> None:
    """Lines of our own code that run for a text twice as long: no clock, so no doubt."""
    once, twice = (nasty_texts(size)[pattern] for size in (KIB, 2 * KIB))
    for name, read in READERS.items():
        assert _lines_run(read, twice) <= 2.1 * _lines_run(read, once) + 400, name


@pytest.mark.parametrize("pattern", PATTERNS)
def test_time_grows_with_length_alone(pattern: str) -> None:
    """All that is done for a text, regular expressions and slices too, by the clock."""
    once, twice = (nasty_texts(size)[pattern] for size in (8 * KIB, 16 * KIB))
    shortest = [math.inf, math.inf]
    for _ in range(12):  # another round only while something else keeps the machine busy
        for place, text in enumerate((once, twice)):
            shortest[place] = min(shortest[place], _seconds(text))
        if shortest[1] <= 2.5 * shortest[0] + 1e-4:
            break
    assert shortest[1] <= 2.5 * shortest[0] + 1e-4


def _seconds(text: str) -> float:
    gc.disable()
    try:
        started = time.process_time()
        for read in READERS.values():
            read(text)
        return time.process_time() - started
    finally:
        gc.enable()


def _lines_run(read: Callable[[str], object], text: str) -> int:
    lines = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        read(text)
    finally:
        sys.settrace(before)
    return lines


def _frames() -> list[FrameType]:
    frames: list[FrameType] = []
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames
