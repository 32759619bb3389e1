"""How far a request is: the steps of all its runs of a sampler, as one count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from modules.checkpoints.loaded import LoadedModel
from modules.diffusion.previews import StepPreview
from modules.diffusion.samplers import StepReport
from modules.pipeline.resources import Resources


@dataclass(frozen=True)
class Latest:
    """What the latest step of a part saw: `latents` (batch, channels, height, width) after `step` of `steps`."""

    model: LoadedModel
    latents: torch.Tensor
    step: int
    steps: int

    @property
    def words(self) -> str:
        """How far that is."""
        return f"step {self.step} of {self.steps}"


class Progress:
    """Counts the runs that were planned; a run that takes more or fewer steps changes the total."""

    def __init__(self, resources: Resources, planned: Sequence[int]) -> None:
        """`planned`: the steps of every run, in order."""
        self.latest: Latest | None = None
        """None before the first step of a part."""
        self._watcher = resources.watcher
        self._preview_method = resources.preview_method
        self._planned = list(planned)
        self._run = -1

    def go_to(self, run: int) -> None:
        """A part begins with run number `run`: those before it are over, made or not."""
        self.latest = None
        while self._run < run - 1:
            self.skip_run()

    def skip_run(self) -> None:
        """The next run is not made: what it would give is there, or not wanted."""
        self._run += 1
        self._planned[self._run] = 0

    def next_run(self, model: LoadedModel) -> Callable[[StepReport], None]:
        """The next run begins; the answer is told each of its steps."""
        self._run += 1
        run, preview = self._run, model.preview_by(self._preview_method)
        uses_model = self._preview_method == "Full"

        def report(now: StepReport) -> None:
            self.latest = Latest(model, now.denoised, now.step, now.steps)
            self._planned[run] = now.steps
            done = sum(self._planned[:run]) + now.step
            self._watcher.step(done, sum(self._planned), StepPreview(preview, now.denoised, uses_model=uses_model))

        return report
