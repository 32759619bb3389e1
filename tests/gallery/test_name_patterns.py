"""Names from patterns: what the words become, and that no pattern and no prompt leads out of the folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.config.files import FORBIDDEN_IN_NAMES
from modules.gallery.name_patterns import MOST_FOLDERS, Fact, filled_folders, filled_stem


def fact(value: str | None) -> Fact:
    return lambda given: value


def joined(given: Sequence[str]) -> str:
    return "+".join(given)


FACTS: dict[str, Fact] = {"seed": fact("42"), "prompt": fact("a/b: c?"), "user": fact(None), "arguments": joined}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[seed]", "42"),
        ("x-[seed]-y", "x-42-y"),
        ("[SEED]", "42"),
        ("[prompt]", "a_b_ c_"),
        ("[seed]-by-[user]", "42"),
        ("[user] [seed]", "42"),
        ("[nonesuch]", "[nonesuch]"),
        ("[[seed]]", "[42]"),
        ("[seed", "[seed"),
        ("a]b", "a]b"),
        ("[arguments<%Y><UTC>]", "%Y+UTC"),
        ("", ""),
        ("...", ""),
        ("../../etc", "etc"),
        ("con", "_con"),
        ("a\nb", "a b"),
    ],
)
def test_words_in_brackets(pattern: str, expected: str) -> None:
    assert filled_stem(pattern, FACTS) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[seed]/[prompt]", "42/a_b_ c_"),
        ("/../[seed]/./x\\y/", "42/x/y"),
        ("[user]", ""),
        ("..", ""),
        ("a/" * 20, "/".join("a" * MOST_FOLDERS)),
    ],
)
def test_folders(pattern: str, expected: str) -> None:
    assert filled_folders(pattern, FACTS) == expected


ODD = st.text(st.sampled_from('abC.[]<>/\\ :#*?"|\0\n\t\u202e☃é～' + "\ud83d\ude00"), max_size=400) | st.text(
    max_size=300
)


@given(pattern=ODD, value=ODD)
def test_nothing_leads_out_and_every_system_takes_the_name(pattern: str, value: str) -> None:
    facts = {"x": fact(value), **FACTS}
    stem = filled_stem(f"{pattern}[x]", facts)
    folders = filled_folders(f"{pattern}/[x]", facts)
    for part in (stem, *folders.split("/")):
        assert not set(part) & set(FORBIDDEN_IN_NAMES) and part not in (".", "..")
        assert part == part.strip() and part.isprintable() and len(part.encode()) <= 150
    inside = Path("/outputs/txt2img-images")
    assert (inside / folders / f"00001-{stem}.png").resolve().is_relative_to(inside)


def test_a_long_pattern_takes_no_time() -> None:
    assert filled_stem("[" * 100_000 + "<" * 100_000, FACTS).startswith("[")
