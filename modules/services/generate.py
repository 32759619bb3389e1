"""The use case of making pictures: a request becomes a job, a job becomes pictures, everybody may watch."""

from __future__ import annotations

import secrets
from pathlib import Path

from modules.config.settings import SettingsStore
from modules.diffusion.names import find_sampler, find_schedule
from modules.gallery.records import PictureRecords
from modules.gallery.store import PictureStore
from modules.jobs.event_log import EventLog
from modules.jobs.queue import JobQueue
from modules.jobs.worker import CheckInterrupt, Worker
from modules.schema.events import JobEvent, PictureSaved, StateChanged
from modules.schema.jobs import Job
from modules.schema.requests import ResolvedTxt2Img, Txt2ImgRequest
from modules.services.engine_loading import EngineLoader
from modules.services.models import ModelService

_MAX_RANDOM_SEED = 2**32


class GenerateService:
    """Accepts requests, runs them one after another, and tells how they are getting on."""

    def __init__(
        self,
        *,
        queue: JobQueue,
        events: EventLog,
        store: PictureStore,
        records: PictureRecords,
        models: ModelService,
        settings: SettingsStore,
        engine: EngineLoader,
        pictures_folder: Path,
    ) -> None:
        self._queue = queue
        self._events = events
        self._store = store
        self._records = records
        self._models = models
        self._settings = settings
        self._engine = engine
        self._pictures_folder = pictures_folder
        self._worker = Worker(queue, events, self._run, prepare=engine.warm_up)

    def start(self) -> None:
        """Begin to work on the queue."""
        self._worker.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Stop within one step; what was running is queued again for the next server."""
        self._worker.stop(timeout)

    def submit(self, request: Txt2ImgRequest) -> Job:
        """Accept a request. Raises InvalidRequest, ModelNotFound, UnsupportedModel, QueueFull."""
        resolved = self.resolve(request)
        job = self._queue.add("txt2img", resolved.model_dump_json(), limit=self._settings.current.queue_limit)
        self._events.append(StateChanged(job_id=job.id, state="queued"))
        self._worker.wake()
        return job

    def resolve(self, request: Txt2ImgRequest) -> ResolvedTxt2Img:
        """Make every choice that a request leaves open. Raises InvalidRequest, ModelNotFound, UnsupportedModel."""
        checkpoint = self._models.current() if request.model is None else self._models.find(request.model)
        recommended = checkpoint.card.recommended
        sampler = find_sampler(request.sampler_name or recommended.sampler_name)
        given = {name: value for name, value in request.model_dump().items() if value is not None}
        usual = {
            "steps": recommended.steps,
            "cfg_scale": recommended.cfg_scale,
            "width": recommended.width,
            "height": recommended.height,
            "rng": self._settings.current.randn_source,
        }
        decided = {
            "model": checkpoint.name,
            "sampler_name": sampler.name,
            "scheduler": find_schedule(request.scheduler or recommended.scheduler, sampler),
            "seed": secrets.randbelow(_MAX_RANDOM_SEED) if request.seed == -1 else request.seed,
        }
        return ResolvedTxt2Img.of({**usual, **given, **decided})

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

    def _run(self, job: Job, check_interrupt: CheckInterrupt) -> None:
        """Carry a job out; pictures that an earlier server saved for it are not made again."""
        request = ResolvedTxt2Img.model_validate_json(job.request)
        self._store.forget_missing(job.id)
        saved = self._records.of_job(job.id)
        for picture in saved:
            self._events.append(PictureSaved(job_id=job.id, picture=picture))
        finished = frozenset(picture.index for picture in saved if picture.index is not None)
        for index, png, infotext in self._engine.run_txt2img(
            request, job.id, self._events.append, check_interrupt, finished
        ):
            picture = self._store.save(
                png,
                folder=self._pictures_folder,
                width=request.width,
                height=request.height,
                seed=request.seed_of(index),
                infotext=infotext,
                job_id=job.id,
                index=index,
            )
            self._events.append(PictureSaved(job_id=job.id, picture=picture))
