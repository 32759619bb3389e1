"""Arguments: read as page, API, command line and infotext send them, refused in words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.hooks import (
    Argument,
    Available,
    Choice,
    Drawn,
    InvalidRequest,
    Number,
    SeveralChoices,
    Switch,
    Text,
    arguments_of_infotext,
    infotext_parameters,
    read_arguments,
)

AVAILABLE = Available(task="txt2img", samplers=("Euler", "Heun"), models=("a, b", "c"))
ARGUMENTS: tuple[Argument, ...] = (
    Text(name="words", label="Words", key="T words", default="house"),
    Number(name="count", label="Count", key="T count", default=3, minimum=1, maximum=9, whole=True),
    Number(name="share", label="Share", key="T share", default=0.5, minimum=-1, maximum=1),
    Switch(name="on", label="On", key="T on"),
    Choice(name="sampler", label="Sampler", key="T sampler", choices=lambda have, _: have.samplers, default="Euler"),
    Choice(
        name="again",
        label="Again",
        key="T again",
        choices=lambda have, others: ("-", others["sampler"].lower()),
        default="-",
    ),
    SeveralChoices(name="several", label="Several", key="T several", choices=("x", "y", "z")),
    Drawn(name="drawn", label="Drawn", key="T drawn"),
    Switch(name="silent", label="Silent"),
)
DEFAULTS = {row.name: row.initial for row in ARGUMENTS}


def read(**given: Any) -> dict[str, Any]:
    return read_arguments(ARGUMENTS, given, AVAILABLE)


def test_what_is_not_given_has_its_default() -> None:
    assert read(words=None) == DEFAULTS


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("words", "a\r\nb\x00", "a\nb"),
        ("count", "5", 5),
        ("count", 5.0, 5),
        ("share", "-.25", -0.25),
        ("on", "True", True),
        ("on", 0, False),
        ("sampler", "heun ", "Heun"),
        ("several", "z, X", ("z", "x")),
        ("several", ["y"], ("y",)),
        ("drawn", True, True),
    ],
)
def test_values_are_read_as_they_are_sent(name: str, value: object, expected: object) -> None:
    found = read(**{name: value})
    assert found == {**DEFAULTS, name: expected}
    assert type(found[name]) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("words", 5, "Words 5 is not text."),
        ("words", "x" * 70_000, "has 70,000 characters. The most is 65,536: shorten it."),
        ("count", "many", "Count 'many' is not a number."),
        ("count", 0, "Count 0 is too small. The least is 1."),
        ("count", 10, "Count 10 is too large. The most is 9."),
        ("count", 1.5, "Count 1.5 is not a whole number."),
        ("count", True, "Count True is not a number."),
        ("share", float("nan"), "Share nan is not a number."),
        ("share", "1e999", "Share '1e999' is not a number."),
        ("on", "maybe", "On 'maybe' is neither on nor off. Write True or False."),
        ("on", [], "On [] is neither on nor off."),
        ("sampler", "Hein", "Sampler 'Hein' is not known. Nearest: Heun."),
        ("sampler", 3, "Sampler 3 is not known. Choose one of: Euler, Heun."),
        ("several", "x, q", "Several 'q' is not known. Choose one of: x, y, z."),
        ("several", 3, "Several 3 is not a list."),
        ("wrods", "x", "Script argument 'wrods' is not known. Nearest: words."),
    ],
)
def test_others_are_refused_in_words(name: str, value: object, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**{name: value})
    assert sentence in str(refused.value)


def test_choices_may_follow_from_other_arguments() -> None:
    assert read(sampler="Heun", again="HEUN")["again"] == "heun"
    with pytest.raises(InvalidRequest, match="Again 'heun' is not known"):
        read(again="heun")


def test_a_drawn_seed_is_known() -> None:
    assert read_arguments(ARGUMENTS, {}, AVAILABLE, drawn=("subseed",))["drawn"] is False
    assert read_arguments(ARGUMENTS, {}, AVAILABLE, drawn=("seed",))["drawn"] is True


def test_infotext_has_what_is_set_and_has_a_key() -> None:
    values = read(count=4, share=0.1, several=("z", "x"), silent=True)
    assert infotext_parameters(ARGUMENTS, values) == {"T count": "4", "T share": "0.1", "T several": "z, x"}


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "words": st.text(st.characters(exclude_characters="\r\x00"), max_size=20),
            "count": st.integers(1, 9),
            "share": st.floats(-1, 1, allow_subnormal=False).map(lambda number: round(number, 6)),
            "on": st.booleans(),
            "sampler": st.sampled_from(["Euler", "Heun"]),
            "several": st.lists(st.sampled_from("xyz"), max_size=4),
            "drawn": st.booleans(),
        },
    )
)
def test_infotext_and_back_is_the_identity(given: dict[str, Any]) -> None:
    values = read(**given)
    assert read(**arguments_of_infotext(ARGUMENTS, infotext_parameters(ARGUMENTS, values))) == values
