"""What this machine is, which model it has in memory or is loading, and how long a picture takes on it."""

from __future__ import annotations

import os
import platform
import threading
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from modules.checkpoints.registry import Checkpoint
from modules.config.database import Database
from modules.errors import UserError, WorkerUnavailable
from modules.jobs.durations import Durations
from modules.schema.infotext import VERSION
from modules.services.generate import GenerateService
from modules.services.models import ModelService

_MILLION = 1e6
_SECONDS_FOR_AN_ANSWER = 2.0
"""A worker that is still beginning answers when it has begun; until then nothing is known of it."""


@dataclass(frozen=True)
class MachineState:
    """What is known now; texts are empty and numbers None where nothing is."""

    version: str
    """Of this program."""
    python: str
    torch: str
    gradio: str
    cores: int
    device: str
    """Such as "cpu", or the name of a graphics card."""
    precision: str
    """The number formats, in words."""
    held: tuple[str, ...]
    """The checkpoints in memory."""
    loading: str
    """The checkpoint that is being loaded."""
    share: float | None
    """How far that is, from 0 to 1."""
    seconds_per_picture: float | None
    """Of the current checkpoint at its recommended settings."""
    measured: bool
    """Whether that was measured by a few steps, and not learnt from jobs that are done."""


class MachineStates:
    """Asks the workers and the jobs that are done."""

    def __init__(self, generate: GenerateService, models: ModelService, database: Database) -> None:
        self._generate = generate
        self._models = models
        self._database = database
        self._measured: dict[str, float] = {}
        self._measuring = threading.Lock()

    def now(self) -> MachineState:
        """How things stand."""
        told = {}
        with suppress(WorkerUnavailable, UserError):
            told = self._generate.ask("state", {}, _SECONDS_FOR_AN_ANSWER)
        seconds, measured = self._seconds()
        return MachineState(
            version=VERSION.rpartition(" ")[2],
            python=platform.python_version(),
            torch=_version("torch"),
            gradio=_version("gradio"),
            cores=os.cpu_count() or 1,
            device=str(told.get("device", "")),
            precision=str(told.get("precision", "")),
            held=tuple(told.get("held", ())),
            loading=str(told.get("loading", "")),
            share=told.get("share"),
            seconds_per_picture=seconds,
            measured=measured,
        )

    def measure(self) -> None:
        """Time a step of the current checkpoint between two jobs. Raises WorkerUnavailable, UserErrors of loading."""
        checkpoint = self._models.current()
        with self._measuring:
            seconds = float(self._generate.chore("speed")["seconds"])
            self._measured[_place(checkpoint)] = seconds * checkpoint.card.recommended.steps

    def load_current(self) -> None:
        """Have the current checkpoint brought into memory between two jobs; waits for nothing, tells of nothing."""

        def load() -> None:
            with suppress(UserError):  # said to who asks for a picture
                self._generate.reload_model()

        threading.Thread(target=load, name="load the model", daemon=True).start()

    def _seconds(self) -> tuple[float | None, bool]:
        try:
            checkpoint = self._models.current()
        except UserError:
            return None, False
        recommended = checkpoint.card.recommended
        work = recommended.steps * recommended.width * recommended.height / _MILLION
        learnt = Durations(self._database).expected("txt2img", checkpoint.name, work)
        if learnt is not None:
            return learnt, False
        measured = self._measured.get(_place(checkpoint))
        return measured, measured is not None


def _place(checkpoint: Checkpoint) -> str:
    return str(checkpoint.path)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
