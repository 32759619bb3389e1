"""Weights of words: `(x)`, `(x:1.3)`, `[x]`, escapes, and `BREAK`.

    (x)        x weighs 1.1 times as much           (x:1.3)    1.3 times; spaces around the number are allowed
    [x]        x weighs 1 / 1.1 times as much       \\( \\) \\[ \\] \\\\   the character itself
    BREAK      what follows begins a new chunk

Weights multiply. Round and square brackets are matched apart from one another, so they may cross. A bracket that is
never closed holds to the end of the text; one that was never opened is text, as is `:1.3)`. A backslash before any
other character vanishes. A number that is none, such as `(x:1.2.3)`, is text between brackets without a number.
`BREAK` is a word in capitals; the white space around it goes with it.

Linear in the length of the text, whatever the depth of the brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

ROUND: Final = 1.1
SQUARE: Final = 1 / 1.1
LARGEST_WEIGHT: Final = 1e6
"""Weights are held within plus and minus this, so that no text makes the numbers of a network infinite."""


class Piece(NamedTuple):
    """Text of one weight."""

    text: str
    weight: float


@dataclass(frozen=True)
class Break:
    """What follows begins a new chunk."""


BREAK: Final = Break()

# Each alternative is decided by its first character, except that a colon alone is tried after a colon with a number;
# the parts of that number share no characters, so giving back costs no more than reading.
_TOKEN = re.compile(r"(\\[\\()\[\]]?|[()\[\]]|:\s*([+-]?[.\d]+)\s*\)|[^\\()\[\]:]+|:)")
_BREAK_WORD = re.compile(r"\bBREAK\b")

# Up to this depth weights are multiplied in the order in which brackets close. Floating-point products depend on the
# order in their last bit, and pieces of equal weight are joined: this way the same pieces are joined as in tools that
# multiply at every closing bracket, which costs time in proportion to the depth.
_EXACT_DEPTH = 8
_LARGEST_PRODUCT = 1e100


class _Spans:
    """The stretches of pieces that brackets hold over, in order of opening.

    Lists of numbers, not objects: a text may consist of nothing but brackets.
    """

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.stops: list[int] = []
        self.round: list[bool] = []
        self.multipliers: list[tuple[int, float]] = []  # how many brackets closed before, and what this one does
        self.open_round: list[int] = []
        self.open_square: list[int] = []
        self._closed = 0

    def open(self, place: int, *, is_round: bool) -> None:
        """A bracket before the piece at `place`."""
        (self.open_round if is_round else self.open_square).append(len(self.starts))
        self.starts.append(place)
        self.stops.append(place)
        self.round.append(is_round)
        self.multipliers.append((0, 1.0))

    def close(self, span: int, place: int, multiplier: float) -> None:
        """The end of a span, before the piece at `place`."""
        self.stops[span] = place
        self.multipliers[span] = (self._closed, multiplier)
        self._closed += 1

    def close_all(self, place: int) -> None:
        """The end of the text."""
        for span in self.open_round:
            self.close(span, place, ROUND)
        for span in self.open_square:
            self.close(span, place, SQUARE)


def weighted_pieces(text: str) -> list[Piece | Break]:
    """The text in pieces of one weight each, and the breaks between them; no piece is empty."""
    texts, spans = _read(text)
    return list(_joined(zip(texts, _weights(len(texts), spans), strict=True)))


def _read(text: str) -> tuple[list[str | None], _Spans]:
    """Texts without their brackets (None is a break), and what brackets hold over them."""
    texts: list[str | None] = []
    spans = _Spans()
    for mark, number in _TOKEN.findall(text):
        if mark == "(" or mark == "[":
            spans.open(len(texts), is_round=mark == "(")
        elif mark == ")" and spans.open_round:
            spans.close(spans.open_round.pop(), len(texts), ROUND)
        elif mark == "]" and spans.open_square:
            spans.close(spans.open_square.pop(), len(texts), SQUARE)
        elif number and spans.open_round:
            multiplier = _number(number)
            if multiplier is None:
                texts.append(mark[:-1])
            spans.close(spans.open_round.pop(), len(texts), ROUND if multiplier is None else multiplier)
        elif mark[0] == "\\":
            texts.append(mark[1:])
        elif "BREAK" in mark:
            texts.extend(_split_at_breaks(mark))
        else:
            texts.append(mark)
    spans.close_all(len(texts))
    return texts, spans


def _split_at_breaks(text: str) -> Iterator[str | None]:
    words = _BREAK_WORD.split(text)
    for number, word in enumerate(words):
        if number:
            yield None
            word = word.lstrip()
        yield word.rstrip() if number < len(words) - 1 else word


def _number(written: str) -> float | None:
    """The value of a weight; None when it is no number, as `1.2.3` or `.`."""
    try:
        value = float(written)
    except ValueError:
        return None
    return _within(LARGEST_WEIGHT, value)


class _Holding:
    """The spans of one kind of bracket that hold over a piece, outermost first, in a span that never ends."""

    def __init__(self, count: int) -> None:
        self.stops: list[int] = [count]
        self.multipliers: list[tuple[int, float]] = []
        self.products: list[float] = [1.0]

    def enter(self, stop: int, multiplier: tuple[int, float]) -> None:
        """One more span, inside the others."""
        self.stops.append(stop)
        self.multipliers.append(multiplier)
        self.products.append(_within(_LARGEST_PRODUCT, self.products[-1] * multiplier[1]))

    def leave(self) -> None:
        """The end of the innermost span."""
        self.stops.pop()
        self.multipliers.pop()
        self.products.pop()


def _weights(count: int, spans: _Spans) -> Iterator[float]:
    """The weight of each of `count` pieces."""
    rounds, squares = _Holding(count), _Holding(count)
    starts = [*spans.starts, count]
    weight = 1.0
    coming = 0
    for place in range(count):
        changed = False
        for holding in (rounds, squares):
            while holding.stops[-1] <= place:
                holding.leave()
                changed = True
        while starts[coming] <= place:
            if spans.stops[coming] > place:
                (rounds if spans.round[coming] else squares).enter(spans.stops[coming], spans.multipliers[coming])
                changed = True
            coming += 1
        if changed:
            weight = _product(rounds, squares)
        yield weight


def _product(rounds: _Holding, squares: _Holding) -> float:
    if len(rounds.multipliers) + len(squares.multipliers) <= _EXACT_DEPTH:
        product = 1.0
        for _, multiplier in sorted(rounds.multipliers + squares.multipliers):
            product *= multiplier
    else:
        product = rounds.products[-1] * squares.products[-1]
    return _within(LARGEST_WEIGHT, product)


def _within(limit: float, value: float) -> float:
    if -limit <= value <= limit:
        return value
    return limit if value > 0 else -limit


def _joined(weighted: Iterable[tuple[str | None, float]]) -> Iterator[Piece | Break]:
    """Neighbours of equal weight made one, and empty pieces dropped."""
    text, weight = "", 1.0
    more: list[str] = []  # what has been joined to `text`
    for next_text, next_weight in weighted:
        if next_text is not None and next_weight == weight:
            more.append(next_text)
            continue
        joined = "".join([text, *more]) if more else text
        if joined:
            yield Piece(joined, weight)
        more.clear()
        text, weight = next_text or "", next_weight
        if next_text is None:
            yield BREAK
    joined = "".join([text, *more])
    if joined:
        yield Piece(joined, weight)
