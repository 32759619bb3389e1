"""Token chunks through a CLIP text encoder into conditioning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


def encode_chunks(text_encoder: Any, chunks: Sequence[Sequence[int]], *, clip_skip: int = 1) -> torch.Tensor:
    """Conditioning (1, 77 * chunks, width) of chunks of 77 token ids each, each encoded by itself.

    `text_encoder` is a transformers CLIPTextModel. `clip_skip` n takes the output of the n-th layer from the end
    (1: the last), normalised like the last; a number beyond the first layer takes the first.
    """
    device = text_encoder.get_input_embeddings().weight.device
    tokens = torch.tensor(chunks, dtype=torch.long, device=device)
    output = text_encoder(input_ids=tokens, output_hidden_states=clip_skip > 1)
    states: torch.Tensor = output.last_hidden_state
    if clip_skip > 1:
        # Older releases of transformers keep the layers one level down.
        transformer = getattr(text_encoder, "text_model", text_encoder)
        layers = output.hidden_states[1:]
        states = transformer.final_layer_norm(layers[-min(clip_skip, len(layers))])
    return states.reshape(1, -1, states.shape[-1])
