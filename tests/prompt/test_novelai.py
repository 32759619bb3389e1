"""NovelAI's weights, in this language."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.prompt.emphasis import Piece, weighted_pieces
from modules.prompt.novelai import from_novelai
from modules.prompt.parsing import parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat", "a cat"),
        ("{a cat}", "(a cat:1.05)"),
        ("{{a}}, b", "(a:1.1025), b"),
        ("[a]", "(a:0.9524)"),
        ("{a [b] c}", "(a:1.05) b (c:1.05)"),
        ("{a", "(a:1.05)"),
        ("a} ]", "a} \\]"),
        ("(smile) #1 \\o/", "\\(smile\\) \\#1 \\\\o/"),
        ("1.5::a cat::, b", "(a cat:1.5), b"),
        ("-1::a:: b 2::c", "(a:-1) b (c:2)"),
        ("1.5::a 0.5::b::", "(a:1.5) (b:0.5)"),
        ("{1.2::a::}", "(a:1.26)"),
        ("1girl, 2.5 cats, a:b", "1girl, 2.5 cats, a:b"),
        ("{ }", " "),
        ("", ""),
    ],
)
def test_conversion(text: str, expected: str) -> None:
    assert from_novelai(text) == expected


def test_absurd_weights_are_legal() -> None:
    for text in ("{" * 60_000 + "a", "[" * 60_000 + "a", f"{'9' * 400}::a"):
        (piece,) = weighted_pieces(from_novelai(text))
        assert isinstance(piece, Piece) and piece.text == "a"


@settings(max_examples=500, deadline=None)
@given(st.text(st.sampled_from("ab (){}\\,"), max_size=40))
def test_the_words_stay(text: str) -> None:
    words = text.replace("{", "")
    got = "".join(piece.text for piece in weighted_pieces(from_novelai(text)) if isinstance(piece, Piece))
    # A closing brace stays where nothing was open, so compare without any.
    assert got.replace("}", "") == words.replace("}", "")


@settings(max_examples=500, deadline=None)
@given(st.text(st.sampled_from("ab 1.:(){}[]\\,"), max_size=40))
def test_nothing_is_scheduled(text: str) -> None:
    tree = parse(from_novelai(text))
    assert tree.problem is None and all(isinstance(node, str) for node in tree.nodes)
