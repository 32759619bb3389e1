"""Chunks through tiny text encoders, and emphasis on what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from modules.diffusion.text_encoding import EmphasisMode, EncoderLayer, emphasised, encode_texts

END, LAYERS, WIDTH = 99, 4, 16
MODES: tuple[EmphasisMode, ...] = ("Original", "No norm", "Ignore", "None")


@dataclass(frozen=True)
class WrittenChunk:
    """77 tokens as the encoder sees them."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


def chunk(*words: int, weight: float = 1.0) -> WrittenChunk:
    rest = 76 - len(words)
    return WrittenChunk((98, *words, *[END] * rest), (1.0, *[weight] * len(words), *[1.0] * rest))


def configuration() -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=100,
        hidden_size=WIDTH,
        intermediate_size=32,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        projection_dim=8,
        bos_token_id=98,
        eos_token_id=END,
        pad_token_id=END,
    )


@pytest.fixture(scope="module", params=[CLIPTextModel, CLIPTextModelWithProjection])
def encoder(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    made = request.param(configuration()).double().eval().requires_grad_(False)
    # As it is made, the last norm gives every vector a mean of 0; a trained one does not.
    getattr(made, "text_model", made).final_layer_norm.bias.normal_().add_(0.5)
    return made


def states_of(encoder: Any, *chunks: WrittenChunk, **options: Any) -> torch.Tensor:
    return encode_texts(encoder, [chunks], **options)[0].states


def hidden_states(encoder: Any, ids: Sequence[int]) -> Sequence[torch.Tensor]:
    states: Sequence[torch.Tensor] = encoder(
        input_ids=torch.tensor([list(ids)]), output_hidden_states=True
    ).hidden_states
    return states


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-10, atol=1e-12)


def test_each_chunk_is_encoded_by_itself(encoder: Any) -> None:
    first, second = chunk(1, 2, 3), chunk(4, 5)
    both = states_of(encoder, first, second)
    assert both.shape == (1, 154, WIDTH)
    assert close(both, torch.cat([states_of(encoder, first), states_of(encoder, second)], dim=1))


def test_texts_of_one_call_do_not_change_one_another(encoder: Any) -> None:
    texts = [[chunk(word), chunk(word, word)] for word in range(1, 30)]
    together = encode_texts(encoder, texts, pooled=True)
    assert len(together) == 29
    for text, seen in zip(texts, together, strict=True):
        alone = encode_texts(encoder, [text], pooled=True)[0]
        assert close(seen.states, alone.states)
        assert seen.pooled is not None
        assert alone.pooled is not None
        assert close(seen.pooled, alone.pooled)


@pytest.mark.parametrize("clip_skip", range(1, LAYERS + 1))
@pytest.mark.parametrize("normalised", [True, False])
def test_clip_skip_counts_layers_from_the_end(encoder: Any, clip_skip: int, normalised: bool) -> None:
    words = chunk(1, 2, 3)
    expected = hidden_states(encoder, words.ids)[-clip_skip]
    if normalised:
        expected = getattr(encoder, "text_model", encoder).final_layer_norm(expected)
    assert close(states_of(encoder, words, layer=EncoderLayer(clip_skip, normalised)), expected)


def test_clip_skip_1_is_what_the_encoder_answers(encoder: Any) -> None:
    words = chunk(1, 2, 3)
    assert close(states_of(encoder, words), encoder(input_ids=torch.tensor([words.ids])).last_hidden_state)


def test_clip_skip_beyond_the_first_layer_takes_the_first(encoder: Any) -> None:
    first, beyond = (states_of(encoder, chunk(1), layer=EncoderLayer(number)) for number in (LAYERS, 12))
    assert torch.equal(first, beyond)
    assert not close(first, states_of(encoder, chunk(1), layer=EncoderLayer(LAYERS - 1)))


def test_clip_skip_0_is_refused() -> None:
    with pytest.raises(ValueError, match="Clip skip is 0"):
        EncoderLayer(0)


@pytest.mark.parametrize("clip_skip", [1, 2])
def test_the_pooled_output_is_that_of_the_first_chunk_without_emphasis(encoder: Any, clip_skip: int) -> None:
    first, second = chunk(1, 2, weight=1.5), chunk(3, weight=0.5)
    seen = encode_texts(encoder, [[first, second]], layer=EncoderLayer(clip_skip), pooled=True)[0].pooled
    output = encoder(input_ids=torch.tensor([first.ids]))
    assert seen is not None
    assert close(seen, output.text_embeds if "text_embeds" in output else output.pooler_output)
    assert encode_texts(encoder, [[first]])[0].pooled is None


