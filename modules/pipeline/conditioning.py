"""A pair of prompts through tokenizer, chunks and text encoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from modules.checkpoints.loaded import LoadedModel
from modules.diffusion.text_encoding import encode_chunks
from modules.prompt.chunks import split_into_chunks


@dataclass(frozen=True)
class Conditioning:
    """Positive and negative, each (1, tokens, width) and equally long."""

    positive: torch.Tensor
    negative: torch.Tensor


def encode_prompts(model: LoadedModel, prompt: str, negative_prompt: str, *, clip_skip: int) -> Conditioning:
    """Encode both prompts; the shorter one is filled up with empty chunks."""
    marks = model.tokenizer
    start, end = marks.bos_token_id, marks.eos_token_id
    padding = end if marks.pad_token_id is None else marks.pad_token_id
    at_least = 1
    for text in (prompt, negative_prompt):
        at_least = len(split_into_chunks(model.tokens(text), start=start, end=end, padding=padding, at_least=at_least))
    positive, negative = (
        encode_chunks(
            model.text_encoder,
            split_into_chunks(model.tokens(text), start=start, end=end, padding=padding, at_least=at_least),
            clip_skip=clip_skip,
        )
        for text in (prompt, negative_prompt)
    )
    return Conditioning(positive, negative)
