"""Captions say what the scene shows in many wordings, and the tokenizer has one token for each of their words."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tools.demo_model.captions import plain_caption, say, synonyms, vocabulary
from tools.demo_model.prompts import EVERYDAY, obedience_prompts
from tools.demo_model.scene import Scene, Thing, held_out, training_scene
from tools.demo_model.tokenizer import (
    Vocabulary,
    bare_vocabulary,
    build_tokenizer,
    extended,
    read_vocabulary,
    split_word,
    write_tokenizer,
)
from tools.demo_model.wording import Wording

BOAT_AND_STAR = Scene(first=Thing("boat", "red"), second=Thing("star", "yellow"), relation="left of", ground="sea")


@pytest.mark.parametrize(
    ("scene", "caption"),
    [
        (Scene(first=Thing("house", "red"), ground="night"), "a red house under a night sky"),
        (Scene(first=Thing("apple", "orange")), "an orange apple on a white background"),
        (Scene(first=Thing("fish", "blue"), count=3, ground="sea"), "three blue fish in the sea"),
        (BOAT_AND_STAR, "a red boat left of a yellow star in the sea"),
        (
            Scene(first=Thing("cup", "pink"), size="small", place="left", ground="city", weather="rain", style="neon"),
            "a small pink cup on the left in the city in the rain, neon",
        ),
    ],
)
def test_plain_captions(scene: Scene, caption: str) -> None:
    assert plain_caption(scene) == caption


def test_wordings_are_many_and_come_back_with_their_seed() -> None:
    wordings = {say(BOAT_AND_STAR, random.Random(seed)) for seed in range(200)}
    assert len(wordings) > 120
    assert say(BOAT_AND_STAR, random.Random(7)) == say(BOAT_AND_STAR, random.Random(7))


def test_turned_relations_stay_true() -> None:
    for seed in range(300):
        words = say(BOAT_AND_STAR, random.Random(seed)).lower()
        boat = min(words.find(name) for name in ("boat", "ship") if name in words)
        boat_first = boat < words.find("star")
        if " of " in words and ("left of" in words or "right of" in words):
            assert ("left of" in words) == boat_first


def test_wordings_never_name_another_colour_or_style() -> None:
    scene = Scene(first=Thing("cat", "green"), ground="plain-pink", style="watercolour")
    for seed in range(300):
        words = say(scene, random.Random(seed)).lower()
        assert not {"red", "blue", "yellow", "neon", "pixel"} & set(words.replace(",", " ").split())
        assert "water" in words


def test_vocabulary_is_lower_case_words_and_synonyms_are_in_it() -> None:
    words = set(vocabulary())
    assert {"lighthouse", "watercolour", "grey", "below", "rainbow"} <= words
    assert all(word.isalpha() and word.islower() for word in words)
    assert set(synonyms()) <= words
    assert set(synonyms().values()) <= words


def test_every_word_becomes_one_token_and_old_tokens_keep_their_ids() -> None:
    base = extended(bare_vocabulary(), ["red", "house", "houses"])
    grown = extended(base, vocabulary())
    assert grown.tokens[: len(base.tokens)] == base.tokens
    assert len(set(grown.tokens)) == len(grown.tokens)
    assert all(len(split_word(word, grown.merges)) == 1 for word in vocabulary())
    assert split_word("zz", grown.merges) == ["z", "z</w>"]


def test_the_saved_tokenizer_agrees_and_swallows_anything(tmp_path: Path) -> None:
    tokenizer = build_tokenizer(tmp_path)
    assert read_vocabulary(tmp_path).tokens == tuple(sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get))
    start, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    assert tokenizer("").input_ids == [start, end]
    assert len(tokenizer("A Red LIGHTHOUSE").input_ids) == 5
    assert tokenizer("a red lighthouse").input_ids == tokenizer("A Red LIGHTHOUSE").input_ids
    for odd in ("Füße 雪 🚀", "(red:1.3)", "word " * 200):
        ids = tokenizer(odd, truncation=True, max_length=77).input_ids
        assert ids[0] == start
        assert ids[-1] == end
        assert len(ids) <= 77


def test_a_grown_tokenizer_keeps_the_ids_of_its_base(tmp_path: Path) -> None:
    small = extended(bare_vocabulary(), ["red", "house"])
    first = write_tokenizer(small, tmp_path / "base")
    second = build_tokenizer(tmp_path / "grown", tmp_path / "base")
    assert second("red house").input_ids == first("red house").input_ids
    assert isinstance(read_vocabulary(tmp_path / "grown"), Vocabulary)


def test_the_fixed_prompts_stay_fixed() -> None:
    prompts = obedience_prompts(60)
    assert prompts == obedience_prompts(120)[:60]
    assert [prompt.held_out for prompt in prompts] == [number % 3 == 2 for number in range(60)]
    assert all(held_out(prompt.scene) == prompt.held_out for prompt in prompts)
    assert all(thing.colour in prompt.text.lower() for prompt in prompts for thing in prompt.scene.things)
    assert len(EVERYDAY) == 48
    assert len(set(EVERYDAY)) == 48


def test_training_captions_fit_the_text_encoder() -> None:
    assert max(len(say(training_scene(seed), random.Random(seed)).split()) for seed in range(500)) < 40


def test_the_fast_wording_agrees_with_the_tokenizer(tmp_path: Path) -> None:
    tokenizer = build_tokenizer(tmp_path)
    wording = Wording(tokenizer)
    texts = [say(training_scene(seed), random.Random(seed)) for seed in range(200)]
    texts += ["", "4k 128x128, a1b2...", "don't (stop)", "red " * 100, "A Red House.", "  two   cats , dogs,,. "]
    rows = wording.ids(texts)
    assert rows.shape == (len(texts), 77)
    for text, row in zip(texts, rows.tolist(), strict=True):
        ids = tokenizer(text, truncation=True, max_length=77, padding="max_length").input_ids
        assert row == ids, text
