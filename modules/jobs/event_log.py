"""The events of jobs, kept in memory while somebody may want them. A reader asks for what came after its last one."""

from __future__ import annotations

import threading
from collections import deque

from modules.schema.events import JobEvent, Preview, Progress, StateChanged
from modules.schema.jobs import FINAL_STATES

_JOBS_KEPT = 100


class EventLog:
    """Events per job, numbered from 1; safe to use from several threads.

    Of progress and previews only the newest is kept, and none once the job is over: a late reader wants to know where
    things stand, not the film. Of jobs that are over only the latest are kept.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[str, list[JobEvent]] = {}
        self._over: deque[str] = deque()
        self._last: dict[str, int] = {}

    def append(self, event: JobEvent) -> None:
        """Number an event and keep it."""
        with self._lock:
            events = self._events.setdefault(event.job_id, [])
            number = self._last.get(event.job_id, 0) + 1
            self._last[event.job_id] = number
            if isinstance(event, (Progress, Preview)):
                events[:] = [kept for kept in events if kept.kind != event.kind]
            events.append(event.model_copy(update={"sequence": number}))
            if isinstance(event, StateChanged) and event.state in FINAL_STATES:
                events[:] = [kept for kept in events if not isinstance(kept, (Progress, Preview))]
                self._over.append(event.job_id)
            while len(self._over) > _JOBS_KEPT:
                oldest = self._over.popleft()
                del self._events[oldest], self._last[oldest]

    def after(self, job_id: str, sequence: int) -> list[JobEvent]:
        """The kept events of a job with a higher number, in order."""
        with self._lock:
            return [event for event in self._events.get(job_id, ()) if event.sequence > sequence]
