"""Chunks: 77 ids each, nothing lost, whatever the length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.prompt.chunks import split_into_chunks

START, END, PADDING = 1001, 1002, 1003


@pytest.mark.parametrize(("tokens", "chunks"), [(0, 1), (1, 1), (75, 1), (76, 2), (150, 2), (151, 3)])
def test_count(tokens: int, chunks: int) -> None:
    assert len(split_into_chunks(range(tokens), start=START, end=END, padding=PADDING)) == chunks


@given(st.lists(st.integers(0, 1000), max_size=400), st.integers(1, 4))
def test_every_chunk_has_77_ids_and_all_tokens_are_kept_in_order(tokens: list[int], at_least: int) -> None:
    chunks = split_into_chunks(tokens, start=START, end=END, padding=PADDING, at_least=at_least)
    assert len(chunks) >= at_least
    assert all(len(chunk) == 77 and chunk[0] == START and chunk.count(END) == 1 for chunk in chunks)
    assert [token for chunk in chunks for token in chunk if token < START] == tokens
