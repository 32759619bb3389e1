"""A lane alone, where a dispatcher cannot bring two things together at the same moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from modules.config.database import Database
from modules.jobs.event_log import EventLog
from modules.jobs.lane import Lane, Limits, Past
from modules.jobs.queue import JobQueue
from modules.jobs.workers import Gone, Ready, Stop

SECONDS_BETWEEN_WORKERS = 0.6
"""A little more than a lane waits before it starts a second one."""


class Obedient:
    """A worker that is ready at once and gone as soon as it is told to stop."""

    def start(self, receive: Callable[[Any], None]) -> None:
        self._receive = receive
        receive(Ready())

    def send(self, message: Any) -> None:
        if isinstance(message, Stop):
            self._receive(Gone())

    def kill(self) -> None:
        raise AssertionError("it has ended")


def test_a_lane_that_is_told_to_stop_starts_no_other_worker(database: Database) -> None:
    opened: list[Obedient] = []

    def open_worker() -> Obedient:
        opened.append(Obedient())
        return opened[-1]

    def stop_in_the_middle_of_a_turn() -> None:
        if opened:
            time.sleep(SECONDS_BETWEEN_WORKERS)
            lane.stop_soon(5)

    lane = Lane(
        "alone", open_worker, JobQueue(database), EventLog(), limits=Limits, past=Past(), recover=lambda: None,
        look=stop_in_the_middle_of_a_turn, ended=lambda job: None, ready=lambda number: None,
    )  # fmt: skip
    lane.start()
    lane.join()
    assert len(opened) == 1
