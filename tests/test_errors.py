"""The exception tree is what its docstring draws."""

from __future__ import annotations

import inspect
import re

from modules import errors


def test_docstring_draws_every_exception() -> None:
    drawn = set(re.findall(r"(?:──|^    )\s*(\w+)", errors.__doc__ or "", re.MULTILINE))
    defined = {name for name, thing in vars(errors).items() if inspect.isclass(thing)}
    assert drawn == defined


def test_invalid_request_names_field_value_and_remedy() -> None:
    error = errors.InvalidRequest("Width", 500, "is not a multiple of 8", "Choose 496 or 504.")
    assert str(error) == "Width 500 is not a multiple of 8. Choose 496 or 504."


def test_long_value_is_cut() -> None:
    assert len(str(errors.InvalidRequest("Prompt", "x" * 10**6, "is too long", "Shorten it."))) < 120
