"""The use case of making pictures: a request becomes a job, a job becomes pictures, everybody may watch."""

from __future__ import annotations

import secrets
from pathlib import Path

from modules.checkpoints.card import Recommended
from modules.config.settings import SettingsStore
from modules.diffusion.names import find_pair
from modules.gallery.records import PictureRecords
from modules.gallery.store import PictureStore
from modules.jobs.event_log import EventLog
from modules.jobs.queue import JobQueue
from modules.jobs.worker import CheckInterrupt, Worker
from modules.prompt.chunks import TokenCount
from modules.schema.events import JobEvent, PictureSaved, StateChanged
from modules.schema.jobs import Job
from modules.schema.requests import ResolvedTxt2Img, Txt2ImgRequest
from modules.services.engine_loading import EngineLoader
from modules.services.models import ModelService
from modules.services.prompt_preparation import PromptPreparation

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
        preparation: PromptPreparation,
        pictures_folder: Path,
    ) -> None:
        self._queue = queue
        self._events = events
        self._store = store
        self._records = records
        self._models = models
        self._settings = settings
        self._engine = engine
        self._preparation = preparation
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
        sampler, scheduler = _sampler_and_schedule(request, recommended)
        given = request.with_seeds(lambda: secrets.randbelow(_MAX_RANDOM_SEED)).model_dump(exclude_none=True)
        usual = {
            "steps": recommended.steps,
            "cfg_scale": recommended.cfg_scale,
            "width": recommended.width,
            "height": recommended.height,
            "rng": self._settings.current.randn_source,
        }
        decided = {"model": checkpoint.name, "sampler_name": sampler, "scheduler": scheduler}
        return self._preparation.prepared(ResolvedTxt2Img.of({**usual, **given, **decided}))

    def preview_prompts(self, request: Txt2ImgRequest) -> list[tuple[str, str]]:
        """Prompt and negative prompt of every picture that a request would make; queues nothing.

        A random seed is drawn anew each time. Raises as `submit` does.
        """
        resolved = self.resolve(request)
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


def _sampler_and_schedule(request: Txt2ImgRequest, recommended: Recommended) -> tuple[str, str]:
    """The names to run. The card's schedule goes with the card's sampler; another sampler has its own."""
    if request.sampler_name is None:
        sampler, scheduler = find_pair(recommended.sampler_name, request.scheduler or recommended.scheduler)
    else:
        sampler, scheduler = find_pair(request.sampler_name, request.scheduler)
    return sampler.name, scheduler
