"""What extensions answer below `/extensions/EXTENSION/`, behind the same guard and login as everything else."""

from __future__ import annotations

import json
import logging
import secrets
from functools import partial

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from modules.api.exchange import Teller, readable
from modules.api.route_classes import RouteClass
from modules.errors import UserError
from modules.hooks.extension_code import in_time
from modules.hooks.route_registry import FoundRoute
from modules.hooks.routes import METHODS, RouteAnswer, RouteRequest
from modules.services.accounts import Visitor
from modules.services.build import Services

PLACE = "/extensions/"
log = logging.getLogger(__name__)


class ExtensionRouteClasses:
    """Whose the routes of extensions are."""

    def __init__(self, services: Services) -> None:
        self._routes = services.extension_routes

    def __call__(self, method: str, path: str) -> RouteClass | None:
        """The class of one; None where no extension has it."""
        if not path.startswith(PLACE):
            return None
        extension, _, below = path.removeprefix(PLACE).partition("/")
        found = self._routes.find(method, extension, below)
        return None if found is None else found.route.audience


def routes_of_extensions(services: Services) -> APIRouter:
    """One route for all: which extension has what may change while the server runs."""
    router = APIRouter(include_in_schema=False)
    tell = Teller(services.paths)

    @router.api_route(PLACE + "{extension}/{path:path}", methods=list(METHODS))
    async def of_extension(extension: str, path: str, request: Request) -> Response:
        """What an extension answers."""
        found = services.extension_routes.find(request.method, extension, path)
        if found is None:
            return JSONResponse({"detail": "Not Found"}, 404)
        visitor = getattr(request.state, "visitor", None)
        asked = RouteRequest(
            parameters=found.parameters,
            query=dict(request.query_params),
            body=await request.body(),
            content_type=request.headers.get("content-type", ""),
            user=visitor.name if isinstance(visitor, Visitor) else "",
            is_owner=isinstance(visitor, Visitor) and visitor.is_owner,
            settings=services.extension_settings(found.plugin),
        )
        return await run_in_threadpool(_answer, found, asked, tell)

    return router


def _answer(found: FoundRoute, asked: RouteRequest, tell: Teller) -> Response:
    try:
        answer = in_time(partial(found.route.answer, asked))
        if isinstance(answer, RouteAnswer):
            return Response(answer.content, answer.status, media_type=answer.media_type)
        return Response(json.dumps(readable(answer), allow_nan=False), media_type="application/json")
    except UserError as error:
        return JSONResponse({"detail": tell.shown(str(error))}, 422)
    except Exception as error:  # others wrote it
        number = secrets.token_hex(4)
        log.exception("%s: the route %s of the plugin %s failed", number, found.route.path, found.plugin)
        sentence = f"The extension {found.plugin} failed to answer ({type(error).__name__}: {error})."
        return JSONResponse({"detail": tell.shown(f"{sentence} The log has more under {number}.")}, 500)
