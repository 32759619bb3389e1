"""Adopted folders: for owners alone, and never written to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from starlette.testclient import TestClient

from modules.services.build import Services
from tests.api.people import OWNER, a_picture, clients

FOLDERS, PICTURES = "/api/v1/folders", "/api/v1/pictures"
TEXT = "a fish\nSteps: 20, Sampler: Euler a, Seed: 5, Size: 64x48, Model: photo, Version: v1.10.1"


@pytest.fixture
def people(idle_services: Services) -> dict[str, TestClient]:
    return clients(idle_services)


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of another program, with a good picture and a broken one."""
    root = tmp_path_factory.mktemp("elsewhere")
    info = PngInfo()
    info.add_text("parameters", TEXT)
    Image.new("RGB", (64, 48)).save(root / "good.png", pnginfo=info)
    (root / "broken.png").write_bytes(b"")
    return root


def adopt(client: TestClient, services: Services, path: Path) -> int:
    answer = client.post(FOLDERS, json={"path": str(path)})
    assert answer.status_code == 201, answer.text
    assert services.picture_folders.await_looks(60)
    return int(answer.json()["id"])


def test_pictures_of_a_folder_are_listed_and_served(
    people: dict[str, TestClient], idle_services: Services, elsewhere: Path
) -> None:
    owner = people[OWNER]
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in elsewhere.iterdir()}
    folder = adopt(owner, idle_services, elsewhere)
    known = {"id": folder, "path": str(elsewhere), "count": 2, "indexed": 2, "state": "ready", "problem": ""}
    assert owner.get(FOLDERS).json() == {"folders": [known]}
    found = {row["path"]: row for row in owner.get(PICTURES, params={"folder": folder}).json()["pictures"]}
    good, broken = found["good.png"], found["broken.png"]
    assert (good["origin"], good["problem"], good["folder"], good["seed"]) == ("A1111", "", folder, 5)
    assert "empty" in broken["problem"]
    assert owner.get(good["file"]).content == (elsewhere / "good.png").read_bytes()
    assert owner.get(good["thumbnail"]).status_code == 200
    assert owner.get(broken["thumbnail"]).status_code == 422
    parameters = owner.get(f"{PICTURES}/{good['id']}/parameters").json()
    assert (parameters["prompt"], parameters["origin"]) == ("a fish", "A1111")
    assert owner.post(f"{PICTURES}/change", json={"ids": [good["id"]], "rating": 3}).json() == {"changed": 1}
    assert owner.post(f"{PICTURES}/bin", json={"ids": [good["id"]]}).json() == {"changed": 0}
    assert owner.get(PICTURES, params={"words": "fish", "origin": "a1111", "rating": 3}).json()["total"] == 1
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in elsewhere.iterdir()} == before


def test_others_see_nothing_of_it(people: dict[str, TestClient], idle_services: Services, elsewhere: Path) -> None:
    adopt(people[OWNER], idle_services, elsewhere)
    numbers = [row["id"] for row in people[OWNER].get(PICTURES).json()["pictures"]]
    ann = people["ann"]
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/1"), ("POST", "/1/look")):
        assert ann.request(method, f"{FOLDERS}{path}", json={"path": "/"}).status_code == 403
    assert ann.get(PICTURES).json()["total"] == 0 == ann.get(PICTURES, params={"folder": 1}).json()["total"]
    for number in numbers:
        for tail in ("", "/file", "/thumbnail", "/parameters"):
            assert ann.get(f"{PICTURES}/{number}{tail}").status_code == 404
    assert ann.get(f"{PICTURES}/zip", params={"ids": ",".join(map(str, numbers))}).status_code == 404
    assert ann.post(f"{PICTURES}/change", json={"ids": numbers, "rating": 5}).json() == {"changed": 0}
    assert idle_services.pictures.is_kept_from(elsewhere / "good.png", "ann")


