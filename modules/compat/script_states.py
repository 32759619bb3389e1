"""What A1111's scripts keep in themselves, which ends with the picture, the pass or the run that they kept it for."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from modules.compat.scripts import A1111Script


class ScriptState:
    """The attributes that a script had when its form was laid out.

    Its lists, dictionaries, sets and arrays are given out as copies; all else, components above all, is shared.
    """

    def __init__(self, script: A1111Script) -> None:
        self._class = type(script)
        self._held: dict[str, Any] = _apart(vars(script), {})

    def put_into(self, script: A1111Script) -> None:
        """Have the script itself be as it was."""
        vars(script).clear()
        vars(script).update(_apart(self._held, {}))

    def copy_of_script(self) -> A1111Script:
        """Another script that is as it was."""
        made = self._class.__new__(self._class)
        self.put_into(made)
        return made


def _apart(value: Any, done: dict[int, Any]) -> Any:
    """A value whose containers nobody else writes to; `done` has what was made of each, by its identity."""
    if id(value) in done:
        return done[id(value)]
    if isinstance(value, np.ndarray | list | dict | set | bytearray):
        made: Any = copy.copy(value)
        done[id(value)] = made
        if isinstance(value, list):
            made[:] = [_apart(one, done) for one in value]
        elif isinstance(value, dict):
            made.update({key: _apart(one, done) for key, one in value.items()})
        return made
    if type(value) is tuple:
        return tuple(_apart(one, done) for one in value)
    return value
