"""The samplers and the schedules of all plugins, among those of the program."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modules.diffusion.names import (
    AUTOMATIC,
    BUILT_IN_NAMES,
    CUSTOM,
    SamplerName,
    SamplingNames,
    ScheduleName,
    plain_sampling_name,
)
from modules.hooks.plugins import Plugins
from modules.hooks.samplers import Sampler
from modules.hooks.schedules import Schedule

_LONGEST_NAME = 100
_MOST_CALLS = 16


@dataclass(frozen=True)
class BroughtSampling:
    """Which samplers and schedules there are at one moment, and whose they are."""

    names: SamplingNames = BUILT_IN_NAMES
    samplers: Mapping[str, tuple[str, Sampler]] = field(default_factory=dict)
    """Those of plugins by their names, with the names of the plugins."""
    schedules: Mapping[str, tuple[str, Schedule]] = field(default_factory=dict)
    """The same."""

    def plugins_of(self, sampler: str, schedule: str) -> tuple[str, ...]:
        """The plugins that the two came with; none where they are the program's."""
        rows = (self.samplers.get(sampler), self.schedules.get(schedule))
        return tuple(dict.fromkeys(row[0] for row in rows if row is not None))


BUILT_IN_SAMPLING = BroughtSampling()
"""What there is where no plugin brings any."""


class SamplingRegistry:
    """Samplers and schedules by name. Of two with the same name the first counts, and the plugin of the other is left
    out, as is one that brings anything else."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._schedules: list[tuple[str, ScheduleName, Schedule]] = []
        self._samplers: list[tuple[str, SamplerName, Sampler]] = []
        names = BUILT_IN_NAMES
        for plugin, answer in list(plugins.answers("register_schedules")):
            try:
                schedules = [
                    (plugin, _schedule_name(row), row) for row in _rows(answer, Schedule, "register_schedules")
                ]
                names = names.with_schedules(known for _, known, _ in schedules)
            except ValueError as error:
                plugins.leave_out(plugin, str(error))
            else:
                self._schedules += schedules
        for plugin, answer in list(plugins.answers("register_samplers")):
            try:
                rows = _rows(answer, Sampler, "register_samplers")
                samplers = [(plugin, self._sampler_name(plugin, row), row) for row in rows]
                names = names.with_samplers(known for _, known, _ in samplers)
            except ValueError as error:
                plugins.leave_out(plugin, str(error))
            else:
                self._samplers += samplers
        self._latest: tuple[frozenset[str], BroughtSampling] | None = None

    @property
    def names(self) -> SamplingNames:
        """All that can be asked for now; nothing of a plugin that was left out since."""
        return self.now.names

    @property
    def now(self) -> BroughtSampling:
        """The same with what plugins bring. It stays as it is: a job that has begun goes on with it."""
        plugins = {plugin for plugin, *_ in (*self._schedules, *self._samplers)}
        out = frozenset(plugin for plugin in plugins if self._plugins.was_left_out(plugin))
        if self._latest is None or self._latest[0] != out:
            self._latest = (out, self._without(out))
        return self._latest[1]

    def _without(self, out: frozenset[str]) -> BroughtSampling:
        schedules = [row for row in self._schedules if row[0] not in out]
        samplers = [row for row in self._samplers if row[0] not in out]
        names = BUILT_IN_NAMES.with_schedules(known for _, known, _ in schedules)
        return BroughtSampling(
            names.with_samplers(known for _, known, _ in samplers),
            {known.name: (plugin, row) for plugin, known, row in samplers},
            {known.name: (plugin, row) for plugin, known, row in schedules},
        )

    def _sampler_name(self, plugin: str, row: Sampler) -> SamplerName:
        """What is known of a sampler. Raises ValueError."""
        own = [known for owner, known, _ in self._schedules if owner == plugin]
        calls, eta = row.calls_per_step, row.usual_eta
        if not isinstance(calls, int) or not 1 <= calls <= _MOST_CALLS:
            raise ValueError(f"{row.name!r} calls the network {calls!r} times in a step: say 1 to {_MOST_CALLS}")
        if eta is not None and not (isinstance(eta, (int, float)) and math.isfinite(eta) and eta >= 0):
            raise ValueError(f"{row.name!r} has the usual eta {eta!r}, which is no number from 0 on")
        return SamplerName(
            row.name,
            tuple(row.aliases),
            _automatic(row, own),
            calls_per_step=calls,
            options=("s_noise",) if eta is None else ("eta", "s_noise"),
            usual_eta=eta,
        )


def _automatic(row: Sampler, own: list[ScheduleName]) -> str:
    """The schedule that a sampler is usually run with. Raises ValueError."""
    for known in (*BUILT_IN_NAMES.listed_schedules, *own):
        spellings = map(plain_sampling_name, (known.name, *known.aliases))
        if isinstance(row.automatic, str) and plain_sampling_name(row.automatic) in spellings:
            if known.name != AUTOMATIC:
                return known.name
    raise ValueError(f"{row.name!r} wants the schedule {row.automatic!r}, which is none of the program's nor its own")


def _schedule_name(row: Schedule) -> ScheduleName:
    return ScheduleName(row.name, tuple(row.aliases))


def _rows(answer: object, kind: type[Any], hook: str) -> list[Any]:
    """What a plugin contributes. Raises ValueError."""
    if not isinstance(answer, (list, tuple)):
        raise ValueError(f"{hook} returned {type(answer).__name__} instead of a list")
    for row in answer:
        if not isinstance(row, kind) or not isinstance(getattr(row, "name", None), str):
            raise ValueError(f"{hook} returned {type(row).__name__}, which is no {kind.__name__} with a name")
        if not isinstance(row.aliases, (list, tuple)):
            raise ValueError(f"the aliases of {row.name!r} are no list")
        for name in (row.name, *row.aliases):
            _check_name(name)
    return list(answer)


def _check_name(name: object) -> None:
    """Names stand in lists, requests and infotexts. Raises ValueError for what cannot."""
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME:
        raise ValueError(f"{name!r} is no name: it takes 1 to {_LONGEST_NAME} signs that can be seen")
    plain = plain_sampling_name(name)
    # What A1111's clients send in the place of a name, and words of our own.
    if plain in ("", "none", *map(plain_sampling_name, (AUTOMATIC, CUSTOM))) or plain.startswith("use same "):
        raise ValueError(f"{name!r} means something else already")
    if name != " ".join(name.split()):
        raise ValueError(f"{name!r} has more blanks than it needs")
