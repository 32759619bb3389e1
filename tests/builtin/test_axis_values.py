"""Values of an axis as they are typed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.builtin import axis_values
from modules.hooks import InvalidRequest, Text

X = "X values"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", [7]),
        ("1,2, 3", [1, 2, 3]),
        ("1-5", [1, 2, 3, 4, 5]),
        ("1-5 (+2)", [1, 3, 5]),
        ("1-6(+2)", [1, 3, 5]),
        ("10-5 (-3)", [10, 7]),
        ("5-1", [5, 4, 3, 2, 1]),
        ("1-10 [4]", [1, 4, 7, 10]),
        ("1-10 [5]", [1, 3, 5, 7, 10]),
        ("10-1 [4]", [10, 7, 4, 1]),
        ("3-9 [1]", [3]),
        ("-3--1", [-3, -2, -1]),
        ("-1 - 1", [-1, 0, 1]),
        ("-5--9 (-2), 4", [-5, -7, -9, 4]),
        ("8, 1-3, 20-30 (+5)", [8, 1, 2, 3, 20, 25, 30]),
        ("4\n5\n", [4, 5]),
        ("-1", [-1]),
        ("9007199254740993", [9007199254740993]),
    ],
)
def test_whole_numbers(text: str, expected: list[int]) -> None:
    assert axis_values.whole_numbers(text, X) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0-1 (+0.25)", [0, 0.25, 0.5, 0.75, 1]),
        ("0-1 (+0.1)", [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]),
        ("0-1 (+0.3)", [0, 0.3, 0.6, 0.9]),
        ("1-0 (-.5)", [1, 0.5, 0]),
        ("0-1 [3]", [0, 0.5, 1]),
        ("-1.5--1 (+0.25)", [-1.5, -1.25, -1]),
        ("7.5, 1e-3", [7.5, 0.001]),
        ("1-3", [1, 2, 3]),
        ("1.5-3", [1.5, 2.5]),
    ],
)
def test_numbers(text: str, expected: list[float]) -> None:
    assert axis_values.numbers(text, X) == expected


@pytest.mark.parametrize(
    ("read", "text", "sentence"),
    [
        ("whole_numbers", "seven", "X values 'seven' is not a number. Write numbers and ranges, like 7, 1-5, 1-5 (+2)"),
        ("whole_numbers", "1-5 (+0)", "X values '1-5 (+0)' never gets to its end. Write (+1)"),
        ("whole_numbers", "1-5 (-1)", "X values '1-5 (-1)' never gets to its end. Write (+1)"),
        ("whole_numbers", "5-1 (+1)", "X values '5-1 (+1)' never gets to its end. Write (-1)"),
        ("whole_numbers", "1-5 [0]", "X values '1-5 [0]' has no value. Write how many"),
        ("whole_numbers", "1.5", "X values '1.5' is not a whole number."),
        ("whole_numbers", "1-2 (+0.5)", "X values '1-2 (+0.5)' is not a whole number."),
        ("whole_numbers", "", "X values '' has no value. Write values with commas between them"),
        ("whole_numbers", " , ,", "has no value"),
        ("whole_numbers", "1-2000", "X values 2000 values are too many. The most is 1,000."),
        ("whole_numbers", f"0-1{'0' * 50}", "values are too many"),
        ("whole_numbers", f"1-2 [{'9' * 50}]", "values are too many"),
        ("whole_numbers", "1-900, 1-900", "X values 1800 values are too many."),
        ("numbers", "1e999999999", "is not a number that can be used"),
        ("numbers", "nan", "is not a number that can be used"),
        ("numbers", "inf", "is not a number that can be used"),
        ("numbers", "9" * 100, "is not a number that can be used"),
        ("switches", "True, maybe", "X values 'maybe' is neither on nor off."),
        ("sizes", "512", "X values '512' is no size. Write width and height, like 512x768."),
        ("sizes", "512x", "is no size"),
        ("entries", '"' + "a" * 200_000, "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said(read: str, text: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        getattr(axis_values, read)(text, X)
    assert sentence in str(refused.value)


def test_words_are_csv() -> None:
    assert axis_values.entries('village, "town, big", city', X) == ["village", "town, big", "city"]
    assert axis_values.entries('a, "say ""b""", c\nd', X) == ["a", 'say "b"', "c", "d"]
    assert axis_values.entries("a, , b", X) == ["a", "b"]
    assert axis_values.entries("a, , b", X, empty=True) == ["a", "", "b"]


def test_switches_and_sizes() -> None:
    assert axis_values.switches("True, false", X) == [True, False]
    assert axis_values.sizes("512x768, 64 X 64", X) == [(512, 768), (64, 64)]


@given(st.text(max_size=40), st.sampled_from(["whole_numbers", "numbers", "switches", "sizes", "entries"]))
def test_any_text_is_read_or_refused(text: str, read: str) -> None:
    try:
        values: list[Any] = getattr(axis_values, read)(text, X)
    except InvalidRequest as refused:
        assert refused.field == X
        assert refused.remedy
    else:
        assert 1 <= len(values) <= axis_values.MAX_VALUES


_INTEGERS = st.integers(-1000, 1000)


@given(_INTEGERS, _INTEGERS, st.integers(1, 50))
def test_a_range_with_a_step_begins_at_its_first_and_stays_within(first: int, last: int, step: int) -> None:
    signed = step if last >= first else -step
    found = axis_values.whole_numbers(f"{first}-{last} ({signed:+d})", X) if abs(last - first) < 900 * step else []
    assert found == list(range(first, last + (1 if signed > 0 else -1), signed))[: len(found)]
    assert not found or (found[0] == first and abs(last - found[-1]) < step)


@given(_INTEGERS, _INTEGERS, st.integers(2, 100))
def test_a_range_with_a_count_has_both_ends_and_goes_one_way(first: int, last: int, count: int) -> None:
    found = axis_values.numbers(f"{first}-{last} [{count}]", X)
    assert len(found) == count
    assert (found[0], found[-1]) == (first, last)
    assert found == sorted(found, reverse=first > last)


@given(
    st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs", "Cc", "Zl", "Zp"])), min_size=1)
)
def test_quoted_words_come_back(words: list[str]) -> None:
    stripped = [word.strip() for word in words]
    text = ", ".join('"' + word.replace('"', '""') + '"' for word in stripped)
    assert axis_values.entries(text, X, empty=True) == stripped


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1), min_size=1))
def test_suggestions_put_into_one_text_are_found_again(words: list[str]) -> None:
    stripped = [word.strip() or "x" for word in words]
    assert axis_values.entries(Text.joined(stripped), X) == stripped
