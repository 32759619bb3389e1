"""Carries a job out: whatever an earlier server saved for it is not made again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from modules.checkpoints.interruption import interruptible
from modules.config.paths import Paths
from modules.config.settings import SettingsStore
from modules.errors import Interrupted, InvalidRequest
from modules.gallery.inputs import InputPictures
from modules.gallery.records import PictureRecords
from modules.gallery.store import PictureStore
from modules.hooks import Plugins
from modules.imaging.encoding import PARAMETERS_KEY
from modules.jobs.job_control import JobControl
from modules.jobs.workers import Sink
from modules.schema.batch_request import ResolvedBatch
from modules.schema.extras_request import ResolvedExtras
from modules.schema.infotext import write_parameters
from modules.schema.jobs import Job
from modules.schema.requests import RESOLVED, ResolvedImg2Img, ResolvedTxt2Img
from modules.services.engine_loading import EngineLoader
from modules.services.finished_picture import FinishedPicture
from modules.services.job_grids import save_job_grid
from modules.services.job_parts import JobParts
from modules.services.job_pictures import JobPictures
from modules.services.job_watching import JobWatcher
from modules.services.look_inside_folders import RecordingFolders
from modules.services.look_inside_recording import RecordingWriter
from modules.services.picture_files import PictureFiles
from modules.services.reporting import PlannedWatcher, Reporter
from modules.services.resolving import RequestResolver
from modules.services.saving_hooks import SavingHooks, SettingsOf
from modules.services.script_running import ScriptRun
from modules.services.scripts import ScriptService, without_script

if TYPE_CHECKING:
    from modules.pipeline.extras import ProcessedPicture
    from modules.pipeline.watcher import PartWatcher

Wanted = TypeVar("Wanted", bound=BaseModel)
MOST_RESULTS = 1000
"""Of one input of Extras; more are refused."""


class JobRunner:
    """Runs jobs of every kind; pictures are saved one by one, as they are finished."""

    def __init__(
        self,
        *,
        paths: Paths,
        settings: SettingsStore,
        store: PictureStore,
        records: PictureRecords,
        events: Sink,
        inputs: InputPictures,
        engine: EngineLoader,
        resolver: RequestResolver,
        scripts: ScriptService,
        plugins: Plugins,
        settings_of: SettingsOf,
    ) -> None:
        self._settings_of = settings_of
        self._plugins = plugins
        self._paths = paths
        self._settings = settings
        self._store = store
        self._records = records
        self._events = events
        self._inputs = inputs
        self._engine = engine
        self._resolver = resolver
        self._scripts = scripts
        self._recordings = RecordingFolders(paths.recordings)

    def run(self, job: Job, control: JobControl) -> None:
        """Raises UserErrors that are the job's end, and Interrupted."""
        settings = self._settings.current
        files = PictureFiles(settings, user=job.user, job_started=job.started)
        hooks = SavingHooks(
            self._plugins,
            job.id,
            user=job.user,
            settings_of=self._settings_of,
            seconds=settings.extension_time_limit or None,
        )
        pictures = JobPictures(
            job.id,
            self._store,
            self._records,
            self._paths.outputs,
            self._events.append,
            user=job.user,
            files=files,
            hooks=hooks,
        )
        every = settings.show_progress_every_n_steps if settings.live_previews_enable else None
        watched = partial(self._events.is_watched, job.id)
        parts = JobParts(self._paths.cache / "parts", job.id)
        with (
            Reporter(job.id, self._events.append, control.check, preview_every=every, watched=watched) as reporter,
            _cleared_unless_stopped(parts, control),
            interruptible(control.check),
        ):
            listener = PlannedWatcher(reporter)
            watcher = JobWatcher(listener, control, parts, keep_unfinished=settings.save_incomplete_images)
            self._carry_out(job, watcher, pictures, parts)
            hooks.tell()

    def _carry_out(self, job: Job, watcher: JobWatcher, pictures: JobPictures, parts: JobParts) -> None:
        if job.kind == "extras":
            self._process(_read(ResolvedExtras, job), watcher, pictures)
            return
        if job.kind == "batch":
            self._run_batch(_read(ResolvedBatch, job), watcher, pictures)
            return
        request = _read(RESOLVED[job.kind], job)
        if request.script_name is not None:
            self._run_script(request, watcher, pictures, parts)
            return
        watcher.next_request(0, request.picture_count, request.steps * request.picture_count)
        recorder = RecordingWriter(self._recordings, job.id) if job.look_inside else None
        finished = pictures.finished(0, request.picture_count)
        for picture in self._missing(request, watcher, finished, recorder):
            pictures.save(picture.index, picture, self._folder(request), request=request)
        if self._settings.current.grid_save:
            save_job_grid(request, pictures, self._paths.grids, rows=self._settings.current.n_rows)

    def _missing(
        self,
        request: ResolvedTxt2Img | ResolvedImg2Img,
        watcher: PartWatcher,
        finished: frozenset[int],
        recorder: RecordingWriter | None = None,
    ) -> Iterator[FinishedPicture]:
        """The pictures of a request that are neither finished nor skipped; where there is none, no model is loaded."""
        if len(finished | watcher.left_out()) < request.picture_count:
            yield from self._engine.engine().paint(request, watcher, self._inputs.get, finished, recorder)

    def _run_script(
        self,
        request: ResolvedTxt2Img | ResolvedImg2Img,
        watcher: JobWatcher,
        pictures: JobPictures,
        parts: JobParts,
    ) -> None:
        run = ScriptRun(
            without_script(request),
            self._scripts.available(request.task),
            resolver=self._resolver,
            inputs=self._inputs,
            pictures=pictures,
            parts=parts,
            watcher=watcher,
            paint=self._missing,
            describe=self._engine.engine().describe,
            folder=self._folder(request),
            grids=self._paths.grids,
            settings=self._settings_of(self._scripts.plugin_of(request)),
        )
        self._scripts.run(request, run)
        if run.is_interrupted:
            raise Interrupted

    def _run_batch(self, batch: ResolvedBatch, watcher: JobWatcher, pictures: JobPictures) -> None:
        watcher.plan(len(batch.parts), sum(part.request.steps * part.request.picture_count for part in batch.parts))
        first = 0
        for place, part in enumerate(batch.parts, start=1):
            watcher.stage(f"Picture {place} of {len(batch.parts)}")
            count = part.request.picture_count
            watcher.next_request(first, count, part.request.steps * count)
            folder = self._folder(part.request)
            for picture in self._missing(part.request, watcher, pictures.finished(first, count)):
                number, request = first + picture.index, part.request
                pictures.save(number, picture, folder, name=part.name, subfolder=batch.folder, request=request)
            first += count

    def _process(self, request: ResolvedExtras, watcher: JobWatcher, pictures: JobPictures) -> None:
        """Numbers leave room for the results of each input, which are told only by making them."""
        finished = pictures.finished()
        watcher.plan(len(request.images), None)
        for place in range(len(request.images)):
            first = place * MOST_RESULTS
            watcher.next_request(first, 1, 0)
            if watcher.left_out() or any(number >= first + MOST_RESULTS for number in finished):
                continue  # results of a later input are there, so these are complete
            with watcher.part([0]):
                watcher.stage(f"Picture {place + 1} of {len(request.images)}")
                self._process_one(request, place, watcher, pictures, finished)

    def _process_one(
        self,
        request: ResolvedExtras,
        place: int,
        watcher: JobWatcher,
        pictures: JobPictures,
        finished: frozenset[int],
    ) -> None:
        picture_id = request.images[place]
        texts = self._inputs.texts(picture_id)
        pixels = np.asarray(self._inputs.get(picture_id))
        results = self._engine.engine().process(request, pixels, watcher, most=MOST_RESULTS)
        for number, result in enumerate(results, start=place * MOST_RESULTS):
            if number not in finished:
                self._save_processed(request, place, number, result, texts, pictures)
            watcher.check()

    def _save_processed(
        self,
        request: ResolvedExtras,
        place: int,
        number: int,
        result: ProcessedPicture,
        texts: Mapping[str, str],
        pictures: JobPictures,
    ) -> None:
        done = write_parameters(result.done)
        pictures.save(
            number,
            FinishedPicture(number, result.pixels, texts.get(PARAMETERS_KEY, ""), None),
            self._paths.extras_pictures,
            texts={**texts, **({"postprocessing": done, "extras": done} if done else {})},
            name=request.names[place] if request.names else None,
            subfolder=request.folder,
        )

    def _folder(self, request: ResolvedTxt2Img | ResolvedImg2Img) -> Path:
        return self._paths.txt2img_pictures if request.task == "txt2img" else self._paths.img2img_pictures


def _read(kind: type[Wanted], job: Job) -> Wanted:
    """What is to be done. Raises InvalidRequest for what this version does not understand."""
    try:
        return kind.model_validate_json(job.request)
    except ValidationError as error:
        remedy = "A newer version of the program may have asked for it, or the database is damaged. Ask for it anew."
        raise InvalidRequest("job", job.id, "cannot be read", remedy) from error


@contextmanager
def _cleared_unless_stopped(parts: JobParts, control: JobControl) -> Iterator[None]:
    """Forget what a job needed on its way once it is over; a job that is to be run again still needs it."""
    try:
        yield
    except Exception:
        if not control.is_stopping:
            parts.clear()
        raise
    parts.clear()
