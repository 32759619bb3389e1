"""JPEG and WebP in answers, by A1111's settings of what it saves."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from modules.api.sdapi.answer_format import AnswerFormat
from modules.imaging import reading
from modules.imaging.encoding import encode_with_comment
from modules.services.build import Services
from tests.api.people import a_picture
from tests.api.sdapi.conftest import SMALL, opened, picture, pixels
from tests.api.sdapi.test_calls import call

OPTIONS = "/sdapi/v1/options"


@pytest.fixture
def webp(client: TestClient) -> Iterator[TestClient]:
    """A client of a server that answers with lossless WebP."""
    client.post(OPTIONS, json={"samples_format": "webp", "webp_lossless": True})
    yield client
    client.post(OPTIONS, json={"samples_format": "png", "webp_lossless": False, "jpeg_quality": 80})


@pytest.mark.parametrize(("name", "format"), [("jpg", "JPEG"), ("JPEG", "JPEG"), ("webp", "WEBP"), ("png", "PNG")])
def test_of_one_request(client: TestClient, name: str, format: str) -> None:
    prompt = "a red house, ☃"
    (image,), info = call(client, **SMALL, prompt=prompt, override_settings={"samples_format": name})
    assert opened(image).format == format
    assert base64.b64decode(image)[:4] != b"data"
    told = client.post("/sdapi/v1/png-info", json={"image": image}).json()
    assert (told["info"], info["not_honoured"]) == (info["infotexts"][0], [])
    assert told["parameters"]["Prompt"] == prompt
    assert told["items"] == ({} if format == "PNG" else {"exif comment": told["info"]})


def test_of_all_requests(webp: TestClient) -> None:
    told = webp.get(OPTIONS).json()
    assert (told["samples_format"], told["webp_lossless"], told["jpeg_quality"]) == ("webp", True, 80)
    (image,), _ = call(webp, **SMALL, prompt="a fish")
    (same,), _ = call(webp, **SMALL, prompt="a fish", override_settings={"samples_format": "png"})
    assert (opened(image).format, opened(same).format) == ("WEBP", "PNG")
    assert np.array_equal(pixels(image), pixels(same))
    extra = {"image": picture(16, 16), "upscaler_1": "Nearest"}
    assert opened(webp.post("/sdapi/v1/extra-single-image", json=extra).json()["image"]).format == "WEBP"


@pytest.mark.parametrize("wrong", [{"samples_format": "gif"}, {"jpeg_quality": 0}, {"webp_lossless": "perhaps"}])
def test_what_cannot_be(idle_client: TestClient, wrong: dict[str, object]) -> None:
    for path, body in (("options", wrong), ("txt2img", {**SMALL, "override_settings": wrong})):
        answer = idle_client.post(f"/sdapi/v1/{path}", json=body)
        assert answer.status_code == 422
        assert next(iter(wrong)) in answer.json()["errors"]


def test_what_is_null_says_nothing() -> None:
    asked = AnswerFormat.of({"samples_format": "jpg", "jpeg_quality": 50}, {"samples_format": None, "jpeg_quality": 60})
    assert asked == AnswerFormat(samples_format="jpg", jpeg_quality=60)


def test_a_png_that_is_larger_than_what_is_read_is_sent_as_it_is(
    still_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = still_services.pictures.get(a_picture(still_services, job_id="job", user=""))
    assert opened(AnswerFormat(samples_format="jpg").encoded(still_services, finished)).format == "JPEG"
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 10)
    assert opened(AnswerFormat(samples_format="jpg").encoded(still_services, finished)).format == "PNG"


def test_a_comment_that_no_jpeg_can_hold_is_left_out() -> None:
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 255))
    for infotext, is_held in (("a" * 30_000, True), ("a" * 40_000, False)):
        content = encode_with_comment(image, "JPEG", infotext, quality=80)
        assert (len(content) > 30_000) == is_held
