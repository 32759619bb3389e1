"""The buttons on finished pictures of all plugins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import get_args

from modules.errors import InvalidRequest
from modules.hooks.argument_groups import check_arguments
from modules.hooks.plain_names import nearest_name
from modules.hooks.plugins import Plugins, short_name
from modules.hooks.result_actions import MOST_LETTERS, MOST_SIGNS, ActionAudience, ResultAction

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True)
class FoundAction:
    """A button, and the plugin that it came with."""

    plugin: str
    action: ResultAction

    @property
    def extension(self) -> str:
        """What people and the API call the plugin."""
        return short_name(self.plugin)


class ResultActionRegistry:
    """Buttons by the names of their extensions and their own. A plugin that brings anything else is left out."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._found: dict[tuple[str, str], FoundAction] = {}
        for plugin, answer in list(plugins.answers("register_result_actions")):
            try:
                actions = _checked(answer)
                self._check_place(plugin)
            except ValueError as error:
                plugins.leave_out(plugin, str(error))
            else:
                rows = [FoundAction(plugin, action) for action in actions]
                self._found |= {(row.extension, row.action.name): row for row in rows}

    def all(self) -> list[FoundAction]:
        """Those of the plugins at work, in the order in which these were taken in."""
        return [row for row in self._found.values() if not self._plugins.was_left_out(row.plugin)]

    def find(self, extension: str, name: str) -> FoundAction:
        """The one of that extension and name. Raises InvalidRequest naming the nearest."""
        found = self._found.get((extension, name))
        if found is None or self._plugins.was_left_out(found.plugin):
            known = tuple(f"{row.extension}/{row.action.name}" for row in self.all())
            raise InvalidRequest("Button", f"{extension}/{name}", "is not known", nearest_name(name, known))
        return found

    def _check_place(self, plugin: str) -> None:
        """Raises ValueError where another plugin is called alike."""
        for row in self._found.values():
            if row.extension == short_name(plugin):
                raise ValueError(f"the buttons of {row.extension} are those of {row.plugin} already")


def _checked(answer: object) -> list[ResultAction]:
    """The buttons that a plugin contributes. Raises ValueError."""
    if not isinstance(answer, (list, tuple)):
        raise ValueError(f"register_result_actions returned {type(answer).__name__} instead of a list")
    names: set[str] = set()
    for action in answer:
        if not isinstance(action, ResultAction):
            raise ValueError(f"register_result_actions returned {type(action).__name__}, which is no ResultAction")
        name = getattr(action, "name", None)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a button: use small letters, digits, - and _")
        if name in names:
            raise ValueError(f"there are two buttons {name!r}")
        names.add(name)
        _check_words(action)
        if action.audience not in get_args(ActionAudience):
            raise ValueError(f"the button {name!r} has no audience that there is")
        check_arguments(f"the button {name!r}", action.arguments)
    return list(answer)


def _check_words(action: ResultAction) -> None:
    label = getattr(action, "label", None)
    if not isinstance(label, str) or not label.strip() or len(label) > MOST_LETTERS:
        raise ValueError(f"{label!r} is no label of a button: use 1 to {MOST_LETTERS} letters")
    if not isinstance(action.help, str) or not isinstance(action.icon, str) or len(action.icon) > MOST_SIGNS:
        raise ValueError(f"the button {action.name!r} has a help or an icon that is no short text")
