"""The routes of downloads, against a hub on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save
from starlette.testclient import TestClient

from modules.api.application import create_application
from modules.config.paths import Paths
from modules.services.build import Services
from modules.services.download_list import DOWNLOAD_LIST
from modules.services.downloads import DownloadService, download_folders
from tests.api.test_models import refusal
from tests.hub_server import HubServer, hub_server

REPOSITORY, FILE = "someone/some-model", "ink.safetensors"
ROOT = "/api/v1/downloads"


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HF_TOKEN", "HF_ENDPOINT", "CIVITAI_TOKEN"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with hub_server() as server:
        yield server


@pytest.fixture
def client(hub: HubServer, idle_services: Services, paths: Paths) -> Iterator[TestClient]:
    """A client of services whose hub is that on this machine; every other private address is refused."""
    staging = paths.models / ".downloads"
    service = DownloadService(download_folders(paths), staging, endpoint=hub.address, first_wait=0.0)
    with closing(service) as downloads:
        services = replace(idle_services, downloads=downloads)
        yield TestClient(create_application(hosts=None, services=services))


def lora() -> bytes:
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    down = np.zeros((64, 320), dtype=np.float16)
    tensors = {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": np.ascontiguousarray(down.T)}
    return save(tensors, metadata={"ss_base_model_version": "sd_v1"})


def started(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post(ROOT, json=body)
    assert answer.status_code == 201, answer.text
    report: dict[str, Any] = answer.json()
    return report


def until(client: TestClient, id: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        report: dict[str, Any] = client.get(f"{ROOT}/{id}").json()
        if true(report):
            return report
        assert time.monotonic() < deadline, report
        time.sleep(0.01)


def ended(client: TestClient, id: str) -> dict[str, Any]:
    return until(client, id, lambda report: report["state"] in ("done", "failed", "cancelled"))


def test_a_file_is_fetched_and_is_then_among_the_models(client: TestClient, hub: HubServer, paths: Paths) -> None:
    content = lora()
    digest = hub.add(REPOSITORY, f"sub/{FILE}", content)
    body = {"source": REPOSITORY, "file": f"sub/{FILE}", "kind": "lora", "name": "pen.safetensors", "sha256": digest}
    id = started(client, **body, revision="main")["id"]
    report = ended(client, id)
    assert (report["state"], report["name"], report["kind"]) == ("done", "pen.safetensors", "lora"), report
    assert (report["received"], report["total"], report["problem"]) == (len(content), len(content), "")
    assert (paths.lora_folders[0] / "pen.safetensors").read_bytes() == content
    assert client.get("/api/v1/models/lora/pen").json()["family"] == "sd1"
    answer = client.get(ROOT)
    assert answer.json() == [report] and str(paths.data) not in answer.text
    assert any("/resolve/main/" in path for _, path, _ in hub.requests)


def test_revisions_are_asked_for(client: TestClient, hub: HubServer) -> None:
    hub.add(REPOSITORY, FILE, lora())
    ended(client, started(client, source=REPOSITORY, file=FILE, revision="v1.0")["id"])
    assert any("/resolve/v1.0/" in path for _, path, _ in hub.requests)


def test_wrong_hash_is_told(client: TestClient, hub: HubServer, paths: Paths) -> None:
    hub.add(REPOSITORY, FILE, lora())
    answer = client.post(ROOT, json={"source": REPOSITORY, "file": FILE, "sha256": "0" * 64})
    report = ended(client, answer.json()["id"])
    assert report["state"] == "failed" and "0" * 64 in report["problem"]
    assert not list(paths.lora_folders[0].glob("*"))


def test_list_of_well_known_models(client: TestClient) -> None:
    listed = client.get(f"{ROOT}/listed").json()
    assert [entry["id"] for entry in listed] == [entry.id for entry in DOWNLOAD_LIST]
    assert all(entry["licence"] and entry["megabytes"] > 0 and entry["purpose"] for entry in listed)


def test_paused_resumed_cancelled_and_forgotten(client: TestClient, hub: HubServer, paths: Paths) -> None:
    hub.behaviour.gate = threading.Event()
    hub.add(REPOSITORY, FILE, lora())
    id = started(client, source=REPOSITORY, file=FILE)["id"]
    until(client, id, lambda report: report["received"] > 0)
    assert "Cancel it first" in refusal(client.delete(f"{ROOT}/{id}"), 422)
    assert client.post(f"{ROOT}/{id}/pause").json()["state"] == "paused"
    assert client.post(f"{ROOT}/{id}/resume").json()["state"] == "waiting"
    assert client.post(f"{ROOT}/{id}/cancel").json()["state"] == "cancelled"
    hub.behaviour.gate.set()
    deadline = time.monotonic() + 60
    while (answer := client.delete(f"{ROOT}/{id}")).status_code != 204:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert answer.content == b"" and client.get(ROOT).json() == []
    assert not list(paths.lora_folders[0].glob("*"))


def test_resumed_to_the_end(client: TestClient, hub: HubServer, paths: Paths) -> None:
    hub.behaviour.gate = threading.Event()
    hub.add(REPOSITORY, FILE, lora())
    id = started(client, source=REPOSITORY, file=FILE)["id"]
    until(client, id, lambda report: report["received"] > 0)
    client.post(f"{ROOT}/{id}/pause")
    hub.behaviour.gate.set()
    client.post(f"{ROOT}/{id}/resume")
    assert ended(client, id)["state"] == "done"
    assert (paths.lora_folders[0] / FILE).read_bytes() == lora()


@pytest.mark.parametrize(
    "address",
    [
        "{inside}/ink.safetensors",
        "http://localhost:{port}/ink.safetensors",
        "http://[::1]:{port}/ink.safetensors",
        "http://[::ffff:127.0.0.1]:{port}/ink.safetensors",
        "http://2130706433:{port}/ink.safetensors",
        "http://0.0.0.0:{port}/ink.safetensors",
        "{hub}/away.safetensors",
    ],
)
def test_private_addresses_are_never_asked(client: TestClient, hub: HubServer, address: str) -> None:
    with hub_server() as inside:
        inside.put("/ink.safetensors", lora())
        hub.put("/away.safetensors", status=302, location=f"{inside.address}/ink.safetensors")
        port = inside.server_address[1]
        answer = client.post(ROOT, json={"source": address.format(inside=inside.address, port=port, hub=hub.address)})
        assert answer.status_code == 201, answer.text
        report = ended(client, answer.json()["id"])
        assert report["state"] == "failed" and "private network" in report["problem"]
        assert inside.requests == []


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "source"),
        ({"source": ""}, "Repository"),
        ({"source": 5}, "is not text"),
        ({"source": "x" * 2001}, "has 2,001 characters"),
        ({"source": "file:///etc/passwd"}, "is no web address"),
        ({"source": "gopher://127.0.0.1/x"}, "is no web address"),
        ({"source": "http://ann:secret@example.com/a.safetensors"}, "a user name or a password"),
        ({"source": REPOSITORY}, "has many files"),
        ({"source": REPOSITORY, "file": "../../x.safetensors"}, "is no file of a repository"),
        ({"source": REPOSITORY, "file": FILE, "kind": "picture"}, "Kind 'picture' is not known"),
        ({"source": REPOSITORY, "file": FILE, "sha256": "12"}, "sha256"),
        ({"source": REPOSITORY, "file": FILE, "name": "run.py"}, "does not end in .safetensors"),
        ({"source": REPOSITORY, "file": "model.ckpt"}, "is a pickle"),
        ({"source": REPOSITORY, "file": FILE, "allow_private": True}, "is no field"),
        ({"source": REPOSITORY, "file": FILE, "path": "/etc"}, "is no field"),
    ],
)
def test_downloads_that_cannot_be_begun(
    client: TestClient, hub: HubServer, body: dict[str, Any], sentence: str
) -> None:
    told = refusal(client.post(ROOT, json=body), 422)
    assert sentence in told and "secret@" not in told
    assert client.get(ROOT).json() == [] and hub.requests == []


@pytest.mark.parametrize("name", ["../../evil.safetensors", "/tmp/evil.safetensors", "..\\evil.safetensors"])
def test_names_cannot_leave_the_folder(client: TestClient, hub: HubServer, paths: Paths, name: str) -> None:
    hub.add(REPOSITORY, FILE, lora())
    report = ended(client, started(client, source=REPOSITORY, file=FILE, name=name)["id"])
    assert report["state"] == "done"
    assert (paths.lora_folders[0] / "evil.safetensors").read_bytes() == lora()


def test_a_name_that_is_taken(client: TestClient, hub: HubServer, paths: Paths) -> None:
    hub.add(REPOSITORY, FILE, lora())
    paths.lora_folders[0].mkdir(parents=True)
    (paths.lora_folders[0] / FILE).write_bytes(b"mine")
    told = refusal(client.post(ROOT, json={"source": REPOSITORY, "file": FILE, "kind": "lora"}), 422)
    assert "is taken in Lora" in told and str(paths.data) not in told
    report = ended(client, started(client, source=REPOSITORY, file=FILE)["id"])
    assert "is taken in Lora" in report["problem"] and str(paths.data) not in report["problem"]
    assert (paths.lora_folders[0] / FILE).read_bytes() == b"mine"


def test_secrets_of_an_address_are_not_told(client: TestClient, hub: HubServer) -> None:
    address = hub.put("/ink.safetensors", lora())
    id = started(client, source=f"{address}?token=abcdef")["id"]
    assert ended(client, id)["state"] == "done"
    assert "abcdef" not in client.get(ROOT).text and client.get(f"{ROOT}/{id}").json()["source"] == address


@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/cancel")])
@pytest.mark.parametrize("id", ["0" * 16, "..%2F..%2Fconfig", "%00"])
def test_downloads_that_are_not_there(client: TestClient, method: str, tail: str, id: str) -> None:
    answer = client.request(method, f"{ROOT}/{id}{tail}")
    assert answer.status_code in (404, 405) and "detail" in answer.json()


def test_wishes_that_nobody_knows(client: TestClient, hub: HubServer) -> None:
    hub.add(REPOSITORY, FILE, lora())
    id = started(client, source=REPOSITORY, file=FILE)["id"]
    assert "pause, resume, cancel" in refusal(client.post(f"{ROOT}/{id}/close"), 422)
    assert ended(client, id)["state"] == "done"
