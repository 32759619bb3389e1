"""Turns pydantic's finding into a sentence for a person: field, value, remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from modules.errors import InvalidRequest

LABELS = {
    "prompt": "Prompt",
    "negative_prompt": "Negative prompt",
    "steps": "Steps",
    "sampler_name": "Sampler",
    "scheduler": "Schedule type",
    "cfg_scale": "CFG scale",
    "seed": "Seed",
    "width": "Width",
    "height": "Height",
    "batch_count": "Batch count",
    "batch_size": "Batch size",
    "clip_skip": "Clip skip",
    "rng": "RNG",
    "model": "Model",
}
"""What each request field is called on the page and in the infotext."""


def refusal(error: ValidationError) -> InvalidRequest:
    """The first finding of `error` as an InvalidRequest."""
    detail = error.errors(include_url=False)[0]
    name = str(detail["loc"][0]) if detail["loc"] else ""
    problem, remedy = _problem_and_remedy(detail)
    if detail["type"] == "too_many_pixels":
        return InvalidRequest("Width x height", detail["msg"].split(" is ")[0], problem, remedy)
    return InvalidRequest(LABELS.get(name, name), _number_in(detail), problem, remedy)


def _problem_and_remedy(detail: ErrorDetails) -> tuple[str, str]:
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
            length = f"{len(detail['input']):,}"
            return f"has {length} characters", f"The most is {context['max_length']:,}: shorten it."
        case "string_too_short" | "too_short":
            return "is empty", "Leave it out or name one."
        case "literal_error":
            return "is not known", f"Choose one of {context['expected']}."
        case "extra_forbidden":
            return "is no field of this request", f"Fields are: {', '.join(LABELS)}."
        case "too_many_pixels":
            return f"is more than {context['limit']:,} pixels at once", "Make the picture or the batch smaller."
        case "int_from_float" | "int_type" | "int_parsing" | "int_parsing_size":
            return "is not a whole number", "Write digits only, like 20."
        case "not_a_number" | "finite_number" | "float_type" | "float_parsing":
            return "is not a number", "Write digits, like 20 or 7.5."
        case "string_type":
            return "is not text", "Write it in letters."
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


def _neighbours(value: object, step: int) -> str:
    try:
        below = int(float(str(value))) // step * step
    except (ValueError, OverflowError):
        return f"Choose a multiple of {step}."
    return f"Choose {below} or {below + step}."


def _plain(limit: float) -> str:
    return f"{limit:g}" if limit < 1e9 else str(int(limit))
