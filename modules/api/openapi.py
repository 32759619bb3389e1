"""The OpenAPI document of our own routes: every route, field and refusal in words, with its unit and an example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.routing import BaseRoute

from modules.api.examples import EXAMPLES, EXAMPLES_OF, WORDS
from modules.api.exchange import RefusalReport, schema_of
from modules.api.route_classes import class_of

ADDRESS = "/api/v1/openapi.json"
OURS = ("/api/v1/", "/internal/ping")
_ABOUT = (
    'Whatever the page does a program can do. A refusal is {"detail": a sentence}. Times are seconds since 1970, '
    "sizes of pictures are pixels, sizes of files are bytes. Log in by HTTP Basic or a token where the server has "
    "logins."
)
_LOGINS = {
    "basic": {"type": "http", "scheme": "basic", "description": "A user's name and password."},
    "token": {"type": "http", "scheme": "bearer", "description": "A token that an owner made."},
}


def openapi_routes(application: FastAPI) -> APIRouter:
    """The route of the document; it tells all routes that hang on the application when it is first asked for."""
    router = APIRouter(include_in_schema=False)

    @lru_cache(maxsize=1)
    def made() -> dict[str, Any]:
        return document(application.routes)

    @router.get(ADDRESS)
    def openapi() -> JSONResponse:
        """This interface, for programs."""
        return JSONResponse(made())

    return router


def document(routes: list[BaseRoute]) -> dict[str, Any]:
    """The document of those of some routes that are ours."""
    made = get_openapi(title="Atelier", version="1", description=_ABOUT, routes=routes)
    made["paths"] = {path: methods for path, methods in made["paths"].items() if path.startswith(OURS)}
    schemas = made["components"]["schemas"]
    schemas[RefusalReport.__name__] = schema_of(RefusalReport)
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            if class_of(method.upper(), path) == "owner":
                operation["description"] = f"{operation.get('description', '')} For owners."
    for operation in _operations(made):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schemas.update(content["schema"].pop("$defs", {}))
    for schema in [*schemas.values(), *_body_schemas(made)]:
        for name, field in schema.get("properties", {}).items():
            _describe(schema.get("title", ""), name, field)
    used = _used(made["paths"], schemas)
    made["components"] = {
        "schemas": {name: schema for name, schema in schemas.items() if name in used},
        "securitySchemes": _LOGINS,
    }
    made["security"] = [{}, *({name: []} for name in _LOGINS)]
    return made


def _operations(made: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in made["paths"].values():
        yield from path.values()


def _body_schemas(made: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for operation in _operations(made):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield content["schema"]


def _used(paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> set[str]:
    """The names of the schemas that some paths lead to."""
    found: set[str] = set()
    waiting: list[Any] = [paths]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            name = str(one.get("$ref", "")).removeprefix("#/components/schemas/")
            if name in schemas and name not in found:
                found.add(name)
                waiting.append(schemas[name])
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return found


def _describe(owner: str, name: str, field: dict[str, Any]) -> None:
    """Words and an example for a field that its own class has none for; parts with fields of their own have theirs."""
    if "description" not in field and (owner, name) in WORDS:
        field["description"] = WORDS[owner, name]
    if not {"examples", "$ref"} & field.keys() and "$ref" not in field.get("items", {}):
        field["examples"] = [_example(owner, name, field)]


def _example(owner: str, name: str, field: Mapping[str, Any]) -> Any:
    if (owner, name) in EXAMPLES_OF:
        return EXAMPLES_OF[owner, name]
    choices = [choice for one in (field, *field.get("anyOf", ())) for choice in one.get("enum", ())]
    if choices:
        return choices[0]
    if field.get("type") == "boolean":
        return field.get("default", False)
    return EXAMPLES.get(name, field.get("default"))
