"""The settings of one data folder, in a file."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from modules.config.files import write_atomically
from modules.config.settings_table import ROWS, Settings, check_setting
from modules.errors import InvalidSetting

log = logging.getLogger(__name__)


class SettingsStore:
    """The settings of one data folder: read once, changed whole, written at every change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._unknown: dict[str, Any] = {}
        self._current = self._read()

    @property
    def current(self) -> Settings:
        return self._current

    def reload(self) -> None:
        """Read the file again, which another process may have written; where that is not possible nothing changes."""
        with self._lock, suppress(ValueError):
            stored = _read_object(self._path)
            if stored is not None:
                self._current = self._checked(stored)

    @property
    def others(self) -> Mapping[str, Any]:
        """What stands in the file and is no row of the table: settings of extensions, and of other versions."""
        return self._unknown

    def change(self, others: Mapping[str, Any] | None = None, /, **values: object) -> Settings:
        """Set some settings, and `others` that are no rows of the table, and write the file.

        Raises InvalidSetting; then nothing is changed.
        """
        with self._lock:
            unknown = {**self._unknown, **(others or {})}
            changed = replace(self._current, **{name: check_setting(name, value) for name, value in values.items()})
            text = json.dumps({**unknown, **asdict(changed)}, indent=2, ensure_ascii=False) + "\n"
            if self._path.is_file():
                write_atomically(self._path.with_name(self._path.name + ".previous"), self._path.read_bytes())
            write_atomically(self._path, text.encode())
            self._current, self._unknown = changed, unknown
            return changed

    def _read(self) -> Settings:
        """The file's values where they are good, defaults elsewhere; a file that is no JSON is kept aside."""
        try:
            return self._checked(_read_object(self._path) or {})
        except ValueError:
            kept = self._path.with_name(self._path.name + ".broken")
            self._path.replace(kept)
            log.warning("%s is not a settings file; it is kept as %s and the previous one is used", self._path, kept)
        try:
            return self._checked(_read_object(self._path.with_name(self._path.name + ".previous")) or {})
        except ValueError:
            return Settings()

    def _checked(self, stored: Mapping[str, Any]) -> Settings:
        self._unknown = {name: value for name, value in stored.items() if name not in ROWS}
        good: dict[str, Any] = {}
        for name in ROWS.keys() & stored.keys():
            try:
                good[name] = check_setting(name, stored[name])
            except InvalidSetting as error:
                log.warning("%s The default is used.", error)
        return Settings(**good)


def _read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where it cannot be read. Raises ValueError where there is something else."""
    try:
        content = json.loads(path.read_bytes())
    except OSError:
        return None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no object")
    return content
