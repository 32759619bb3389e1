"""Prompt matrix: which prompts, and where they lie in the grid."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.builtin.prompt_matrix import PromptMatrix, combinations
from modules.builtin.prompt_parts import parts
from modules.hooks import Interrupted, InvalidRequest
from tests.builtin.painter import Painter, colour_of, run, words

MATRIX = PromptMatrix()
BASE = words(prompt="a house|red|at night, ")


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a house", ["a house"]),
        ("a|b|c", ["a", "b", "c"]),
        ("|a|", ["", "a", ""]),
        ("a [red|blue] house|b", ["a [red|blue] house", "b"]),
        ("a {red|blue} house|(b|c:1.2)", ["a {red|blue} house", "(b|c:1.2)"]),
        ("[a|[b|c]|d]|e", ["[a|[b|c]|d]", "e"]),
        ("a :( sad|b", ["a :( sad", "b"]),
        ("a :) glad|b", ["a :) glad", "b"]),
        (r"a \[x|b\]|c\|d", ["a \\[x", "b\\]", "c\\|d"]),
        ("ends with \\", ["ends with \\"]),
    ],
)
def test_bars_outside_of_brackets_part_a_prompt(prompt: str, expected: list[str]) -> None:
    assert parts(prompt) == expected


@given(st.text("ab|[](){}\\ ", max_size=40))
def test_parts_lose_nothing(prompt: str) -> None:
    assert "|".join(parts(prompt)) == prompt


@given(st.lists(st.sampled_from(["red", "blue", "at night", "(snow:1.2)"]), max_size=5, unique=True), st.booleans())
def test_every_combination_is_there_once(optional: list[str], at_start: bool) -> None:
    found = combinations("|".join(["a house", *optional]), at_start=at_start, joint=", ")
    assert len(found) == len(set(found)) == 2 ** len(optional)
    for number, prompt in enumerate(found):
        assert {part for part in optional if part in prompt.split(", ")} == {
            part for bit, part in enumerate(optional) if number & 2**bit
        }
        assert prompt.endswith("a house") if at_start else prompt.startswith("a house")


def test_prompts_in_order() -> None:
    assert [row.prompt for row in run(MATRIX, BASE).painted] == [
        "a house", "a house, red", "a house, at night", "a house, red, at night"
    ]  # fmt: skip
    spaced = run(MATRIX, BASE, variations_delimiter="space", put_at_start=True)
    assert spaced.painted[3].prompt == "red at night a house"


def test_the_negative_prompt_may_be_varied() -> None:
    painter = run(MATRIX, words(negative_prompt="dark|rain"), prompt_type="negative")
    assert [row.negative_prompt for row in painter.painted] == ["dark", "dark, rain"]
    assert {row.prompt for row in painter.painted} == {"a red house"}


def test_seeds_are_alike_or_go_on_behind_those_of_a_batch() -> None:
    assert {row.seed for row in run(MATRIX, BASE).painted} == {100}
    batch = words(prompt="a|b|c", batch_size=2)
    assert [row.seed for row in run(MATRIX, batch, different_seeds=True).painted] == [100, 102, 104, 106]


def test_what_was_typed_is_varied_and_styles_come_after() -> None:
    base = words(prompt="a house, grainy", template="a house|red", styles=("film",))
    assert [row.prompt for row in run(MATRIX, base).painted] == ["a house, grainy", "a house, red, grainy"]


def test_half_of_the_parts_vary_across_and_half_down() -> None:
    painter = run(MATRIX, words(prompt="a|b|c|d"))
    ((grid, parameters, _),) = painter.grids
    height, width = grid.shape[:2]
    cells = grid[height - 2 * 64 :, width - 4 * 64 :]
    assert height > 2 * 64 and width > 4 * 64
    for number, request in enumerate(painter.painted):
        top, left = number // 4 * 64, number % 4 * 64
        assert (cells[top : top + 64, left : left + 64] == colour_of(request)).all()
    assert parameters == {"Script": "Prompt matrix"}


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("a house", "Prompt 'a house' has no variable part. Put | between its parts, like a|b|c."),
        ("a [red|blue] house", "has no variable part"),
        ("|".join("abcdefghijkl"), "Prompt 11 variable parts are too many. The most is 10."),
    ],
)
def test_what_is_no_matrix_is_refused(prompt: str, sentence: str) -> None:
    painter = Painter(words(prompt=prompt))
    with pytest.raises(InvalidRequest) as refused:
        run(MATRIX, painter.base, painter)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("stop_at", range(4))
def test_a_matrix_that_was_stopped_goes_on_where_it_was(stop_at: int) -> None:
    whole = run(MATRIX, BASE, different_seeds=True)
    first = Painter(BASE, stop_at=stop_at)
    with pytest.raises(Interrupted):
        run(MATRIX, BASE, first, different_seeds=True)
    second = run(MATRIX, BASE, Painter(BASE, stored=first.stored), different_seeds=True)
    assert first.painted + second.painted == whole.painted
    assert (second.grids[0][0] == whole.grids[0][0]).all()


@pytest.mark.parametrize("how", [{"skipped": [3]}, {"stop_at": 3, "winds_up": True}])
def test_a_prompt_that_was_left_out_is_white(how: dict[str, Any]) -> None:
    whole, some = run(MATRIX, BASE).grids[0][0], run(MATRIX, BASE, Painter(BASE, **how)).grids[0][0]
    assert some.shape == whole.shape and (some[-64:, -64:] == 255).all()
    assert (some[:-64] == whole[:-64]).all() and (some[:, :-64] == whole[:, :-64]).all()
