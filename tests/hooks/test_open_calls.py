"""A call of a hook is known for as long as it goes on, by the thread that it is in."""

from __future__ import annotations

import threading

import pytest

from modules.hooks.open_calls import OpenCalls


def test_the_innermost_call_of_a_thread_is_told_until_it_is_over() -> None:
    calls, here = OpenCalls(), threading.get_ident()
    assert calls.latest(here) == ("", 0)
    with calls.noted("outer"):
        with calls.noted("inner"):
            inner = calls.latest(here)
            assert inner[0] == "inner" and calls.latest(here) == inner
            assert calls.latest(here + 1) == ("", 0)
        assert calls.latest(here)[0] == "outer"
        with calls.noted("inner"):
            assert calls.latest(here)[0] == "inner" and calls.latest(here) != inner
    assert calls.latest(here) == ("", 0)


def test_one_that_fails_is_over() -> None:
    calls = OpenCalls()
    with pytest.raises(ValueError, match="no"), calls.noted("outer"):
        raise ValueError("no")
    assert calls.latest(threading.get_ident()) == ("", 0)
