"""Prompts on their way to the network: parts, times, lengths and counts."""

from __future__ import annotations

import pytest
import torch

from modules.checkpoints.diffusers_folder import load_folder
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.registry import Registry
from modules.diffusion.conditioning import ImageConditioning
from modules.diffusion.text_encoding import encode_texts
from modules.errors import Interrupted, InvalidRequest
from modules.pipeline.conditioning import PromptEncoder, count_tokens
from modules.pipeline.text_cache import Reuse, TextCache
from modules.schema.requests import Options
from tests.tiny_models import write_tiny_model

USUAL = Options()
TURNS = ["(red:1.5) house", "blue house", "blue house"] * 3 + ["(red:1.5) house"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
    checkpoint = Registry([folder.parent]).find("tiny")
    return load_folder(checkpoint, device=torch.device("cpu"), dtype=torch.float32, attention="sdp")


def nothing() -> None:
    pass


def image(
    model: LoadedModel, prompt: str, negative: str = "", *, after: int = 0, options: Options = USUAL
) -> ImageConditioning:
    (told,) = PromptEncoder(model, TextCache(), options, 10, nothing).batch([(prompt, negative)])(after)
    return told


def states(model: LoadedModel, prompt: str, after: int = 0) -> torch.Tensor:
    return image(model, prompt, after=after).positives[0].conditioning.states


def test_text_changes_at_its_step(model: LoadedModel) -> None:
    scheduled = "a [red:blue:0.5] house"
    assert torch.equal(states(model, scheduled, 5), states(model, "a red house"))
    assert torch.equal(states(model, scheduled, 6), states(model, "a blue house"))


def test_alternation_takes_turns(model: LoadedModel) -> None:
    turns = [states(model, "[red|blue] house", after) for after in (1, 2, 3)]
    assert torch.equal(turns[0], turns[2])
    assert not torch.equal(turns[0], turns[1])


def test_composed_parts_keep_their_weights(model: LoadedModel) -> None:
    told = image(model, "a red house AND a blue boat :0.5")
    assert [part.weight for part in told.positives] == [1.0, 0.5]
    assert torch.equal(told.positives[1].conditioning.states, states(model, "a blue boat"))


def test_lengths_differ_unless_they_are_padded(model: LoadedModel) -> None:
    long = "a red house on a hill, " * 20
    plain = image(model, long, "blurry")
    assert plain.negative.tokens == 77 < plain.positives[0].conditioning.tokens
    padded = image(model, long, "blurry", options=Options(pad_cond_uncond=True))
    assert padded.negative.tokens == padded.positives[0].conditioning.tokens
    empty = image(model, "").positives[0].conditioning.states
    assert torch.equal(padded.negative.states[:, 77:154], empty)


def test_break_begins_a_chunk(model: LoadedModel) -> None:
    assert states(model, "a red house BREAK a blue boat").shape[1] == 2 * 77


def test_texts_of_one_schedule_are_equally_long(model: LoadedModel) -> None:
    scheduled = f"a house[{', on a green hill' * 20}::0.5]"
    assert states(model, scheduled, 0).shape == states(model, scheduled, 10).shape


def test_same_texts_of_two_images_are_encoded_once(model: LoadedModel) -> None:
    texts = TextCache()
    PromptEncoder(model, texts, Options(), 10, nothing).batch([("a house", "blurry")] * 4)
    assert texts.take_reuse() == Reuse(found=6, encoded=2)


@pytest.mark.parametrize(
    ("prompt", "count"),
    [
        ("", "0/75"),
        ("a red house", "3/75"),
        ("a (red:1.3) house", "3/75"),
        ("a red house<lora:x:1>", "3/75"),
        ("a red house # and a boat", "3/75"),
        ("a red house AND a red boat with a tree", "6/75"),
        ("a red house BREAK boat", "76/150"),
        ("[cat|a red house and a tree]", "6/75"),
        ("[cat:a red house and a tree:5]", "6/75"),
        ("[a red house and a tree:cat:.5]", "6/75"),
    ],
)
def test_count_beside_the_prompt(model: LoadedModel, prompt: str, count: str) -> None:
    assert str(count_tokens(model.tokenizer, prompt)) == count


def test_words_that_take_turns_are_encoded_once_each(model: LoadedModel) -> None:
    seen: list[int] = []
    encoder = PromptEncoder(model, TextCache(), USUAL, 300, lambda: seen.append(1))
    encoder.batch([("[red|blue] house", "")])
    assert len(seen) == 2  # one call for both words, one for the negative prompt


def test_repeated_texts_count_as_often_in_the_mean(model: LoadedModel) -> None:
    """Against encoding every entry of the schedule by itself, as established tools do."""
    told = states(model, "[(red:1.5)|blue|blue] house", 1)
    chunks = [PromptEncoder(model, TextCache(), USUAL, 10, nothing)._chunks(text) for text in TURNS]
    expected = encode_texts(model.text_encoder, chunks)[0].states
    assert torch.allclose(told, expected, atol=1e-5)


def test_prompt_that_would_fill_the_memory_is_refused(model: LoadedModel) -> None:
    prompt = "[a|b][a|b|c][a|b|c|d|e][a|b|c|d|e|f|g]" + ", ;" * 3000
    with pytest.raises(InvalidRequest, match="Shorten it"):
        PromptEncoder(model, TextCache(), USUAL, 300, nothing).batch([(prompt, "")])


def test_work_on_words_can_be_stopped(model: LoadedModel) -> None:
    def stop() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        PromptEncoder(model, TextCache(), USUAL, 10, stop).batch([("a house", "")])
