"""What routes share: bodies that are read no further than allowed, what they ask for, and refusals as sentences.

The texts below fields of a Body, an Asked or a Report describe them in the OpenAPI document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from typing import Annotated, Any, TypeVar

from fastapi import HTTPException, Path, Request
from pydantic import BaseModel, ConfigDict, ValidationError

from modules.config.paths import Paths
from modules.errors import BrokenDatabase, DatabaseUnavailable, NotAllowed, NotFound, QueueFull, StorageFull, UserError
from modules.schema.refusals import refusal

MAX_BODY_BYTES = 256 * 2**10
"""Of a body without pictures; the longest card that people write has a few KB."""

OF_THE_SERVER: Mapping[type[UserError], int] = {StorageFull: 507, DatabaseUnavailable: 503, BrokenDatabase: 503}
"""What no client is to blame for, and its status; the application tells these wherever they come up."""

MOST_COMMAS = 200_000
"""Of a body of JSON: pictures are long, but have none, and ten million values take seconds to look at."""

_SCHEMAS = "#/components/schemas/{model}"
"""Where a document holds the schema of a model."""

Answer = TypeVar("Answer")
Wanted = TypeVar("Wanted", bound="Body")


def readable(value: Any) -> Any:
    """The same without lone surrogates, which names and texts of strangers may hold and no answer can carry."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {readable(name): readable(one) for name, one in value.items()}
    return [readable(one) for one in value] if isinstance(value, (list, tuple)) else value


class Body(BaseModel):
    """What a client asks for: only known fields, of exactly their types."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class Asked(BaseModel):
    """What is asked for behind the question mark of an address: only known names."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Report(BaseModel):
    """What is answered."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class RefusalReport(Report):
    """Why nothing was done."""

    detail: str
    """A sentence for a person: what cannot be used, and what to do."""


JobId = Annotated[str, Path(description="The id that the job got when it was accepted.", examples=["0123456789abcdef"])]
PictureNumber = Annotated[int, Path(description="The id of a finished picture.", examples=[7])]
_MEANINGS = {
    400: ("The body is no JSON object.", "The body is no JSON. Send an object of fields and values."),
    401: ("Nobody logged in.", "Log in first."),
    403: ("The visitor may not do that.", "Only an owner of this server may do that."),
    404: ("It is not there, or belongs to somebody else.", "There is no job '0123456789abcdef'."),
    413: ("The body is too large.", "The body is larger than 16 MB. Send less."),
    422: ("A value cannot be used.", "Steps 1000 is too large. The most is 150."),
    429: (
        "The queue is full, or too much was asked in a short time.",
        "Queue: 64 jobs are waiting, which is the most.",
    ),
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route, for its `responses`; 401, 403 and 422 are those of all.

    They name RefusalReport, which the document adds: FastAPI would make a model of its own for each of some 500.
    """
    schema = {"$ref": _SCHEMAS.format(model=RefusalReport.__name__)}
    return {
        status: {
            "description": _MEANINGS[status][0],
            "content": {"application/json": {"schema": schema, "example": {"detail": _MEANINGS[status][1]}}},
        }
        for status in sorted({401, 403, 422, *statuses})
    }


def schema_of(kind: type[BaseModel]) -> dict[str, Any]:
    """A kind of body or answer as a document describes it; the caller may change it."""
    return deepcopy(_schema_of(kind))


@cache
def _schema_of(kind: type[BaseModel]) -> dict[str, Any]:
    return kind.model_json_schema(ref_template=_SCHEMAS)


def takes(kind: type[BaseModel], example: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a route that reads it by itself, for its `openapi_extra`."""
    content = {"application/json": {"schema": schema_of(kind), "example": dict(example)}}
    return {"requestBody": {"required": True, "content": content}}


def picture_answer(media_type: str) -> dict[str, Any]:
    """The bytes of a picture, for a route's `responses`."""
    return {"description": "The picture.", "content": {media_type: {"schema": {"type": "string", "format": "binary"}}}}


class Teller:
    """Tells refusals; folders of this computer are called by their last part alone."""

    def __init__(self, paths: Paths) -> None:
        folders = {paths.data, paths.models, *(one for many in paths.model_folders.values() for one in many)}
        self._names = {str(folder): folder.name for folder in folders if folder.name}
        longest_first = map(re.escape, sorted(self._names, key=len, reverse=True))
        # Inside of a web address the same letters mean another thing.
        self._folder = re.compile(rf"(?<![^\s'\"(])({'|'.join(longest_first)})(?![\w-])")

    def told(
        self, call: Callable[..., Answer], *given: Any, absent: tuple[type[UserError], ...] = (NotFound,)
    ) -> Answer:
        """What a use case answers; its refusal as an HTTP status with the sentence, `absent` ones as 404.

        Raises what is OF_THE_SERVER.
        """
        try:
            return call(*given)
        except tuple(OF_THE_SERVER):
            raise
        except absent as error:
            raise HTTPException(404, self.shown(str(error))) from error
        except NotAllowed as error:
            raise HTTPException(403, self.shown(str(error))) from error
        except QueueFull as error:
            raise HTTPException(429, self.shown(str(error))) from error
        except UserError as error:
            raise HTTPException(422, self.shown(str(error))) from error

    def shown(self, sentence: str) -> str:
        """A sentence for whoever sits elsewhere."""
        return str(readable(self._folder.sub(lambda match: self._names[match[0]], sentence)))


async def read_as(kind: type[Wanted], request: Request, most: int = MAX_BODY_BYTES) -> Wanted:
    """What a body asks for. Raises HTTPException: 400 for no JSON object, 413, 422."""
    return checked(kind, fields_of(await body_of(request, most)))


def checked(kind: type[Wanted], fields: Mapping[str, Any]) -> Wanted:
    """What some fields ask for. Raises HTTPException: 422."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise HTTPException(422, str(refusal(error, kind.model_fields))) from error


def json_of(body: bytes, **how: Any) -> Any:
    """What a body of JSON says; `how` goes to `json.loads`. Raises HTTPException: 400, 413 for a very long list."""
    if body.count(b",") > MOST_COMMAS:
        raise HTTPException(413, f"The body has more than {MOST_COMMAS:,} commas. Send less.")
    try:
        return readable(json.loads(body, **how))
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "The body is no JSON. Send an object of fields and values.") from error


def fields_of(body: bytes) -> dict[str, Any]:
    """The fields of a JSON object; none of an empty body. Raises HTTPException: 400, 413."""
    fields = json_of(body or b"{}")
    if not isinstance(fields, dict):
        raise HTTPException(400, "The body is no JSON object. Send one of fields and values.")
    return fields


async def body_of(request: Request, most: int) -> bytes:
    """The body, which is not read further than `most` bytes. Raises HTTPException: 413."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
            limit = f"{most // 2**20} MB" if most >= 2**20 else f"{most // 2**10} KB"
            raise HTTPException(413, f"The body is larger than {limit}. Send less.")
    return bytes(content)
