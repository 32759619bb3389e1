"""How far a request is: the steps of all its runs of a sampler, as one count."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from modules.checkpoints.loaded import LoadedModel
from modules.diffusion.samplers import StepReport
from modules.pipeline.watcher import Watcher


class Progress:
    """Counts the runs that were planned; a run that takes more or fewer steps changes the total."""

    def __init__(self, watcher: Watcher, planned: Sequence[int]) -> None:
        """`planned`: the steps of every run, in order."""
        self._watcher = watcher
        self._planned = list(planned)
        self._run = -1

    def skip_run(self) -> None:
        """The next run is not made: what it would give is there."""
        self._run += 1
        self._planned[self._run] = 0

    def next_run(self, model: LoadedModel) -> Callable[[StepReport], None]:
        """The next run begins; the answer is told each of its steps."""
        self._run += 1
        run = self._run

        def report(now: StepReport) -> None:
            self._planned[run] = now.steps
            done = sum(self._planned[:run]) + now.step
            self._watcher.step(done, sum(self._planned), lambda: model.preview(now.denoised))

        return report
