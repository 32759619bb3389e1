"""A checkpoint's tokenizer as the prompt language needs it: ids without marks, and the ids of the marks."""

from __future__ import annotations

from typing import Any


class PromptTokenizer:
    """Wraps a transformers CLIPTokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.size = len(tokenizer)
        """How many tokens there are."""
        self.start = int(tokenizer.bos_token_id)
        self.end = int(tokenizer.eos_token_id)
        self.padding = self.end if tokenizer.pad_token_id is None else int(tokenizer.pad_token_id)
        self.comma = self.ids(",")[-1]
        """A comma that ends a word."""

    def ids(self, text: str) -> list[int]:
        """Token ids of a text of any length, without start and end marks."""
        # verbose=False: the tokenizer would warn of texts that are longer than a chunk, which we cut ourselves.
        found: list[int] = self._tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
        return found

    def token(self, number: int) -> str:
        """What a token stands for; a space at its end says that a word ends with it."""
        written: str = self._tokenizer.decode([number])
        return written.rstrip() + " " if self._ends_word(number) else written.rstrip()

    def _ends_word(self, number: int) -> bool:
        return str(self._tokenizer.convert_ids_to_tokens(number)).endswith("</w>")
