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
        self._known: dict[str, list[int]] = {}

    def ids(self, texts: Sequence[str]) -> Tensor:
        """Token ids, cut or padded as Stable Diffusion does it."""
        rows = torch.full((len(texts), MAX_TOKENS), int(self._tokenizer.pad_token_id), dtype=torch.long)
        for number, text in enumerate(texts):
            tokens = self._tokens(text)
            rows[number, : len(tokens)] = torch.tensor(tokens)
        return rows

    def _tokens(self, text: str) -> list[int]:
        if not PLAIN.fullmatch(text):
            whole: list[int] = self._tokenizer(text, truncation=True, max_length=MAX_TOKENS).input_ids
            return whole
        inner = [token for word in WORD.findall(text.lower()) for token in self._word(word)]
        return [self._tokenizer.bos_token_id, *inner[: MAX_TOKENS - 2], self._tokenizer.eos_token_id]

    def _word(self, word: str) -> list[int]:
        if word not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[word] = self._tokenizer(word).input_ids[1:-1]
        return self._known[word]
