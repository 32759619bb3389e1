"""Which text holds at which step."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.prompt.schedule import ScheduledText, index_at, prompt_schedule
from tests.prompt.texts import MIXED, WELL_FORMED


def _schedule(text: str, steps: int = 10, **options: int | bool) -> list[tuple[int, str]]:
    return [(entry.end_at_step, entry.text) for entry in prompt_schedule(text, steps, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", [(10, "plain")]),
        ("[a:b:3]", [(3, "a"), (10, "b")]),
        ("[a:b:.25]", [(2, "a"), (10, "b")]),
        ("[a:b:1]", [(1, "a"), (10, "b")]),
        ("[a:b:1.0]", [(10, "a")]),
        ("[a:b:0]", [(10, "b")]),
        ("[a:b:-2]", [(10, "b")]),
        ("[a:b:99]", [(10, "a")]),
        ("[a:b:1e999]", [(10, "a")]),
        ("[a:b:-1e999]", [(10, "b")]),
        ("[a:b:1e0]", [(1, "a"), (10, "b")]),
        ("a|[b:3]", [(10, "a|[b:3]")]),
    ],
)
def test_numbers(text: str, expected: list[tuple[int, str]]) -> None:
    assert _schedule(text) == expected


def test_options_take_turns() -> None:
    assert _schedule("[fe|]male [cat|dog|cow]", 4) == [
        (1, "female cat"), (2, "male dog"), (3, "female cow"), (4, "male cat"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a:b:.5]", [(7, "b")]),
        ("[a:b:1.5]", [(3, "a"), (7, "b")]),
        ("[a:b:2.0]", [(7, "a")]),
        ("[a:b:12]", [(2, "a"), (7, "b")]),
        ("[a:b:10]", [(7, "b")]),
        ("[a:b:99]", [(7, "a")]),
    ],
)
def test_second_pass(text: str, expected: list[tuple[int, str]]) -> None:
    assert _schedule(text, hires_steps=7) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a:b:.5]", [(5, "a"), (10, "b")]),
        ("[a:b:1.5]", [(1, "a"), (10, "b")]),
        ("[a:b:4.0]", [(4, "a"), (10, "b")]),
        ("[a:b:-1]", [(10, "b")]),
    ],
)
@pytest.mark.parametrize("hires_steps", [None, 7])
def test_old_timelines(text: str, expected: list[tuple[int, str]], hires_steps: int | None) -> None:
    schedule = prompt_schedule(text, 10, hires_steps=hires_steps, old_timelines=True)
    assert [(entry.end_at_step, entry.text) for entry in schedule] == expected


def test_a_text_that_ends_at_step_10_is_used_11_times() -> None:
    schedule = prompt_schedule("[a:b:10]", 20)
    assert [schedule[index_at(schedule, done)].text for done in range(20)] == ["a"] * 11 + ["b"] * 9


def test_an_alternation_begins_twice_with_its_first_option() -> None:
    schedule = prompt_schedule("[a|b]", 6)
    assert "".join(schedule[index_at(schedule, done)].text for done in range(6)) == "aababa"


def test_the_last_text_holds_after_the_end() -> None:
    assert index_at([ScheduledText(3, "a"), ScheduledText(10, "b")], 40) == 1


@settings(max_examples=500, deadline=None)
@given(MIXED, st.integers(1, 12))
def test_ends_rise_to_the_last_step(text: str, steps: int) -> None:
    ends = [end for end, _ in _schedule(text, steps)]
    assert ends == sorted(set(ends)) and ends[0] >= 1 and ends[-1] == steps


@settings(max_examples=500, deadline=None)
@given(WELL_FORMED, WELL_FORMED, st.integers(1, 12))
def test_neighbours_do_not_change_one_another(left: str, right: str, steps: int) -> None:
    both = prompt_schedule(f"{left} {right}", steps)
    alone = [prompt_schedule(text, steps) for text in (left, right)]
    for step in range(1, steps + 1):
        one, other = (texts[index_at(texts, step)].text for texts in alone)
        assert both[index_at(both, step)].text == f"{one} {other}"
