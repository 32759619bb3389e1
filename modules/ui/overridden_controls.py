"""Gives the controls of a form the defaults and limits that ui-config.json names for them."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.config.ui_config import Override
from modules.errors import UserError
from modules.schema.requests import REQUESTS, Task
from modules.ui.request_controls import held, rules_of

log = logging.getLogger(__name__)

_LIMITS = ("minimum", "maximum", "step")


def override_controls(
    task: Task, controls: Mapping[str, Component], overrides: Mapping[str, Override]
) -> dict[str, Any]:
    """Change the controls that `overrides` name, and return the new defaults by field; what cannot be is logged."""
    defaults: dict[str, Any] = {}
    for name, override in overrides.items():
        control = controls.get(name)
        if control is None:
            log.warning("ui-config.json: %s has no control for %r", task, name)
            continue
        try:
            _limit(task, name, control, override)
            if "value" in override:
                control.value = defaults[name] = _value(task, name, control, override["value"])
            if "visible" in override:
                control.visible = _is_visible(override["visible"])
        except (UserError, ValueError) as error:
            log.warning("ui-config.json: %s/%s: %s", task, name, error)
    return defaults


def _value(task: Task, name: str, control: Component, value: Any) -> Any:
    """A default as the control holds it. Raises UserError, ValueError."""
    known = held(name, value) if value not in (None, "") else control.value
    request = REQUESTS[task].of({name: value} if value not in (None, "") else {})
    if isinstance(control, gr.Dropdown):
        known = list(value) if control.multiselect and isinstance(value, list) else known
        entries = [entry for _, entry in control.choices]
        wrong = [one for one in (known if isinstance(known, list) else [known]) if one not in entries]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not in the list")
        return known
    return held(name, getattr(request, name)) if value not in (None, "") else known


def _limit(task: Task, name: str, control: Component, override: Override) -> None:
    """Other ends or another step. Raises ValueError for those that a request would not take."""
    given = {limit: override[limit] for limit in _LIMITS if limit in override}
    if not given:
        return
    if not isinstance(control, gr.Slider):
        raise ValueError("this control has no limits")
    for limit, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueError(f"{limit} {value!r} is not a number")
    rules = rules_of(name, task)
    low, high = given.get("minimum", control.minimum), given.get("maximum", control.maximum)
    step = given.get("step", control.step)
    if low < rules.get("minimum", -math.inf) or high > rules.get("maximum", math.inf) or low >= high:
        raise ValueError(f"{low} to {high} is not within {rules.get('minimum')} to {rules.get('maximum')}")
    if step <= 0 or step % rules.get("multipleOf", step):
        raise ValueError(f"a step of {step} leads to values that cannot be used")
    control.minimum, control.maximum, control.step = low, high, step


def _is_visible(value: Any) -> bool | str:
    """What hides a control without taking its value away. Raises ValueError."""
    if not isinstance(value, bool):
        raise ValueError(f"visible {value!r} is neither true nor false")
    return True if value else "hidden"
