"""A1111's `shared.opts`: an extension's own settings, which become settings of this program."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import gradio as gr

from modules.compat.components import Asked, asked, in_a_form
from modules.compat.not_here import PartOfA1111
from modules.hooks import Argument, Colour, Text

_BY_KIND: Mapping[type, Any] = {bool: gr.Checkbox, int: gr.Number, float: gr.Number}
"""The component of a setting that names none, by what its value is."""


class OptionInfo:
    """What A1111's extensions say of one setting."""

    def __init__(
        self,
        default: Any = None,
        label: str = "",
        component: Any = None,
        component_args: Any = None,
        onchange: Callable[[], object] | None = None,
        section: Any = None,
        refresh: Any = None,
        comment_before: str = "",
        comment_after: str = "",
        infotext: str | None = None,
        **others: Any,
    ) -> None:
        if onchange is not None:
            raise NotImplementedError("A1111's OptionInfo(onchange=...) is not here")
        self.default = default
        self.label = label
        self.component = component
        self.component_args = component_args
        self.onchange = onchange
        self.section = section
        self.help = ""

    def info(self, text: str) -> OptionInfo:
        """Words beside it."""
        self.help = f"{self.help} {text}".strip()
        return self

    def _unchanged(self, *args: Any, **words: Any) -> OptionInfo:
        return self

    link = js = html = needs_restart = needs_reload_ui = _unchanged
    """What A1111 shows beside it: nothing of that here."""

    def asked(self, key: str) -> Asked:
        """The argument that stands for it."""
        component = _BY_KIND.get(type(self.default), gr.Textbox) if self.component is None else self.component
        args = self.component_args() if callable(self.component_args) else self.component_args or {}
        made = component(value=self.default, **{"label": self.label or key, **args})
        words = {"name": _identifier(key), "label": self.label or key, "help": self.help}
        return asked(made, words)


class Options(PartOfA1111):
    """The settings of one extension, as attributes; those of A1111's own are not here."""

    a1111_name = "shared.opts"

    def __init__(self) -> None:
        self.data_labels: dict[str, OptionInfo] = {}
        self._asked: dict[str, Asked] = {}
        self._settings: Mapping[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self.data_labels:
            return super().__getattr__(name)
        asked, default = self._asked.get(name), self.data_labels[name].default
        if asked is None or asked.argument is None:
            return default
        return asked.given({asked.argument.name: self._settings.get(asked.argument.name, asked.argument.initial)})

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and name != "data_labels":
            raise NotImplementedError(f"setting A1111's shared.opts.{name} is not here: people set it in Settings")
        super().__setattr__(name, value)

    @property
    def data(self) -> dict[str, Any]:
        """All of them by name, as they are now."""
        return {name: getattr(self, name) for name in self.data_labels}

    def add_option(self, key: str, info: OptionInfo) -> None:
        """Have one more."""
        self.data_labels[key] = info

    def get_default(self, key: str) -> Any:
        """What one is until somebody sets it; None where it is not known."""
        return self.data_labels[key].default if key in self.data_labels else None

    def read(self, templates: Mapping[str, OptionInfo]) -> None:
        """Make settings of all that were added, and of `templates`. Raises whatever their components raise."""
        for key, info in templates.items():
            self.add_option(key, info)
        rows = dict(self.data_labels)
        self._asked = in_a_form(lambda: {key: info.asked(key) for key, info in rows.items()}) if rows else {}

    def use(self, settings: Mapping[str, Any]) -> None:
        """Read values from there from now on, by the names of the arguments."""
        self._settings = settings

    def arguments(self) -> Iterable[Argument]:
        """What is asked for in the Settings tab."""
        for one in self._asked.values():
            if one.argument is not None:
                yield _of_settings(one.argument)


def options_section(section: Any, options: Mapping[str, OptionInfo]) -> dict[str, OptionInfo]:
    """Settings that belong together; here they stand under the name of the extension."""
    return dict(options)


def _of_settings(argument: Argument) -> Argument:
    """The argument as one that settings may have: a colour is any text."""
    if not isinstance(argument, Colour):
        return argument
    return Text(name=argument.name, label=argument.label, help=argument.help, default=argument.initial)


def _identifier(key: str) -> str:
    word = re.sub(r"\W", "_", key)
    return word if word.isidentifier() else f"_{word}"
