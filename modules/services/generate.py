"""The use case of making pictures: a request becomes a job, a job becomes pictures, everybody may watch."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from modules.config.settings import SettingsStore
from modules.errors import InvalidRequest, UserError, WorkerUnavailable
from modules.gallery.inputs import InputPictures
from modules.jobs.dispatcher import Dispatcher
from modules.jobs.event_log import EventLog, Subscription
from modules.jobs.forecast import Standing
from modules.jobs.job_control import HowToInterrupt, Wish
from modules.jobs.lane import Limits
from modules.jobs.queue import JobQueue
from modules.jobs.workers import Worker
from modules.prompt.chunks import TokenCount
from modules.schema.events import JobEvent, QueueChanged, StateChanged
from modules.schema.extras_request import ExtrasRequest, ResolvedExtras
from modules.schema.jobs import Job, JobKind, JobState, NewJob
from modules.schema.requests import REQUESTS, Img2ImgRequest, ResolvedImg2Img, ResolvedTxt2Img, Txt2ImgRequest
from modules.services.batches import Batch
from modules.services.look_inside import check_recordable, not_recordable
from modules.services.resolving import RequestResolver
from modules.services.scripts import ScriptService
from modules.services.work_amounts import AnyJobRequest, model_of, work_of

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 0.5
"""Another process may run a job: its end is then seen in the queue alone."""
_NO_LIMITS = {"limit": sys.maxsize, "limit_of_user": sys.maxsize}
"""For what takes the place of a job that was let in before."""
_SECONDS_FOR_AN_ANSWER = 20.0
_SECONDS_FOR_A_CHORE = 60.0


@dataclass(frozen=True)
class PreparedRequest:
    """A request with nothing left to decide, and the text of what was asked for."""

    resolved: ResolvedTxt2Img | ResolvedImg2Img
    asked: str


class GenerateService:
    """Accepts requests, has them run, and tells how they are getting on. Methods with a job's id raise NotFound."""

    def __init__(
        self,
        *,
        queue: JobQueue,
        events: EventLog,
        settings: SettingsStore,
        resolver: RequestResolver,
        scripts: ScriptService,
        inputs: InputPictures,
        open_worker: Callable[[int], Worker],
        workers: int | None,
    ) -> None:
        self._queue = queue
        self._events = events
        self._settings = settings
        self._resolver = resolver
        self._scripts = scripts
        self._inputs = inputs
        self._repeating = threading.Lock()
        self._dispatcher = Dispatcher(
            queue, events, open_worker, workers=workers, limits=self._limits_of_time, ended=self._repeat
        )

    def start(self) -> None:
        """Begin to work on the queue."""
        for job in self._queue.unrepeated():
            self._repeat(job)
        self._dispatcher.start()

    def stop(self, timeout: float = 7.0) -> None:
        """Stop within one step, and in so many seconds at the latest; streams of events end at once.

        What was running is queued again for the next server.
        """
        self._events.close()
        self._dispatcher.stop(timeout)

    def submit(
        self,
        request: Txt2ImgRequest | Img2ImgRequest,
        *,
        user: str = "",
        priority: int = 0,
        front: bool = False,
        repeats: bool = False,
        look_inside: bool = False,
    ) -> Job:
        """Accept a request. With `repeats` it is asked for again whenever it is done, until somebody stops that.

        With `look_inside` it is recorded how its pictures come to be, which changes none of them. Raises
        InvalidRequest, ModelNotFound, UnsupportedModel, NotFound, PluginFailed, QueueFull.
        """
        prepared = self.prepare(request)
        if look_inside:
            check_recordable(prepared.resolved)
        how = {"user": user, "priority": priority, "front": front, "repeats": repeats, "look_inside": look_inside}
        return self.submit_prepared(prepared, **how)

    def prepare(self, request: Txt2ImgRequest | Img2ImgRequest) -> PreparedRequest:
        """A request that can be queued; queues nothing. Raises as `submit` does, but for QueueFull."""
        request = self._resolver.with_settings(request)
        resolved = self._scripts.prepared(self._resolver.resolve(request), request, self._resolver.changed)
        return PreparedRequest(resolved, request.model_dump_json())

    def submit_prepared(self, prepared: PreparedRequest, **how: Any) -> Job:
        """Accept what was prepared; `how` is that of `submit`. Raises QueueFull."""
        return self._add(prepared.resolved.task, prepared.resolved, asked=prepared.asked, **how)

    def submit_extras(
        self,
        request: ExtrasRequest,
        *,
        user: str = "",
        priority: int = 0,
        front: bool = False,
        repeats: bool = False,
        look_inside: bool = False,
    ) -> Job:
        """Accept pictures to be processed without a checkpoint. Raises InvalidRequest, NotFound, QueueFull."""
        if look_inside:
            raise not_recordable("Extras", "has no steps")
        how = {"user": user, "priority": priority, "front": front, "repeats": repeats}
        return self._add("extras", self._resolver.resolve_extras(request), asked=request.model_dump_json(), **how)

    def submit_batch(
        self,
        batch: Batch,
        *,
        user: str = "",
        priority: int = 0,
        front: bool = False,
        repeats: bool = False,
        look_inside: bool = False,
    ) -> Job:
        """Accept a batch; repeated it is the same again, seeds included. Raises InvalidRequest, QueueFull."""
        if look_inside:
            raise not_recordable("Batch", "has too many pictures")
        kind: JobKind = "extras" if isinstance(batch.request, ResolvedExtras) else "batch"
        how = {"user": user, "priority": priority, "front": front, "repeats": repeats}
        return self._add(kind, batch.request, asked="", **how)

    def _add(self, kind: JobKind, request: AnyJobRequest, **fields: Any) -> Job:
        return self._told(self._queue.add(self._new(kind, request, **fields), **self._limits()))

    def _new(self, kind: JobKind, request: AnyJobRequest, **fields: Any) -> NewJob:
        work, model = work_of(request, self._inputs.size), model_of(request)
        return NewJob(kind=kind, request=request.model_dump_json(), work=work, model=model, **fields)

    def _limits(self) -> dict[str, int]:
        settings = self._settings.current
        return {"limit": settings.queue_limit, "limit_of_user": settings.jobs_per_user}

    def _limits_of_time(self) -> Limits:
        settings = self._settings.current
        return Limits(
            job=60.0 * settings.job_time_limit or None,
            quiet=60.0 * settings.job_quiet_limit or None,
            foreign=settings.extension_time_limit or None,
        )

    def _told(self, job: Job) -> Job:
        """Tell everybody of a job that was just added."""
        self._events.append(StateChanged(job_id=job.id, state="queued"))
        self._dispatcher.wake()
        return job

    def _repeat(self, ended: Job) -> None:
        """Ask again for what is to be repeated, with a new seed if it is a random one."""
        with self._repeating:  # or somebody could stop it between the look and the new job
            self._repeated(self._queue.get(ended.id))

    def _repeated(self, job: Job) -> None:
        if not (job.repeats and job.state == "done"):
            return
        fields: dict[str, Any] = {"user": job.user, "priority": job.priority, "repeats": True, "origin": job.id}
        try:
            if job.asked and job.kind in REQUESTS:
                request = REQUESTS[job.kind].of(_asked(job))
                resolved = self._scripts.prepared(self._resolver.resolve(request), request, self._resolver.changed)
                new = self._new(job.kind, resolved, asked=job.asked, look_inside=job.look_inside, **fields)
            else:
                new = NewJob(**_like(job), **fields)
            self._told(self._queue.add(new, **_NO_LIMITS))
        except UserError as error:
            log.warning("Job %s is not repeated: %s", job.id, error)
            refused = NewJob(**_like(job), **{**fields, "repeats": False})
            self._told_end(self._queue.refuse(refused, f"This was to be repeated, which cannot be done. {error}"))
            self._queue.stop_repeating(job.id)

    def _told_end(self, job: Job) -> None:
        self._events.append(StateChanged(job_id=job.id, state=job.state, message=job.error))

    def preview_prompts(self, request: Txt2ImgRequest | Img2ImgRequest) -> list[tuple[str, str]]:
        """Prompt and negative prompt of every picture that a request would make; queues nothing.

        A random seed is drawn anew each time. Raises as `submit` does.
        """
        resolved = self._resolver.resolve(request)
        return [
            (resolved.prompt_of(index), resolved.negative_prompt_of(index)) for index in range(resolved.picture_count)
        ]

    def count_tokens(self, prompt: str) -> TokenCount:
        """How many tokens a prompt has for the current model. Raises ModelNotFound, UnsupportedModel, BrokenModel.

        Also WorkerUnavailable, such as before there is a worker.
        """
        return TokenCount(**self._dispatcher.ask_one("tokens", {"prompt": prompt}, _SECONDS_FOR_AN_ANSWER))

    def ask(self, about: str, question: Mapping[str, Any], seconds: float = _SECONDS_FOR_AN_ANSWER) -> dict[str, Any]:
        """What a worker answers at once, whatever it does. Raises WorkerUnavailable, and UserErrors of the worker."""
        return self._dispatcher.ask_one(about, question, seconds)

    def interrupt(self, job_id: str, how: HowToInterrupt | None = None) -> None:
        """End a job: at once if it waits; if it runs, within one step or after its current part.

        Without `how` the settings say which; asked twice, the job ends within one step. One that is over stays as it
        is. None of them is repeated, also where the job is done before it obeys.
        """
        if self._queue.get(job_id).repeats:
            with self._repeating:
                self._queue.stop_repeating(job_id)
        how = how or ("after_current" if self._settings.current.interrupt_after_current else "now")
        if self._queue.cancel_queued(job_id):
            self._events.append(StateChanged(job_id=job_id, state="cancelled"))
        elif not self._dispatcher.interrupt(job_id, how):
            self._queue.want_cancel(job_id)

    def skip(self, job_id: str) -> bool:
        """Leave out what a running job is making now; whether it is running here."""
        self._queue.get(job_id)
        return self._dispatcher.skip(job_id)

    def wishes(self, job_id: str) -> frozenset[Wish]:
        """What was asked of a job that runs here, since it began: to end now or after its part, to skip that."""
        return self._dispatcher.wishes(job_id)

    def cancel_all(self, user: str | None) -> list[str]:
        """Cancel what waits and runs, of one user or (None) of everybody; returns the ids."""
        waiting = self._queue.cancel_all(user)
        for job_id in waiting:
            self._events.append(StateChanged(job_id=job_id, state="cancelled"))
        running = [job.id for job in self.active_jobs() if job.state == "running" and user in (None, job.user)]
        for job_id in running:
            self.interrupt(job_id, "now")
        return [*waiting, *running]

    def job(self, job_id: str) -> Job:
        """The job of that id."""
        return self._queue.get(job_id)

    def active_jobs(self) -> list[Job]:
        """The running jobs, then those that wait, in their order."""
        return self._queue.active()

    def standing(self) -> list[Standing]:
        """The same jobs without their requests, and when each will be done."""
        standing = self._queue.standing()
        left = {one.id: told for one in standing if one.state == "running" and (told := self._told_left(one.id))}
        if not left:
            return standing
        # Where the running jobs say that they take longer than those before them did, what waits has to wait for it.
        late = min(max(0.0, left[one.id] - (one.ready_in or 0.0)) for one in standing if one.id in left)
        return [_behind(one, left.get(one.id), late) for one in standing]

    def _told_left(self, job_id: str) -> float | None:
        """What a running job said last of the seconds that it still needs."""
        told = (event.seconds_left for event in reversed(self._events.after(job_id, 0)) if event.kind == "progress")
        return next(told, None)

    def several_jobs(self, ids: Sequence[str]) -> list[Job]:
        """The jobs of these ids, in their order, of which there is one."""
        return self._queue.several(ids)

    def jobs(
        self,
        states: Collection[JobState] | None = None,
        user: str | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> list[Job]:
        """The latest jobs first, as the queue lists them; `before` is the last one of the page before."""
        return self._queue.listed(states=states, user=user, limit=limit, before=before)

    def counts(self) -> dict[JobState, int]:
        """How many jobs are in each state."""
        return self._queue.counts()

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """The job once it is over, or as it is when so many seconds are up or the server stops."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._events.subscribe(job_id) as news:
            while True:
                job = self._queue.get(job_id)
                left = _SECONDS_BETWEEN_LOOKS if deadline is None else deadline - time.monotonic()
                if job.is_over or left <= 0 or news.is_closed:
                    return job
                news.get(min(left, _SECONDS_BETWEEN_LOOKS))

    def move(self, job_id: str, before: str | None) -> bool:
        """Put a waiting job before another one; None: behind all. False where one of them no longer waits."""
        return self._told_change(self._queue.move(job_id, before), job_id)

    def to_front(self, job_id: str) -> bool:
        """Put a waiting job before all others of its user; False where it no longer waits."""
        return self._told_change(self._queue.to_front(job_id), job_id)

    def set_priority(self, job_id: str, priority: int) -> bool:
        """Of waiting jobs those with the highest number run first; False where it no longer waits."""
        return self._told_change(self._queue.set_priority(job_id, priority), job_id)

    def pause(self, job_id: str | None = None) -> bool:
        """Keep a waiting job, or (None) the whole queue, from being begun; what runs goes on. False as above."""
        return self._told_change(self._queue.pause(job_id), job_id)

    def resume(self, job_id: str | None = None) -> bool:
        """Let a job or the queue go on; False where the job no longer waits."""
        return self._told_change(self._queue.resume(job_id), job_id)

    def is_paused(self) -> bool:
        """Whether the whole queue is."""
        return self._queue.is_paused()

    def repeat(self, job_id: str) -> bool:
        """Ask for the same again whenever a job is done, until somebody stops that; False where it is over."""
        return self._told_change(self._queue.repeat(job_id), job_id)

    def stop_all_repeating(self, user: str | None) -> list[str]:
        """Let all jobs of a user, or (None) of everybody, be the last of their kind; the active ones that were not."""
        with self._repeating:
            stopped = self._queue.stop_all_repeating(user)
        if stopped:
            self._told_change(True, None)
        return stopped

    def stop_repeating(self, job_id: str) -> None:
        """Let a job, and those that came of it already, be the last ones of their kind."""
        with self._repeating:
            self._queue.stop_repeating(job_id)
        self._told_change(True, job_id)

    def _told_change(self, changed: bool, job_id: str | None) -> bool:
        if changed:
            self._events.append(QueueChanged(job_id=job_id or ""))
            self._dispatcher.wake()
        return changed

    def retry(self, job_id: str) -> Job:
        """Ask again for what failed or was cancelled. Raises InvalidRequest for other jobs, QueueFull."""
        return self._told(self._queue.retry(job_id, **self._limits()))

    def duplicate(self, job_id: str) -> Job:
        """Ask for the same once more. Raises QueueFull."""
        return self._told(self._queue.duplicate(job_id, **self._limits()))

    def ready_in(self, job_id: str) -> float | None:
        """Seconds until a job is probably done; None where nothing is known."""
        return self._queue.ready_in(job_id)

    @property
    def event_epoch(self) -> str:
        """Another one for each start of the server: numbers of events count within it."""
        return self._events.epoch

    @property
    def latest_event(self) -> int:
        """The number of the newest event; 0 before the first."""
        return self._events.latest

    def events(self, job_id: str, after: int = 0) -> list[JobEvent]:
        """What a job told since the event of that number; never waits."""
        return self._events.after(job_id, after)

    def subscribe(self, job_id: str | None = None, after: int = 0) -> Subscription:
        """The events of a job, or (None) of the queue, as they come; to be closed."""
        return self._events.subscribe(job_id, after)

    def memory(self) -> dict[str, Any]:
        """What the workers use, in bytes: see `Machine.memory_in_use`; "devices" has that of each, "ram" of all.

        Raises WorkerUnavailable.
        """
        found = self._dispatcher.ask("memory", {}, _SECONDS_FOR_AN_ANSWER)
        ram = {**found[0]["ram"], "used": sum(one["ram"]["used"] for one in found)}
        return {"ram": ram, "cuda": found[0]["cuda"], "devices": [one["cuda"] for one in found]}

    def chore(self, about: str) -> dict[str, Any]:
        """What the first worker does between two jobs. Raises WorkerUnavailable, and UserErrors of the worker."""
        return self._dispatcher.ask_one(about, {}, _SECONDS_FOR_A_CHORE)

    def unload_models(self) -> None:
        """Have all models let go of: at once, or when the running job is over."""
        with suppress(WorkerUnavailable):
            self._dispatcher.ask("unload", {}, _SECONDS_FOR_A_CHORE)

    def reload_model(self) -> None:
        """Have the model of the settings in memory: at once, or when the running job is over.

        Raises ModelNotFound and what loading raises.
        """
        with suppress(WorkerUnavailable):
            self._dispatcher.ask("reload", {}, _SECONDS_FOR_A_CHORE)


def _behind(one: Standing, left: float | None, late: float) -> Standing:
    """A job with what it says itself of its time, or behind jobs that are late."""
    if left is not None:
        return one._replace(ready_in=left)
    return one if one.ready_in is None else one._replace(ready_in=one.ready_in + late)


def _like(job: Job) -> dict[str, Any]:
    """What a job is, whoever asks for it and however it waits."""
    return job.model_dump(include={"kind", "request", "asked", "work", "model", "look_inside"})


def _asked(job: Job) -> dict[str, Any]:
    """The fields that a job was asked for by. Raises InvalidRequest."""
    fields: object = None
    with suppress(ValueError):
        fields = json.loads(job.asked)
    if not isinstance(fields, dict):
        raise InvalidRequest("job", job.id, "cannot be read", "Ask for it anew.")
    return fields
