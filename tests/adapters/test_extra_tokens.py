"""Learnt words among tokens, and in text encoders."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from modules.adapters.extra_tokens import embedding_ids, embeddings_in, find_embeddings
from modules.adapters.textual_inversion import Embedding
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.text_encoder import TextEncoder
from modules.diffusion.text_encoding import encode_texts
from modules.errors import UnsupportedModel
from modules.prompt.chunks import Chunk
from tests.adapters.networks import loaded, random
from tests.tiny_models import write_tiny_model, write_tiny_sd2, write_tiny_sdxl


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "sd1": write_tiny_model(folder / "sd1"),
        "sd2": write_tiny_sd2(folder / "sd2"),
        "sdxl": write_tiny_sdxl(folder / "sdxl"),
    }


@pytest.fixture(scope="module")
def models(folders: dict[str, Path]) -> dict[str, LoadedModel]:
    return {name: loaded(folder) for name, folder in folders.items()}


def embedding_for(model: LoadedModel, length: int, seed: int = 0) -> Embedding:
    return Embedding("word", tuple(random(length, encoder.width, seed=seed) for encoder in model.text_encoders))


def chunk(encoder: TextEncoder, *ids: int) -> Chunk:
    tokenizer = encoder.tokenizer
    padding = [tokenizer.padding] * (75 - len(ids))
    return Chunk((tokenizer.start, *ids, tokenizer.end, *padding), (1.0,) * 77)


def encoded(encoder: TextEncoder, *ids: int) -> tuple[Tensor, Tensor]:
    with torch.inference_mode():
        (text,) = encode_texts(encoder.network, [[chunk(encoder, *ids)]], pooled=True)
    assert text.pooled is not None
    return text.states, text.pooled


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_texts_without_learnt_words_do_not_change_by_a_bit(family: str, models: dict[str, LoadedModel]) -> None:
    model = models[family]
    for encoder in model.text_encoders:
        before = encoded(encoder, 5, 6, 7)
        with embeddings_in(model, [embedding_for(model, 2)]):
            assert all(map(torch.equal, encoded(encoder, 5, 6, 7), before))
        assert all(map(torch.equal, encoded(encoder, 5, 6, 7), before))


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_a_learnt_word_with_the_vectors_of_known_ones_gives_what_they_give(
    family: str, models: dict[str, LoadedModel]
) -> None:
    model = models[family]
    rows = [encoder.network.get_input_embeddings().weight[[9, 8, 7]].clone() for encoder in model.text_encoders]
    first = Embedding("first", tuple(row[:1] for row in rows))
    second = Embedding("second", tuple(row[1:] for row in rows))
    assert embedding_ids([first, second]) == [(-1,), (-2, -3)]
    for encoder in model.text_encoders:
        expected = encoded(encoder, 5, 9, 6, 8, 7)
        with embeddings_in(model, [first, second]):
            assert all(map(torch.equal, encoded(encoder, 5, -1, 6, -2, -3), expected))


def test_the_pooled_output_of_encoders_that_look_for_the_largest_id_is_that_of_the_end(
    folders: dict[str, Path],
) -> None:
    """Configurations from before transformers 4.32 name the wrong end mark, and the end is where the largest id is."""
    model = loaded(folders["sd1"])
    (encoder,) = model.text_encoders
    encoder.network.eos_token_id = 2
    expected = encoded(encoder, 5, 9)
    row = encoder.network.get_input_embeddings().weight[[9]].clone()
    with embeddings_in(model, [Embedding("word", (row,))]):
        assert all(map(torch.equal, encoded(encoder, 5, -1), expected))


def test_the_vectors_matter(models: dict[str, LoadedModel]) -> None:
    model = models["sd1"]
    (encoder,) = model.text_encoders
    results = []
    for seed in (0, 1):
        with embeddings_in(model, [embedding_for(model, 1, seed)]):
            results.append(encoded(encoder, 5, -1)[0])
    assert not torch.allclose(results[0], results[1], atol=1e-3)


def test_within_one_another_the_inner_one_s_ids_count(models: dict[str, LoadedModel]) -> None:
    model = models["sd1"]
    (encoder,) = model.text_encoders
    outer, inner = ([embedding_for(model, 1, seed)] for seed in (0, 1))
    with embeddings_in(model, inner):
        expected = encoded(encoder, -1)[0]
    with embeddings_in(model, outer):
        own = encoded(encoder, -1)[0]
        with embeddings_in(model, inner):
            assert torch.equal(encoded(encoder, -1)[0], expected)
        assert torch.equal(encoded(encoder, -1)[0], own)
    assert not torch.equal(own, expected)


def test_the_layer_is_as_it_was_after_an_exception(models: dict[str, LoadedModel]) -> None:
    model = models["sd1"]
    layer = model.text_encoders[0].network.get_input_embeddings()
    with pytest.raises(KeyError), embeddings_in(model, [embedding_for(model, 1)]):
        raise KeyError
    assert not layer._forward_hooks and not layer._forward_pre_hooks
    assert model.text_encoders[0].network.get_input_embeddings() is layer


def test_an_embedding_of_another_family_is_refused(models: dict[str, LoadedModel]) -> None:
    with pytest.raises(UnsupportedModel, match="Embedding 'word'"):
        with embeddings_in(models["sd2"], [embedding_for(models["sd1"], 1)]):
            pytest.fail("It was put in.")


def test_the_longest_name_at_a_place_is_taken() -> None:
    names = {(1,): "a", (1, 2): "b", (1, 2, 3): "c", (9, 1): "d", (): "nothing"}
    assert find_embeddings([1, 2, 3, 4, 1, 2, 1, 9, 1, 2, 9], names) == ["c", 4, "b", "a", "d", 2, 9]


_IDS = st.lists(st.integers(0, 3), max_size=12)


@given(ids=_IDS, names=st.sets(st.lists(st.integers(0, 3), min_size=1, max_size=3).map(tuple)))
def test_what_is_found_stands_for_the_ids_it_was_found_in(ids: list[int], names: set[tuple[int, ...]]) -> None:
    found = find_embeddings(ids, {name: name for name in names})
    assert [one for piece in found for one in (piece if isinstance(piece, tuple) else (piece,))] == ids
    place = 0
    for piece in found:
        here = [name for name in names if tuple(ids[place : place + len(name)]) == name]
        assert (max(map(len, here)) == len(piece)) if isinstance(piece, tuple) else not here
        place += len(piece) if isinstance(piece, tuple) else 1
