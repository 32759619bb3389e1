"""A1111's scripts ask by Gradio components; page, API and infotext here are made of typed arguments."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import gradio as gr
from gradio.components import Component

from modules.hooks import Argument, Choice, Colour, Number, SeveralChoices, Switch, Text

Made = TypeVar("Made")
_FAR = 1e15
"""Where a number field names no bounds."""


@dataclass(frozen=True)
class Asked:
    """One component: the argument that stands for it, where there is one, and what a script is given."""

    argument: Argument | None
    usual: Any
    """Of a component that nobody is asked for here."""
    choices: tuple[tuple[str, Any], ...] = ()
    """What is shown, and what the script is given for it."""

    def given(self, values: Mapping[str, Any]) -> Any:
        """The value that the script gets."""
        if self.argument is None:
            return self.usual
        value = values[self.argument.name]
        if isinstance(self.argument, SeveralChoices):
            return [dict(self.choices)[one] for one in value]
        return dict(self.choices)[value] if isinstance(self.argument, Choice) else value


def as_infotexts_have_it(words: str) -> str:
    """Words without what infotexts have no place for in names and keys."""
    return " ".join(re.sub(r"[^\w -]", " ", words).split())


def asked_by(components: Iterable[Component], title: str, keys: Mapping[int, str] | None = None) -> list[Asked]:
    """What a script's components ask for.

    `keys` are the names that it gives them in infotexts, by their identities; elsewhere `title` goes before the label.
    """
    found: list[Asked] = []
    names: set[str] = set()
    for component in components:
        label = str(getattr(component, "label", None) or type(component).__name__)
        stem = re.sub("[^a-z0-9]+", "_", label.lower()).strip("_") or "field"
        name = stem
        while name in names:
            name = f"{stem}_{len(names)}"
        names.add(name)
        shown = label if name == stem else name
        words: dict[str, Any] = {
            "name": name,
            "label": label,
            "help": str(getattr(component, "info", None) or ""),
            "key": (keys or {}).get(id(component)) or as_infotexts_have_it(f"{title} {shown}"),
        }
        found.append(asked(component, words))
    return found


def in_a_form(make: Callable[[], Made]) -> Made:
    """What a call returns that makes components."""

    async def laid_out() -> Made:
        with gr.Blocks():
            return make()

    return asyncio.run(laid_out())  # outside of a loop gradio opens several, and closes none


def asked(component: Component, words: dict[str, Any]) -> Asked:
    """What one component asks for; `words` are the argument's name, label, help and key."""
    value = component.value
    if callable(value):
        value = value()
    if isinstance(component, gr.Checkbox):
        return Asked(Switch(default=bool(value), **words), None)
    if isinstance(component, gr.Slider):
        return Asked(_of_slider(component, value, words), None)
    if isinstance(component, gr.Number):
        return Asked(_of_number(component, value, words), None)
    if isinstance(component, gr.Textbox):
        return Asked(Text(default=str(value or ""), lines=max(component.lines, 1), **words), None)
    if isinstance(component, gr.Dropdown | gr.Radio | gr.CheckboxGroup):
        return _of_choices(component, value, words)
    if isinstance(component, gr.ColorPicker):
        colour = str(value or "").strip().lower()
        usual = colour if re.fullmatch("#[0-9a-f]{6}", colour) else "#000000"
        return Asked(Colour(default=usual, **words), None)
    return Asked(None, value)


def _of_slider(slider: gr.Slider, value: Any, words: dict[str, Any]) -> Number:
    step = slider.step or 1
    least, most = slider.minimum, slider.maximum
    usual = least if value is None else min(max(value, least), most)
    whole = all(float(one).is_integer() for one in (least, step, usual))
    return Number(default=usual, minimum=least, maximum=most, step=step, whole=whole, **words)


def _of_number(number: gr.Number, value: Any, words: dict[str, Any]) -> Number:
    least = -_FAR if number.minimum is None else number.minimum
    most = _FAR if number.maximum is None else number.maximum
    usual = min(max(value or 0, least), most)
    return Number(default=usual, minimum=least, maximum=most, whole=number.precision == 0, **words)


def _of_choices(component: Any, value: Any, words: dict[str, Any]) -> Asked:
    rows = [(str(shown), given) for shown, given in component.choices]
    numbered = getattr(component, "type", "value") == "index"
    choices = tuple((shown, place if numbered else given) for place, (shown, given) in enumerate(rows))
    is_list = isinstance(component, gr.CheckboxGroup) or getattr(component, "multiselect", False)
    if not rows:  # a list that is filled once there are files, say
        return Asked(None, []) if is_list else Asked(Text(default=str(value or ""), **words), None)
    by_value = {str(given): shown for shown, given in reversed(rows)}
    names = tuple(shown for shown, _ in rows)
    if is_list:
        chosen = value if isinstance(value, list) else [value] if value is not None else []
        usual = tuple(by_value[str(one)] for one in chosen if str(one) in by_value)
        return Asked(SeveralChoices(choices=names, default=usual, **words), None, choices)
    first = by_value.get(str(value), names[0])
    return Asked(Choice(choices=names, default=first, **words), None, choices)
