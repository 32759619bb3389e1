"""The words by which prompts name networks, and how they are put into one."""

from __future__ import annotations

from collections.abc import Collection

from modules.checkpoints.card import Card
from modules.errors import InvalidRequest
from modules.prompt.extra_networks import NAMED_ARGUMENTS
from modules.services.model_cards import ModelCard

_NOT_IN_A_TAG = ":>#"
_NAMED = tuple(f"{name}=" for name in NAMED_ARGUMENTS)
MOST_WORDS = 60
"""Trigger words that are offered; more are for the search."""


def trigger_words(card: Card) -> tuple[str, ...]:
    """What makes a network show, word by word, each once."""
    words = (word.strip() for text in card.trigger_words for word in text.split(","))
    return tuple(dict.fromkeys(filter(None, words)))[:MOST_WORDS]


def lora_text(model: ModelCard, stems: Collection[str]) -> tuple[str, str, str]:
    """The tag of a LoRA, the words that go into the prompt with it, and those of the negative prompt.

    `stems` are the names of all LoRAs without their folders: where two are alike, the tag names the folder. Raises
    InvalidRequest for a name that no tag can hold.
    """
    stem = model.path.stem
    name = stem if sum(one.lower() == stem.lower() for one in stems) <= 1 else model.name
    if any(sign in name for sign in _NOT_IN_A_TAG):
        remedy = "Rename the file so that it is without :, > and #."
        raise InvalidRequest("Name", name, "cannot stand in a prompt", remedy)
    if name.startswith(_NAMED):
        remedy = f"Rename the file so that it does not begin with {name.partition('=')[0]}=."
        raise InvalidRequest("Name", name, "is read as a setting in a prompt", remedy)
    card = model.card
    weight = 1.0 if card.preferred_weight is None else card.preferred_weight
    words = card.activation_text or next(iter(card.trained_words), "")
    return f"<lora:{name}:{weight:g}>", words, card.negative_text


def embedding_text(model: ModelCard) -> str:
    """The word of an embedding."""
    return model.path.stem


def with_words(prompt: str, words: str) -> str:
    """A prompt with words at its end, behind a comma; without those that stand there already."""
    present = {part.strip().lower() for part in prompt.split(",")}
    new = [word.strip() for word in words.split(",") if word.strip() and word.strip().lower() not in present]
    begin = prompt.rstrip()
    if not new:
        return begin
    return f"{begin}{'' if not begin or begin.endswith(',') else ','} {', '.join(new)}".strip()
