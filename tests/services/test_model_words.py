"""How networks are put into prompts."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.checkpoints.card import Card
from modules.checkpoints.file_facts import FileState
from modules.checkpoints.model_files import ModelFile
from modules.errors import InvalidRequest
from modules.prompt.extra_networks import extra_networks, lora_use, lora_uses
from modules.services.model_cards import ModelCard
from modules.services.model_words import lora_text, trigger_words, with_words


def model(name: str, card: Card) -> ModelCard:
    path = Path("/models") / f"{name}.safetensors"
    return ModelCard(ModelFile("lora", name, path, FileState(str(path), 1, 1)), card, None)


def test_a_tag_says_what_its_reader_reads() -> None:
    card = Card(activation_text="wet paint, washes", negative_text="photo", preferred_weight=0.75)
    tag, words, negative = lora_text(model("styles/ink", card), ["ink", "oil"])
    use = lora_use(extra_networks(tag)[0])
    assert use is not None and (use.name, use.unet, use.text_encoder) == ("ink", 0.75, 0.75)
    assert (words, negative) == ("wet paint, washes", "photo")


def test_of_two_files_with_one_name_the_folder_is_named() -> None:
    tag, words, _ = lora_text(model("styles/ink", Card(trained_words=("inkwash", "other"))), ["ink", "Ink"])
    assert (tag, words) == ("<lora:styles/ink:1>", "inkwash")


@pytest.mark.parametrize("name", ["a=b", "a=b=c", " ink ", "<ink", "weight=1", "ink (v2) [x]"])
def test_a_tag_is_read_with_the_name_that_the_file_has(name: str) -> None:
    tag, _, _ = lora_text(model(name, Card()), [])
    assert [use.name for use in lora_uses(f"a house, {tag}, wet")] == [name]


@pytest.mark.parametrize("name", ["a:b", "a>b", "a #1", "#", "te=1", "unet=x", "dyn=", "steps=all"])
def test_a_name_that_no_tag_can_hold_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="Rename the file"):
        lora_text(model(name, Card()), [])


def test_words_are_put_in_once() -> None:
    assert with_words("", "a, b") == "a, b"
    assert with_words("a house, ", "A House, wet") == "a house, wet"
    assert with_words("a house", "a house") == "a house"
    assert with_words("a house <lora:ink:1>", "wet") == "a house <lora:ink:1>, wet"


def test_trigger_words_are_taken_apart_and_each_is_offered_once() -> None:
    assert trigger_words(Card(trained_words=("ink, wash", "ink", " "))) == ("ink", "wash")
    assert trigger_words(Card(activation_text="mine", trained_words=("theirs",))) == ("mine",)
