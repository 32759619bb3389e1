"""The native API: all routes below /api/v1 but for streams, their document, and how they tell what cannot be read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic_core import ErrorDetails

from modules.api.albums import album_routes
from modules.api.choices import choice_routes
from modules.api.downloads import download_routes
from modules.api.exchange import OF_THE_SERVER, Teller, readable
from modules.api.extension_installing import extension_installing_routes
from modules.api.extensions import extension_routes
from modules.api.folders import folder_routes
from modules.api.gallery import gallery_routes
from modules.api.infotexts import infotext_routes
from modules.api.jobs import job_routes
from modules.api.look_inside import look_inside_routes
from modules.api.machine import machine_routes
from modules.api.merges import merge_routes
from modules.api.models import model_routes
from modules.api.openapi import openapi_routes
from modules.api.picture_changes import picture_change_routes
from modules.api.preferences import preference_routes
from modules.api.presets import preset_routes
from modules.api.queue import queue_routes
from modules.api.result_actions import result_action_routes
from modules.api.settings import settings_routes
from modules.api.suggestions import suggestion_routes
from modules.api.webhooks import webhook_routes
from modules.schema.refusals import refusal_of
from modules.services.build import Services

log = logging.getLogger(__name__)

_ROUTES: tuple[Callable[[Services], APIRouter], ...] = (
    picture_change_routes,  # before those of one picture: "bin" is no number of one
    job_routes,
    queue_routes,
    look_inside_routes,
    gallery_routes,
    result_action_routes,
    album_routes,
    folder_routes,
    model_routes,
    choice_routes,
    suggestion_routes,
    infotext_routes,
    preset_routes,
    download_routes,
    merge_routes,
    settings_routes,
    extension_routes,
    extension_installing_routes,
    machine_routes,
    preference_routes,
    webhook_routes,
)


def add_native_routes(application: FastAPI, services: Services) -> None:
    """Hang the native API on an application."""
    for routes in _ROUTES:
        application.include_router(routes(services))
    application.include_router(openapi_routes(application))
    application.add_exception_handler(RequestValidationError, _told)
    for fault, status in OF_THE_SERVER.items():
        application.add_exception_handler(fault, partial(_told_of_the_server, Teller(services.paths), status))


async def _told_of_the_server(teller: Teller, status: int, request: Request, error: Exception) -> Response:
    """What is wrong with the server's disk, in a sentence, whichever route came upon it."""
    log.error("%s", error)
    return JSONResponse({"detail": teller.shown(str(error))}, status)


async def _told(request: Request, error: Exception) -> Response:
    """A value of an address that cannot be used, in a sentence; other interfaces have their own ways to tell."""
    assert isinstance(error, RequestValidationError)
    if not request.url.path.startswith("/api/v1/"):
        return await request_validation_exception_handler(request, error)
    finding: ErrorDetails = error.errors()[0]
    place, *inside = finding["loc"]
    detail = refusal_of({**finding, "loc": tuple(inside) or (place,)}, _names_of(request))
    return JSONResponse({"detail": readable(str(detail))}, 422)


def _names_of(request: Request) -> list[str]:
    """What may stand behind the question mark of a route."""
    dependant = getattr(request.scope.get("route"), "dependant", None)
    names: list[str] = []
    for parameter in getattr(dependant, "query_params", ()):
        fields = getattr(parameter.field_info.annotation, "model_fields", None)
        names += fields if fields is not None else [parameter.alias]
    return names
