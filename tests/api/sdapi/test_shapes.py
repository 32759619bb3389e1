"""Every route answers in the shape that was recorded for it, and refuses in the one of refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from modules.api.sdapi.bodies import Img2ImgBody, Txt2ImgBody
from modules.api.sdapi.extras import BatchBody, SingleBody
from modules.services.build import Services
from tests.api.sdapi.conftest import picture
from tests.api.sdapi.shapes_of import FOLDER, misfits, recorded

NAMES = sorted(path.stem for path in FOLDER.glob("*.json") if path.stem != "refusal")
BODIES: dict[str, Any] = {
    "txt2img": Txt2ImgBody,
    "img2img": Img2ImgBody,
    "extra-single-image": SingleBody,
    "extra-batch-images": BatchBody,
}
LISTED_IN_A1111 = 35
"""Routes of section 3 of the facts that are promised, and two of /internal."""


def with_pictures(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: with_pictures(one) for name, one in value.items()}
    if isinstance(value, list):
        return [with_pictures(one) for one in value]
    return picture() if value == "PICTURE" else value


@pytest.mark.parametrize("name", NAMES)
def test_every_route_answers_in_its_shape(client: TestClient, name: str) -> None:
    route = recorded(name)
    body = with_pictures(route.get("request"))
    answer = client.request(route["method"], route["path"], **({} if body is None else {"json": body}))
    assert answer.status_code == 200, answer.text
    shape = route["response"]
    assert misfits(answer.json(), shape) == []
    if "info" in route:
        info = json.loads(answer.json()["info"])
        assert misfits(info, {**route["info"], "job_id": "str", "not_honoured": ["str"]}) == []
    client.post("/sdapi/v1/options", json={"CLIP_stop_at_last_layers": 1, "show_progress_every_n_steps": 1})


@pytest.mark.parametrize("name", BODIES)
def test_defaults_are_those_of_a1111(name: str) -> None:
    assert BODIES[name]().model_dump() == recorded(name)["defaults"]


def test_what_is_given_is_repeated_with_the_defaults(client: TestClient) -> None:
    for name in ("txt2img", "img2img"):
        route = recorded(name)
        answer = client.post(route["path"], json=with_pictures(route["request"])).json()
        hidden = {"init_images": None, "mask": None}
        expected = route["defaults"] | route["request"] | (hidden if name == "img2img" else {})
        assert answer["parameters"] == expected


def test_no_route_without_a_recorded_shape(client: TestClient) -> None:
    found = {
        (method, path)
        for path, row in _openapi(client).items()
        for method in map(str.upper, row)
        if path.startswith(("/sdapi/", "/internal/"))
    }
    shapes = {(recorded(name)["method"], recorded(name)["path"]) for name in NAMES}
    assert found - shapes == {("POST", "/sdapi/v1/interrogate"), ("GET", "/internal/ping")}
    assert shapes <= found
    assert len(shapes) == LISTED_IN_A1111


def _openapi(client: TestClient) -> dict[str, Any]:
    from fastapi.openapi.utils import get_openapi

    paths: dict[str, Any] = get_openapi(title="", version="", routes=client.app.routes)["paths"]  # type: ignore[attr-defined]
    return paths


@pytest.mark.parametrize(
    ("path", "body", "status", "detail", "sentence"),
    [
        ("txt2img", {"sampler_name": "nonesuch"}, 404, "Sampler not found", "'nonesuch' is not known"),
        ("txt2img", {"sampler_index": "nonesuch"}, 404, "Sampler not found", "'nonesuch' is not known"),
        ("txt2img", {"scheduler": "nonesuch"}, 404, "Scheduler not found", "Schedule type 'nonesuch'"),
        (
            "txt2img",
            {"enable_hr": True, "hr_sampler_name": "nonesuch"},
            404,
            "Sampler not found",
            "'nonesuch' is not known",
        ),
        ("txt2img", {"override_settings": {"sd_model_checkpoint": "nonesuch"}}, 404, "", "Model 'nonesuch'"),
        ("txt2img", {"steps": 1000}, 422, "", "Steps 1000 is too large. The most is 150."),
        ("txt2img", {"steps": "many"}, 422, "", "Steps 'many' is not a whole number"),
        ("txt2img", {"width": 8}, 422, "", "Width"),
        ("txt2img", {"script_name": "nonesuch"}, 422, "Script 'nonesuch' not found", "is not known"),
        ("txt2img", {"alwayson_scripts": {"ControlNet": {"args": []}}}, 422, "always on script", "is not here"),
        ("txt2img", {"alwayson_scripts": {"Prompt matrix": {}}}, 422, "Cannot have a selectable", "script_name"),
        ("txt2img", {"firstpass_image": "!"}, 422, "", "firstpass_image '!' is no base64"),
        ("img2img", {}, 404, "Init image not found", "Input picture is missing"),
        ("img2img", {"init_images": []}, 404, "Init image not found", "Input picture is missing"),
        ("img2img", {"init_images": ["AAAA"]}, 422, "", "cannot be read"),
        ("img2img", {"init_images": ["data:image/png;base64,"]}, 422, "", "is empty"),
        ("extra-single-image", {}, 422, "", "image '' is empty"),
        ("extra-single-image", {"image": picture(8, 8), "upscaler_1": "nonesuch"}, 404, "", "Upscaler 'nonesuch'"),
        ("extra-batch-images", {}, 422, "", "Input picture"),
        ("png-info", {}, 422, "", "image"),
        ("png-info", {"image": "R0lGODlh"}, 422, "", "cannot be read"),
        ("interrogate", {"image": picture(8, 8)}, 404, "Model not found", "is not available"),
        ("options", {"sd_model_checkpoint": "nonesuch"}, 404, "", "Model 'nonesuch'"),
        (
            "options",
            {"CLIP_stop_at_last_layers": 99},
            422,
            "",
            "cannot be 99. The most is 12.",
        ),
        ("options", {"queue_limit": 0}, 422, "", "cannot be 0"),
    ],
)
def test_refusals(
    still_client: TestClient, path: str, body: dict[str, object], status: int, detail: str, sentence: str
) -> None:
    answer = still_client.post(f"/sdapi/v1/{path}", json=body)
    assert answer.status_code == status, answer.text
    assert misfits(answer.json(), recorded("refusal")["response"]) == []
    assert answer.json()["detail"].startswith(detail)
    assert sentence in answer.json()["errors"]


@pytest.mark.parametrize(
    "content", [b"{", b"[1]", b'"x"', b"\xff", b"[" * 100_000, b'{"cfg_scale": NaN}', b'{"cfg_scale": 1e999}', b""]
)
def test_bodies_that_are_no_object_are_refused(still_client: TestClient, content: bytes) -> None:
    answer = still_client.post("/sdapi/v1/txt2img", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert misfits(answer.json(), recorded("refusal")["response"]) == []


def test_odd_texts_are_repeated_without_harm(client: TestClient) -> None:
    odd = '{"prompt": "a \\ud800 b", "steps": 1, "width": 64, "height": 64, "seed": 3, "strange": "\\udfff"}'
    answer = client.post("/sdapi/v1/txt2img", content=odd, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert answer.json()["parameters"]["prompt"] == "a ? b"


def test_a_fault_of_ours_is_told_in_the_same_shape(
    idle_services: Services, idle_client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault() -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(idle_services.upscalers, "all", fault)
    answer = idle_client.get("/sdapi/v1/upscalers")
    assert answer.status_code == 500
    assert misfits(answer.json(), recorded("refusal")["response"]) == []
    assert "secret" not in answer.text
