"""Which job is next: a pure rule, used for claiming and for telling when a job will be ready.

The highest priority goes first. Within it users take turns: whose latest turn is longest ago goes first, each with the
first of their own jobs by place. A job of a model that the worker holds may go before others, within two bounds:
between two turns of a user others go first at most PASSES times more than their turns allow, and at most PASSES of
a user's jobs are begun before that user's first. So with n users at work nobody waits for more than
n - 1 + PASSES jobs of others between two turns.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from modules.schema.jobs import JobKind

PASSES = 4


@dataclass(slots=True)
class WaitingJob:
    """What the order needs to know of a job that may be begun."""

    number: int
    id: str
    user: str
    priority: int
    place: int
    kind: JobKind
    model: str
    work: float
    passed: int


@dataclass(slots=True)
class Line:
    """One user whose jobs may be begun now, and the first of them."""

    user: str
    turn: int
    passed: int
    first: WaitingJob


class Choice(NamedTuple):
    """The job to begin, and how many users are passed over: its own one comes behind them in the order of turns."""

    passed: int
    job: WaitingJob


class UserTurn(NamedTuple):
    """The number of a user's latest turn, and how often later ones went first since then."""

    turn: int = 0
    passed: int = 0


@dataclass(slots=True)
class PlannedWorker:
    """A worker that is free in `free_in` seconds and then holds these models; `known` if the seconds are."""

    free_in: float = 0.0
    held: Collection[str] = ()
    known: bool = True


def in_turn(lines: Iterable[Line]) -> list[Line]:
    """The users in the order of their turns; of those who never had one, whose job came first."""
    return sorted(lines, key=lambda line: (line.turn, line.first.place))


def choose(lines: Sequence[Line], held: Collection[str], first_held: Callable[[Line], WaitingJob | None]) -> Choice:
    """The next job of `lines`, which are in turn; `first_held` finds a user's first job of a held model."""
    if held and lines[0].first.model:  # a job without a model costs no loading, so that nothing is won by passing it
        for index, line in enumerate(lines):
            if line.first.model in held:
                return Choice(index, line.first)
            if line.first.passed < PASSES and (job := first_held(line)) is not None:
                return Choice(index, job)
            if line.passed >= PASSES:
                break
    return Choice(0, lines[0].first)


def planned(
    waiting: Iterable[WaitingJob],
    turns: Mapping[str, UserTurn],
    workers: Sequence[PlannedWorker],
    seconds: Callable[[WaitingJob], float | None],
) -> Iterator[tuple[WaitingJob, float | None]]:
    """Jobs in the order in which they will begin, with the seconds until each is done; None where that is not known.

    `turns` is of all users; `seconds` tells how long a job takes.
    """
    free = [(worker.free_in, index) for index, worker in enumerate(workers)]
    heapq.heapify(free)
    held = [worker.held for worker in workers]
    known = all(worker.known for worker in workers)
    turns = dict(turns)
    by_priority = sorted(waiting, key=lambda job: (-job.priority, job.place))
    for _, jobs in groupby(by_priority, key=lambda job: job.priority):
        ready = ReadyJobs(list(jobs), turns)
        while ready.lines:
            now, index = heapq.heappop(free)
            job = ready.take(held[index])
            duration = seconds(job)
            known = known and duration is not None
            now += duration or 0.0
            if job.model:
                held[index] = (job.model,)
            heapq.heappush(free, (now, index))
            yield job, now if known else None


class ReadyJobs:
    """Jobs of one priority, taken out one by one as claims would take them; `turns` is brought up to date."""

    def __init__(self, jobs: list[WaitingJob], turns: dict[str, UserTurn]) -> None:
        self._turns = turns
        self._stocks: dict[str, _Stock] = {}
        for job in jobs:
            self._stocks.setdefault(job.user, _Stock()).put(job)
        self.lines = in_turn(
            Line(user, *turns.get(user, UserTurn()), first=stock.jobs[0]) for user, stock in self._stocks.items()
        )

    def take(self, held: Collection[str]) -> WaitingJob:
        """The next job for a worker that holds these models."""
        passed, job = choose(self.lines, held, lambda line: self._stocks[line.user].first_of(held))
        line = self.lines.pop(passed)
        for other in self.lines[:passed]:
            other.passed += 1
            self._turns[other.user] = UserTurn(other.turn, other.passed)
        if job is not line.first:
            line.first.passed += 1
        latest = max((turn for turn, _ in self._turns.values()), default=0)
        line.turn, line.passed = latest + 1, 0
        self._turns[line.user] = UserTurn(line.turn)
        first = self._stocks[line.user].take(job)
        if first is not None:
            line.first = first
            self.lines.append(line)
        return job


@dataclass(slots=True)
class _Stock:
    """One user's jobs by place, also by model."""

    jobs: deque[WaitingJob] = field(default_factory=deque)
    _of_model: dict[str, deque[WaitingJob]] = field(default_factory=dict)
    _taken: set[int] = field(default_factory=set)

    def put(self, job: WaitingJob) -> None:
        self.jobs.append(job)
        self._of_model.setdefault(job.model, deque()).append(job)

    def first_of(self, models: Collection[str]) -> WaitingJob | None:
        found = [jobs[0] for model in models if (jobs := self._left(self._of_model.get(model, deque())))]
        return min(found, key=lambda job: job.place, default=None)

    def take(self, job: WaitingJob) -> WaitingJob | None:
        """Take a job out; the first one of those that are left."""
        self._taken.add(job.number)
        return self.jobs[0] if self._left(self.jobs) else None

    def _left(self, jobs: deque[WaitingJob]) -> deque[WaitingJob]:
        while jobs and jobs[0].number in self._taken:
            jobs.popleft()
        return jobs
