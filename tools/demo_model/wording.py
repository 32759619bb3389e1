"""Turns freshly worded captions into token ids fast: a word's tokens are looked up once. Knows no networks."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import CLIPTokenizer

from tools.demo_model.tokenizer import MAX_TOKENS

PLAIN = re.compile(r"[a-zA-Z0-9 ,.]*")
WORD = re.compile(r"[a-z]+|[0-9]|[,.]+")
REMEMBERED = 100_000


class Wording:
    """Texts to padded token ids of shape (texts, 77), the same as the tokenizer's."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        self._tokenizer = tokenizer
        self._padding = int(tokenizer.pad_token_id)
        self._start, self._end = int(tokenizer.bos_token_id), int(tokenizer.eos_token_id)
        self._known: dict[str, list[int]] = {}

    def ids(self, texts: Sequence[str]) -> Tensor:
        """Token ids, cut or padded as Stable Diffusion does it."""
        rows = [self._tokens(text) for text in texts]
        return torch.tensor([row + [self._padding] * (MAX_TOKENS - len(row)) for row in rows])

    def _tokens(self, text: str) -> list[int]:
        if not PLAIN.fullmatch(text):
            whole: list[int] = self._tokenizer(text, truncation=True, max_length=MAX_TOKENS).input_ids
            return whole
        inner = [token for word in WORD.findall(text.lower()) for token in self._word(word)]
        return [self._start, *inner[: MAX_TOKENS - 2], self._end]

    def _word(self, word: str) -> list[int]:
        if word not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[word] = self._tokenizer(word).input_ids[1:-1]
        return self._known[word]
