"""The events of jobs, kept in memory while somebody may want them; readers wait for what comes after their last one."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections import deque
from collections.abc import Iterable
from types import TracebackType

from modules.schema.events import JobEvent, Preview, Progress, QueueChanged, Reset, StateChanged
from modules.schema.jobs import FINAL_STATES

_JOBS_KEPT = 100
_MOST_OF_A_JOB = 5_000
_MOST_OF_THE_QUEUE = 2_000


class EventLog:
    """Events of all jobs under one count; safe to use from several threads.

    Of progress, previews and changes of the queue only the newest is kept, and none once the job is over: a late reader
    wants to know where things stand, not the film. Of jobs that are over only the latest are kept. A reader has no
    queue of its own but a place in what is kept, so that a slow one costs no memory and holds nobody up.
    """

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(4)
        """Tells the numbers of this server's life from those of another."""
        self._lock = threading.Lock()
        self._sequence = 0
        self._queue = _Channel(_MOST_OF_THE_QUEUE)
        self._jobs: dict[str, _Channel] = {}
        self._over: deque[str] = deque()
        self._closed = False

    @property
    def latest(self) -> int:
        """The number of the newest event; 0 before the first."""
        return self._sequence

    def append(self, event: JobEvent) -> JobEvent:
        """Number an event, keep it, and wake who waits for it; returns it with its number."""
        with self._lock:
            self._sequence += 1
            event = event.model_copy(update={"sequence": self._sequence})
            listeners: set[Subscription] = set()
            channel = self._channel_for(event)
            if channel is not None:
                channel.add(event)
                listeners |= channel.listeners
                if isinstance(event, Preview):
                    listeners |= channel.onlookers
            if not isinstance(event, Preview):
                self._queue.add(event)
                listeners |= self._queue.listeners
            if isinstance(event, StateChanged) and event.state in FINAL_STATES:
                self._over.append(event.job_id)
                self._forget_oldest()
            waiting = [waiter for listener in listeners if (waiter := listener._waiter_for(event)) is not None]
        _wake(waiting)
        return event

    def after(self, job_id: str, sequence: int) -> list[JobEvent]:
        """The kept events of a job with a higher number, in order."""
        with self._lock:
            channel = self._jobs.get(job_id)
            return [] if channel is None else channel.after(sequence)

    def subscribe(self, job_id: str | None = None, after: int = 0) -> Subscription:
        """Listen to a job, or with None to the queue: what all jobs tell but for previews.

        It begins with what is kept after the event of that number. Where some of that is no longer kept, or the number
        is of another life of the server, the first event is a Reset and all that is kept follows.
        """
        with self._lock:
            channel = self._queue if job_id is None else self._channel(job_id)
            subscription = Subscription(self, job_id, channel, after, closed=self._closed)
            if not self._closed:
                channel.listeners.add(subscription)
            return subscription

    def is_watched(self, job_id: str) -> bool:
        """Whether somebody listens to a job's previews."""
        channel = self._jobs.get(job_id)
        return channel is not None and bool(channel.listeners or channel.onlookers)

    def close(self) -> None:
        """End all subscriptions at once, those yet to come too; events are still kept."""
        with self._lock:
            self._closed = True
            channels = [self._queue, *self._jobs.values()]
            listeners = {listener for channel in channels for listener in channel.listeners}
        for listener in listeners:
            listener.close()

    def _channel(self, job_id: str) -> _Channel:
        return self._jobs.setdefault(job_id, _Channel(_MOST_OF_A_JOB))

    def _channel_for(self, event: JobEvent) -> _Channel | None:
        """Changes of the queue alone are no reason to keep a job that has none: it may be over and forgotten."""
        if not event.job_id or isinstance(event, QueueChanged):
            return self._jobs.get(event.job_id)
        return self._channel(event.job_id)

    def _forget_oldest(self) -> None:
        """Who still listens to a forgotten job keeps its channel."""
        over = self._over[-1]
        self._queue.forget_newest(over)
        self._jobs[over].forget_newest(over)
        while len(self._over) > _JOBS_KEPT:
            oldest = self._over.popleft()
            if oldest not in self._over:
                self._jobs.pop(oldest, None)

    def _discard_empty(self, job_id: str) -> None:
        """Drop the channel of a job that told nothing, once nobody listens: anybody may ask for any id."""
        channel = self._jobs.get(job_id)
        if channel is not None and channel.is_idle:
            del self._jobs[job_id]


