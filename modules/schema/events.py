"""What a running job tells whoever watches. Plain data: they travel as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from modules.schema.jobs import JobState
from modules.schema.pictures import Picture


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    job_id: str
    sequence: int = 0
    """Counts up over all jobs of a server's life; given by the event log, so that a watcher can go on from the last one
    it saw."""


class StateChanged(_Event):
    """The job entered `state`."""

    kind: Literal["state"] = "state"
    state: JobState
    message: str | None = None
    """A sentence for the person, for a job that failed."""


class Stage(_Event):
    """The job does something that has no steps, such as loading the model."""

    kind: Literal["stage"] = "stage"
    text: str


class Progress(_Event):
    """`step` of `steps` network steps of all pictures of the job are done."""

    kind: Literal["progress"] = "progress"
    step: int
    steps: int
    seconds_left: float | None
    """None until the first step has shown how long one takes."""


class Preview(_Event):
    """The batch as it looks now."""

    kind: Literal["preview"] = "preview"
    jpeg: bytes
    step: int


class PictureSaved(_Event):
    """One picture is finished and stored."""

    kind: Literal["picture"] = "picture"
    picture: Picture


class QueueChanged(_Event):
    """The order of waiting jobs, a pause, or what else the queue tells of a job changed; no job in particular if ""."""

    kind: Literal["queue"] = "queue"
    job_id: str = ""


class Reset(_Event):
    """Some of what a watcher has not seen is no longer kept: it must ask where things stand, of all jobs if ""."""

    kind: Literal["reset"] = "reset"
    job_id: str = ""


JobEvent = Annotated[
    StateChanged | Stage | Progress | Preview | PictureSaved | QueueChanged | Reset, Field(discriminator="kind")
]
