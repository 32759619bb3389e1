"""The plugins at work: the features that come with the program, and whatever else is registered.

A plugin that cannot be imported, or whose hook fails, is named in `failures` and left out; the others stay.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pluggy import PluginManager, PluginValidationError

from modules.hooks import specs
from modules.hooks.extension_code import SECONDS, fault_of, in_time
from modules.hooks.open_calls import OpenCalls

log = logging.getLogger(__name__)

BUILTIN = (
    "modules.builtin.prompt_matrix",
    "modules.builtin.prompts_from_file",
    "modules.builtin.xyz_plot",
    "modules.builtin.loopback",
    "modules.builtin.prompt_tools",
    "modules.builtin.border_and_watermark",
)
"""The features that come with the program, in the order of a list. By name: a room does not know those above it."""

BUILTIN_PREFIX = "modules.builtin."


def short_name(plugin: str) -> str:
    """What people call a plugin: a feature that comes with the program without its package, others as they are."""
    return plugin.removeprefix(BUILTIN_PREFIX)


@dataclass(frozen=True)
class PluginFailure:
    """A plugin that was left out, and why."""

    plugin: str
    problem: str
    stays: bool = False
    """Whether it is at work for all but what `problem` says."""

    def __str__(self) -> str:
        return f"{self.plugin}: {self.problem}" if self.stays else f"{self.plugin} is left out: {self.problem}"


@dataclass(frozen=True)
class Implementation:
    """A hook of one plugin."""

    plugin: str
    hook: str
    function: Callable[..., Any]
    parameters: tuple[str, ...]
    """Those that it takes of the hook's."""
    calls: OpenCalls

    def __call__(self, **given: Any) -> Any:
        """Its answer. Raises whatever it raises: whoever calls it says whose fault that is."""
        with self.calls.noted(f"{short_name(self.plugin)}.{self.hook}"):
            return self.function(**{name: given[name] for name in self.parameters})


class Plugins:
    """Plugins by name, and their hooks."""

    def __init__(self, modules: Iterable[str] = BUILTIN) -> None:
        self._manager = PluginManager(specs.PROJECT)
        self._manager.add_hookspecs(specs)
        self._failures: list[PluginFailure] = []
        self._versions: dict[str, str] = {}
        self.calls = OpenCalls()
        for name in modules:
            self.take_in(name, partial(importlib.import_module, name))

    @property
    def names(self) -> tuple[str, ...]:
        """The plugins at work."""
        return tuple(name for name, plugin in self._manager.list_name_plugin() if plugin is not None)

    @property
    def failures(self) -> tuple[PluginFailure, ...]:
        """The plugins that were left out, altogether or of something."""
        return tuple(self._failures)

    def was_left_out(self, name: str) -> bool:
        """Whether it failed, and is not at work."""
        return any(failure.plugin == name for failure in self._failures) and not self._manager.has_plugin(name)

    def description(self, name: str) -> str:
        """What a plugin at work says of itself: the first line of its docstring."""
        lines = (getattr(self._manager.get_plugin(name), "__doc__", None) or "").strip().split("\n")
        return lines[0].strip()

    def version(self, name: str) -> str:
        """The version that a plugin at work says that it has; "" where it says none."""
        return self._versions.get(name, "")

    def take_in(self, name: str, find: Callable[[], object], *, version: str = "") -> None:
        """Register what a call finds, which may fail as others' code does."""
        self._versions[name] = version
        plugin = self._answer_of(name, find)
        if plugin is not None:
            self.register(plugin, name)

    def register(self, plugin: object, name: str) -> None:
        """Take in a module, or any object with hooks. What is wrong with it is told in `failures`."""
        if self._manager.has_plugin(name):
            self._failures.append(PluginFailure(name, "there is a plugin of that name already"))
            return
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except (PluginValidationError, ValueError) as error:
            self.leave_out(name, str(error))

    def take_note(self, name: str, problem: str) -> None:
        """Tell of what a plugin is left out of that stays at work for everything else."""
        self._failures.append(PluginFailure(name, problem, stays=True))

    def leave_out(self, name: str, problem: str) -> None:
        """Take a plugin out again."""
        self._failures.append(PluginFailure(name, problem))
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)

    def implementations(self, hook: str) -> tuple[Implementation, ...]:
        """A hook of every plugin that has it, in the order in which they were registered."""
        found = getattr(self._manager.hook, hook).get_hookimpls()
        return tuple(
            Implementation(one.plugin_name, hook, one.function, tuple(one.argnames), self.calls) for one in found
        )

    def answers(self, hook: str, **parameters: Any) -> Iterator[tuple[str, Any]]:
        """The name and the answer of every plugin that has the hook, in the order in which they were registered."""
        return self.answers_each(hook, lambda plugin: parameters)

    def answers_each(
        self,
        hook: str,
        parameters_of: Callable[[str], Mapping[str, Any]],
        *,
        among: Collection[str] | None = None,
        seconds: Callable[[], float] = lambda: SECONDS,
    ) -> Iterator[tuple[str, Any]]:
        """The same with parameters for each plugin, and with another limit of time."""
        for one in self.implementations(hook):
            if among is None or one.plugin in among:
                given = partial(_called, one, parameters_of)
                if (answer := self._answer_of(one.plugin, given, seconds())) is not None:
                    yield one.plugin, answer

    def _answer_of(self, plugin: str, call: Callable[[], Any], seconds: float = SECONDS) -> Any:
        """What a call into a plugin returns; None, with the plugin left out, where it fails."""
        try:
            return in_time(call, seconds)
        except Exception as error:  # others wrote it
            log.warning("The plugin %s failed", plugin, exc_info=True)
            self.leave_out(plugin, fault_of(error))
            return None


def _called(implementation: Implementation, parameters_of: Callable[[str], Mapping[str, Any]]) -> Any:
    return implementation(**parameters_of(implementation.plugin))
