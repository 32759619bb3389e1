"""What every tab that queues jobs does with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gradio.components import Component

from modules.schema.jobs import Job
from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.ui.job_panel import JobPanel
from modules.ui.page_state import PageState
from modules.ui.status_panel import status_value
from modules.ui.visitors import own_job
from modules.ui.watching import Sight

MOST_TIMES = 100
Values = Mapping[Component, Any]
Changes = dict[Component, Any]


@dataclass(frozen=True)
class HowToQueue:
    """What the menu of the Generate button and the panel Look inside say of the job that is asked for."""

    front: bool = False
    """Before the jobs that wait: of everybody for owners, of one's own for others."""
    repeats: bool = False
    """Asked for again whenever it is done."""
    times: int = 1
    """So many jobs."""
    look_inside: bool = False
    """Recorded how its pictures come to be."""


def how_to_queue(told: object) -> HowToQueue:
    """What generate_menu.js wrote; the usual where that is nothing, or of no use."""
    with suppress(ValueError, TypeError, OverflowError, RecursionError):
        if isinstance(given := json.loads(str(told or "")), dict):
            times = min(MOST_TIMES, max(1, int(given.get("times", 1))))
            front, repeats, look_inside = (given.get(name) is True for name in ("front", "repeats", "look_inside"))
            return HowToQueue(front, repeats, times, look_inside)
    return HowToQueue()


class JobHandlers:
    """The handlers of one tab; `values` are those of the components named as inputs."""

    def __init__(self, services: Services, panel: JobPanel, state: PageState) -> None:
        self._services = services
        self._panel = panel
        self._state = state

    def queue(self, submit: Callable[..., Job], values: Values, visitor: Visitor) -> Changes:
        """Queue a request as the menu of the Generate button says, and watch it.

        `submit` takes `user`, `front`, `repeats` and `look_inside`; raises what it raises.
        """
        how = how_to_queue(values.get(self._state.how))
        front = how.front and visitor.is_owner
        for _ in range(how.times):
            job = submit(user=visitor.name, front=front, repeats=how.repeats, look_inside=how.look_inside)
            if how.front and not visitor.is_owner:
                self._put_before_own(job)
        return self.show_queued(job)

    def _put_before_own(self, job: Job) -> None:
        """Who is no owner goes before nobody else."""
        standing = self._services.generate.standing()
        own = (one.id for one in standing if one.state == "queued" and one.user == job.user)
        if (first := next(own, job.id)) != job.id:
            self._services.generate.move(job.id, first)

    def show_queued(self, job: Job) -> Changes:
        """Watch a job that was just queued."""
        front = next(iter(self._services.generate.standing()), None)
        # Said at once, and not only by the watch, which takes a moment to begin.
        is_front = front is not None and front.id == job.id
        at_once = {self._panel.status: status_value(Sight(job), has_pictures=True)} if is_front else {}
        return {self._state.submitted: job.id, **at_once}

    def interrupt(self, values: Values, visitor: Visitor) -> Changes:
        """Stop the job that is shown; asked twice, within one step."""
        if job_id := values[self._state.running]:
            self._services.generate.interrupt(own_job(self._services.generate, visitor, job_id).id)
        return {}

    def skip(self, values: Values, visitor: Visitor) -> Changes:
        """Leave out what the job that is shown is making now."""
        if job_id := values[self._state.running]:
            self._services.generate.skip(own_job(self._services.generate, visitor, job_id).id)
        return {}
