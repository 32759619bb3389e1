"""A job as everybody may know it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
JobKind = Literal["txt2img", "img2img", "batch", "extras"]
FINAL_STATES: frozenset[JobState] = frozenset({"done", "failed", "cancelled"})


class Job(BaseModel):
    """One accepted request and what became of it. Times are seconds since 1970."""

    model_config = ConfigDict(frozen=True)

    id: str
    kind: JobKind
    state: JobState
    request: str
    """The resolved request as JSON."""
    created: float
    started: float | None
    finished: float | None
    error: str | None
    """A sentence for the person, when the state is "failed"."""
    user: str = ""
    """Who asked for it; empty where nobody logs in."""
    asked: str = ""
    """The request as it was asked for, as JSON, before open choices such as a random seed were made; may be empty."""
    model: str = ""
    """The checkpoint that it needs; empty where it needs none."""
    work: float = 0.0
    """How much there is to do, in units that are alike for jobs of one kind and model; 0 where that is not known."""
    priority: int = 0
    """Of waiting jobs the ones with the highest number run first."""
    paused: bool = False
    """It waits until somebody lets it go on."""
    attempts: int = 0
    """How often a worker began it."""
    repeats: bool = False
    """When it is done the same is asked for again."""
    origin: str | None = None
    """The job that this one repeats, tries again or doubles."""
    look_inside: bool = False
    """Whether it is recorded how its pictures come to be."""

    @property
    def is_over(self) -> bool:
        return self.state in FINAL_STATES


class NewJob(BaseModel):
    """What is asked for when a job is added: see the fields of Job."""

    model_config = ConfigDict(frozen=True)

    kind: JobKind
    request: str
    asked: str = ""
    user: str = ""
    model: str = ""
    work: float = 0.0
    priority: int = 0
    front: bool = False
    """Before all jobs of its priority that wait."""
    repeats: bool = False
    origin: str | None = None
    look_inside: bool = False
