"""What the page warns of, and where."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from modules.prompt.brackets import bracket_problem, prompt_problem
from tests.prompt.texts import WELL_FORMED


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("(a", 1, 1, "“(” is never closed"),
        ("(a), [b", 1, 6, "“[” is never closed"),
        ("a)", 1, 2, "“)” closes nothing"),
        ("(a)\n b]", 2, 3, "“]” closes nothing"),
        ("(a [b) c]", 1, 6, "“)” closes before the “[”"),
    ],
)
def test_brackets(text: str, line: int, column: int, words: str) -> None:
    problem = bracket_problem(text)
    assert problem is not None and (problem.line, problem.column) == (line, column)
    assert words in problem.message
    assert text[problem.position] in problem.message


@pytest.mark.parametrize("text", ["", "(a [b] c)", r"\(a \]", "a # :(\nb", "<lora:a(b:1>", "{a"])
def test_nothing_to_warn_of(text: str) -> None:
    assert bracket_problem(text) is None


def test_a_prompt_without_schedule_says_why() -> None:
    problem = prompt_problem("a [b:3] c|d")
    assert problem is not None and problem.position == 9 and "“|”" in problem.message
    assert prompt_problem("a [b|c] # d|e") is None
    assert prompt_problem("(a|b") == bracket_problem("(a|b")


@settings(max_examples=300, deadline=None)
@given(WELL_FORMED)
def test_well_formed_prompts_have_no_problem(text: str) -> None:
    assert prompt_problem(text) is None
