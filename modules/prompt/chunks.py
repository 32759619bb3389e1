"""Cuts a prompt's tokens into the chunks that a CLIP text encoder can see at once."""

from __future__ import annotations

from collections.abc import Sequence

CHUNK_TOKENS = 75
"""Tokens of text per chunk; with the start and the end mark a chunk has 77."""


def split_into_chunks(
    tokens: Sequence[int], *, start: int, end: int, padding: int, at_least: int = 1
) -> list[list[int]]:
    """Chunks of exactly 77 ids from ids without marks; no fewer than `at_least`, the missing ones empty."""
    count = max(at_least, -(-len(tokens) // CHUNK_TOKENS))
    pieces = [list(tokens[CHUNK_TOKENS * i : CHUNK_TOKENS * (i + 1)]) for i in range(count)]
    return [[start, *piece, end, *[padding] * (CHUNK_TOKENS - len(piece))] for piece in pieces]
