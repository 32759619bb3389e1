"""What all routes share: bodies as A1111's clients send them, and refusals in the shape that these clients read."""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import APIRouter, HTTPException
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from starlette.exceptions import HTTPException as AnyHTTPException  # FastAPI's own, and what it raises itself
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modules.api.exchange import OF_THE_SERVER, Teller, body_of, json_of, readable
from modules.errors import ModelNotFound, NotFound, QueueFull, UserError
from modules.schema.refusals import refusal

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 32 * 2**20
"""Several pictures in base64."""


class SdapiBody(BaseModel):
    """Fields as A1111 names them; null is a field that was not given, and what is no field is passed over."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, fields: Any) -> Any:
        return (
            {name: value for name, value in fields.items() if value is not None} if isinstance(fields, dict) else fields
        )


class Refusal(BaseModel):
    """What every route answers when it refuses."""

    error: str
    """The kind of refusal."""
    detail: str
    """What a client shows."""
    body: str
    errors: str
    """A sentence that names the field, the value and the remedy."""


class Refused(HTTPException):
    """A refusal whose `detail` are words that clients look for; the sentence is in `errors`."""

    def __init__(self, status: int, detail: str, sentence: str = "") -> None:
        super().__init__(status, detail)
        self.sentence = sentence or detail


def sdapi_router(teller: Teller, prefix: str = "/sdapi/v1") -> APIRouter:
    """A router whose refusals have A1111's shape."""

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handler = super().get_route_handler()
            bodies = [row.field_info.annotation for row in self.dependant.body_params]

            async def handled(request: Request) -> Response:
                began = time.perf_counter()
                try:
                    answer = await handler(_JsonRequest(request.scope, request.receive))
                    answer.headers["X-Process-Time"] = f"{time.perf_counter() - began:.4f}"
                    return answer
                except AnyHTTPException as error:
                    sentence = error.sentence if isinstance(error, Refused) else str(error.detail)
                    kind = "HTTPException" if isinstance(error, Refused) else type(error).__name__
                    return _answer(error.status_code, kind, str(error.detail), sentence, error.headers)
                except RequestValidationError as error:
                    sentence = _sentence(error, bodies[0] if bodies else None)
                    return _answer(422, "InvalidRequest", sentence, sentence)
                except UserError as error:
                    sentence = teller.shown(str(error))
                    return _answer(status_of(error), type(error).__name__, sentence, sentence)
                except Exception as error:  # the boundary of HTTP: a fault of ours, told in the same shape
                    number = secrets.token_hex(4)
                    log.exception("Fault %s in %s %s", number, request.method, request.url.path)
                    sentence = f"Something went wrong in the server. Its log tells more under {number}."
                    return _answer(500, type(error).__name__, sentence, sentence)

            return handled

    refusals: dict[int | str, dict[str, Any]] = {
        status: {"model": Refusal, "description": words}
        for status, words in (
            (400, "The body is no JSON."),
            (404, "Something that is named is not here."),
            (422, "A value cannot be used."),
        )
    }
    # A1111 reads a body without a content type as JSON; that it comes from no other site is for the guard to see.
    return APIRouter(prefix=prefix, route_class=Route, responses=refusals, tags=["A1111"], strict_content_type=False)


def status_of(error: UserError) -> int:
    """The HTTP status that tells a refusal."""
    if isinstance(error, (NotFound, ModelNotFound)):
        return 404
    return 429 if isinstance(error, QueueFull) else OF_THE_SERVER.get(type(error), 422)


class _JsonRequest(Request):
    """Reads no more than a limit, and no numbers and texts that an answer could not repeat."""

    async def body(self) -> bytes:
        if not hasattr(self, "_content"):
            self._content = await body_of(Request(self.scope, self.receive), MAX_BODY_BYTES)
        return self._content

    async def json(self) -> Any:
        return await run_in_threadpool(json_of, await self.body(), parse_constant=_no_number, parse_float=_finite)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is too large")
    return number


def _sentence(error: RequestValidationError, kind: Any) -> str:
    """What is wrong with a body or a parameter, as our other refusals say it."""
    if isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(error.body, dict):
        try:
            kind.model_validate(error.body)
        except ValidationError as found:
            return str(refusal(found, kind.model_fields))
    first = error.errors()[0]
    if first["loc"] == ("body",):
        return "The body is no JSON object. Send one of fields and values, as application/json."
    return f"{'.'.join(map(str, first['loc'][1:]))} cannot be used: {first['msg']}. Send another value."


def _answer(status: int, kind: str, detail: str, sentence: str, headers: Any = None) -> JSONResponse:
    refused = Refusal(error=kind, detail=detail, body="", errors=sentence)
    return JSONResponse(readable(refused.model_dump()), status, dict(headers) if headers else None)