class Subscription:
    """A reader's place in the log. One thread or one task reads; any may close it, which ends the waiting."""

    def __init__(self, log: EventLog, job_id: str | None, channel: _Channel, after: int, *, closed: bool) -> None:
        self._log = log
        self._job_id = job_id
        self._channel = channel
        self._shown: tuple[str, _Channel] | None = None
        self._closed = closed
        self._waiter: _Waiter | None = None
        self._reset = after > log._sequence
        self._after = 0 if self._reset else after

    @property
    def is_closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed

    @property
    def position(self) -> int:
        """The number of the last event that was read or passed over."""
        return self._after

    def get(self, timeout: float | None = None) -> list[JobEvent]:
        """All events since the last call, in order; waits for one so many seconds. Empty when closed, or in vain."""
        bell = threading.Event()
        events = self._take(_Waiter(bell))
        if not events and not self._closed:
            bell.wait(timeout)
            events = self._take(None)
        return events

    async def next(self, timeout: float | None = None, *, rest: float = 0.0) -> list[JobEvent]:
        """As `get`, for asyncio. For the first `rest` seconds progress and previews alone do not end the waiting."""
        loop = asyncio.get_running_loop()
        until = None if timeout is None else loop.time() + timeout
        if rest > 0 and (events := await self._waited(loop, rest, patient=True)):
            return events
        left = None if until is None else max(0.0, until - loop.time())
        return await self._waited(loop, left, patient=False)

    def skip(self) -> None:
        """Pass over everything that was told before now."""
        with self._log._lock:
            self._after, self._reset = self._log._sequence, False

    def show(self, job_id: str | None) -> None:
        """Of a subscription of the queue: give the previews of this job too, and of no other; None for none."""
        with self._log._lock:
            if self._closed or (self._shown and self._shown[0]) == job_id:
                return
            self._hide()
            if job_id is not None:
                channel = self._log._channel(job_id)
                channel.onlookers.add(self)
                self._shown = (job_id, channel)

    def close(self) -> None:
        """Stop listening; may be called again."""
        with self._log._lock:
            self._closed = True
            self._channel.listeners.discard(self)
            self._hide()
            if self._job_id is not None:
                self._log._discard_empty(self._job_id)
            waiter, self._waiter = self._waiter, None
        if waiter is not None:
            _wake([waiter])

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _waited(self, loop: asyncio.AbstractEventLoop, timeout: float | None, *, patient: bool) -> list[JobEvent]:
        future: asyncio.Future[None] = loop.create_future()
        events = self._take(_Waiter(future, patient=patient))
        if events or self._closed:
            return events
        await asyncio.wait((future,), timeout=timeout)
        return self._take(None, patient=patient and not future.done())

    def _take(self, waiter: _Waiter | None, *, patient: bool = False) -> list[JobEvent]:
        """What is unread; where that is nothing, `waiter` is woken when there is something. One lock: nothing slips by.

        What a patient one may wait for longer stays unread.
        """
        with self._log._lock:
            self._waiter = None
            if self._closed:
                return []
            events = self._unread()
            if (patient or (waiter is not None and waiter.patient)) and all(map(_can_wait, events)):
                events = []
            if events:
                self._after, self._reset = events[-1].sequence, False
            else:
                self._waiter = waiter
            return events

    def _unread(self) -> list[JobEvent]:
        lost = self._reset or self._after < self._channel.dropped
        events = self._channel.after(0 if lost else self._after)
        if self._shown is not None:
            preview = self._shown[1].newest.get(("preview", self._shown[0]))
            if preview is not None and preview.sequence > self._after:
                events = sorted([*events, preview], key=_number)
        return [Reset(job_id=self._job_id or "", sequence=self._after), *events] if lost else events

    def _waiter_for(self, event: JobEvent) -> _Waiter | None:
        """Who is to be woken for an event, once; called under the lock of the log."""
        waiter = self._waiter
        if waiter is None or (waiter.patient and _can_wait(event)):
            return None
        self._waiter = None
        return waiter

    def _hide(self) -> None:
        if self._shown is not None:
            job_id, channel = self._shown
            self._shown = None
            channel.onlookers.discard(self)
            self._log._discard_empty(job_id)


class _Channel:
    """What is kept of a job, or of the queue, and who listens; used under the lock of the log."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lasting: deque[JobEvent] = deque()
        self.newest: dict[tuple[str, str], JobEvent] = {}
        self.dropped = 0
        self.listeners: set[Subscription] = set()
        self.onlookers: set[Subscription] = set()
        """Who listens to the queue and wants the previews of this job."""

    def add(self, event: JobEvent) -> None:
        if isinstance(event, (Progress, Preview, QueueChanged)):
            key = (event.kind, event.job_id)
            self.newest.pop(key, None)
            self.newest[key] = event
            if len(self.newest) > self._most:
                self.dropped = max(self.dropped, self.newest.pop(next(iter(self.newest))).sequence)
            return
        self._lasting.append(event)
        if len(self._lasting) > self._most:
            self.dropped = max(self.dropped, self._lasting.popleft().sequence)

    def after(self, sequence: int) -> list[JobEvent]:
        events = [event for event in self.newest.values() if event.sequence > sequence]
        for event in reversed(self._lasting):
            if event.sequence <= sequence:
                break
            events.append(event)
        return sorted(events, key=_number)

    def forget_newest(self, job_id: str) -> None:
        for kind in ("progress", "preview", "queue"):
            self.newest.pop((kind, job_id), None)

    @property
    def is_idle(self) -> bool:
        return not (self._lasting or self.newest or self.listeners or self.onlookers)


class _Waiter:
    """A sleeping reader: of a thread by an Event, of a loop by a Future."""

    __slots__ = ("bell", "patient")

    def __init__(self, bell: threading.Event | asyncio.Future[None], *, patient: bool = False) -> None:
        self.bell = bell
        self.patient = patient


def _wake(waiting: Iterable[_Waiter]) -> None:
    """Every loop is called once, however many of its readers are woken."""
    of_loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for waiter in waiting:
        if isinstance(waiter.bell, threading.Event):
            waiter.bell.set()
        else:
            of_loops.setdefault(waiter.bell.get_loop(), []).append(waiter.bell)
    for loop, futures in of_loops.items():
        try:
            loop.call_soon_threadsafe(_finish, futures)
        except RuntimeError:  # the loop has ended, and its readers with it
            continue


def _finish(futures: Iterable[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def _can_wait(event: JobEvent) -> bool:
    return isinstance(event, (Progress, Preview))


def _number(event: JobEvent) -> int:
    return event.sequence
