"""Says a scene in many wordings: synonyms, word orders, left-out details, empty praise and unknown words.

Knows nothing of drawing. `say` never claims what the scene does not show; `plain_caption` says everything, always in
the same words.
"""

from __future__ import annotations

import random
import string

from tools.demo_model.scene import Scene, Thing
from tools.demo_model.subjects import SUBJECTS

NUMBERS = {1: ("one", "a single"), 2: ("two", "a pair of", "2"), 3: ("three", "3"), 4: ("four", "4")}

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("crimson", "scarlet"),
    "orange": ("tangerine",),
    "yellow": ("golden", "lemon"),
    "green": ("emerald",),
    "blue": ("azure",),
    "purple": ("violet",),
    "pink": ("rose",),
    "brown": ("chestnut",),
    "black": ("dark black",),
    "white": ("snow white",),
    "grey": ("gray", "silver"),
}

SIZE_WORDS = {"small": ("small", "little", "tiny"), "large": ("big", "large", "huge")}

PLACE_WORDS: dict[str, tuple[str, ...]] = {
    "left": ("on the left", "on the left side", "at the left", "to the left"),
    "right": ("on the right", "on the right side", "at the right", "to the right"),
    "top": ("at the top", "in the upper part", "near the top", "high up"),
    "bottom": ("at the bottom", "in the lower part", "near the bottom", "low down"),
    "centre": ("in the centre", "in the center", "in the middle"),
}

RELATION_WORDS: dict[str, tuple[str, ...]] = {
    "left of": ("left of", "to the left of", "on the left of"),
    "right of": ("right of", "to the right of", "on the right of"),
    "above": ("above", "over", "on top of"),
    "below": ("below", "under", "beneath"),
}
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}

GROUND_WORDS: dict[str, tuple[str, ...]] = {
    "day": ("under a blue sky", "by day", "on a sunny day", "in daylight"),
    "night": ("under a night sky", "at night", "under the stars", "in the night", "by moonlight"),
    "sunset": ("at sunset", "under a sunset sky", "in the evening", "at dusk"),
    "sea": ("in the sea", "on the sea", "at sea", "in the ocean", "on the water"),
    "snow": ("in the snow", "in winter", "in a snowy landscape"),
    "desert": ("in the desert", "on sand", "in a sandy desert"),
    "meadow": ("in a meadow", "on the grass", "in a green field"),
    "city": ("in the city", "in town", "on a street", "in front of tall buildings"),
    "forest": ("in the forest", "in the woods", "among pine trees"),
}

WEATHER_WORDS: dict[str, tuple[str, ...]] = {
    "clear": ("",),
    "rain": ("in the rain", "on a rainy day", "rain"),
    "snowfall": ("while it snows", "in falling snow", "snowflakes falling"),
    "fog": ("in the fog", "on a foggy day", "mist"),
    "rainbow": ("with a rainbow", "under a rainbow", "rainbow"),
}

STYLE_WORDS: dict[str, tuple[str, ...]] = {
    "flat": ("flat illustration", "flat vector art", "flat style"),
    "outlined": ("outlined", "with black outlines", "outline cartoon", "bold outlines"),
    "pixel art": ("pixel art", "pixel style", "8 bit pixel art"),
    "watercolour": ("watercolor", "watercolour", "watercolor painting", "painted in watercolor"),
    "neon": ("neon", "neon sign", "glowing neon lights", "neon style"),
    "paper cut": ("paper cut", "papercut", "paper cutout", "cut paper style"),
}
STYLE_NOUNS = {
    "flat": ("flat illustration", "flat vector drawing"),
    "outlined": ("outline cartoon", "outlined drawing"),
    "pixel art": ("pixel art", "pixel art picture"),
    "watercolour": ("watercolor", "watercolor painting", "watercolour painting"),
    "neon": ("neon sign", "neon picture"),
    "paper cut": ("paper cut", "paper cutout"),
}

OPENINGS = ("a picture of", "a drawing of", "an illustration of", "an image of", "a photo of", "a painting of")
PRAISE = (
    "beautiful", "cute", "lovely", "detailed", "highly detailed", "masterpiece", "best quality", "simple", "4k",
    "colorful", "charming", "minimalist", "trending", "sharp focus", "nice", "digital art", "concept art",
)  # fmt: skip


def plain_caption(scene: Scene) -> str:
    """The whole scene in one fixed wording."""
    first = _noun_phrase(scene.first, scene.count, scene.size, None)
    if scene.second is not None:
        first = f"{first} {scene.relation} {_noun_phrase(scene.second, 1, 'medium', None)}"
    parts = [first]
    if scene.place != "centre":
        parts.append(PLACE_WORDS[scene.place][0])
    parts.append(_ground_phrase(scene.ground, None))
    if scene.weather != "clear":
        parts.append(WEATHER_WORDS[scene.weather][0])
    caption = " ".join(parts)
    return caption if scene.style == "flat" else f"{caption}, {STYLE_WORDS[scene.style][0]}"


