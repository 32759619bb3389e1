"""Embeddings among the words of prompts: their names become tokens of their own."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractContextManager

from modules.adapters.extra_tokens import embedding_ids, embeddings_in, find_embeddings
from modules.adapters.textual_inversion import Embedding
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.prompt.chunks import Run

Names = Mapping[tuple[int, ...], Run]
"""What stands for the tokens of a name."""


class LearnedWords:
    """Some embeddings in one model; those of other families are words like any others."""

    def __init__(self, model: LoadedModel, embeddings: Mapping[str, Embedding]) -> None:
        """`embeddings` by the names that prompts call them."""
        self._model = model
        fitting = {name: embedding for name, embedding in embeddings.items() if embedding.fits(model)}
        self._embeddings = list(fitting.values())
        runs = [Run(ids) for ids in embedding_ids(self._embeddings)]
        self._names = [
            {tuple(encoder.tokenizer.ids(name)): run for name, run in zip(fitting, runs, strict=True)}
            for encoder in model.text_encoders
        ]
        self.key: Hashable = tuple((name, embedding.key) for name, embedding in fitting.items())
        """Two of the same key say the same."""

    def names(self, place: int) -> Names:
        """The tokens of the names for the text encoder at that place, and the ids that stand for them."""
        return self._names[place]

    def put_in(self) -> AbstractContextManager[None]:
        """Within it the model's text encoders know the ids."""
        return embeddings_in(self._model, self._embeddings)


def names_to_count(tokenizer: PromptTokenizer, lengths: Mapping[str, int]) -> Names:
    """The same for counting alone: each name takes as many tokens as it has vectors."""
    return {tuple(tokenizer.ids(name)): Run((-1,) * length) for name, length in lengths.items()}


def with_runs(ids: Sequence[int], names: Names) -> list[int | Run]:
    """Token ids in which the names of embeddings are what stands for them."""
    return find_embeddings(ids, names) if names else list(ids)
