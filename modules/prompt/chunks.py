"""Cuts a prompt's tokens into the chunks that a CLIP text encoder can see at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modules.prompt.emphasis import Break

CHUNK_TOKENS = 75
"""Tokens of text per chunk; with the start and the end mark a chunk has 77."""

COMMA_BACKTRACK = 20
"""How many tokens after its last comma a full chunk hands on to the next one, at most."""


@dataclass(frozen=True)
class Run:
    """Ids that must stand in one chunk, such as those of one embedding. One longer than a chunk is cut all the same."""

    ids: tuple[int, ...]


WeightedTokens = tuple[Sequence[int | Run], float]


@dataclass(frozen=True)
class Chunk:
    """77 ids with their marks and padding, and 77 weights (1 for marks and padding)."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class TokenCount:
    """How many tokens a prompt has, with those that padding before a cut costs, and how many its chunks can hold."""

    tokens: int
    limit: int

    def __str__(self) -> str:
        return f"{self.tokens}/{self.limit}"


TokenRow = list[tuple[int, float]]
"""Ids and weights of what stands in one chunk, without marks and padding."""


def weighted_chunks(
    pieces: Sequence[WeightedTokens | Break],
    *,
    start: int,
    end: int,
    padding: int,
    comma: int,
    backtrack: int = COMMA_BACKTRACK,
    at_least: int = 1,
) -> list[Chunk]:
    """Chunks of exactly 77 from ids without marks; no fewer than `at_least`, the missing ones empty.

    Where a chunk is full and one of its last `backtrack` tokens follows a comma, what stands after the last comma goes
    into the next chunk, so that no phrase is cut in two. 0 switches that off. A break ends a chunk, an empty one too.
    """
    rows = token_rows(pieces, comma=comma, backtrack=backtrack)
    rows.extend([] for _ in range(at_least - len(rows)))
    return [_chunk(row, start=start, end=end, padding=padding) for row in rows]


def token_count(
    pieces: Sequence[WeightedTokens | Break], *, comma: int, backtrack: int = COMMA_BACKTRACK
) -> TokenCount:
    """The count that a person sees beside the prompt."""
    rows = token_rows(pieces, comma=comma, backtrack=backtrack)
    return TokenCount(CHUNK_TOKENS * (len(rows) - 1) + len(rows[-1]), CHUNK_TOKENS * len(rows))


def token_rows(pieces: Sequence[WeightedTokens | Break], *, comma: int, backtrack: int) -> list[TokenRow]:
    """Tokens with their weights, cut into rows of at most 75; there is always one row."""
    filling = _Filling(backtrack)
    for piece in pieces:
        if isinstance(piece, Break):
            filling.next_row()
            continue
        tokens, weight = piece
        for token in tokens:
            if isinstance(token, Run):
                filling.add(token.ids, weight)
            else:
                filling.add((token,), weight, is_comma=token == comma)
    return filling.finish()


class _Filling:
    """Rows that are full, and the one that is being filled."""

    def __init__(self, backtrack: int) -> None:
        self._backtrack = backtrack
        self._rows: list[TokenRow] = []
        self._row: TokenRow = []
        self._after_comma = 0  # place after the row's last comma; 0 when it has none

    def add(self, ids: Sequence[int], weight: float, *, is_comma: bool = False) -> None:
        """Add ids that belong together."""
        if len(self._row) == CHUNK_TOKENS:
            self._make_room(may_backtrack=not is_comma)
        for first in range(0, len(ids), CHUNK_TOKENS):
            together = ids[first : first + CHUNK_TOKENS]
            if len(self._row) + len(together) > CHUNK_TOKENS:
                self.next_row()
            self._row.extend((token, weight) for token in together)
        if is_comma:
            self._after_comma = len(self._row)

    def next_row(self) -> None:
        """End the row as it is."""
        self._rows.append(self._row)
        self._row = []
        self._after_comma = 0

    def finish(self) -> list[TokenRow]:
        """All rows; the last one counts when it holds anything, or when it is the only one."""
        return [*self._rows, self._row] if self._row or not self._rows else self._rows

    def _make_room(self, *, may_backtrack: bool) -> None:
        """End a full row, handing on what follows its last comma if that is near enough."""
        keep = self._after_comma
        handed_on: TokenRow = []
        if may_backtrack and self._backtrack and keep and len(self._row) - (keep - 1) <= self._backtrack:
            handed_on = self._row[keep:]
            del self._row[keep:]
        self.next_row()
        self._row = handed_on


def _chunk(row: TokenRow, *, start: int, end: int, padding: int) -> Chunk:
    missing = CHUNK_TOKENS - len(row)
    ids = (start, *(token for token, _ in row), end, *[padding] * missing)
    return Chunk(ids, (1.0, *(weight for _, weight in row), 1.0, *[1.0] * missing))
