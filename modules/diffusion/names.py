"""The samplers and schedules by name. Free of torch, so that a screen can list them before torch is imported."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from modules.errors import InvalidRequest
from modules.schema.requests import AUTOMATIC


@dataclass(frozen=True)
class SamplerName:
    """One sampler as people call it; `automatic` is the schedule that Automatic stands for."""

    name: str
    aliases: tuple[str, ...]
    automatic: str
    schedules: tuple[str, ...]
    """The schedules it can run; a name outside of them is taken for `automatic`."""


_FREE = ("Normal", "Karras")
SAMPLER_NAMES = (
    SamplerName("DPM++ 2M", ("k_dpmpp_2m",), "Karras", _FREE),
    SamplerName("Euler a", ("k_euler_a", "k_euler_ancestral"), "Normal", _FREE),
    SamplerName("Euler", ("k_euler",), "Normal", _FREE),
    SamplerName("DDIM", ("ddim",), "DDIM", ("DDIM",)),
)
SCHEDULE_NAMES = (AUTOMATIC, *_FREE)


def find_sampler(name: str) -> SamplerName:
    """The sampler of that name or alias, in any case. Raises InvalidRequest naming the nearest."""
    wanted = name.strip().lower()
    for sampler in SAMPLER_NAMES:
        if wanted in (sampler.name.lower(), *sampler.aliases):
            return sampler
    raise InvalidRequest("Sampler", name, "is not known", _nearest(name, (row.name for row in SAMPLER_NAMES)))


def find_schedule(name: str, sampler: SamplerName) -> str:
    """The schedule that a sampler runs when `name` is asked for; never Automatic. Raises InvalidRequest."""
    wanted = name.strip().lower()
    known = (*SCHEDULE_NAMES, *sampler.schedules)
    found = next((row for row in known if row.lower() == wanted), None)
    if found is None:
        raise InvalidRequest("Schedule type", name, "is not known", _nearest(name, SCHEDULE_NAMES))
    return found if found in sampler.schedules else sampler.automatic


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.4)
    return f"Nearest: {', '.join(near)}." if near else f"Choose one of: {', '.join(names)}."
