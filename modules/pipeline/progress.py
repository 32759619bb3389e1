"""How far a request is: the steps of all its runs of a sampler, as one count."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from modules.checkpoints.loaded import LoadedModel
from modules.diffusion.samplers import StepReport
from modules.pipeline.resources import Resources


class Progress:
    """Counts the runs that were planned; a run that takes more or fewer steps changes the total."""

    def __init__(self, resources: Resources, planned: Sequence[int]) -> None:
        """`planned`: the steps of every run, in order."""
        self._watcher = resources.watcher
        self._preview_method = resources.preview_method
        self._planned = list(planned)
        self._run = -1

    def skip_run(self) -> None:
        """The next run is not made: what it would give is there."""
        self._run += 1
        self._planned[self._run] = 0

    def next_run(self, model: LoadedModel) -> Callable[[StepReport], None]:
        """The next run begins; the answer is told each of its steps."""
        self._run += 1
        run, preview = self._run, model.preview_by(self._preview_method)

        def report(now: StepReport) -> None:
            self._planned[run] = now.steps
            done = sum(self._planned[:run]) + now.step
            self._watcher.step(done, sum(self._planned), lambda: preview(now.denoised))

        return report
