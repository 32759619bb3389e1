"""The scripts of all plugins."""

from __future__ import annotations

from collections.abc import Mapping

from modules.errors import InvalidRequest
from modules.hooks.plain_names import nearest_name, plain_name
from modules.hooks.plugins import Plugins
from modules.hooks.scripts import Script
from modules.schema.requests import Task


class ScriptRegistry:
    """Scripts by name. Of two with the same name the first counts, and the plugin of the other is left out."""

    def __init__(self, plugins: Plugins) -> None:
        self._at_work = plugins
        self._scripts: dict[str, Script] = {}
        self._plugins: dict[Script, str] = {}
        for plugin, scripts in list(plugins.answers("register_scripts")):
            try:
                contributed = _checked(scripts, self._scripts)
            except ValueError as error:
                plugins.leave_out(plugin, str(error))
            else:
                self._scripts |= contributed
                self._plugins |= dict.fromkeys(contributed.values(), plugin)

    def names(self, task: Task) -> tuple[str, ...]:
        """The scripts that a task can be run with."""
        return tuple(script.name for script in self._of_those_at_work() if task in script.tasks)

    def plugin_of(self, script: Script) -> str:
        """The plugin that a script came with, for whoever has to tell that it failed."""
        return self._plugins[script]

    def names_of(self, plugin: str) -> tuple[str, ...]:
        """The scripts that came with a plugin."""
        return tuple(script.name for script in self._of_those_at_work() if self._plugins[script] == plugin)

    def find(self, name: str, task: Task) -> Script:
        """The script of that name, in any case. Raises InvalidRequest naming the nearest."""
        script = self._scripts.get(plain_name(name))
        if script is None or self._at_work.was_left_out(self._plugins[script]):
            raise InvalidRequest("Script", name, "is not known", nearest_name(name, self.names(task)))
        if task not in script.tasks:
            raise InvalidRequest("Script", name, f"does not run with {task}", f"Use {' or '.join(script.tasks)}.")
        return script

    def _of_those_at_work(self) -> list[Script]:
        """Without the scripts of plugins that failed later."""
        return [script for script, plugin in self._plugins.items() if not self._at_work.was_left_out(plugin)]


def _checked(scripts: object, known: Mapping[str, Script]) -> dict[str, Script]:
    """The scripts that a plugin contributes. Raises ValueError."""
    if not isinstance(scripts, (list, tuple)):
        raise ValueError(f"register_scripts returned {type(scripts).__name__} instead of a list")
    found: dict[str, Script] = {}
    for script in scripts:
        if not isinstance(script, Script) or not isinstance(getattr(script, "name", None), str):
            raise ValueError(f"register_scripts returned {type(script).__name__}, which is no Script with a name")
        if plain_name(script.name) in {**known, **found}:
            raise ValueError(f"there is a script {script.name!r} already")
        names = [row.name for row in script.arguments]
        if len(set(names)) < len(names):
            raise ValueError(f"two arguments of {script.name!r} have the same name")
        found[plain_name(script.name)] = script
    return found
