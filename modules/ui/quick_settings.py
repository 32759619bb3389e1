"""The quick settings of the header: rows of the settings table, and fields of the forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modules.config.request_words import REQUEST_WORDS
from modules.config.settings_table import ROWS
from modules.hooks import Available
from modules.schema.requests import REQUESTS
from modules.schema.setting_fields import FIELD_OF_SETTING, USUAL_FIELDS
from modules.ui.request_controls import COMPOSED, choices_of, held, rules_of

_MODEL = ("sd_model_checkpoint", "model")
"""Always there, as a list of its own."""
_KINDS = {"boolean": "switch", "integer": "number", "number": "number"}


def quick_settings(names: Sequence[str], available: Available) -> list[dict[str, Any]]:
    """What header.js paints for the entries of the setting quicksettings_list; what is not known is left out."""
    found = [_entry(name, available) for name in names if name not in _MODEL]
    return [entry for entry in found if entry is not None]


def _entry(name: str, available: Available) -> dict[str, Any] | None:
    if name in ROWS and name not in USUAL_FIELDS.values():  # what a form can say by itself is the form's
        return {"setting": name}
    field = FIELD_OF_SETTING.get(name, name)
    if field in COMPOSED or not any(field in kind.model_fields for kind in REQUESTS.values()):
        return None
    rules, default = rules_of(field), _default_of(field)
    choices = [one if isinstance(one, tuple) else (one, one) for one in choices_of(field, available)]
    value = held(field, default)
    is_text = not choices and (isinstance(value, (str, list, tuple)) or rules["type"] not in _KINDS)
    if isinstance(value, (list, tuple)):
        return None  # no line holds it
    return {
        "name": field,
        "label": REQUEST_WORDS[field].label,
        "kind": "choice" if choices else "text" if is_text else _KINDS[rules["type"]],
        "choices": choices,
        "minimum": rules.get("minimum"),
        "maximum": rules.get("maximum"),
        "step": rules.get("multipleOf", 1 if rules["type"] == "integer" else "any"),
        "value": value,
    }


def _default_of(field: str) -> Any:
    return next(kind for kind in REQUESTS.values() if field in kind.model_fields).model_fields[field].default
