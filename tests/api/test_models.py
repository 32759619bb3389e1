"""The routes of model files, on folders with tiny files."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file
from starlette.testclient import TestClient

from modules.api.exchange import MAX_BODY_BYTES
from modules.config.paths import ROOT, Paths
from modules.services.build import Services
from modules.services.model_cards import THUMBNAIL_SIDE
from tests.small_checkpoints import write_small

NETWORK = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"


def put_lora(paths: Paths, name: str, rank: int = 4, metadata: Mapping[str, str] | None = None) -> Path:
    """A LoRA for Stable Diffusion 1."""
    path = paths.lora_folders[0] / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    down = np.zeros((rank, 320), dtype=np.float16)
    tensors = {f"{NETWORK}.lora_down.weight": down, f"{NETWORK}.lora_up.weight": np.ascontiguousarray(down.T)}
    save_file(tensors, path, metadata={"ss_base_model_version": "sd_v1", **(metadata or {})})
    return path


def put_checkpoint(paths: Paths, name: str, layout: str = "sd15") -> Path:
    path = paths.data / "models" / "Stable-diffusion" / f"{name}.safetensors"
    write_small(path, layout)
    return path


def png(colour: str, side: int = 640) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()


def listed(client: TestClient, **query: str) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/models", params=query)
    assert answer.status_code == 200, answer.json()
    models: list[dict[str, Any]] = answer.json()["models"]
    return models


def names(client: TestClient, **query: str) -> list[str]:
    return [model["name"] for model in listed(client, **query)]


def refusal(answer: Any, status: int) -> str:
    """The sentence of a refusal."""
    assert answer.status_code == status, answer.text
    detail = answer.json()["detail"]
    assert isinstance(detail, str) and detail.count(" ") > 2
    return detail


def test_models_of_all_kinds_with_what_is_known_of_them(idle_client: TestClient, paths: Paths) -> None:
    file = put_lora(paths, "pens/ink")
    file.with_suffix(".json").write_text(json.dumps({"activation text": "ink", "preferred weight": 0.8}))
    put_checkpoint(paths, "bird")
    by_name = {model["name"]: model for model in listed(idle_client)}
    assert {"pens/ink", "bird"} <= by_name.keys()
    ink, bird = by_name["pens/ink"], by_name["bird"]
    assert (ink["kind"], ink["file"], ink["size"]) == ("lora", "ink.safetensors", file.stat().st_size)
    assert (ink["family"], ink["precision"], ink["problem"]) == ("sd1", "F16", "")
    assert ink["what"] == "LoRA for Stable Diffusion 1"
    assert (ink["trigger_words"], ink["card"]["preferred_weight"]) == (["ink"], 0.8)
    assert ink["modified"] == pytest.approx(file.stat().st_mtime, abs=0.001) and ink["created"] > 0
    assert (bird["kind"], bird["family"], bird["prediction"]) == ("checkpoint", "sd1", "epsilon")
    assert bird["card"]["recommended"]["width"] == 512


def test_prediction_that_a_side_file_tells(idle_client: TestClient, paths: Paths) -> None:
    path = put_checkpoint(paths, "two", "sd21")
    path.with_suffix(".yaml").write_text("model:\n  params:\n    parameterization: v\n")
    assert idle_client.get("/api/v1/models/checkpoint/two").json()["prediction"] == "v_prediction"


def test_hashes_are_told_once_they_are_known(idle_client: TestClient, idle_services: Services, paths: Paths) -> None:
    path = put_lora(paths, "ink")
    assert [listed(idle_client, kind="lora")[0][name] for name in ("sha256", "short_hash")] == ["", ""]
    known = idle_services.model_files.sha256_of(path)
    assert [listed(idle_client, kind="lora")[0][name] for name in ("sha256", "short_hash")] == [known, known[:10]]


def test_kinds_search_and_orders(idle_client: TestClient, paths: Paths) -> None:
    for name, rank in (("b", 8), ("a", 4), ("x/c", 6)):
        put_lora(paths, name, rank)
    put_checkpoint(paths, "bird")
    assert names(idle_client, kind="lora") == ["a", "b", "x/c"]
    assert names(idle_client, kind="lora", sort="size") == ["a", "x/c", "b"]
    assert names(idle_client, kind="lora", sort="size", descending="true") == ["b", "x/c", "a"]
    assert names(idle_client, kind="lora", search="X/") == ["x/c"]
    assert names(idle_client, kind="embedding") == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"kind": "picture"}, "Kind 'picture' is not known"),
        ({"sort": "colour"}, "Sort 'colour' is not known"),
        ({"descending": "perhaps"}, "neither on nor off"),
        ({"colour": "red"}, "is no field"),
        ({"search": "x" * 1001}, "has 1,001 characters"),
    ],
)
def test_listings_that_cannot_be_made(still_client: TestClient, query: dict[str, str], sentence: str) -> None:
    assert sentence in refusal(still_client.get("/api/v1/models", params=query), 422)


def test_places_on_the_servers_disk_are_not_told(idle_client: TestClient, paths: Paths) -> None:
    broken = put_lora(paths, "pens/broken")
    broken.write_bytes(broken.read_bytes()[:-100])
    answers = [idle_client.get("/api/v1/models"), idle_client.get("/api/v1/models/lora/pens/broken")]
    assert "incomplete" in answers[1].json()["problem"]
    for answer in answers:
        assert str(paths.data) not in answer.text and str(ROOT) not in answer.text


def test_what_strangers_wrote_cannot_break_the_list(idle_client: TestClient, paths: Paths) -> None:
    file = put_lora(paths, "ink", metadata={"ss_tag_frequency": '{"a": {"\\ud800 pen": 3}}'})
    content = '{"description": "\\ud800<script>", "recommended": {"steps": 1e999}, "preferred weight": NaN}'
    file.with_suffix(".json").write_text(content)
    (model,) = listed(idle_client, kind="lora")
    assert model["card"]["description"] == "?<script>"
    assert (model["card"]["recommended"]["steps"], model["card"]["preferred_weight"]) == (20, None)
    assert idle_client.get("/api/v1/models/lora/ink").json()["training"]["tags"] == [["? pen", 3]]


def test_details_of_a_file(idle_client: TestClient, paths: Paths) -> None:
    put_lora(paths, "pens/ink", metadata={"ss_network_dim": "4", "modelspec.author": "Ann"})
    model = idle_client.get("/api/v1/models/lora/PENS/INK").json()
    assert (model["name"], model["training"]["rank"], model["training"]["author"]) == ("pens/ink", "4", "Ann")


@pytest.mark.parametrize(
    ("place", "status"),
    [
        ("lora/nothing", 404),
        ("lora/..%2F..%2F..%2Fetc%2Fpasswd", 404),
        ("lora/%2e%2e/%2e%2e/config.json", 404),
        ("lora/%2Fetc%2Fpasswd", 404),
        ("lora/C:%5CWindows", 404),
        ("lora/%00", 404),
        ("lora/%FF", 404),
        ("lora/", 404),
        ("picture/ink", 422),
        ("..%2Flora/ink", 404),
    ],
)
@pytest.mark.parametrize(
    ("method", "root"),
    [("GET", "models"), ("PATCH", "models"), ("GET", "model-previews"), ("PUT", "model-previews")],
)
def test_files_that_are_not_there(
    still_client: TestClient, still_services: Services, method: str, root: str, place: str, status: int
) -> None:
    paths = still_services.paths
    put_lora(paths, "ink")
    (paths.data / "config.json").write_text("{}")
    before = sorted(paths.data.rglob("*"))
    stored = still_client.post("/api/v1/inputs", content=png("red", 8)).json()["id"]
    bodies: dict[str, Any] = {"PATCH": {"notes": "mine"}, "PUT": {"picture": stored}}
    answer = still_client.request(method, f"/api/v1/{root}/{place}", json=bodies.get(method))
    if place.startswith(".."):
        assert answer.status_code in (404, 405, 422)
    else:
        refusal(answer, status)
    assert [path for path in before if not path.exists()] == []
    assert not list(paths.data.glob("*.preview.png")) and (paths.data / "config.json").read_text() == "{}"


def test_cards_are_edited(idle_client: TestClient, paths: Paths) -> None:
    file = put_lora(paths, "pens/ink")
    file.with_suffix(".json").write_text(json.dumps({"notes": "old", "sha256": "kept", "negative text": "blurred"}))
    changes = {
        "description": "Hatched lines",
        "activation_text": "ink",
        "preferred_weight": 0.7,
        "negative_text": None,
        "example_prompts": ["a bird"],
        "recommended": {"steps": 30},
    }
    answer = idle_client.patch("/api/v1/models/lora/pens/ink", json=changes)
    assert answer.status_code == 200, answer.text
    card = answer.json()["card"]
    assert (card["description"], card["notes"], card["preferred_weight"]) == ("Hatched lines", "old", 0.7)
    assert json.loads(file.with_suffix(".json").read_text()) == {
        "notes": "old",
        "sha256": "kept",
        "description": "Hatched lines",
        "activation text": "ink",
        "preferred weight": 0.7,
        "example_prompts": ["a bird"],
        "recommended": {"steps": 30},
    }


def test_nothing_to_change_writes_nothing(idle_client: TestClient, paths: Paths) -> None:
    file = put_lora(paths, "ink")
    assert idle_client.patch("/api/v1/models/lora/ink", json={}).json()["name"] == "ink"
    assert not file.with_suffix(".json").exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"colour": "red"}, "is no field"),
        ({"path": "/etc/passwd"}, "is no field"),
        ({"notes": 5}, "is not text"),
        ({"notes": "x" * 20_001}, "cannot be written on a card"),
        ({"preferred_weight": "much"}, "preferred_weight"),
        ({"preferred_weight": True}, "preferred_weight"),
        ({"preferred_weight": 1e300}, "is too large"),
        ({"example_prompts": "a bird"}, "cannot be used"),
        ({"example_prompts": ["a"] * 101}, "cannot be written on a card"),
        ({"recommended": {"colour": 1}}, "is no field"),
        ({"recommended": {"steps": 0}}, "is too small"),
        ({"recommended": {"width": 8}}, "is too small"),
    ],
)
def test_changes_that_cannot_be_made(
    still_client: TestClient, still_services: Services, changes: dict[str, Any], sentence: str
) -> None:
    file = put_lora(still_services.paths, "ink")
    assert sentence in refusal(still_client.patch("/api/v1/models/lora/ink", json=changes), 422)
    assert not file.with_suffix(".json").exists()


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b"[1]", 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b" " * (MAX_BODY_BYTES + 1), 413),
        (b'{"preferred_weight": NaN}', 422),
        (b'{"\\ud800": 1}', 422),
    ],
)
def test_bodies_that_are_none(still_client: TestClient, still_services: Services, content: bytes, status: int) -> None:
    put_lora(still_services.paths, "ink")
    refusal(still_client.patch("/api/v1/models/lora/ink", content=content), status)


def test_a_folder_that_cannot_be_written_is_told(
    idle_client: TestClient, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_lora(paths, "ink")

    def forbidden(path: Path, content: bytes) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("modules.checkpoints.side_files.write_atomically", forbidden)
    sentence = refusal(idle_client.patch("/api/v1/models/lora/ink", json={"notes": "a"}), 422)
    assert "may not be written to" in sentence and str(paths.data) not in sentence


def test_a_look_at_the_disk_finds_new_files(idle_client: TestClient, idle_services: Services, paths: Paths) -> None:
    before = idle_client.post("/api/v1/models/refresh").json()
    put_lora(paths, "ink")
    after = idle_client.post("/api/v1/models/refresh").json()
    assert before["complete"] and after["complete"] and after["version"] > before["version"]
    assert [file.name for file in idle_services.model_files.all("lora", wait=0.0)] == ["ink"]


def test_the_checkpoint_that_is_used(idle_client: TestClient, idle_services: Services, paths: Paths) -> None:
    put_checkpoint(paths, "zebra")
    assert idle_client.get("/api/v1/models/current").json()["name"] == idle_services.models.find("").name
    chosen = idle_client.put("/api/v1/models/current", json={"name": "zebra"})
    assert (chosen.status_code, chosen.json()["name"]) == (200, "zebra")
    assert idle_client.get("/api/v1/models/current").json()["name"] == "zebra"
    assert json.loads(paths.settings_file.read_text())["sd_model_checkpoint"] == "zebra"


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": 1}, {"name": "nothing"}, {"name": "a", "kind": "lora"}])
def test_checkpoints_that_cannot_be_used(idle_client: TestClient, paths: Paths, body: dict[str, Any]) -> None:
    refusal(idle_client.put("/api/v1/models/current", json=body), 422)
    assert not paths.settings_file.exists()


def test_preview_of_a_picture_that_was_sent(idle_client: TestClient, paths: Paths) -> None:
    file = put_lora(paths, "pens/ink")
    address = "/api/v1/model-previews/lora/pens/ink"
    assert "no preview" in refusal(idle_client.get(address), 404)
    stored = idle_client.post("/api/v1/inputs", content=png("red")).json()["id"]
    assert idle_client.put(address, json={"picture": stored}).json()["name"] == "pens/ink"
    assert file.with_name("ink.preview.png").is_file()
    answer = idle_client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.headers["x-content-type-options"] == "nosniff"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size) == ("JPEG", (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        red, green, blue = image.convert("RGB").getpixel((1, 1))  # type: ignore[misc]
        assert red > 200 > 50 > green + blue


def test_preview_of_a_finished_picture(idle_client: TestClient, idle_services: Services, paths: Paths) -> None:
    file = put_lora(paths, "ink")
    paths.txt2img_pictures.mkdir(parents=True)
    (paths.txt2img_pictures / "one.png").write_bytes(png("blue", 64))
    idle_services.pictures.refresh()
    (picture,) = idle_services.pictures.page(0, 1)
    assert idle_client.put("/api/v1/model-previews/lora/ink", json={"picture": picture.id}).status_code == 200
    assert file.with_name("ink.preview.png").is_file()
    (paths.txt2img_pictures / "one.png").unlink()
    answer = idle_client.put("/api/v1/model-previews/lora/ink", json={"picture": picture.id})
    assert "no longer there" in refusal(answer, 404)


@pytest.mark.parametrize("text", ["<svg onload=alert(1)>", "<!doctype html><script>alert(1)</script>", "GIF89a"])
def test_what_is_no_picture_is_no_preview(idle_client: TestClient, paths: Paths, text: str) -> None:
    file = put_lora(paths, "ink")
    file.with_name("ink.preview.png").write_text(text)
    answer = idle_client.get("/api/v1/model-previews/lora/ink")
    assert "alert" not in refusal(answer, 404)


@pytest.mark.parametrize(
    ("picture", "status"),
    [
        ("0" * 32, 404),
        ("../../etc/passwd", 404),
        ("/etc/passwd", 404),
        ("x" * 33, 422),
        (999_999, 404),
        (0, 422),
        (10**30, 422),
        (1.5, 422),
        (True, 422),
        (None, 422),
        (["a"], 422),
    ],
)
def test_pictures_that_are_not_there(
    still_client: TestClient, still_services: Services, picture: Any, status: int
) -> None:
    file = put_lora(still_services.paths, "ink")
    refusal(still_client.put("/api/v1/model-previews/lora/ink", json={"picture": picture}), status)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_folder_of_a_model_has_a_card_too(idle_client: TestClient, paths: Paths) -> None:
    (source,) = [one.parent for one in (ROOT / "models" / "Stable-diffusion").glob("*/model_index.json")]
    shutil.copytree(source, paths.data / "models" / "Stable-diffusion" / "folder")
    model = idle_client.get("/api/v1/models/checkpoint/folder").json()
    assert (model["is_folder"], model["file"], model["problem"]) == (True, "folder", "")
