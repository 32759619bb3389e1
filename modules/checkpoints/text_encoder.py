"""A text encoder in memory, with what makes ids for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modules.checkpoints.prompt_tokenizer import PromptTokenizer


@dataclass(frozen=True)
class TextEncoder:
    """A transformers CLIPTextModel or CLIPTextModelWithProjection and its tokenizer."""

    network: Any
    tokenizer: PromptTokenizer

    @property
    def width(self) -> int:
        """Numbers per token."""
        return int(self.network.config.hidden_size)

    @property
    def pooled_width(self) -> int:
        """Numbers per text, behind the projection."""
        return int(self.network.config.projection_dim)
