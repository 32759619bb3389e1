"""What one visitor is told of a job or of the queue, from the first word to the last."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool

from modules.api.event_messages import EventMessages, Message
from modules.api.job_reports import job_report, job_summary
from modules.errors import NotFound
from modules.jobs.event_log import Subscription
from modules.schema.events import JobEvent, StateChanged
from modules.schema.jobs import FINAL_STATES
from modules.services.accounts import Visitor
from modules.services.build import Services

KEEP_ALIVE_SECONDS = 15.0
_PASSING = ("stage", "progress", "preview")
"""What a snapshot does not tell."""
_USERS_KNOWN = 1_000

Told = AsyncGenerator["Message | JobEvent | None", None]
"""Messages, events as they are, and None after each time without any."""


class Follower:
    """Begins with where things stand, unless the client goes on from an event that it saw; ends with the job."""

    def __init__(
        self, services: Services, messages: EventMessages, visitor: Visitor, job_id: str | None, after: str | None
    ) -> None:
        """`job_id` None: the queue, of which a visitor who is no owner sees the own jobs."""
        self._services = services
        self._messages = messages
        self._visitor = visitor
        self._job_id = job_id
        self._after = messages.number(after)
        self._users: dict[str, str | None] = {}
        self._is_over = False

    async def follow(self, rest: Callable[[], float]) -> Told:
        """Everything that is told; `rest` is asked for the seconds between messages that hold nothing but progress."""
        with self._services.generate.subscribe(self._job_id, self._after or 0) as news:
            if self._after is None:
                async for message in self._standing(news, news.get(0)):
                    yield message
            while not news.is_closed and not self._is_over:
                events = await news.next(KEEP_ALIVE_SECONDS, rest=rest())
                if any(event.kind == "reset" for event in events) or (not events and await self._ended_unheard()):
                    async for message in self._standing(news, events):
                        yield message
                    continue
                for event in events:
                    if await self._may_see(event):
                        yield event
                    self._is_over = self._is_over or self._is_end(event)
                if not events:
                    yield None

    async def _standing(self, news: Subscription, told: Sequence[JobEvent]) -> AsyncIterator[Message]:
        """A snapshot, and the newest of what it does not tell of the jobs that run; `told` came before it."""
        position = news.position
        known, running = await run_in_threadpool(self._snapshot)
        yield self._messages.snapshot(known, None if self._is_over else position)
        newest = {(event.kind, event.job_id): event for event in told if event.kind in _PASSING}
        for (_, job_id), event in newest.items():
            if job_id in running:
                yield self._messages.standing(event, position)

    def _snapshot(self) -> tuple[dict[str, Any], set[str]]:
        """What is known now, and which jobs run."""
        generate = self._services.generate
        if self._job_id is not None:
            job = generate.job(self._job_id)
            self._is_over = job.is_over
            return job_report(self._services, job).model_dump(), {job.id} if job.state == "running" else set()
        jobs = [job for job in generate.active_jobs() if self._visitor.is_owner or job.user == self._visitor.name]
        running = {job.id for job in jobs if job.state == "running"}
        return {"paused": generate.is_paused(), "jobs": [job_summary(job).model_dump() for job in jobs]}, running

    def _is_end(self, event: JobEvent) -> bool:
        return self._job_id is not None and isinstance(event, StateChanged) and event.state in FINAL_STATES

    async def _ended_unheard(self) -> bool:
        """Whether the job ended without an event that we were there for; asked now and then."""
        if self._job_id is None:
            return False
        job = await run_in_threadpool(self._services.generate.job, self._job_id)
        return job.is_over

    async def _may_see(self, event: JobEvent) -> bool:
        if self._visitor.is_owner or not event.job_id or self._job_id is not None:
            return True
        if event.job_id not in self._users:
            if len(self._users) >= _USERS_KNOWN:
                self._users.clear()
            self._users[event.job_id] = await run_in_threadpool(self._user_of, event.job_id)
        return self._users[event.job_id] == self._visitor.name

    def _user_of(self, job_id: str) -> str | None:
        try:
            return self._services.generate.job(job_id).user
        except NotFound:
            return None
