"""Chunks: 77 ids each, nothing lost, whatever the length."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.prompt.chunks import Chunk, Run, WeightedTokens, token_count, weighted_chunks
from modules.prompt.emphasis import BREAK, Break

START, END, PADDING = 1001, 1002, 1003


COMMA = 7
TOKENS = st.lists(st.integers(0, 9), max_size=120)
PIECES = st.lists(st.tuples(TOKENS, st.floats(-2, 2)) | st.just(BREAK), max_size=6)


def _chunks(pieces: Sequence[WeightedTokens | Break], *, backtrack: int = 20, at_least: int = 1) -> list[Chunk]:
    return weighted_chunks(
        pieces, start=START, end=END, padding=PADDING, comma=COMMA, backtrack=backtrack, at_least=at_least
    )


def _content(chunk: Chunk) -> list[int]:
    return list(chunk.ids[1 : chunk.ids.index(END)])


def _with_comma_at(place: int, length: int) -> list[int]:
    return [COMMA if at == place else 1 for at in range(length)]


@pytest.mark.parametrize(
    ("place", "lengths"),
    [
        (54, [75, 1]),  # 21 back from the end of a full chunk: too far
        (55, [56, 20]),  # 20 back
        (73, [74, 2]),
        (74, [75, 1]),  # a comma that ends the chunk: nothing to hand on
        (75, [75, 1]),  # a comma that does not fit itself begins the next chunk
    ],
)
def test_what_follows_the_last_comma_goes_into_the_next_chunk(place: int, lengths: list[int]) -> None:
    assert [len(_content(chunk)) for chunk in _chunks([(_with_comma_at(place, 76), 1.0)])] == lengths


def test_a_comma_that_does_not_fit_moves_nothing_but_itself() -> None:
    tokens = [COMMA if at in (70, 75) else 1 for at in range(80)]
    assert [len(_content(chunk)) for chunk in _chunks([(tokens, 1.0)])] == [75, 5]


def test_back_tracking_can_be_shorter_or_off() -> None:
    tokens = _with_comma_at(70, 76)
    for backtrack, first in ((0, 75), (4, 75), (5, 71), (20, 71)):
        assert len(_content(_chunks([(tokens, 1.0)], backtrack=backtrack)[0])) == first


def test_weights_go_where_their_tokens_go() -> None:
    first, second = _chunks([([1] * 70, 1.0), ([COMMA], 0.5), ([2] * 6, 1.5)])
    assert first.weights == (1.0, *[1.0] * 70, 0.5, *[1.0] * 5)
    assert second.ids == (START, *[2] * 6, END, *[PADDING] * 69)
    assert second.weights == (1.0, *[1.5] * 6, *[1.0] * 70)


@pytest.mark.parametrize(
    ("pieces", "lengths"),
    [
        ([], [0]),
        ([BREAK], [0]),
        ([([1], 1.0), BREAK], [1]),
        ([([1], 1.0), BREAK, ([1, 1], 1.0)], [1, 2]),
        ([BREAK, BREAK, ([1], 1.0)], [0, 0, 1]),
    ],
)
def test_breaks(pieces: list[WeightedTokens | Break], lengths: list[int]) -> None:
    assert [len(_content(chunk)) for chunk in _chunks(pieces)] == lengths


def test_a_comma_before_a_break_is_forgotten() -> None:
    pieces: list[WeightedTokens | Break] = [(_with_comma_at(70, 71), 1.0), BREAK, ([1] * 76, 1.0)]
    assert [len(_content(chunk)) for chunk in _chunks(pieces)] == [71, 75, 1]


def test_runs_are_not_cut() -> None:
    run = Run(tuple(range(100, 108)))
    first, second = _chunks([([1] * 70, 1.0), ([run], 1.2)])
    assert _content(first) == [1] * 70 and _content(second) == list(run.ids)
    assert second.weights[1:9] == (1.2,) * 8
    assert [len(_content(chunk)) for chunk in _chunks([([Run(tuple(range(100, 260)))], 1.0)])] == [75, 75, 10]


@given(PIECES, st.integers(0, 80), st.integers(1, 5))
def test_laws_of_weighted_chunks(pieces: list[WeightedTokens | Break], backtrack: int, at_least: int) -> None:
    chunks = _chunks(pieces, backtrack=backtrack, at_least=at_least)
    expected = [
        (token, weight)
        for piece in pieces
        if not isinstance(piece, Break)
        for token in piece[0]
        for weight in [piece[1]]
    ]
    got = [
        (token, weight)
        for chunk in chunks
        for token, weight in zip(chunk.ids, chunk.weights, strict=True)
        if token < START
    ]
    assert got == expected
    assert len(chunks) >= at_least
    for chunk in chunks:
        assert len(chunk.ids) == len(chunk.weights) == 77
        content = len(_content(chunk))
        assert chunk.ids == (START, *_content(chunk), END, *[PADDING] * (75 - content))
        assert chunk.weights[0] == 1 and set(chunk.weights[1 + content :]) == {1.0}
    count = token_count(pieces, comma=COMMA, backtrack=backtrack)
    own = _chunks(pieces, backtrack=backtrack)
    assert count.limit == 75 * len(own) and count.tokens == 75 * (len(own) - 1) + len(_content(own[-1]))


@pytest.mark.parametrize(("tokens", "chunks"), [(0, 1), (1, 1), (75, 1), (76, 2), (150, 2), (151, 3)])
def test_without_commas_every_chunk_but_the_last_is_full(tokens: int, chunks: int) -> None:
    contents = [_content(chunk) for chunk in _chunks([([1] * tokens, 1.0)])]
    assert len(contents) == chunks and all(len(content) == 75 for content in contents[:-1])


def test_count_as_a_person_sees_it() -> None:
    assert str(token_count([], comma=COMMA)) == "0/75"
    assert str(token_count([([1] * 75, 1.0)], comma=COMMA)) == "75/75"
    assert str(token_count([([1] * 80, 1.0)], comma=COMMA)) == "80/150"
    assert str(token_count([([1], 1.0), BREAK, ([1], 1.0)], comma=COMMA)) == "76/150"
