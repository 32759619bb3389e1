"""AND, and the weights behind the parts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.prompt.composition import composed_parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("", 1)]),
        ("a cat", [("a cat", 1)]),
        ("a AND b", [("a", 1), (" b", 1)]),
        ("a :1.5 AND b:-.5 AND c:2.", [("a", 1.5), (" b", -0.5), (" c", 2)]),
        ("a: 0.5 \n", [("a", 0.5)]),
        ("a:+2", [("a", 2)]),
        ("AND AND", [("", 1), ("", 1), ("", 1)]),
        ("BAND ANDY and A_AND", [("BAND ANDY and A_AND", 1)]),
        ("a,AND.b", [("a,", 1), (".b", 1)]),
        ("(a:1.2)", [("(a:1.2)", 1)]),
        ("a:1.2.3", [("a:1.2.3", 1)]),
        ("a:1:2", [("a:1", 2)]),
        ("a:b", [("a:b", 1)]),
        ("a:", [("a:", 1)]),
        ("a:1e3", [("a:1e3", 1)]),
        (f"a:{'9' * 400}", [("a", 1e6)]),
    ],
)
def test_parts(text: str, expected: list[tuple[str, float]]) -> None:
    assert composed_parts(text) == expected


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(st.sampled_from("ab (),"), max_size=8), st.integers(-300, 300).map(lambda of: of / 100)),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_joined_is_parted(parts: list[tuple[str, float]]) -> None:
    text = " AND ".join(f"{text}:{weight}" for text, weight in parts)
    assert [(part.text.strip(), part.weight) for part in composed_parts(text)] == [
        (text.strip(), weight) for text, weight in parts
    ]
