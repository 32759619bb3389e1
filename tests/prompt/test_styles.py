"""Putting styles on prompts, and finding out again which they were."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.errors import InvalidRequest
from modules.prompt.styles import Style, Unstyled, apply_styles, extract_styles

TEXT = st.lists(st.sampled_from(["a", "b", ", ", " ", "{prompt}", "red", "{", "\n"]), max_size=6).map("".join)
STYLES = st.lists(st.builds(Style, st.uuids().map(str), TEXT, TEXT), max_size=4)


@pytest.mark.parametrize(
    ("prompt", "style", "merged"),
    [
        ("cat", "oil painting", "cat, oil painting"),
        (" cat ", " oil ", "cat, oil"),
        ("cat", "", "cat"),
        ("", "oil", "oil"),
        ("", "", ""),
        ("cat", "a photo of {prompt}, sharp", "a photo of cat, sharp"),
        (" cat ", "{prompt}|{prompt}", " cat | cat "),
        ("", "photo of {prompt}", "photo of "),
        ("a {prompt}", "b", "a {prompt}, b"),
        ("{x}", "{prompt} {prompts}", "{x} {prompts}"),
    ],
)
def test_one_style(prompt: str, style: str, merged: str) -> None:
    assert apply_styles(prompt, prompt, [Style("s", style, style)]) == (merged, merged)


def test_several_styles_go_on_in_order() -> None:
    styles = [Style("a", "A", "x"), Style("b", "B({prompt})", ""), Style("c", "", "{prompt} z")]
    assert apply_styles("cat", "dog", styles) == ("B(cat, A)", "dog, x z")
    assert apply_styles("cat", "dog", styles[::-1]) == ("B(cat), A", "dog z, x")
    assert apply_styles("cat", "dog", []) == ("cat", "dog")


def test_doubling_styles_have_a_bound() -> None:
    with pytest.raises(InvalidRequest, match="Style 'double' makes the prompt longer than 131,072 characters"):
        apply_styles("cat", "", [Style("double", "{prompt} {prompt}")] * 60)


def test_styles_are_found_again() -> None:
    styles = [Style("oil", "oil painting", "photo"), Style("wrap", "a {prompt} b {prompt}"), Style("bad", "", "blurry")]
    finished = apply_styles("cat", "dog", [styles[2], styles[0], styles[1]])
    assert finished == ("a cat, oil painting b cat, oil painting", "dog, blurry, photo")
    assert extract_styles(*finished, styles) == Unstyled("cat", "dog", (styles[2], styles[0], styles[1]))


def test_a_style_alone_is_found() -> None:
    assert extract_styles("oil", "", [Style("s", "oil")]) == Unstyled("", "", (Style("s", "oil"),))


@pytest.mark.parametrize("prompt", ["boil", "cat,oil", "cat, oil ", "cat, oil, dog", "oil cat"])
def test_a_style_that_fits_only_nearly_is_not_found(prompt: str) -> None:
    assert extract_styles(prompt, "", [Style("s", "oil")]) == Unstyled(prompt, "")


def test_both_texts_of_a_style_must_fit() -> None:
    assert extract_styles("cat, oil", "dog", [Style("s", "oil", "photo")]) == Unstyled("cat, oil", "dog")


def test_the_longer_style_wins_and_empty_ones_are_never_found() -> None:
    styles = [Style("short", "oil"), Style("long", "thick, oil"), Style("none"), Style("same", "{prompt}", "{prompt}")]
    assert extract_styles("cat, thick, oil", "", styles) == Unstyled("cat", "", (styles[1],))


@settings(max_examples=1000)
@given(TEXT, TEXT, STYLES)
def test_what_was_found_gives_the_same_prompts(prompt: str, negative: str, styles: list[Style]) -> None:
    finished = apply_styles(prompt, negative, styles)
    found = extract_styles(*finished, styles)
    assert apply_styles(found.prompt, found.negative_prompt, found.styles) == finished
    assert len(set(found.styles)) == len(found.styles)
