"""The settings of all plugins: rows that stand behind the program's own table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modules.errors import InvalidRequest, InvalidSetting
from modules.hooks.arguments import Argument, Choice, Number, SeveralChoices, Switch, Text, Value
from modules.hooks.available import Available
from modules.hooks.plugins import Plugins, short_name

_NOTHING = Available(task="txt2img")
_KINDS = (Choice, Number, SeveralChoices, Switch, Text)


@dataclass(frozen=True)
class PluginSetting:
    """A row; `key` is its name in the settings file and in the API."""

    plugin: str
    argument: Argument

    @property
    def section(self) -> str:
        """What it stands under: the name of the extension."""
        return short_name(self.plugin)

    @property
    def key(self) -> str:
        return f"{self.section}.{self.argument.name}"

    def checked(self, value: object) -> Value:
        """The value as the extension gets it. Raises InvalidSetting."""
        try:
            return self.argument.read(value, _NOTHING, {})
        except InvalidRequest as error:
            raise InvalidSetting(
                f"Setting {self.key} cannot be {value!r}: it {error.problem}. {error.remedy}"
            ) from error


class SettingRegistry:
    """Rows by key, each in a section of its extension's own."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._rows: dict[str, PluginSetting] = {}
        for plugin, arguments in list(plugins.answers("register_settings")):
            try:
                self._rows |= _checked(plugin, arguments, self._rows)
            except ValueError as error:
                plugins.leave_out(plugin, str(error))

    @property
    def rows(self) -> Mapping[str, PluginSetting]:
        """Those of the plugins at work."""
        return {key: row for key, row in self._rows.items() if not self._plugins.was_left_out(row.plugin)}

    def of(self, plugin: str, stored: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """What a plugin's settings are whenever somebody looks; `stored` tells what is kept, by keys."""
        return _CurrentSettings({row.argument.name: row for row in self._rows.values() if row.plugin == plugin}, stored)

    def value(self, row: PluginSetting, stored: Mapping[str, Any]) -> Value:
        """What is kept of a setting, where that fits it, and its default elsewhere."""
        return _value(row, stored)


class _CurrentSettings(Mapping[str, Any]):
    """Values by the names of a plugin's settings."""

    def __init__(self, rows: Mapping[str, PluginSetting], stored: Callable[[], Mapping[str, Any]]) -> None:
        self._rows = rows
        self._stored = stored

    def __getitem__(self, name: str) -> Value:
        return _value(self._rows[name], self._stored())

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def _value(row: PluginSetting, stored: Mapping[str, Any]) -> Value:
    if row.key not in stored:
        return row.argument.initial
    try:
        return row.checked(stored[row.key])
    except InvalidSetting:  # another version of the extension may have kept it
        return row.argument.initial


def _checked(plugin: str, arguments: object, taken: Collection[str]) -> dict[str, PluginSetting]:
    """The rows that a plugin contributes. Raises ValueError."""
    if not isinstance(arguments, (list, tuple)):
        raise ValueError(f"register_settings returned {type(arguments).__name__} instead of a list")
    rows: dict[str, PluginSetting] = {}
    for argument in arguments:
        if not isinstance(argument, _KINDS) or not argument.name.isidentifier():
            raise ValueError(f"register_settings returned {type(argument).__name__}, which is no setting with a name")
        row = PluginSetting(plugin, argument)
        if isinstance(argument, (Choice, SeveralChoices)) and not isinstance(argument.choices, tuple):
            raise ValueError(f"the choices of the setting {row.key} are no tuple of words")
        if row.key in rows:
            raise ValueError(f"there are two settings {row.key}")
        if row.key in taken:
            raise ValueError(f"there is a setting {row.key} already")
        try:
            row.checked(argument.initial)
        except InvalidSetting as error:
            raise ValueError(f"the default of the setting {row.key} is none of its values") from error
        rows[row.key] = row
    return rows
