"""The HTTP application with our own routes; the page is mounted on it by the ui."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fastapi import FastAPI

from modules.api.guard import Guard
from modules.api.jobs import job_routes
from modules.api.logins import Logins
from modules.services.build import Services


def create_application(
    *, hosts: Iterable[str] | None, services: Services | None = None, logins: Sequence[tuple[str, str]] = ()
) -> FastAPI:
    """An application behind the guard.

    Route classes: /internal/ping is public; /api/v1 is for those who may log in, everybody where `logins` are none.
    """
    application = FastAPI(title="Atelier", docs_url=None, redoc_url=None, openapi_url=None)
    application.add_middleware(Guard, hosts=hosts)

    @application.get("/internal/ping")
    def ping() -> dict[str, str]:
        """Answers as soon as the server is ready."""
        return {"status": "ready"}

    if services is not None:
        application.include_router(job_routes(services))
    if logins:
        application.add_middleware(Logins, logins=logins)
    return application
