"""Prompt tools: what becomes of prompts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.builtin.prompt_tools import PromptTools, parts_of, shuffled
from modules.errors import InvalidRequest
from modules.hooks import Available, ChangeContext, read_arguments
from tests.builtin.painter import words


def changed(prompt: str = "", *, seed: int = 7, fields: dict[str, Any] | None = None, **given: Any) -> dict[str, str]:
    """The prompts as the section leaves them."""
    section = PromptTools()
    arguments = read_arguments(section.arguments, given, Available(task="txt2img"))
    request = words(prompt=prompt, **(fields or {"negative_prompt": ""}))
    return dict(section.change_request(ChangeContext(request, arguments, 0, seed)))


def prompt(text: str, **given: Any) -> str:
    return changed(text, **given)["prompt"]


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("a  house ,, at\nnight,", "a house, at night"),
        ("(red , blue:1.2),sea", "(red , blue:1.2), sea"),
        ("<lora:wave:1:lbw=1,0,0>,,sea", "<lora:wave:1:lbw=1,0,0>, sea"),
        ("a, # a remark\nb", "a, b"),
        ("\\(a, b\\)", "\\(a, b\\)"),
        ("a AND b :0.5", "a AND b :0.5"),
        ("", ""),
    ],
)
def test_commas_and_spaces_are_tidied(text: str, tidied: str) -> None:
    assert prompt(text) == tidied
    assert prompt(tidied) == tidied
    assert prompt(text, tidy=False) == text


def test_texts_are_put_around_both_prompts() -> None:
    fields = {"negative_prompt": "blurry ,", "hr_prompt": "", "enable_hr": True}
    made = changed("a house", fields=fields, prefix="photo", suffix="sharp", negative="text")
    assert made == {"prompt": "photo, a house, sharp", "negative_prompt": "blurry ,, text"}
    fields |= {"hr_prompt": "a palace", "hr_negative_prompt": "noise"}
    made = changed("a house", fields=fields, prefix="photo", negative="text")
    assert (made["hr_prompt"], made["hr_negative_prompt"]) == ("photo, a palace", "noise, text")
    assert changed("", prefix="photo", negative="text") == {"prompt": "photo", "negative_prompt": "text"}


def test_words_are_replaced_line_by_line() -> None:
    assert prompt("a cat, a cat on a mat", replace="cat => dog\na mat=>the moon\n\n") == "a dog, a dog on the moon"
    assert prompt("a red cat", replace="red =>") == "a cat"
    for wrong in ("cat", "=> dog", " => "):
        with pytest.raises(InvalidRequest, match="is no replacement. Write words => others"):
            prompt("a cat", replace=wrong)


def test_repeated_parts_are_dropped_where_they_come_again() -> None:
    given = {"drop_repeated": True, "prefix": "sharp"}
    assert prompt("a house, Sharp, sea, A  House, (sea:1.1)", **given) == "sharp, a house, sea, (sea:1.1)"


def test_the_negative_prompt_is_treated_alike_where_that_is_asked_for() -> None:
    fields = {"negative_prompt": "noise ,, noise"}
    given: dict[str, Any] = {"fields": fields, "drop_repeated": True, "replace": "noise => text"}
    assert changed("a", **given)["negative_prompt"] == "noise ,, noise"
    assert changed("a", **given, with_negative=True)["negative_prompt"] == "text"


def test_the_order_follows_from_the_seed() -> None:
    text = "house, red, blue, green, sea, sky"
    orders = [prompt(text, seed=seed, shuffle=True) for seed in range(20)]
    assert orders == [prompt(text, seed=seed, shuffle=True) for seed in range(20)]
    assert len(set(orders)) > 15
    assert all(order.startswith("house, ") for order in orders)
    assert {tuple(sorted(order.split(", "))) for order in orders} == {tuple(sorted(text.split(", ")))}
    firsts = {prompt(text, seed=seed, shuffle=True, keep=0).split(", ")[0] for seed in range(40)}
    assert firsts == set(text.split(", "))
    assert prompt(text, shuffle=True, keep=75) == text


def test_what_composes_a_prompt_is_not_torn_apart() -> None:
    composed = "a, b, c, d AND e, f, g :0.5"
    assert {prompt(composed, seed=seed, shuffle=True) for seed in range(10)} == {composed}
    orders = {prompt("a, b BREAK c, d, e, f", seed=seed, shuffle=True, keep=0) for seed in range(30)}
    assert len(orders) > 5
    assert all(order.split(", ")[1] == "b BREAK c" for order in orders)


@given(text=st.text(alphabet="ab,()[]{}<>\\# \n", max_size=40), seed=st.integers(0, 2**63 - 1))
def test_nothing_is_lost_or_added_by_tidying_and_shuffling(text: str, seed: int) -> None:
    rows = parts_of(text)
    assert sorted(shuffled(rows, seed, 0)) == sorted(rows)
    assert parts_of(", ".join(rows)) == rows


def test_a_request_that_was_changed_has_it_off() -> None:
    assert PromptTools().carried_out({}) is None
