"""The use case of making pictures: a request becomes a job, a job becomes pictures, everybody may watch."""

from __future__ import annotations

from pydantic import BaseModel

from modules.config.settings import SettingsStore
from modules.jobs.event_log import EventLog
from modules.jobs.queue import JobQueue
from modules.jobs.worker import Worker
from modules.prompt.chunks import TokenCount
from modules.schema.events import JobEvent, StateChanged
from modules.schema.extras_request import ExtrasRequest, ResolvedExtras
from modules.schema.jobs import Job, JobKind
from modules.schema.requests import Img2ImgRequest, Txt2ImgRequest
from modules.services.batches import Batch
from modules.services.engine_loading import EngineLoader
from modules.services.job_running import JobRunner
from modules.services.resolving import RequestResolver
from modules.services.scripts import ScriptService


class GenerateService:
    """Accepts requests, runs them one after another, and tells how they are getting on."""

    def __init__(
        self,
        *,
        queue: JobQueue,
        events: EventLog,
        settings: SettingsStore,
        engine: EngineLoader,
        resolver: RequestResolver,
        scripts: ScriptService,
        runner: JobRunner,
    ) -> None:
        self._queue = queue
        self._events = events
        self._settings = settings
        self._engine = engine
        self._resolver = resolver
        self._scripts = scripts
        self._worker = Worker(queue, events, runner.run, prepare=engine.warm_up)

    def start(self) -> None:
        """Begin to work on the queue."""
        self._worker.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Stop within one step; what was running is queued again for the next server."""
        self._worker.stop(timeout)

    def submit(self, request: Txt2ImgRequest | Img2ImgRequest) -> Job:
        """Accept a request.

        Raises InvalidRequest, ModelNotFound, UnsupportedModel, NotFound, PluginFailed, QueueFull.
        """
        resolved = self._resolver.resolve(request)
        return self._add(request.task, self._scripts.prepared(resolved, request, self._resolver.changed))

    def submit_extras(self, request: ExtrasRequest) -> Job:
        """Accept pictures to be processed without a checkpoint. Raises InvalidRequest, NotFound, QueueFull."""
        return self._add("extras", self._resolver.resolve_extras(request))

    def submit_batch(self, batch: Batch) -> Job:
        """Accept a batch. Raises QueueFull."""
        return self._add("extras" if isinstance(batch.request, ResolvedExtras) else "batch", batch.request)

    def _add(self, kind: JobKind, request: BaseModel) -> Job:
        job = self._queue.add(kind, request.model_dump_json(), limit=self._settings.current.queue_limit)
        self._events.append(StateChanged(job_id=job.id, state="queued"))
        self._worker.wake()
        return job

    def preview_prompts(self, request: Txt2ImgRequest | Img2ImgRequest) -> list[tuple[str, str]]:
        """Prompt and negative prompt of every picture that a request would make; queues nothing.

        A random seed is drawn anew each time. Raises as `submit` does.
        """
        resolved = self._resolver.resolve(request)
        return [
            (resolved.prompt_of(index), resolved.negative_prompt_of(index)) for index in range(resolved.picture_count)
        ]

    def count_tokens(self, prompt: str) -> TokenCount:
        """How many tokens a prompt has for the current model. Raises ModelNotFound, UnsupportedModel, BrokenModel."""
        return self._engine.engine().count_tokens(prompt)

    def interrupt(self, job_id: str) -> None:
        """Stop a job: within one step if it runs, at once if it waits; one that is over stays as it is."""
        if self._queue.cancel_queued(job_id):
            self._events.append(StateChanged(job_id=job_id, state="cancelled"))
        elif not self._worker.interrupt(job_id):
            self._queue.want_cancel(job_id)

    def job(self, job_id: str) -> Job:
        """The job of that id. Raises NotFound."""
        return self._queue.get(job_id)

    def active_jobs(self) -> list[Job]:
        """The running job, then those that wait, in their order."""
        return self._queue.active()

    def events(self, job_id: str, after: int = 0) -> list[JobEvent]:
        """What a job told since the event of that number; never waits."""
        return self._events.after(job_id, after)
