"""Changing settings: all or none, with a sentence for each value that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.config.settings import SettingsStore
from modules.config.settings_table import ROWS, Settings, check_setting
from modules.errors import InvalidSetting, InvalidSettings, UserError
from modules.hooks.arguments import Value
from modules.hooks.setting_registry import PluginSetting, SettingRegistry
from modules.schema.requests import AUTOMATIC, NO_VAE, REQUESTS
from modules.schema.setting_fields import FIELD_OF_SETTING
from modules.services.models import ModelService
from modules.services.vaes import VaeService

_CHECKPOINT, _VAE, _QUICK = "sd_model_checkpoint", "sd_vae", "quicksettings_list"


class SettingChanges:
    """Knows which names of models and of fields a setting may hold."""

    def __init__(
        self, settings: SettingsStore, models: ModelService, vaes: VaeService, of_plugins: SettingRegistry
    ) -> None:
        self._settings = settings
        self._models = models
        self._vaes = vaes
        self._of_plugins = of_plugins

    def change(self, values: Mapping[str, Any]) -> Settings:
        """Set some settings. Raises InvalidSettings, with which nothing is changed, and StorageFull."""
        good: dict[str, Any] = {}
        others: dict[str, Any] = {}
        problems: dict[str, str] = {}
        rows = self._of_plugins.rows
        for name, value in values.items():
            try:
                if name in rows:
                    others[name] = rows[name].checked(value)
                else:
                    good[name] = self._checked(name, value)
            except UserError as error:
                problems[name] = str(error)
        if problems:
            raise InvalidSettings(problems)
        return self._settings.change(others, **good)

    def of_plugins(self) -> list[tuple[PluginSetting, Value]]:
        """The settings of the extensions at work, with what holds now."""
        stored = self._settings.others
        return [(row, self._of_plugins.value(row, stored)) for row in self._of_plugins.rows.values()]

    def offered(self, name: str) -> tuple[str, ...]:
        """What a setting may be, where that is one of some words on this computer; empty where it may be anything."""
        if name == _CHECKPOINT:
            return "", *(checkpoint.name for checkpoint in self._models.all())
        if name == _VAE:
            return self._vaes.names()
        return _quick_names() if name == _QUICK else tuple(ROWS[name].metadata["choices"])

    def _checked(self, name: str, given: object) -> Any:
        value = check_setting(name, given)
        if name == _CHECKPOINT and value:
            return self._models.find(str(value)).name
        if name == _VAE and value not in (AUTOMATIC, NO_VAE):
            self._vaes.find(str(value))
        if name == _QUICK and (unknown := sorted(set(value) - set(_quick_names()))):
            raise InvalidSetting(f"{unknown[0]!r} is neither a setting nor a field of a form. Choose one of the list.")
        return value


def _quick_names() -> tuple[str, ...]:
    """What can stand at the top of the page: settings, and fields of forms under their own names and A1111's."""
    settings = [name for name, row in ROWS.items() if not isinstance(row.default, tuple)]
    fields = dict.fromkeys(name for kind in REQUESTS.values() for name in kind.model_fields)
    return tuple(dict.fromkeys((*settings, *FIELD_OF_SETTING, *fields)))
