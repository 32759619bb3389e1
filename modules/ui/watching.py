"""Follows the jobs of the server for one page, by listening to its events; it changes nothing and owns nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field, replace

from modules.schema.events import Preview, Progress
from modules.schema.jobs import FINAL_STATES, Job
from modules.services.generate import GenerateService

SECONDS_BETWEEN_LOOKS = 0.1
"""While there is nothing but progress and previews: more would cost the page more than a person sees."""
_MOST_SECONDS_BETWEEN_LOOKS = 5.0
_IN_THE_QUEUE = frozenset({"state", "queue", "reset"})
"""What changes which jobs there are, and in which order: it is asked from the queue."""


@dataclass(frozen=True)
class Sight:
    """What there is to see at one moment; `job` is the one that runs or will run next, None when all are over."""

    job: Job | None = None
    waiting: int = 0
    """Jobs queued behind `job`, of those that are watched."""
    ahead: int = 0
    """Jobs of others that come before `job`."""
    stage: str | None = None
    progress: Progress | None = None
    preview: Preview | None = None
    ready_in: float | None = None
    """Seconds until a `job` that waits is probably done; None where that is not known."""
    rests: bool = False
    """Whether the whole queue is paused while `job` waits."""
    finishes: bool = False
    """Whether `job` was asked to end after the pictures that it makes now."""
    ended: Job | None = None
    """The job that ended last."""
    saved: int = 0
    """Pictures that were saved since the watch began."""
    failure: str | None = None
    """Why the job that failed last did."""


async def watch(generate: GenerateService, submitted: str = "", user: str | None = None) -> AsyncIterator[Sight]:
    """Every change that can be seen until no job is active; `submitted` may be over before the first look.

    The same is told again after a while without a change, for gradio asks only then whether the page is still there.
    With `user` only the jobs of that user are seen. It ends, too, when the server stops.
    """
    watcher = Watcher(generate, submitted, user)
    last, told = None, 0.0
    with generate.subscribe() as news:
        news.skip()
        # The queue is a file: looking at it in a thread keeps other pages moving.
        sight = await asyncio.to_thread(watcher.look)
        while True:
            if sight != last or time.monotonic() - told >= _MOST_SECONDS_BETWEEN_LOOKS:
                told = time.monotonic()
                yield sight
            if sight.job is None:
                return
            last = sight
            news.show(sight.job.id)
            events = await news.next(_MOST_SECONDS_BETWEEN_LOOKS, rest=SECONDS_BETWEEN_LOOKS)
            if news.is_closed:
                return
            if events and _IN_THE_QUEUE.isdisjoint(event.kind for event in events):
                sight = watcher.listen({event.job_id for event in events})
            else:
                sight = await asyncio.to_thread(watcher.look)


@dataclass
class Watcher:
    """Remembers what was seen of each job, so that a job that ends between two looks is not missed."""

    generate: GenerateService
    submitted: str = ""
    user: str | None = None
    """Whose jobs are watched; None: everybody's."""
    _seen: dict[str, int] = field(default_factory=dict)
    _saved: int = 0
    _failure: str | None = None
    _ended: Job | None = None
    _front: Sight = Sight()

    def __post_init__(self) -> None:
        if self.submitted:
            self._seen[self.submitted] = 0
        self._ended = next(iter(self.generate.jobs(FINAL_STATES, self.user, 1)), None)

    def look(self) -> Sight:
        """What there is to see now."""
        everybodys = self.generate.standing()
        active = [(ahead, one) for ahead, one in enumerate(everybodys) if self.user in (None, one.user)]
        for _, one in active:
            self._seen.setdefault(one.id, 0)
        for job_id in self._seen.keys() - {one.id for _, one in active}:
            self._part_with(job_id)
        if not active:
            return Sight(ended=self._ended, saved=self._saved, failure=self._told_failure())
        ahead, first = active[0]
        job = self.generate.job(first.id)
        if job.is_over:  # since the order was asked for
            return self.look()
        stage, progress, preview = self._news_of(job.id)
        self._front = Sight(
            job,
            len(active) - 1,
            ahead,
            stage,
            progress,
            preview,
            ready_in=first.ready_in if job.state == "queued" else None,
            rests=job.state == "queued" and self.generate.is_paused(),
            finishes=self._finishes(job.id),
            ended=self._ended,
            saved=self._saved,
            failure=self._told_failure(),
        )
        return self._front

    def listen(self, told: Collection[str] = ()) -> Sight:
        """What there is to see now, as long as the jobs are those of the last look; `told` have news."""
        if self._front.job is None:
            return self.look()
        front = self._front.job.id
        for job_id in told:
            if job_id in self._seen and job_id != front:
                self._news_of(job_id)  # another device may have saved a picture
        stage, progress, preview = self._news_of(front)
        self._front = replace(
            self._front,
            stage=stage,
            progress=progress,
            preview=preview,
            finishes=self._finishes(front),
            saved=self._saved,
            failure=None,
        )
        return self._front

    def _told_failure(self) -> str | None:
        """Told once: it must not cover what is said later."""
        failure, self._failure = self._failure, None
        return failure

    def _finishes(self, job_id: str) -> bool:
        wishes = self.generate.wishes(job_id)
        return "after_current" in wishes and "now" not in wishes

    def _part_with(self, job_id: str) -> None:
        """Take in the last that a job told; its end is asked from the queue, which knows it first."""
        job = self.generate.job(job_id)
        if not self._is_watched(job):  # a browser may name any job
            del self._seen[job_id]
            return
        self._news_of(job_id)
        job = self.generate.job(job_id)
        if job.is_over:
            del self._seen[job_id]
            self._ended = job
            self._failure = job.error if job.state == "failed" else self._failure

    def _is_watched(self, job: Job) -> bool:
        return self.user in (None, job.user)

    def _news_of(self, job_id: str) -> tuple[str | None, Progress | None, Preview | None]:
        """Stage, progress and preview of a job: what was known of it, brought up to date by its new events."""
        front = self._front if self._front.job is not None and self._front.job.id == job_id else Sight()
        stage, progress, preview = front.stage, front.progress, front.preview
        for event in self.generate.events(job_id, self._seen[job_id]):
            self._seen[job_id] = event.sequence
            if event.kind == "stage":
                stage, progress = event.text, None
            elif event.kind == "progress":
                stage, progress = None, event
            elif event.kind == "preview":
                preview = event
            elif event.kind == "picture":
                self._saved += 1
        return stage, progress, preview
