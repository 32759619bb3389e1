"""The names by which clients ask for their jobs: those that they gave (`force_task_id`), and the jobs' own ids."""

from __future__ import annotations

import threading
from collections import OrderedDict

from modules.errors import NotFound
from modules.schema.jobs import Job
from modules.services.accounts import Visitor
from modules.services.build import Services

_MOST_NAMES = 10_000


class TaskNames:
    """Kept in memory: who gave a name waits for the answer. Two visitors may give the same one."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._jobs: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._names: dict[str, str] = {}

    def call(self, job: Job, name: str | None) -> None:
        """Let a job be found under a name; a name that is given again means the later job."""
        if not name:
            return
        with self._lock:
            self._jobs[(job.user, name)] = job.id
            self._jobs.move_to_end((job.user, name))
            self._names[job.id] = name
            while len(self._jobs) > _MOST_NAMES:
                self._names.pop(self._jobs.popitem(last=False)[1], None)

    def find(self, name: str, asking: Visitor) -> Job | None:
        """The job of that name or id, if the visitor may see it."""
        with self._lock:
            job_id = self._jobs.get((asking.name, name), name)
            if job_id == name and asking.is_owner:
                job_id = next((found for (_, given), found in self._jobs.items() if given == name), name)
        try:
            job = self._services.generate.job(job_id)
        except NotFound:
            return None
        return job if may_see(asking, job) else None

    def name_of(self, job: Job) -> str:
        """What its client calls a job."""
        with self._lock:
            return self._names.get(job.id, job.id)


def may_see(asking: Visitor, job: Job) -> bool:
    """Whether a job is one's own, or the visitor is an owner."""
    return asking.is_owner or job.user == asking.name
