"""Comments go, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from modules.prompt.comments import comment_spans, strip_comments
from tests.prompt.texts import MIXED


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a cat", "a cat"),
        ("a cat # on a mat\nat night", "a cat \nat night"),
        ("# a title\na cat", "a cat"),
        ("a\n# one\n# two\nb", "a\nb"),
        ("a\n# the end", "a\n"),
        ("#", ""),
        ("a #ff0000 cat", "a "),
        (r"a \#1 cat", r"a \#1 cat"),
        ("a \\\\# cat", "a \\\\"),
        ("a # b # c\\\nd", "a \nd"),
    ],
)
def test_comments(text: str, left: str) -> None:
    assert strip_comments(text) == left


@settings(max_examples=500, deadline=None)
@given(MIXED)
def test_what_is_stripped_has_no_comment_left(text: str) -> None:
    left = strip_comments(text)
    assert comment_spans(left) == [] and strip_comments(left) == left
    if "#" not in text:
        assert left == text
