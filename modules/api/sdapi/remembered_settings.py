"""What `POST options` sets of requests: A1111 has settings where a request of ours has fields.

They hold for calls of this API that do not say otherwise, and for nothing else.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.api.sdapi.override_settings import value_of
from modules.config.files import write_atomically
from modules.config.settings_table import ROWS
from modules.errors import InvalidRequest
from modules.schema.requests import REQUESTS
from modules.schema.setting_fields import FIELD_OF_SETTING

log = logging.getLogger(__name__)

OF_THE_SERVER = frozenset(FIELD_OF_SETTING) & ROWS.keys()
"""Settings that are fields of requests, and that the server has a setting of, too."""
NAMES = tuple(name for name in FIELD_OF_SETTING if name not in OF_THE_SERVER)
_UNI_PC_ORDER = 3
_USUAL: Mapping[str, Any] = {
    "uni_pc_order": _UNI_PC_ORDER,
    "sd_noise_schedule": "Default",
    "tiling": False,
}
"""What A1111 says where our field leaves it to the sampler, or says it in other words."""


class RememberedSettings:
    """The settings in one file, read once and written at every change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._values = self._read()

    @property
    def current(self) -> Mapping[str, Any]:
        """Those that were set."""
        return self._values

    def all(self) -> dict[str, Any]:
        """Every setting with the value that it has."""
        return {name: self._values.get(name, usual_of(name)) for name in NAMES}

    def change(self, values: Mapping[str, Any]) -> None:
        """Set some; None and the usual value take one back. Raises InvalidRequest; then nothing is changed."""
        for name, value in values.items():
            check(name, value)
        with self._lock:
            changed = {**self._values, **values}
            changed = {name: value for name, value in changed.items() if value not in (None, usual_of(name))}
            if changed != self._values:
                write_atomically(self._path, (json.dumps(changed, indent=2, ensure_ascii=False) + "\n").encode())
                self._values = changed

    def _read(self) -> dict[str, Any]:
        try:
            stored = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            stored = None
        if not isinstance(stored, dict):
            log.warning("%s is no file of settings and is left aside", self._path)
            return {}
        return {name: value for name, value in stored.items() if name in NAMES and _is_good(name, value)}


def usual_of(name: str) -> Any:
    """What a setting is where nobody set it."""
    if name in _USUAL:
        return _USUAL[name]
    kind = next(kind for kind in REQUESTS.values() if FIELD_OF_SETTING[name] in kind.model_fields)
    return kind.model_fields[FIELD_OF_SETTING[name]].default


def check(name: str, value: Any) -> None:
    """Raise InvalidRequest unless a request can have the value; None is no value."""
    field = FIELD_OF_SETTING[name]
    kind = next(kind for kind in REQUESTS.values() if field in kind.model_fields)
    kind.of({field: None if value is None else value_of(name, value)})


def _is_good(name: str, value: Any) -> bool:
    try:
        check(name, value)
    except InvalidRequest as error:
        log.warning("%s The usual value is taken.", error)
        return False
    return True
