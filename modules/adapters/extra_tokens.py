"""Learnt words among the tokens of a prompt: where their names stand, and their vectors in the text encoders.

The vectors of all embeddings of a job stand in one table. Its row k has the token id -1 - k: ids beyond the vocabulary
would be taken for the end of the text by encoders that look for the largest id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from modules.adapters.textual_inversion import Embedding
from modules.checkpoints.loaded import LoadedModel

Piece = TypeVar("Piece")


def embedding_ids(embeddings: Sequence[Embedding]) -> list[tuple[int, ...]]:
    """The token ids of each embedding, as long as `embeddings_in` has the same ones in a model."""
    ids, row = [], 0
    for embedding in embeddings:
        ids.append(tuple(range(-1 - row, -1 - row - embedding.length, -1)))
        row += embedding.length
    return ids


def find_embeddings(ids: Sequence[int], names: Mapping[tuple[int, ...], Piece]) -> list[int | Piece]:
    """Token ids in which the names of embeddings are replaced by what stands for them.

    `names` are the token ids of the names, without marks. Where several begin at a place, the longest is taken; ids
    that belong to one are looked at no more.
    """
    by_first: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for name in sorted(names, key=len, reverse=True):
        if name:
            by_first[name[0]].append(name)
    found: list[int | Piece] = []
    place = 0
    while place < len(ids):
        candidates = by_first.get(ids[place], [])
        here = [one for one in candidates if tuple(ids[place : place + len(one)]) == one]
        found.append(names[here[0]] if here else ids[place])
        place += len(here[0]) if here else 1
    return found


@contextmanager
def embeddings_in(model: LoadedModel, embeddings: Sequence[Embedding]) -> Iterator[None]:
    """Within it the model's text encoders take the ids that `embedding_ids` gives; texts without them do not change.

    Where it is used again within itself, on a text encoder that two models share, the inner one's ids count. Raises
    UnsupportedModel for an embedding that does not fit the model.
    """
    vectors = [embedding.vectors_for(model) for embedding in embeddings]
    with ExitStack() as stack:
        for number, encoder in enumerate(model.text_encoders if vectors else ()):
            table = torch.cat([of_each[number] for of_each in vectors])
            stack.enter_context(_rows_in(encoder.network.get_input_embeddings(), table))
        yield


@contextmanager
def _rows_in(embedding: nn.Module, table: Tensor) -> Iterator[None]:
    """An embedding layer that takes negative ids."""
    rows = _ExtraRows(table)
    # The inner one of two has to see the ids first: the outer one then finds none that are its own.
    handles = [
        embedding.register_forward_pre_hook(rows.before, prepend=True),
        embedding.register_forward_hook(rows.after),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _ExtraRows:
    """Hooks around one call of an embedding layer."""

    def __init__(self, table: Tensor) -> None:
        self._table = table
        self._ids: Tensor | None = None

    def before(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Give the layer ids that it has."""
        ids: Tensor = inputs[0]
        self._ids = ids if bool((ids < 0).any()) else None
        return inputs if self._ids is None else (ids.clamp(min=0), *inputs[1:])

    def after(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        """Put the table's rows in."""
        ids, self._ids = self._ids, None
        if ids is None:
            return output
        own = ids < 0
        output = output.clone()
        output[own] = self._table.to(output)[-1 - ids[own]]
        return output
