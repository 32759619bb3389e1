"""The HTTP application with our own routes; the page is mounted on it by the ui."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import FastAPI

from modules.api.guard import Guard


def create_application(*, hosts: Iterable[str] | None) -> FastAPI:
    """An application behind the guard. Route classes: /internal/ping is public, nothing else is ours yet."""
    application = FastAPI(title="Atelier", docs_url=None, redoc_url=None, openapi_url=None)
    application.add_middleware(Guard, hosts=hosts)

    @application.get("/internal/ping")
    def ping() -> dict[str, str]:
        """Answers as soon as the server is ready."""
        return {"status": "ready"}

    return application