def test_what_takes_the_place_of_a_picture_is_not_served(
    people: dict[str, TestClient], idle_services: Services, elsewhere: Path, tmp_path: Path
) -> None:
    owner = people[OWNER]
    folder = adopt(owner, idle_services, elsewhere)
    good = owner.get(PICTURES, params={"words": "good"}).json()["pictures"][0]
    secret = tmp_path / "secret.png"
    (elsewhere / "good.png").rename(secret)
    (elsewhere / "good.png").symlink_to(secret)
    for address in (good["file"], good["thumbnail"]):
        assert owner.get(address).status_code == 404
    assert owner.post(f"{FOLDERS}/{folder}/look").status_code == 200
    assert idle_services.picture_folders.await_looks(60)
    assert owner.get(PICTURES, params={"words": "good"}).json()["total"] == 0


def test_a_folder_that_is_gone_keeps_its_pictures_listed(
    idle_client: TestClient, idle_services: Services, elsewhere: Path
) -> None:
    folder = adopt(idle_client, idle_services, elsewhere)
    elsewhere.rename(elsewhere.parent / "unplugged")
    idle_client.post(f"{FOLDERS}/{folder}/look")
    assert idle_services.picture_folders.await_looks(60)
    report = idle_client.get(FOLDERS).json()["folders"][0]
    assert (report["state"], report["count"]) == ("missing", 2)
    assert idle_client.get(PICTURES).json()["total"] == 2


def test_removing_a_folder_keeps_its_files(idle_client: TestClient, idle_services: Services, elsewhere: Path) -> None:
    folder = adopt(idle_client, idle_services, elsewhere)
    assert idle_client.delete(f"{FOLDERS}/{folder}").status_code == 204
    assert idle_client.get(PICTURES).json()["total"] == 0 and idle_client.get(FOLDERS).json() == {"folders": []}
    assert sorted(path.name for path in elsewhere.iterdir()) == ["broken.png", "good.png"]
    assert idle_client.delete(f"{FOLDERS}/{folder}").status_code == 404
    assert idle_client.post(f"{FOLDERS}/{folder}/look").status_code == 404


def test_folders_that_cannot_be_adopted(idle_client: TestClient, idle_services: Services, elsewhere: Path) -> None:
    a_picture(idle_services, job_id="job", user="")
    adopt(idle_client, idle_services, elsewhere)
    (elsewhere / "inner").mkdir()
    paths = idle_services.paths
    wrong = (
        "", "relative", "/no/such/folder", str(elsewhere / "good.png"), str(paths.outputs), str(paths.data), "/",
        str(paths.txt2img_pictures), str(elsewhere / "inner"), str(elsewhere.parent), "//host/share", "\x00",
        "~nobody/x", "x" * 5000,
    )  # fmt: skip
    for path in wrong:
        answer = idle_client.post(FOLDERS, json={"path": path})
        assert (answer.status_code, len(answer.json()["detail"]) > 15) == (422, True), (path, answer.text)
    assert len(idle_client.get(FOLDERS).json()["folders"]) == 1


def test_metadata_of_other_programs_is_searched(
    idle_client: TestClient, idle_services: Services, elsewhere: Path
) -> None:
    graph = {
        "1": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 9, "cfg": 5.0, "sampler_name": "euler",
                                                  "scheduler": "karras", "positive": ["2", 0], "model": ["3", 0]}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse"}},
        "3": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sea.safetensors"}},
    }  # fmt: skip
    info = PngInfo()
    info.add_text("prompt", json.dumps(graph))
    Image.new("RGB", (64, 48)).save(elsewhere / "comfy.png", pnginfo=info)
    adopt(idle_client, idle_services, elsewhere)
    found = idle_client.get(PICTURES, params={"words": "lighthouse", "model": "sea", "sampler": "euler"}).json()[
        "pictures"
    ]
    assert [(row["path"], row["origin"], row["seed"]) for row in found] == [("comfy.png", "ComfyUI", 7)]
    request = idle_services.pictures.read(elsewhere / "comfy.png").request
    assert (request.prompt, request.steps, request.scheduler) == ("a lighthouse", 9, "Karras")
