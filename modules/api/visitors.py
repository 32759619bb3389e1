"""Who asks, as a route learns it."""

from __future__ import annotations

from fastapi import HTTPException
from starlette.requests import HTTPConnection

from modules.errors import NotFound
from modules.schema.jobs import Job
from modules.services.accounts import Visitor
from modules.services.build import Services


def visitor(connection: HTTPConnection) -> Visitor:
    """Who sent a request or opened a WebSocket. Raises HTTPException (401) where nobody is known."""
    found = getattr(connection.state, "visitor", None)
    if not isinstance(found, Visitor):
        raise HTTPException(401, "Log in first.", {"WWW-Authenticate": "Basic"})
    return found


def owner(connection: HTTPConnection) -> Visitor:
    """The owner who asks. Raises HTTPException (403) for other visitors."""
    found = visitor(connection)
    if not found.is_owner:
        raise HTTPException(403, "Only an owner of this server may do that.")
    return found


def own_job(services: Services, connection: HTTPConnection, job_id: str) -> Job:
    """A job that the visitor may see and change. Raises HTTPException (404) for unknown and for foreign ones alike."""
    asking = visitor(connection)
    missing = f"There is no job {job_id[:40]!r}."
    try:
        job = services.generate.job(job_id)
    except NotFound as error:
        raise HTTPException(404, missing) from error
    if not asking.is_owner and job.user != asking.name:
        raise HTTPException(404, missing)
    return job
