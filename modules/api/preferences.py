"""Routes of preferences: how each user wants to see the page."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from modules.api.exchange import Body, Report, Teller, read_as, refusals, takes
from modules.api.visitors import visitor
from modules.services.build import Services
from modules.services.preferences import Preferences


class PreferencesReport(Report):
    """What a user chose; "" was never chosen."""

    theme: str
    """auto, light or dark."""
    language: str
    """auto, or a language by its two letters."""
    view: str
    """expert or simple."""


class PreferencesBody(Body):
    """What is to be another; what is not named stays."""

    theme: str | None = None
    """auto, light or dark."""
    language: str | None = None
    """auto, or a language by its two letters."""
    view: str | None = None
    """expert or simple."""


def preference_routes(services: Services) -> APIRouter:
    """The routes; every refusal is {"detail": a sentence}."""
    router = APIRouter(prefix="/api/v1/preferences", tags=["preferences"], responses=refusals())
    told = Teller(services.paths).told

    @router.get("")
    def chosen(request: Request) -> PreferencesReport:
        """What the visitor chose."""
        return _report(services.preferences.of(visitor(request).name))

    changing = takes(PreferencesBody, {"theme": "dark"})

    @router.patch("", responses=refusals(400, 413), openapi_extra=changing)
    async def change(request: Request) -> PreferencesReport:
        """Choose something else, for all browsers of the visitor."""
        values: dict[str, Any] = (await read_as(PreferencesBody, request)).model_dump(exclude_none=True)
        name = visitor(request).name
        return _report(await run_in_threadpool(told, services.preferences.change, name, values))

    return router


def _report(preferences: Preferences) -> PreferencesReport:
    return PreferencesReport(**asdict(preferences))
