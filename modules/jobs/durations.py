"""How long jobs take, learnt from those that are done."""

from __future__ import annotations

from statistics import median

from modules.config.database import Database
from modules.schema.jobs import JobKind

_LEARNT_FROM = 20
_LOOKED_AT = 200
_DONE = "WHERE state = 'done' AND attempts <= 1 AND kind = ?"
_TAKEN = "SELECT work, finished - started FROM jobs INDEXED BY"
_OF_MODEL = f"{_TAKEN} jobs_done_of_model {_DONE} AND model = ? ORDER BY number DESC LIMIT {_LOOKED_AT}"
_OF_KIND = f"{_TAKEN} jobs_done_of_kind {_DONE} ORDER BY number DESC LIMIT {_LOOKED_AT}"


class Durations:
    """What the jobs of a database teach; what was learnt is kept as long as the object."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._samples: dict[tuple[str, ...], list[tuple[float, float]]] = {}
        self._learnt: dict[tuple[JobKind, str, float], float | None] = {}

    def expected(self, kind: JobKind, model: str, work: float) -> float | None:
        """Seconds that a job takes, None if no job of its kind is done.

        The median of the latest 20 of the same kind and model, in seconds per unit of work: of those with half to
        twice as much work if there are any. For a model that is new, of all of the same kind.
        """
        key = (kind, model, work)
        if key not in self._learnt:
            seconds = _of_samples(self._of(_OF_MODEL, kind, model), work)
            self._learnt[key] = _of_samples(self._of(_OF_KIND, kind), work) if seconds is None else seconds
        return self._learnt[key]

    def _of(self, query: str, *values: str) -> list[tuple[float, float]]:
        if values not in self._samples:
            self._samples[values] = [(work, seconds) for work, seconds in self._database.rows(query, values)]
        return self._samples[values]


def _of_samples(samples: list[tuple[float, float]], work: float) -> float | None:
    """Seconds for that much work by samples of (work, seconds), the latest first; 0 is work that is not known."""
    if work <= 0:
        unknown = [seconds for done, seconds in samples if done <= 0]
        return median(unknown[:_LEARNT_FROM]) if unknown else None
    rates = [(done, seconds / done) for done, seconds in samples if done > 0]
    like = [rate for done, rate in rates if work / 2 <= done <= work * 2] or [rate for _, rate in rates]
    return work * median(like[:_LEARNT_FROM]) if like else None
