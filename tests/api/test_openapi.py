"""The OpenAPI document: complete, and true."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from modules.api.downloads import DownloadBody
from modules.api.request_schemas import BATCH_EXAMPLE, EXAMPLES
from modules.config.extras_words import EXTRAS_WORDS
from modules.config.request_words import REQUEST_WORDS
from modules.schema.extras_request import ExtrasRequest
from modules.schema.requests import REQUESTS, Img2ImgRequest, Txt2ImgRequest


@pytest.fixture
def document(idle_client: TestClient) -> dict[str, Any]:
    answer = idle_client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield name, content


def test_every_route_parameter_and_refusal_is_described(document: dict[str, Any]) -> None:
    names = [name for name, _ in operations(document)]
    assert len(names) > 45
    assert len({operation["operationId"] for _, operation in operations(document)}) == len(names)
    for name, operation in operations(document):
        assert len(operation["description"]) > 10, name
        for parameter in operation.get("parameters", ()):
            assert len(parameter.get("description", "")) > 3, (name, parameter["name"])
        for status, answer in operation["responses"].items():
            assert answer["description"], (name, status)
            if int(status) >= 400:
                assert answer["content"]["application/json"]["example"]["detail"], (name, status)
        if not name.endswith("/internal/ping"):
            assert {"401", "403", "422"} <= operation["responses"].keys() or "events" in name, name
        if "{job_id}" in name or "{picture_id}" in name:
            assert "404" in operation["responses"], name


def test_every_field_has_words_and_an_example(document: dict[str, Any]) -> None:
    schemas = {**document["components"]["schemas"], **{name: content["schema"] for name, content in bodies(document)}}
    count = 0
    for name, schema in schemas.items():
        for field, row in schema.get("properties", {}).items():
            count += 1
            assert len(row.get("description", "")) > 2, (name, field)
            parts = "$ref" in row or "$ref" in row.get("items", {})
            assert parts or "examples" in row, (name, field)
    assert count > 300


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    waiting: list[Any] = [document]
    found = 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "$ref" in one:
                found += 1
                assert one["$ref"].removeprefix("#/components/schemas/") in document["components"]["schemas"], one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    assert found > 50


def test_fields_are_called_as_on_the_page(document: dict[str, Any]) -> None:
    for kind, words in (("txt2img", REQUEST_WORDS), ("img2img", REQUEST_WORDS), ("extras", EXTRAS_WORDS)):
        body = document["paths"][f"/api/v1/jobs/{kind}"]["post"]["requestBody"]["content"]["application/json"]
        for name, row in body["schema"]["properties"].items():
            assert row["description"] == f"{words[name].label}: {words[name].help}.", name


@pytest.mark.parametrize("kind", [*REQUESTS, "extras"])
def test_examples_of_fields_are_taken(document: dict[str, Any], kind: str) -> None:
    requests: dict[str, Any] = {"txt2img": Txt2ImgRequest, "img2img": Img2ImgRequest, "extras": ExtrasRequest}
    request = requests[kind]
    body = document["paths"][f"/api/v1/jobs/{kind}"]["post"]["requestBody"]["content"]["application/json"]
    examples = {name: row["examples"][0] for name, row in body["schema"]["properties"].items()}
    assert None not in examples.values()
    request.of(examples)
    for name, value in examples.items():
        request.of({**EXAMPLES[kind], name: value})


def test_examples_of_bodies_are_taken(idle_client: TestClient, document: dict[str, Any]) -> None:
    """Whatever they name is not there, so that nothing is begun; but every field of theirs is known."""
    seen = 0
    for name, content in bodies(document):
        if "example" not in content:
            continue
        seen += 1
        if name == "POST /api/v1/downloads":  # it would begin
            DownloadBody.model_validate(content["example"])
            continue
        method, path = name.split(" ")
        for place, value in (("{job_id}", "0" * 16), ("{picture_id}", "1"), ("{kind}", "lora"), ("{name}", "ink")):
            path = path.replace(place, value)
        answer = idle_client.request(method, path, json=content["example"])
        assert answer.status_code in (200, 201, 403, 404) or "not" in answer.json()["detail"], (name, answer.text)
        assert answer.status_code < 500 and "is no field" not in answer.text, (name, answer.text)
    assert seen >= 10
    assert idle_client.post("/api/v1/jobs/txt2img", json=EXAMPLES["txt2img"]).status_code == 201
    assert idle_client.post("/api/v1/jobs/batch", json=BATCH_EXAMPLE).status_code == 404


def test_nothing_of_other_interfaces_is_in_it(document: dict[str, Any]) -> None:
    assert all(path.startswith(("/api/v1/", "/internal/ping")) for path in document["paths"])
    assert not any("__" in name for name in document["components"]["schemas"])
