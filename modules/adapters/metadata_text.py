"""Values in the metadata of adapter files, which are all text."""

from __future__ import annotations

import json


def json_object(text: str) -> dict[str, object]:
    """The object that a text holds; an empty one where it holds none."""
    try:
        content = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def is_true(value: object) -> bool:
    """Whether a trainer means yes: true, 1 or how either is written."""
    return str(value).strip().lower() in ("true", "1")
