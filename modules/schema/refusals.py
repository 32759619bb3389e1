"""Turns pydantic's finding into a sentence for a person: field, value, remedy."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from modules.config.extras_words import EXTRAS_WORDS
from modules.config.request_words import REQUEST_WORDS
from modules.errors import InvalidRequest

LABELS = {name: words.label for name, words in (EXTRAS_WORDS | REQUEST_WORDS).items()}
"""What each request field is called on the page and in the infotext."""


def refusal(error: ValidationError, fields: Collection[str]) -> InvalidRequest:
    """The first finding of `error` as an InvalidRequest; `fields` are those that the request has."""
    return refusal_of(error.errors(include_url=False)[0], fields)


def refusal_of(detail: ErrorDetails, fields: Collection[str]) -> InvalidRequest:
    """One finding of pydantic's as an InvalidRequest."""
    name = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == "disagreement":
        return InvalidRequest(**detail["ctx"])
    problem, remedy = _problem_and_remedy(detail, fields)
    return InvalidRequest(LABELS.get(name, name), _number_in(detail), problem, remedy)


def disagreement(field: str, value: object, problem: str, remedy: str) -> PydanticCustomError:
    """Fields that are good one by one and cannot be carried out together."""
    words = {"field": field, "value": value, "problem": problem, "remedy": remedy}
    return PydanticCustomError("disagreement", "{field} {value} {problem}. {remedy}", words)


def _problem_and_remedy(detail: ErrorDetails, fields: Collection[str]) -> tuple[str, str]:
    context: Mapping[str, Any] = detail.get("ctx", {})
    match detail["type"]:
        case "greater_than_equal":
            return "is too small", f"The least is {_plain(context['ge'])}."
        case "less_than_equal":
            return "is too large", f"The most is {_plain(context['le'])}."
        case "multiple_of":
            return f"is not a multiple of {context['multiple_of']}", _neighbours(
                detail["input"], context["multiple_of"]
            )
        case "string_too_long" | "too_long":
            things = "characters" if isinstance(detail["input"], str) else "entries"
            length = f"{len(detail['input']):,}"
            return f"has {length} {things}", f"The most is {context['max_length']:,}: shorten it."
        case "string_too_short" | "too_short":
            return "is empty", "Leave it out or name one."
        case "literal_error":
            return "is not known", f"Choose one of {context['expected']}."
        case "extra_forbidden":
            return "is no field of this request", _nearest_fields(str(detail["loc"][0]), fields)
        case "int_from_float" | "int_type" | "int_parsing" | "int_parsing_size":
            return "is not a whole number", "Write digits only, like 20."
        case "not_a_number" | "finite_number" | "float_type" | "float_parsing":
            return "is not a number", "Write digits, like 20 or 7.5."
        case "string_type":
            return "is not text", "Write it in letters."
        case "not_a_switch":
            return "is neither on nor off", "Write True or False."
        case "string_pattern_mismatch" if str(detail["loc"][0]) == "img2img_background_color":
            return "is no colour", "Write # and six digits or letters a to f, like #ffffff."
        case "string_pattern_mismatch":
            return "is no stored picture", "Send the picture first, and name it by the id that it got."
        case "tuple_type":
            return "is not a list", "Give a list, which may have one entry."
        case "one_sigma":
            return "is one number only", "Give at least two, the largest first."
        case "not_descending":
            return (
                "does not fall from each number to the next",
                "Put the largest first, and no two that are nearly alike.",
            )
        case _ if str(detail["loc"][0]) == "sections":
            return "cannot be used", "Give names of sections, each with texts, numbers or lists by names of arguments."
        case _ if str(detail["loc"][0]) == "postprocessing":
            return "cannot be used", "Give names of steps, each with texts, numbers or lists by names of arguments."
        case _ if str(detail["loc"][0]) == "script_args":
            return "cannot be used", "Give texts, numbers, True, False or lists of texts, by the names of arguments."
        case _:
            return "cannot be used", f"{detail['msg']}."


def _number_in(detail: ErrorDetails) -> object:
    """What was given; digits that came as text are shown like digits."""
    value = detail["input"]
    if detail["type"] not in ("greater_than_equal", "less_than_equal", "multiple_of") or not isinstance(value, str):
        return value
    for number in (int, float):
        try:
            return number(value)
        except ValueError:
            continue
    return value


def _nearest_fields(name: str, fields: Collection[str]) -> str:
    if name in LABELS:
        return f"{LABELS[name]} belongs to another task: leave it out."
    near = difflib.get_close_matches(name[:100], fields, n=3, cutoff=0.4)
    return f"Nearest: {', '.join(near)}." if near else f"Fields are: {', '.join(fields)}."


def _neighbours(value: object, step: int) -> str:
    try:
        below = int(float(str(value))) // step * step
    except (ValueError, OverflowError):
        return f"Choose a multiple of {step}."
    return f"Choose {below} or {below + step}."


def _plain(limit: float) -> str:
    return f"{limit:g}" if limit < 1e9 else str(int(limit))
