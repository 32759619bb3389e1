"""The use case of looking inside: what a request would run, and how recorded pictures came to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modules.errors import InvalidRequest, NotFound
from modules.schema.jobs import Job
from modules.schema.requests import (
    REQUESTS,
    Img2ImgRequest,
    Request,
    ResolvedImg2Img,
    ResolvedTxt2Img,
    Task,
    Txt2ImgRequest,
)
from modules.services.look_inside_folders import RecordingFolders
from modules.services.look_inside_recording import files_of, read_recording
from modules.services.resolving import RequestResolver

Asking = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""Asks a worker about something."""


class LookInsideService:
    """Answers for the page; methods with a job's id raise NotFound where nothing was recorded of it."""

    def __init__(self, resolver: RequestResolver, ask: Asking, folders: RecordingFolders) -> None:
        self._resolver = resolver
        self._ask = ask
        self._folders = folders

    def schedule(self, task: Task, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The noise levels that the passes of a request would visit, and what acts at each.

        Raises InvalidRequest, ModelNotFound, UnsupportedModel, BrokenModel, WorkerUnavailable.
        """
        return self._ask("schedule", self._question(task, fields))

    def words(self, task: Task, fields: Mapping[str, Any]) -> dict[str, Any]:
        """What its prompts are for the text encoders at each step. Raises as `schedule` does."""
        return self._ask("words", self._question(task, fields))

    def recorded_jobs(self) -> list[str]:
        """The ids of the jobs of which there are recordings, the newest first."""
        self._folders.make_room()
        return self._folders.jobs()

    def recording(self, job: Job) -> dict[str, Any]:
        """What was recorded of a job."""
        found = read_recording(self._folders.of_job(job.id))
        if found is None:
            raise NotFound(f"Nothing is recorded of job {job.id!r}, or it is no longer kept.")
        return found

    def file(self, job: Job, name: str) -> Path:
        """One of the files that a recording names."""
        folder = self._folders.of_job(job.id)
        if name not in files_of(self.recording(job)) or not (folder / name).is_file():
            raise NotFound(f"The recording of job {job.id!r} has no file {name!r}.")
        return folder / name

    def _question(self, task: Task, fields: Mapping[str, Any]) -> dict[str, Any]:
        request = self._resolver.with_settings(REQUESTS[task].of(fields))
        resolved = self._resolver.resolve(_alone(request))
        is_given = isinstance(request, Img2ImgRequest)
        return {
            "request": resolved.model_dump(mode="json"),
            "strength": request.denoising_strength if is_given else None,
            "exact": isinstance(request, Img2ImgRequest) and request.img2img_fix_steps,
        }


def check_recordable(request: ResolvedTxt2Img | ResolvedImg2Img) -> None:
    """Raises InvalidRequest for what is painted in another way than step by step as a whole."""
    if request.script_name is not None:
        raise not_recordable(request.script_name, "is a script")
    if isinstance(request, ResolvedImg2Img) and request.sd_upscale_upscaler is not None:
        raise not_recordable("SD upscale", "paints tile by tile")


def not_recordable(what: str, reason: str) -> InvalidRequest:
    """The error for what nothing can be recorded of."""
    return InvalidRequest("Look inside", what, f"{reason}, so nothing can be recorded", "Switch one of them off.")


def _alone(request: Txt2ImgRequest | Img2ImgRequest) -> Txt2ImgRequest:
    """One picture of it, as if it began with noise: neither pictures nor scripts change a schedule or a prompt."""
    shared = {name: getattr(request, name) for name in Request.model_fields}
    given = request.model_dump() if isinstance(request, Txt2ImgRequest) else shared
    return Txt2ImgRequest.of({**given, "batch_count": 1, "batch_size": 1, "script_name": None, "script_args": None})
