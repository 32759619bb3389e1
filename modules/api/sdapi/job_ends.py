"""Waits for jobs without holding a thread for each."""

from __future__ import annotations

from fastapi.concurrency import run_in_threadpool

from modules.api.sdapi.routes import Refused
from modules.jobs.event_log import Subscription
from modules.schema.events import Reset, StateChanged
from modules.schema.jobs import Job
from modules.services.build import Services

_LONGEST_SILENCE = 15.0
"""Seconds after which a job is asked for though nothing was told of it."""


async def ended(services: Services, job: Job) -> Job:
    """The job when it is over, whatever became of it. Raises Refused (503) where the server stops before."""
    with services.generate.subscribe() as subscription:
        subscription.skip()
        while True:
            now = await run_in_threadpool(services.generate.job, job.id)
            if now.is_over:
                return now
            if subscription.is_closed:
                sentence = (
                    f"The server stops. Job {job.id} stays in the queue, and its pictures will be in the gallery."
                )
                raise Refused(503, "The server stops", sentence)
            await _news_of(job.id, subscription)


async def _news_of(job_id: str, subscription: Subscription) -> None:
    """Wait until the job enters another state, or nothing was told of any job for a while."""
    while events := await subscription.next(_LONGEST_SILENCE, rest=_LONGEST_SILENCE):
        if any(
            isinstance(event, Reset) or (isinstance(event, StateChanged) and event.job_id == job_id) for event in events
        ):
            return
