"""Token chunks through a CLIP text encoder into conditioning, with emphasis on what comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch

from modules.diffusion.conditioning import TextConditioning

EmphasisMode = Literal["Original", "No norm", "Ignore", "None"]
"""Original: each token's vector times its weight, then all of them times what restores the mean. No norm: without
restoring. Ignore and None: weights have no effect (the two differ in how a prompt is read, not here)."""


_AT_ONCE = 32
"""Chunks per call of the encoder: a schedule of many texts must not need much memory."""


class Chunk(Protocol):
    """What the encoder sees at once, start and end mark and padding included."""

    @property
    def ids(self) -> Sequence[int]:
        """Of the tokens."""

    @property
    def weights(self) -> Sequence[float]:
        """The emphasis of each token; 1 for marks and padding."""


@dataclass(frozen=True)
class EncoderLayer:
    """Which output of a CLIP text encoder is taken.

    `from_end`: 1 the last layer, 2 the one before it (clip skip 2), and so on; a number beyond the first layer takes
    the first. `normalised`: through the encoder's final layer norm, as Stable Diffusion 1 and 2 do and SDXL does not.
    """

    from_end: int = 1
    normalised: bool = True

    def __post_init__(self) -> None:
        if self.from_end < 1:
            raise ValueError(f"Clip skip is {self.from_end}; layers are counted from 1.")


def encode_texts(
    text_encoder: Any,
    texts: Sequence[Sequence[Chunk]],
    *,
    layer: EncoderLayer = EncoderLayer(),
    emphasis: EmphasisMode = "Original",
    pooled: bool = False,
    repeats: Sequence[int] = (),
    before_each_call: Callable[[], None] = lambda: None,
) -> list[TextConditioning]:
    """Encode texts of equally many chunks, each chunk by itself; one row per text, (1, tokens of all chunks, width).

    `text_encoder` is a transformers CLIPTextModel or CLIPTextModelWithProjection. The mean that the mode Original
    restores is that of the n-th chunks of all these texts together: hand over the variants of one prompt (the texts of
    its schedule) in one call, and different prompts in different calls. A text that stands in a schedule several times
    counts as often there: `repeats` says how often each does, without it once. With `pooled` the conditioning has the
    pooled output of the text's first chunk, projected where the encoder has a projection, and never emphasised.

    Raises ValueError for texts of unequally many chunks, or of none.
    """
    if not texts:
        return []
    counts = {len(text) for text in texts}
    if len(counts) > 1 or 0 in counts:
        raise ValueError(f"Texts of one call need equally many chunks, and some; these have {sorted(counts)}.")
    chunks = [chunk for text in texts for chunk in text]
    encoded = []
    for at in range(0, len(chunks), _AT_ONCE):
        before_each_call()
        encoded.append(_encode(text_encoder, chunks[at : at + _AT_ONCE], layer))
    states = torch.cat([part for part, _ in encoded])
    pools = torch.cat([part for _, part in encoded])
    weights = torch.tensor([list(chunk.weights) for chunk in chunks], dtype=states.dtype, device=states.device)
    # Chunk n of text t is row t * count + n: every count-th row from n on is the n-th chunk of all texts.
    count = len(texts[0])
    rows = torch.cat(
        [emphasised(states[place::count], weights[place::count], emphasis, repeats) for place in range(count)], dim=1
    )
    return [
        TextConditioning(rows[row : row + 1], pools[row * count : row * count + 1] if pooled else None)
        for row in range(len(texts))
    ]


def emphasised(
    states: torch.Tensor, weights: torch.Tensor, mode: EmphasisMode, repeats: Sequence[int] = ()
) -> torch.Tensor:
    """Encoder output (texts, tokens, width) with weights (texts, tokens) put on its vectors.

    `repeats` says how often each text counts in the mean. Where the mean before or after is zero, it stays as it is.
    """
    if mode in ("Ignore", "None") or bool((weights == 1).all()):
        return states
    weighted = states * weights[..., None]
    if mode == "No norm":
        return weighted
    counts = torch.tensor(repeats or [1] * len(states), dtype=states.dtype, device=states.device)
    share = (counts / counts.sum())[:, None, None] / states[0].numel()
    before, after = (states * share).sum(), (weighted * share).sum()
    # A mean that is zero but for rounding says nothing; its ratio would be noise, of any size.
    smallest = 16 * torch.finfo(states.dtype).eps * states.abs().mean()
    usable = (before.abs() > smallest) & (after.abs() > smallest)
    return torch.where(usable, weighted * (before / after), weighted)


def _encode(text_encoder: Any, chunks: Sequence[Chunk], layer: EncoderLayer) -> tuple[torch.Tensor, torch.Tensor]:
    """States (chunks, tokens, width) and pooled outputs (chunks, width), at least float32."""
    device = text_encoder.get_input_embeddings().weight.device
    ids = torch.tensor([list(chunk.ids) for chunk in chunks], dtype=torch.long, device=device)
    is_last = layer.from_end == 1 and layer.normalised
    output = text_encoder(input_ids=ids, output_hidden_states=not is_last)
    states: torch.Tensor = output.last_hidden_state
    if not is_last:
        layers = output.hidden_states[1:]
        states = layers[-min(layer.from_end, len(layers))]
        if layer.normalised:
            # Older releases of transformers, and the model with a projection, keep the layers one level down.
            states = getattr(text_encoder, "text_model", text_encoder).final_layer_norm(states)
    pools = output.text_embeds if "text_embeds" in output else output.pooler_output
    return _wide(states), _wide(pools)


def _wide(states: torch.Tensor) -> torch.Tensor:
    """Emphasis multiplies by ratios of means, which half precision rounds too much."""
    return states.to(torch.promote_types(states.dtype, torch.float32))
