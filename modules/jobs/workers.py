"""What passes between a dispatcher and a worker, and what a worker is.

Every message is plain data with a form in JSON, so that a worker may be a thread, a process or another machine. One job
runs at a time; whatever goes wrong in it, the dispatcher hears `Ended` or `Gone`.

    dispatcher ──Prepare, Run, Interrupt, Skip, Watch, Ask, Stop──> worker
    dispatcher <──Ready, Beat, Told, Ended, Answered, Gone──────── worker
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from modules.jobs.job_control import HowToInterrupt, JobControl
from modules.schema.events import JobEvent
from modules.schema.jobs import Job, JobState

Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""From the content of a question to that of its answer. Raises UserError."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")


class Prepare(_Message):
    """Get ready for the first job; only then say Ready."""

    kind: Literal["prepare"] = "prepare"
    warms_up: bool
    """Load what the job will probably need."""


class Run(_Message):
    """Carry out a job; `Ended` is the answer."""

    kind: Literal["run"] = "run"
    job: Job
    watched: bool
    """Whether somebody wants to see previews."""


class Interrupt(_Message):
    """End a job for good."""

    kind: Literal["interrupt"] = "interrupt"
    job_id: str
    how: HowToInterrupt


class Skip(_Message):
    """Leave out what a job is making now."""

    kind: Literal["skip"] = "skip"
    job_id: str


class Watch(_Message):
    """Somebody began or ceased to want a job's previews."""

    kind: Literal["watch"] = "watch"
    job_id: str
    watched: bool


class Ask(_Message):
    """A question or a chore; `Answered` with the same number follows."""

    kind: Literal["ask"] = "ask"
    number: int
    about: str
    content: dict[str, Any]


class Stop(_Message):
    """End within one step; the job that runs is to be run again."""

    kind: Literal["stop"] = "stop"


class Ready(_Message):
    """From now on jobs may come. `devices`: how many such workers the machine has room for."""

    kind: Literal["ready"] = "ready"
    devices: int = 1


class Beat(_Message):
    """A sign of life, once a second and when a job ends."""

    kind: Literal["beat"] = "beat"
    held: tuple[str, ...]
    """The models in memory."""
    is_due: bool
    """Whether the job ought to end within one step."""
    foreign: str = ""
    """The hook of an extension that the job is in now, as EXTENSION.HOOK; empty: it is in none."""
    foreign_call: int = 0
    """Another number for each call of a hook."""


class Told(_Message):
    """An event of the running job."""

    kind: Literal["told"] = "told"
    event: JobEvent


class Ended(_Message):
    """The job is over, or with the state "queued" put back by Stop."""

    kind: Literal["ended"] = "ended"
    job_id: str
    state: JobState
    message: str | None = None


class Answered(_Message):
    """What was asked for, or a sentence that says why there is none."""

    kind: Literal["answered"] = "answered"
    number: int
    content: dict[str, Any]
    problem: str | None = None


class Gone(_Message):
    """The worker has ended, by itself or not; nothing more will come."""

    kind: Literal["gone"] = "gone"
    reason: str = ""


ToWorker = Annotated[Prepare | Run | Interrupt | Skip | Watch | Ask | Stop, Field(discriminator="kind")]
FromWorker = Annotated[Ready | Beat | Told | Ended | Answered | Gone, Field(discriminator="kind")]
TO_WORKER: TypeAdapter[ToWorker] = TypeAdapter(ToWorker)
FROM_WORKER: TypeAdapter[FromWorker] = TypeAdapter(FromWorker)


class Worker(Protocol):
    """The dispatcher's end of a worker; all but `start` may be called by any thread, and none waits for the worker."""

    def start(self, receive: Callable[[FromWorker], None]) -> None:
        """Begin to work; `receive` is called with each message, by threads of the worker's own."""

    def send(self, message: ToWorker) -> None:
        """Tell the worker something; in vain where it is gone."""

    def kill(self) -> None:
        """End it whatever it does. `Gone` follows, from a thread that hangs when it hangs no more."""


class Sink(Protocol):
    """Where a running job tells its events."""

    def append(self, event: JobEvent) -> object:
        """Tell an event."""

    def is_watched(self, job_id: str) -> bool:
        """Whether somebody wants to see previews of a job."""


@dataclass(frozen=True)
class Bench:
    """What a worker works with, at the place where it works."""

    run: Callable[[Job, JobControl], None]
    """Carries a job out. Raises UserError, and what JobControl raises."""
    prepare: Callable[[], None] = lambda: None
    """Raises UserError."""
    held: Callable[[], Sequence[str]] = tuple
    devices: Callable[[], int] = lambda: 1
    answers: Mapping[str, Answer] = field(default_factory=dict)
    """Questions that are answered at once, by a thread of their own."""
    chores: Mapping[str, Answer] = field(default_factory=dict)
    """What is done between two jobs."""
    foreign: Callable[[int], tuple[str, int]] = lambda thread: ("", 0)
    """The hook of an extension that a thread is in, and the number of the call, as `Beat` has them."""
    close: Callable[[], None] = lambda: None
    """Called once, before a worker ends in order. Does not raise, and comes back in time."""


OpenBench = Callable[[Sink], Bench]
