"""What a running task tells becomes events: steps as one count, and the time that is left."""

from __future__ import annotations

import time
from typing import Any

import pytest

from modules.errors import Interrupted
from modules.schema.events import JobEvent, Progress, Stage
from modules.services.reporting import PlannedWatcher, Reporter

NO_PREVIEW: Any = None


class Told:
    """Writes down what a watcher is told."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []

    def check(self) -> None: ...

    def stage(self, text: str) -> None: ...

    def step(self, done: int, total: int, preview: Any) -> None:
        self.steps.append((done, total))


def test_cells_share_the_steps_that_were_planned() -> None:
    told = Told()
    watcher = PlannedWatcher(told)
    watcher.plan(3, 24)
    for cell in (4, 8, 12):
        watcher.next_cell(cell)
        for done in range(1, 2 * cell + 1):  # say it has a second pass, which nobody planned
            watcher.step(done, 2 * cell, NO_PREVIEW)
    assert [total for _, total in told.steps] == [24] * 48
    assert [done for done, _ in told.steps] == sorted(done for done, _ in told.steps)
    assert told.steps[-1] == (24, 24)
    told.steps.clear()
    watcher = PlannedWatcher(told)
    watcher.plan(2, None)
    for _ in range(3):  # one more than was planned
        watcher.next_cell(5)
        watcher.step(5, 5, NO_PREVIEW)
    assert told.steps == [(5, 10), (10, 10), (15, 15)]


def test_time_left_is_counted_from_the_last_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of 2 s, and between two requests a stage of 100 s, which is not a step's."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    sent: list[JobEvent] = []
    reporter = Reporter("job", sent.append, lambda: None, preview_every=None, watched=lambda: True)
    for cell in range(2):
        now += 100
        reporter.stage(f"Cell {cell + 1}")
        for step in range(1, 6):
            now += 2
            reporter.step(5 * cell + step, 10, NO_PREVIEW)
    progress = [event for event in sent if isinstance(event, Progress)]
    assert [event.seconds_left for event in progress] == [2.0 * left for left in range(9, -1, -1)]
    assert [event.text for event in sent if isinstance(event, Stage)] == ["Cell 1", "Cell 2"]


def test_every_call_may_stop_the_task() -> None:
    def stop() -> None:
        raise Interrupted

    sent: list[JobEvent] = []
    reporter = PlannedWatcher(Reporter("job", sent.append, stop, preview_every=1, watched=lambda: True))
    for call in (
        reporter.check,
        lambda: reporter.stage("anything"),
        lambda: reporter.step(1, 2, NO_PREVIEW),
    ):
        with pytest.raises(Interrupted):
            call()
    assert sent == []
