"""Prompts on their way to the network: parts, times, lengths and counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from modules.checkpoints.loaded import LoadedModel
from modules.diffusion.conditioning import ImageConditioning, TextConditioning
from modules.diffusion.text_encoding import encode_texts
from modules.errors import Interrupted, InvalidRequest
from modules.pipeline.conditioning import PromptEncoder, PromptSteps, count_tokens
from modules.pipeline.networks import JobNetworks
from modules.pipeline.text_cache import Reuse, TextCache
from tests.pipeline.painting import to_txt2img

TURNS = ["(red:1.5) house", "blue house", "blue house"] * 3 + ["(red:1.5) house"]


@pytest.fixture(scope="session")
def model(models: Mapping[str, LoadedModel]) -> LoadedModel:
    return models["plain"]


def nothing() -> None:
    pass


def encoder(
    model: LoadedModel,
    *,
    steps: int = 10,
    cache: TextCache | None = None,
    check: Callable[[], None] = nothing,
    **fields: Any,
) -> PromptEncoder:
    networks = JobNetworks().of_pass(model, (), steps)
    return PromptEncoder(
        model, cache or TextCache(), to_txt2img(**fields), PromptSteps(steps), check, networks=networks
    )


def image(model: LoadedModel, prompt: str, negative: str = "", *, after: int = 0, **fields: Any) -> ImageConditioning:
    (told,) = encoder(model, **fields).batch([(prompt, negative)])(after)
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
    padded = image(model, long, "blurry", pad_cond_uncond=True)
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
    encoder(model, cache=texts).batch([("a house", "blurry")] * 4)
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
    assert str(count_tokens(model.tokenizer, prompt, {})) == count


def test_words_that_take_turns_are_encoded_once_each(model: LoadedModel) -> None:
    seen: list[int] = []
    encoder(model, steps=300, check=lambda: seen.append(1)).batch([("[red|blue] house", "")])
    assert len(seen) == 2  # one call for both words, one for the negative prompt


def test_repeated_texts_count_as_often_in_the_mean(model: LoadedModel) -> None:
    """Against encoding every entry of the schedule by itself, as established tools do."""
    told = states(model, "[(red:1.5)|blue|blue] house", 1)
    (reader,) = model.text_encoders
    chunks = [encoder(model)._texts(reader.tokenizer, {text: 1}, {})[0] for text in TURNS]
    expected = encode_texts(reader.network, chunks)[0].states
    assert torch.allclose(told, expected, atol=1e-5)


def test_prompt_that_would_fill_the_memory_is_refused(model: LoadedModel) -> None:
    prompt = "[a|b][a|b|c][a|b|c|d|e][a|b|c|d|e|f|g]" + ", ;" * 3000
    with pytest.raises(InvalidRequest, match="Shorten it"):
        encoder(model, steps=300).batch([(prompt, "")])


def test_work_on_words_can_be_stopped(model: LoadedModel) -> None:
    def stop() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        encoder(model, check=stop).batch([("a house", "")])


@pytest.fixture(scope="session")
def xl(models: Mapping[str, LoadedModel]) -> LoadedModel:
    return models["xl"]


@pytest.fixture(scope="session")
def refiner(models: Mapping[str, LoadedModel]) -> LoadedModel:
    return models["xl-refiner"]


def only(told: ImageConditioning) -> TextConditioning:
    (part,) = told.positives
    return part.conditioning


def pooled(told: TextConditioning) -> torch.Tensor:
    assert told.pooled is not None
    return told.pooled


def time_ids(told: TextConditioning) -> list[list[float]]:
    assert told.time_ids is not None
    ids: list[list[float]] = told.time_ids.tolist()
    return ids


def test_two_encoders_stand_side_by_side_before_their_last_layer(xl: LoadedModel) -> None:
    told = only(image(xl, "a red house"))
    ids = [encoder(xl)._texts(reader.tokenizer, {"a red house": 1}, {})[0][0].ids for reader in xl.text_encoders]
    answers = [
        reader.network(input_ids=torch.tensor([row]), output_hidden_states=True)
        for reader, row in zip(xl.text_encoders, ids, strict=True)
    ]
    expected = torch.cat([answer.hidden_states[-2] for answer in answers], dim=-1)
    assert told.states.shape == (1, 77, 56)
    assert torch.allclose(told.states, expected, atol=1e-6)
    assert torch.allclose(pooled(told), answers[1].text_embeds, atol=1e-6)


def test_the_text_as_a_whole_is_that_of_the_first_chunk_without_emphasis(xl: LoadedModel) -> None:
    short, long = (only(image(xl, prompt)) for prompt in ("a red house", "a (red:1.4) house BREAK a blue boat"))
    assert long.tokens == 2 * 77
    assert torch.allclose(pooled(short), pooled(long), atol=1e-6)
    assert not torch.allclose(pooled(short), pooled(only(image(xl, "a blue boat"))), atol=1e-2)


def test_emphasis_restores_the_mean_of_each_encoder(xl: LoadedModel) -> None:
    plain, strong = (only(image(xl, prompt)).states for prompt in ("a red house", "a (red:1.4) house"))
    for part in (slice(0, 32), slice(32, 56)):
        ratio = strong[..., part] / plain[..., part]
        assert torch.allclose(ratio[0, 2] / ratio[0, 1], torch.tensor(1.4), rtol=1e-4)
        assert torch.allclose(strong[..., part].mean(), plain[..., part].mean(), rtol=1e-3)


def test_an_empty_negative_is_zeros_where_the_model_was_trained_so(xl: LoadedModel) -> None:
    empty = image(xl, "", " ")
    assert not empty.negative.states.any()
    assert not pooled(empty.negative).any()
    assert only(empty).states.any()
    assert image(xl, "", "blurry").negative.states.any()
    assert image(xl, "", "[blurry::5]", after=9).negative.states.any()
    words = image(replace(xl, zeroes_empty_prompt=False), "", "").negative
    assert torch.equal(words.states, only(empty).states)
    assert torch.equal(pooled(words), pooled(only(empty)))


def test_zeros_are_padded_with_what_an_empty_prompt_says(xl: LoadedModel) -> None:
    told = image(xl, "a red house BREAK a boat", "", pad_cond_uncond=True)
    assert told.negative.tokens == 2 * 77
    assert not told.negative.states[:, :77].any()
    assert torch.equal(told.negative.states[:, 77:], only(image(xl, "")).states)
    assert not pooled(told.negative).any()


def test_sizes_are_those_of_the_pass_and_share_their_text(xl: LoadedModel, refiner: LoadedModel) -> None:
    texts = TextCache()
    for width, height in ((64, 96), (128, 192)):
        told = image(xl, "a red house AND a boat", "blurry", cache=texts, width=width, height=height)
        whole = [[height, width, 0, 0, height, width]]
        assert [time_ids(part.conditioning) for part in told.positives] == [whole, whole]
        assert time_ids(told.negative) == whole
        told = image(refiner, "a red house", "blurry", cache=texts, width=width, height=height)
        assert time_ids(only(told)) == [[height, width, 0, 0, 6]]
        assert time_ids(told.negative) == [[height, width, 0, 0, 2.5]]
    assert texts.take_reuse() == Reuse(found=5, encoded=5)


def test_models_without_sizes_are_told_none(models: Mapping[str, LoadedModel]) -> None:
    for name in ("plain", "velocity"):
        told = image(models[name], "a red house", "blurry")
        assert (only(told).pooled, only(told).time_ids, told.negative.time_ids) == (None, None, None)


def test_clip_skip_is_for_the_first_family(models: Mapping[str, LoadedModel]) -> None:
    def changes(name: str) -> bool:
        one, two = (only(image(models[name], "a red house", clip_skip=skip)).states for skip in (1, 2))
        return not torch.equal(one, two)

    assert {name: changes(name) for name in ("plain", "velocity", "xl", "xl-refiner")} == {
        "plain": True,
        "velocity": False,
        "xl": False,
        "xl-refiner": False,
    }