def say(scene: Scene, rng: random.Random) -> str:
    """The scene in a random wording; now and then a detail is left out or a meaningless word slipped in."""
    head = _subject_phrase(scene, rng)
    place = ""
    if scene.second is None and scene.count == 1:
        if scene.place != "centre":
            place = rng.choice(PLACE_WORDS[scene.place])
        elif rng.random() < 0.15:
            place = rng.choice(PLACE_WORDS["centre"])
    ground = _ground_phrase(scene.ground, rng) if rng.random() < 0.94 else ""
    weather = rng.choice(WEATHER_WORDS[scene.weather])
    order = [head, place, ground, weather]
    if rng.random() < 0.3:
        order = [head, ground, place, weather]
    elif ground and rng.random() < 0.08:
        order = [f"{ground},", head, place, weather]
    text = " ".join(part for part in order if part)
    return _with_noise(_with_style(text, scene.style, rng), rng)


def _subject_phrase(scene: Scene, rng: random.Random) -> str:
    first = _noun_phrase(scene.first, scene.count, scene.size, rng)
    if scene.second is None or scene.relation is None:
        return first
    second = _noun_phrase(scene.second, 1, "medium", rng)
    relation = scene.relation
    if rng.random() < 0.35:
        first, second, relation = second, first, OPPOSITE[relation]
    if rng.random() < 0.15:
        link = rng.choice(["and", "with", "next to"] if relation in ("left of", "right of") else ["and", "with"])
        return f"{first} {link} {second}"
    return f"{first} {rng.choice(RELATION_WORDS[relation])} {second}"


def _noun_phrase(thing: Thing, count: int, size: str, rng: random.Random | None) -> str:
    subject = SUBJECTS[thing.kind]
    names = subject.names if count == 1 else subject.plurals
    noun, colour, size_word, number = names[0], thing.colour, "", NUMBERS[count][0]
    if size != "medium":
        size_word = SIZE_WORDS[size][0]
    if rng is not None:
        noun = noun if rng.random() < 0.85 else rng.choice(names)
        colour = colour if rng.random() < 0.9 else rng.choice(COLOUR_WORDS[thing.colour])
        colour = "" if rng.random() < 0.05 else colour
        number = number if rng.random() < 0.85 else rng.choice(NUMBERS[count])
        if size_word:
            size_word = rng.choice(SIZE_WORDS[size])
    words = " ".join(word for word in (size_word, colour, noun) if word)
    if count > 1:
        return f"{number} {words}"
    if rng is not None and rng.random() < 0.1:
        return rng.choice(["", "one ", "the ", "a single "]) + words
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _ground_phrase(ground: str, rng: random.Random | None) -> str:
    if not ground.startswith("plain-"):
        return GROUND_WORDS[ground][0] if rng is None else rng.choice(GROUND_WORDS[ground])
    colour = ground.removeprefix("plain-")
    if rng is None:
        return f"on a {colour} background"
    if rng.random() < 0.1:
        colour = rng.choice(COLOUR_WORDS[colour])
    article = "an" if colour[0] in "aeiou" else "a"
    return rng.choice(
        [
            f"on {article} {colour} background",
            f"on {article} {colour} background",
            f"with {article} {colour} background",
            f"on {colour}",
            f"on a plain {colour} background",
            f", {colour} background",
        ]
    )


def _with_style(text: str, style: str, rng: random.Random) -> str:
    if style == "flat" and rng.random() < 0.6:
        return text if rng.random() < 0.8 else f"{rng.choice(OPENINGS)} {text}"
    if rng.random() < 0.25:
        noun = rng.choice(STYLE_NOUNS[style])
        return f"{rng.choice(['a ', ''])}{noun} of {text}".replace("a outline", "an outline")
    if rng.random() < 0.08:
        return f"{rng.choice(STYLE_WORDS[style])}, {text}"
    return f"{text}, {rng.choice(STYLE_WORDS[style])}"


def _with_noise(text: str, rng: random.Random) -> str:
    text = text.replace(" ,", ",").strip(" ,")
    dice = rng.random()
    if dice < 0.06:
        return f"{text}, {', '.join(rng.sample(PRAISE, rng.randint(1, 3)))}"
    if dice < 0.09:
        return f"{text} {''.join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 8)))}"
    if dice < 0.11:
        return text.capitalize() + "."
    return text


def synonyms() -> dict[str, str]:
    """Single words that mean a first word of the world: where a new word may start from."""
    pairs: dict[str, str] = {}
    for colour, words in COLOUR_WORDS.items():
        pairs |= {word: colour for word in words if " " not in word}
    for subject in SUBJECTS.values():
        pairs |= {word: subject.names[0] for word in subject.names[1:] if " " not in word}
        pairs |= {word: subject.plurals[0] for word in subject.plurals[1:] if " " not in word}
    return pairs | {"huge": "big", "tiny": "small", "gray": "grey", "town": "city", "woods": "forest"}


def vocabulary() -> list[str]:
    """Every word the captions use, sorted; the tokenizer gives each of them one token."""
    phrases = [*OPENINGS, *PRAISE, *COLOUR_WORDS, "on a plain background with", "next to and one the"]
    for table in (COLOUR_WORDS, SIZE_WORDS, PLACE_WORDS, RELATION_WORDS, GROUND_WORDS, WEATHER_WORDS, STYLE_WORDS):
        phrases += [phrase for phrases_of_key in table.values() for phrase in phrases_of_key]
    phrases += [phrase for numbers in NUMBERS.values() for phrase in numbers]
    phrases += [phrase for nouns in STYLE_NOUNS.values() for phrase in nouns]
    for subject in SUBJECTS.values():
        phrases += [*subject.names, *subject.plurals]
    words = {word for phrase in phrases for word in phrase.split()}
    return sorted(word for word in words if word.isalpha())
