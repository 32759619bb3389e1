"""Requests as they were typed, and with other values in their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from modules.schema.requests import Resolved

AnyResolved = TypeVar("AnyResolved", bound=Resolved)

_TEMPLATES = {
    "prompt": "template",
    "negative_prompt": "negative_template",
    "hr_prompt": "hr_template",
    "hr_negative_prompt": "hr_negative_template",
}
"""Where the typed text of a prompt is kept, if it is not what is painted."""


def typed(request: Resolved, field: str) -> str:
    """A prompt as it was typed, before styles, wildcards and the like; "" where the request has no such prompt."""
    template = getattr(request, _TEMPLATES[field], None)
    text: str = getattr(request, field, "") if template is None else template
    return text


def with_changes(request: AnyResolved, fields: Mapping[str, Any]) -> AnyResolved:
    """A plain request as it was typed, with other values in some fields: styles and the like are to be carried out.

    Raises InvalidRequest.
    """
    values = request.model_dump() | {"script_name": None, "script_args": {}}
    for prompt, template in _TEMPLATES.items():
        if prompt in values:
            values |= {prompt: typed(request, prompt), template: None, f"{prompt}s": ()}
    return type(request).of({**values, **fields})
