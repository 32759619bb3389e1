"""Tells extensions that a process begins and that it ends."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any, Literal

from modules.hooks import Plugins, ProcessContext
from modules.services.saving_hooks import SettingsOf

SECONDS_TO_STOP = 2.0
"""For all extensions together: nobody's end of the server waits longer for others' code."""


class ProcessHooks:
    """The hooks `start` and `stop` of one process."""

    def __init__(
        self, plugins: Plugins, settings_of: SettingsOf, folder: Path, process: Literal["server", "worker"]
    ) -> None:
        """`folder` holds the folders that extensions keep files in."""
        self._plugins = plugins
        self._settings_of = settings_of
        self._folder = folder
        self._process = process
        self._started: tuple[str, ...] = ()

    def start(self) -> None:
        """Call `start` of all; one that fails is left out, with all that it brought."""
        for _ in self._plugins.answers_each("start", self._parameters):
            pass
        self._started = self._plugins.names

    def stop(self) -> None:
        """Call `stop` of those that were started, once; what fails or takes too long ends in the log alone."""
        started, self._started = self._started, ()
        until = time.monotonic() + SECONDS_TO_STOP
        remaining = partial(_remaining, until)
        for _ in self._plugins.answers_each("stop", self._parameters, among=started, seconds=remaining):
            pass

    def _parameters(self, plugin: str) -> dict[str, Any]:
        folder = self._folder / plugin
        folder.mkdir(parents=True, exist_ok=True)
        return {"context": ProcessContext(process=self._process, folder=folder, settings=self._settings_of(plugin))}


def _remaining(until: float) -> float:
    return max(0.0, until - time.monotonic())
