"""What is chosen: within the rules, by the seed alone, as often as the weights say."""

from __future__ import annotations

import logging
from collections import Counter
from functools import cache

import pytest
from dynamicprompts.commands import VariantOption, WildcardCommand
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.errors import InvalidRequest
from modules.prompt.expansion import MAX_EXPANDED_CHARACTERS, WildcardOptions, expand
from modules.prompt.templates import parse_template

FILES = {
    "colour": ["red", "blue", "3::green"],
    "one": ["single"],
    "to": ["__one__"],
    "never": ["0::a", "0::b"],
    "hair": ["{long|short} __colour__ hair"],
    "double": ["__twice__ __twice__"],
    **{f"level{k}": [f"__level{k + 1}__ __level{k + 1}__"] for k in range(20)},
    "level20": ["x"],
    "long": ["y" * 1000],
    "big": [f"value {k}" for k in range(20_000)],
}


@cache
def options_of(name: str) -> WildcardOptions:
    parts = [text.rpartition("::") for text in FILES.get(name, [])]
    return WildcardOptions(
        tuple(VariantOption(parse_template(value), float(weight or 1)) for weight, _, value in parts)
    )


class Source:
    def options(self, wildcard: WildcardCommand) -> WildcardOptions:
        return options_of(str(wildcard.wildcard))


def expansions(template: str, count: int, stream: str = "prompt") -> list[str]:
    command = parse_template(template)
    return [expand(command, Source(), seed, stream) for seed in range(count)]


def shares(template: str, count: int = 4000) -> dict[str, float]:
    return {text: number / count for text, number in Counter(expansions(template, count)).items()}


def test_a_seed_keeps_its_words_for_ever() -> None:
    # Written down once: a change of these is a change of every prompt that anybody has kept with its seed.
    template = "{a|b|c} __colour__ {2$$d|e|f} {1-3$$ and $$__colour__}"
    assert expansions(template, 3) == [
        "c green f,e blue",
        "c blue e,d green and blue",
        "a blue e,d green and red and blue",
    ]
    assert expansions(template, 1, "negative_prompt") == ["a green e,f red and green and blue"]


def test_seeds_and_fields_choose_apart() -> None:
    template = "{a|b} {a|b} {a|b} {a|b} {a|b} {a|b} {a|b} {a|b} {a|b} {a|b}"
    positive, negative = expansions(template, 20), expansions(template, 20, "negative_prompt")
    assert len(set(positive)) == 20
    assert all(one != other for one, other in zip(positive, negative, strict=True))


def test_options_come_as_often_as_their_weights_say() -> None:
    # Four standard deviations of 4,000 draws are below 0.032.
    assert shares("{a|b}") == {"a": pytest.approx(0.5, abs=0.032), "b": pytest.approx(0.5, abs=0.032)}
    assert shares("{3::a|b|0::c}") == {"a": pytest.approx(0.75, abs=0.032), "b": pytest.approx(0.25, abs=0.032)}
    assert shares("__colour__") == {text: pytest.approx(share, abs=0.032) for text, share in COLOUR_SHARES.items()}


COLOUR_SHARES = {"red": 0.2, "blue": 0.2, "green": 0.6}


def test_several_options_come_without_repetition_by_weight() -> None:
    # Drawn one after the other: P(a,b) = 2/4 * 1/2, P(b,a) = 1/4 * 2/3, P(b,c) = 1/4 * 1/3.
    expected = {"a,b": 1 / 4, "a,c": 1 / 4, "b,a": 1 / 6, "c,a": 1 / 6, "b,c": 1 / 12, "c,b": 1 / 12}
    assert shares("{2$$b|2::a|c}") == {text: pytest.approx(share, abs=0.032) for text, share in expected.items()}


def test_a_range_takes_each_number_as_often() -> None:
    counts = Counter(text.count(",") + 1 for text in expansions("{1-3$$a|b|c|d}", 3000))
    assert {number: count / 3000 for number, count in counts.items()} == {
        number: pytest.approx(1 / 3, abs=0.04) for number in (1, 2, 3)
    }


@pytest.mark.parametrize(
    ("template", "possible"),
    [
        ("{0$$a|b}", {""}),
        ("{9$$a|b}", {"a,b", "b,a"}),
        ("{2$$ and $$a|b}", {"a and b", "b and a"}),
        ("{2$$a|a}", {"a,a"}),
        ("{2$$a||}", {"", "a"}),
        ("{2$$a}", {"a"}),
        ("{0::a|0::b}", {"a", "b"}),
        ("{2$$__colour__}", {f"{a},{b}" for a in COLOUR_SHARES for b in COLOUR_SHARES if a != b}),
        ("{5-$$ $$ __colour__ }", {"red blue green", "red green blue", "blue red green"}
            | {"blue green red", "green red blue", "green blue red"}),
        ("{2$$__to__}", {"single"}),
        ("{2$$__missing__}", {"__missing__"}),
        ("<x:__missing__>", {"<x:__missing__>"}),
        ("__never__", {"a", "b"}),
        ("{__one__|{__one__}}", {"single", "{single}"}),
        ("__hair__", {f"{length} {colour} hair" for length in ("long", "short") for colour in COLOUR_SHARES}),
        ("{prompt} {a|b}", {"{prompt} a", "{prompt} b"}),
        ("a{ red|} cat", {"a red cat", "a cat"}),
    ],
)  # fmt: skip
def test_what_can_come(template: str, possible: set[str]) -> None:
    assert set(expansions(template, 200)) == possible


def test_growth_has_a_bound() -> None:
    sentence = f"more than {MAX_EXPANDED_CHARACTERS:,} characters.* is what the wildcards expand to"
    for template in ("__level0__", "__long__" * 200, "{9999$$__big__}" * 200):
        with pytest.raises(InvalidRequest, match=sentence):
            expansions(template, 1)
    assert len(expansions("__level10__", 1)[0]) == 2**10 * 2 - 1


def test_the_library_has_nothing_to_say(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        expansions("{2$$__missing__} {2$$__to__} __colour__ {a|b}", 5)
    assert caplog.records == []


LITERALS = st.text().filter(lambda text: not set(text) & set("{}[]|\\#_<") and "$$" not in text and "::" not in text)


@settings(max_examples=500)
@given(st.lists(st.tuples(LITERALS, st.lists(LITERALS, min_size=2, max_size=4)), min_size=1, max_size=4), st.integers())
def test_all_around_the_choices_stays(parts: list[tuple[str, list[str]]], seed: int) -> None:
    template = "".join(before + "{" + "|".join(options) + "}" for before, options in parts)
    rest = expand(parse_template(template), Source(), seed, "prompt")
    ends = {""}
    for before, options in parts:
        ends = {end + before + option for end in ends for option in options}
    assert rest in ends
