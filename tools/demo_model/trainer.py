"""The resumable loop both trainings share: parameters, their running average, AdamW, the state file, the crew.

It knows nothing of networks or data: it is told how to do one piece of one step.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn, optim

from tools.demo_model.checkpoint import (
    Facts,
    optimizer_tensors,
    read_state,
    restore_optimizer,
    under,
    within,
    write_state,
)
from tools.demo_model.crew import Crew, stop_if_orphaned

STATE_FILE = "state.safetensors"
TELL_SECONDS = 60

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Course:
    """How long and how fast to learn."""

    run: Path
    steps: int
    batch: int
    piece: int
    rate: float
    warmup: int
    cooldown: float
    ema: float
    save_seconds: float
    minutes: float

    @property
    def pieces(self) -> int:
        """Into how many pieces a step is cut."""
        return max(1, self.batch // self.piece)


def learning_rate(course: Course, step: int) -> float:
    """Warm-up, a level stretch, then down to nothing over the last `cooldown` share of the steps."""
    start = course.steps * (1 - course.cooldown)
    falling = 1.0 if step < start else max(0.0, (course.steps - step) / max(1.0, course.steps - start))
    return course.rate * min(1.0, (step + 1) / course.warmup) * falling


class Trainer:
    """Named parameters on their way, resumed from the run's state file where there is one."""

    def __init__(self, course: Course, named: Mapping[str, nn.Parameter]) -> None:
        self.course = course
        self.named = dict(named)
        self.parameters = list(self.named.values())
        self.average = [parameter.detach().clone() for parameter in self.parameters]
        self.optimizer = optim.AdamW(self.parameters, lr=course.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
        self.step = 0
        if (course.run / STATE_FILE).exists():
            self._resume()

    def follow(self, crew: Crew, learn: Callable[[int, int], float]) -> None:
        """Take steps until the course's steps or minutes are used up; `learn(step, piece)` leaves gradients."""
        course, report = self.course, _Report(self.step)
        started = saved = time.monotonic()
        over = self.step >= course.steps
        while not over:
            late = crew.rank == 0 and time.monotonic() - started > course.minutes * 60
            numbers = torch.tensor([0.0, float(late)])
            for piece in crew.claim(self.step, course.pieces):
                numbers[0] += learn(self.step, piece)
            stop_if_orphaned()
            crew.sum_gradients(self.parameters, numbers)
            crew.forget(self.step - 2)
            self._update()
            over = bool(numbers[1] > 0) or self.step >= course.steps
            if crew.rank == 0:
                report.count(self.step, float(numbers[0]), course.batch, over)
                if time.monotonic() - saved > course.save_seconds or over:
                    self.save(report.mean)
                    saved = time.monotonic()

    def save(self, loss: float) -> None:
        """Write the whole state."""
        averaged = dict(zip(self.named, self.average, strict=True))
        tensors = under("model", self.named) | under("ema", averaged)
        tensors |= under("optimizer", optimizer_tensors(self.optimizer, self.named))
        write_state(
            self.course.run / STATE_FILE, tensors, {"step": self.step, "loss": loss, "batch": self.course.batch}
        )

    def _update(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.course, self.step)
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        keep = min(self.course.ema, (self.step + 1) / (self.step + 20))
        torch._foreach_lerp_(self.average, [parameter.detach() for parameter in self.parameters], 1 - keep)

    def _resume(self) -> None:
        tensors, facts = read_state(self.course.run / STATE_FILE)
        put_weights(self.named, within("model", tensors))
        averaged = within("ema", tensors)
        for mean, name in zip(self.average, self.named, strict=True):
            mean.copy_(averaged[name])
        restore_optimizer(self.optimizer, self.named, within("optimizer", tensors))
        self.step = int(facts["step"])
        logger.info("resumed at step %d", self.step)


class _Report:
    """Tells speed and mean loss about once a minute."""

    def __init__(self, step: int) -> None:
        self.mean = math.nan
        self._told, self._told_step, self._total = time.monotonic(), step, 0.0

    def count(self, step: int, loss: float, batch: int, now_or_never: bool) -> None:
        self._total += loss
        now = time.monotonic()
        if now - self._told > TELL_SECONDS or now_or_never:
            steps = step - self._told_step
            self.mean = self._total / steps
            logger.info("step %d loss %.4f %.1f pictures/s", step, self.mean, steps * batch / (now - self._told))
            self._told, self._told_step, self._total = now, step, 0.0


@torch.no_grad()
def put_weights(named: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]) -> None:
    """Copy the tensors into the parameters of the same names; each must be there."""
    for name, parameter in named.items():
        parameter.copy_(tensors[name])


def averaged_weights(run: Path) -> tuple[dict[str, Tensor], Facts]:
    """The averaged weights of a run, and how far it was."""
    tensors, facts = read_state(run / STATE_FILE)
    return within("ema", tensors), facts
