"""What a browser keeps of a form, so that a reload loses nothing, and how closed accordions tell that they matter."""

from __future__ import annotations

import json
from typing import Any, Protocol

import gradio as gr
from gradio.components import Component


class RememberedForm(Protocol):
    """What is remembered of a tab."""

    @property
    def task(self) -> str: ...
    @property
    def accordions(self) -> dict[str, list[str]]: ...
    def remembered(self) -> dict[str, Component]: ...
    def asked(self) -> list[Component]: ...


def remember(tab: RememberedForm, memory: gr.BrowserState, events: list[Any]) -> None:
    """Keep the tab's form in the browser at each of these events, without asking the server."""
    script = f"(...values) => window.atelier.readForm({json.dumps(tab.task)}, values)"
    for event in events:
        event(None, tab.asked(), memory, js=script)


def mark_script(tab: RememberedForm) -> str:
    """JavaScript: marks the closed accordions that hold changed values."""
    return f"(...values) => {{ window.atelier.readForm({json.dumps(tab.task)}, values); return []; }}"


def describe_script(tab: RememberedForm) -> str:
    """JavaScript, to be run once before the others: the names of the values, and what accordions hold at first."""
    kept = tab.remembered()
    at_first = {place: {name: kept[name].value for name in names} for place, names in tab.accordions.items()}
    words = ", ".join(map(json.dumps, (tab.task, list(kept), at_first)))
    return f"() => {{ window.atelier.describeForm({words}); return []; }}"


def can_hold(component: Component, value: object) -> bool:
    """Whether a component can hold a value that a browser kept for it."""
    if isinstance(component, gr.CheckboxGroup) or (isinstance(component, gr.Dropdown) and component.multiselect):
        return isinstance(value, list) and all(isinstance(entry, str) for entry in value)
    return isinstance(value, (str, int, float))
