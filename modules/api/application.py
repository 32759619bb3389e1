"""The HTTP application with our own routes; the page is mounted on it by the ui."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fastapi import FastAPI

from modules.api.downloads import download_routes
from modules.api.guard import Guard
from modules.api.jobs import job_routes
from modules.api.logins import Logins
from modules.api.merges import merge_routes
from modules.api.models import model_routes
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
        for routes in (job_routes, model_routes, download_routes, merge_routes):
            application.include_router(routes(services))
    if logins:
        application.add_middleware(Logins, logins=logins)
    return application
