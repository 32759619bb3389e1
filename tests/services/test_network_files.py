"""Which files the names in prompts mean."""

from __future__ import annotations

import pytest

from modules.services.network_files import stands_in


@pytest.mark.parametrize(
    ("name", "text", "stands"),
    [
        ("red", "a red house", True),
        ("red", "RED", True),
        ("red", "an altered house", False),
        ("red", "altered, (red:1.2)", True),
        ("cat", "a catalog", False),
        ("wobble-3", "Wobble-3s", True),  # a digit ends a word for the tokenizer
        ("wobble", "wobble3", True),
        ("3d", "a 3d-print", True),
        ("日本", "日本語", False),
        ("red", "", False),
    ],
)
def test_a_name_stands_in_a_text_as_a_word_of_its_own(name: str, text: str, stands: bool) -> None:
    assert stands_in(name, text) == stands
