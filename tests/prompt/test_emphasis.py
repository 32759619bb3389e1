"""Weights: the products, the places, and the text that is left."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.prompt.emphasis import BREAK, LARGEST_WEIGHT, Break, Piece, weighted_pieces
from tests.prompt.texts import MIXED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a", [("a", 1)]),
        ("(a)", [("a", 1.1)]),
        ("((a))", [("a", 1.21)]),
        ("[a]", [("a", 1 / 1.1)]),
        ("(a:1.3) b", [("a", 1.3), (" b", 1)]),
        ("(a: 1.3 )", [("a", 1.3)]),
        ("(a:-.5)", [("a", -0.5)]),
        ("(a:+2)", [("a", 2)]),
        ("((a:1.3))", [("a", 1.43)]),
        ("(a (b:2) c)", [("a ", 1.1), ("b", 2.2), (" c", 1.1)]),
        # Unbalanced: to the end of the text, or text.
        ("a (b", [("a ", 1), ("b", 1.1)]),
        ("a [b", [("a ", 1), ("b", 1 / 1.1)]),
        ("((a) b", [("a", 1.21), (" b", 1.1)]),
        ("a) b]", [("a) b]", 1)]),
        ("a:1.3)", [("a:1.3)", 1)]),
        ("[a:1.3)", [("a:1.3)", 1 / 1.1)]),
        # The two kinds may cross.
        ("(a [b) c]", [("a ", 1.1), ("b", 1), (" c", 1 / 1.1)]),
        # Escapes.
        (r"\(a\) \[b\] \\ c\d", [("(a) [b] \\ cd", 1)]),
        (r"(a\):1.5)", [("a)", 1.5)]),
        ("a\\", [("a", 1)]),
        # Colons that are no weights.
        ("(a:b)", [("a:b", 1.1)]),
        ("a: b", [("a: b", 1)]),
        ("(a:1.2.3)", [("a:1.2.3", 1.1)]),
        ("(a:.)", [("a:.", 1.1)]),
        ("(a:1.2", [("a:1.2", 1.1)]),
        # Pieces of equal weight are one, empty ones none.
        ("()a()b(:1.2)", [("ab", 1)]),
        ("([a])b", [("ab", 1)]),
    ],
)
def test_weights(text: str, expected: list[tuple[str, float]]) -> None:
    pieces = weighted_pieces(text)
    assert [piece.text for piece in pieces if isinstance(piece, Piece)] == [text for text, _ in expected]
    weights = [piece.weight for piece in pieces if isinstance(piece, Piece)]
    assert weights == pytest.approx([weight for _, weight in expected])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a BREAK b", [Piece("a", 1), BREAK, Piece("b", 1)]),
        ("a\n BREAK\t\nb ", [Piece("a", 1), BREAK, Piece("b ", 1)]),
        ("BREAK", [BREAK]),
        ("BREAK BREAK a", [BREAK, BREAK, Piece("a", 1)]),
        ("a,BREAK,b", [Piece("a,", 1), BREAK, Piece(",b", 1)]),
        ("(BREAK)", [BREAK]),
        ("(a BREAK b:0)", [Piece("a", 0), BREAK, Piece("b", 0)]),
        ("(a BREAK b:-1)", [Piece("a", -1), BREAK, Piece("b", -1)]),
        ("BREAKING a_BREAK break", [Piece("BREAKING a_BREAK break", 1)]),
    ],
)
def test_breaks(text: str, expected: list[Piece | Break]) -> None:
    assert weighted_pieces(text) == expected


def test_weights_stay_finite() -> None:
    for text in (
        "(" * 9000 + "a",
        f"(a:{'9' * 400})",
        f"((a:-{'9' * 400}):{'9' * 400})",
        "(" * 9000 + "[" * 9000 + "a",
    ):
        (piece,) = weighted_pieces(text)
        assert isinstance(piece, Piece) and math.isfinite(piece.weight) and abs(piece.weight) <= LARGEST_WEIGHT


def test_deep_brackets_multiply_like_shallow_ones() -> None:
    for depth in range(1, 40):
        (piece,) = weighted_pieces("(" * depth + "a" + ")" * depth)
        assert isinstance(piece, Piece) and piece.weight == pytest.approx(1.1**depth)
        (piece,) = weighted_pieces("([" * depth + "a" + "])" * depth)
        assert isinstance(piece, Piece) and piece.weight == pytest.approx(1)


def _slowly(text: str) -> list[tuple[str, float]]:
    """Letters and weights by the rule's own words: every bracket that closes multiplies what stands inside it."""
    letters: list[tuple[str, float]] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}
    factors = {"(": 1.1, "[": 1 / 1.1}

    def multiply(first: int, factor: float) -> None:
        letters[first:] = [(letter, weight * factor) for letter, weight in letters[first:]]

    for mark in text:
        partner = {")": "(", "]": "["}.get(mark, "")
        if mark in opened:
            opened[mark].append(len(letters))
        elif partner and opened[partner]:
            multiply(opened[partner].pop(), factors[partner])
        else:
            letters.append((mark, 1.0))
    for kind, places in opened.items():
        for place in places:
            multiply(place, factors[kind])
    return letters


@settings(max_examples=1000, deadline=None)
@given(st.text(st.sampled_from("()[]ab"), max_size=60))
def test_any_nesting_is_what_the_rule_says(text: str) -> None:
    pieces = weighted_pieces(text)
    got = [(letter, piece.weight) for piece in pieces if isinstance(piece, Piece) for letter in piece.text]
    expected = _slowly(text)
    assert [letter for letter, _ in got] == [letter for letter, _ in expected]
    assert [weight for _, weight in got] == pytest.approx([weight for _, weight in expected])
    if text.count("(") + text.count("[") <= 8:  # in the same order, so that the same pieces are of equal weight
        assert got == expected


@settings(max_examples=500, deadline=None)
@given(MIXED)
def test_neighbours_differ_and_nothing_is_empty(text: str) -> None:
    pieces = weighted_pieces(text)
    assert all(piece.text for piece in pieces if isinstance(piece, Piece))
    for one, other in zip(pieces, pieces[1:], strict=False):
        # Two neighbours of one weight can only be parted by text that vanished at another weight.
        if isinstance(one, Piece) and isinstance(other, Piece) and "\\" not in text:
            assert one.weight != other.weight