@pytest.mark.parametrize("mode", MODES)
def test_weight_1_is_no_emphasis(encoder: Any, mode: EmphasisMode) -> None:
    words = chunk(1, 2, 3)
    plain = encoder(input_ids=torch.tensor([words.ids])).last_hidden_state
    assert torch.equal(states_of(encoder, words, emphasis=mode), plain)


@pytest.mark.parametrize("mode", ["Ignore", "None"])
def test_ignored_emphasis_has_no_effect(encoder: Any, mode: EmphasisMode) -> None:
    words = chunk(1, 2, weight=1.4)
    plain = replace(words, weights=(1.0,) * 77)
    assert torch.equal(states_of(encoder, words, emphasis=mode), states_of(encoder, plain))


def test_no_norm_multiplies_the_vectors(encoder: Any) -> None:
    plain, strong = states_of(encoder, chunk(1, 2)), states_of(encoder, chunk(1, 2, weight=1.4), emphasis="No norm")
    assert close(strong[:, 1:3], plain[:, 1:3] * 1.4)
    assert torch.equal(strong[:, 3:], plain[:, 3:])
    assert torch.equal(strong[:, :1], plain[:, :1])


def test_original_restores_the_mean_of_every_chunk(encoder: Any) -> None:
    chunks = chunk(1, 2, weight=1.4), chunk(3, weight=0.3)
    plain = states_of(encoder, *(replace(part, weights=(1.0,) * 77) for part in chunks))
    strong = states_of(encoder, *chunks)
    for start in (0, 77):
        part, before = strong[:, start : start + 77], plain[:, start : start + 77]
        assert not close(part, before)
        assert close(part.mean(), before.mean())
        weight = 1.4 if start == 0 else 0.3
        assert close(part[0, 1] / part[0, 10], weight * before[0, 1] / before[0, 10])


def test_the_mean_is_that_of_all_texts_of_the_call(encoder: Any) -> None:
    strong, plain = chunk(1, 2, weight=1.6), chunk(3, 4)
    together = encode_texts(encoder, [[strong], [plain]])
    alone = torch.cat([states_of(encoder, part) for part in (replace(strong, weights=(1.0,) * 77), plain)])
    assert close(torch.cat([text.states for text in together]).mean(), alone.mean())
    assert not close(together[1].states, states_of(encoder, plain))


@given(
    seed=st.integers(0, 2**32 - 1),
    weights=st.lists(st.floats(0.1, 3), min_size=6, max_size=6),
    factor=st.floats(0.25, 4),
)
def test_original_sees_only_ratios_of_weights(seed: int, weights: list[float], factor: float) -> None:
    """Twice all weights is the same emphasis, and the mean over the tensor stays."""
    states = torch.randn((2, 3, 5), generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 3
    rows = torch.tensor(weights, dtype=torch.float64).reshape(2, 3)
    strong = emphasised(states, rows, "Original")
    assert torch.allclose(strong.mean(), states.mean(), rtol=1e-9)
    assert torch.allclose(emphasised(states, rows * factor, "Original"), strong, rtol=1e-9)


def test_a_mean_of_zero_cannot_be_restored() -> None:
    states = torch.tensor([[[1.0], [-1.0]]])
    assert emphasised(states, torch.tensor([[0.0, 0.0]]), "Original").tolist() == [[[0], [0]]]
    assert emphasised(states, torch.tensor([[3.0, 1.0]]), "Original").tolist() == [[[3], [-1]]]
    rounded = states * 1e6 + torch.tensor([[[0.0], [1.0]]])
    assert emphasised(rounded, torch.tensor([[2.0, 1.0]]), "Original").tolist() == [[[2e6], [-999999]]]


def test_half_precision_comes_out_wide() -> None:
    torch.manual_seed(0)
    encoder = CLIPTextModel(configuration()).to(torch.bfloat16).eval().requires_grad_(False)
    seen = encode_texts(encoder, [[chunk(1, weight=1.2)]], pooled=True)[0]
    assert seen.states.dtype == torch.float32
    assert seen.pooled is not None
    assert seen.pooled.dtype == torch.float32


def test_texts_of_unequal_length_are_refused(encoder: Any) -> None:
    with pytest.raises(ValueError, match=r"equally many chunks.*\[1, 2\]"):
        encode_texts(encoder, [[chunk(1)], [chunk(1), chunk(2)]])
    with pytest.raises(ValueError, match="equally many chunks"):
        encode_texts(encoder, [[]])
    assert encode_texts(encoder, []) == []
