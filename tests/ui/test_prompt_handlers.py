"""What is said about prompts, as plain text."""

from __future__ import annotations

import pytest

from modules.ui.prompt_handlers import MAX_SHOWN_CHARACTERS, MAX_SHOWN_PROMPTS, told_prompts


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ([("a cat", "")], "a cat"),
        ([("a cat", "rain")] * 4, "a cat\nNegative prompt: rain"),
        ([("a cat", ""), ("a dog", "rain")], "1. a cat\n\n2. a dog\nNegative prompt: rain"),
    ],
)
def test_prompts_that_are_alike_are_said_once(pairs: list[tuple[str, str]], told: str) -> None:
    assert told_prompts(pairs) == told


def test_a_thousand_prompts_are_not_all_sent_to_the_page() -> None:
    told = told_prompts([(f"cat {number}", "") for number in range(1600)])
    assert told.endswith(f"\n\n… and {1600 - MAX_SHOWN_PROMPTS:,} more")
    assert f"100. cat {MAX_SHOWN_PROMPTS - 1}" in told and f"cat {MAX_SHOWN_PROMPTS}\n" not in told
    assert len(told_prompts([("x" * 32_768, ""), ("y" * 32_768, "")])) == MAX_SHOWN_CHARACTERS + 1
