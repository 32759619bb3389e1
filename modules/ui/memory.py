"""What a browser keeps of a form, so that a reload loses nothing, and how closed accordions tell that they matter."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

_FILLING = "(...values) => { window.atelier.formsFilling(); return values; }"
"""Before the server is asked for what changes forms."""
_FILLED = "() => { window.atelier.formsFilled(); return []; }"
"""After that, whether it went well or not."""
_CHANGED = "() => { window.atelier.formsChanged(); return []; }"
"""After the browser itself changed forms."""


class RememberedForm(Protocol):
    """What is remembered of a tab."""

    @property
    def task(self) -> str: ...
    @property
    def accordions(self) -> dict[str, list[str]]: ...
    def remembered(self) -> dict[str, Component]: ...
    def asked(self) -> list[Component]: ...


@dataclass(frozen=True)
class Told:
    """A button that memory.js presses when one of those values is another, while `only_with` is on."""

    button: str
    names: Sequence[str]
    only_with: str


def filling(listener: Callable[..., Any], handler: Callable[..., Any], given: Any, shown: Any, **options: Any) -> Any:
    """An event by which the server changes forms: none of that is taken for typed, and all of it is kept."""
    return _until_over(listener(handler, given, shown, js=_FILLING, **options))


def kept(event: Any, **options: Any) -> None:
    """Keep and mark all forms, as after a touch, once an event by which the browser changes them is over."""
    event.then(None, None, None, js=_CHANGED, **options)


def kept_as_filled(page: gr.Blocks, number: int, **options: Any) -> None:
    """The same for an event that is there already, by the server or by the browser."""
    function, event = page.fns[number], Dependency(None, {}, number, None)
    if function.js:
        kept(event, **options)
    else:
        function.js = _FILLING
        _until_over(event, **options)


def _until_over(event: Any, **options: Any) -> Any:
    for over in (event.then, event.failure):
        over(None, None, None, js=_FILLED, **options)
    return event


def remember(tab: RememberedForm, memory: gr.BrowserState, keeping: gr.Button) -> None:
    """Keep the tab's form in the browser when memory.js presses that button, without asking the server."""
    script = f"(...values) => window.atelier.readForm({json.dumps(tab.task)}, values)"
    keeping.click(None, tab.asked(), memory, js=script)


def mark_script(tabs: Sequence[RememberedForm]) -> str:
    """JavaScript: marks the closed accordions that hold changed values, given the values of all these tabs."""
    reads = []
    for tab in tabs:
        task, count = json.dumps(tab.task), len(tab.asked())
        reads.append(f"window.atelier.readForm({task}, values.splice(0, {count}));")
    return f"(...values) => {{ {' '.join(reads)} return []; }}"


def take_script(tab: RememberedForm) -> str:
    """JavaScript: what a part of the page puts into the form, in the order of its values; undefined for what stays."""
    return f"() => window.atelier.form.take({json.dumps(tab.task)}, {json.dumps(list(tab.remembered()))})"


def describe_script(tabs: Sequence[RememberedForm], told: Mapping[str, Told]) -> str:
    """JavaScript, to be run once before the others: the names of the values, and what accordions hold at first.

    `told` has what to tell of a task's form.
    """
    calls = []
    for tab in tabs:
        kept = tab.remembered()
        at_first = {place: {name: kept[name].value for name in names} for place, names in tab.accordions.items()}
        of_task = [asdict(told[tab.task])] if tab.task in told else []
        words = ", ".join(map(json.dumps, (tab.task, list(kept), at_first, of_task)))
        calls.append(f"window.atelier.describeForm({words});")
    return f"() => {{ {' '.join(calls)} return []; }}"


def can_hold(component: Component, value: object) -> bool:
    """Whether a component can hold a value that a browser kept for it."""
    if isinstance(component, gr.CheckboxGroup) or (isinstance(component, gr.Dropdown) and component.multiselect):
        return isinstance(value, list) and all(isinstance(entry, str) for entry in value)
    return isinstance(value, (str, int, float))
