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

    @property
    def is_over(self) -> bool:
        return self.state in FINAL_STATES
