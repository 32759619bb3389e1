"""Downloads against a server on this machine that cuts, lies, refuses and leads astray."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from modules.config.files import LONGEST_NAME
from modules.config.paths import ROOT, Paths
from modules.errors import InvalidRequest, NotFound, UnsupportedModel
from modules.services.download_list import DOWNLOAD_LIST
from modules.services.downloads import Download, DownloadService, download_folders
from tests.hub_server import HubServer, hub_server

REPOSITORY, FILE = "someone/some-model", "ink.safetensors"
SECONDS = 60.0
"""After which a test gives up; nothing here takes one."""


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
def service(hub: HubServer, paths: Paths) -> Iterator[DownloadService]:
    with closing(opened(hub, paths)) as downloads:
        yield downloads


def opened(hub: HubServer, paths: Paths, **options: Any) -> DownloadService:
    staging = paths.models / ".downloads"
    return DownloadService(download_folders(paths), staging, endpoint=hub.address, first_wait=0.0, **options)


def lora(kilobytes: int = 64, seed: int = 0) -> bytes:
    """A LoRA for Stable Diffusion 1, of about that size."""
    rank = max(4, kilobytes * 1024 // (2 * 320 * 2))
    numbers = np.random.default_rng(seed).standard_normal((rank, 320)).astype(np.float16)
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    tensors = {
        f"{name}.lora_down.weight": numbers,
        f"{name}.lora_up.weight": np.ascontiguousarray(numbers.T),
        f"{name}.alpha": np.array(rank, dtype=np.float16),
    }
    return save(tensors, metadata={"ss_base_model_version": "sd_v1"})


def ended(service: DownloadService, id: str) -> Download:
    shown = service.wait(id, SECONDS)
    assert shown.is_over, shown
    return shown


def fetched(service: DownloadService, *words: str, **options: Any) -> Download:
    return ended(service, service.start(*words, **options))


def until(true: Callable[[], object], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def nothing_left(paths: Paths) -> bool:
    return not list((paths.models / ".downloads").glob("*"))


def files_of(paths: Paths) -> list[Path]:
    """Every file in a folder for models."""
    return [file for folder in download_folders(paths).values() for file in folder.rglob("*") if file.is_file()]


def test_a_repositorys_file_lands_whole_in_the_folder_of_what_it_is(
    hub: HubServer, service: DownloadService, paths: Paths
) -> None:
    content = lora()
    hub.add(REPOSITORY, FILE, content)
    shown = fetched(service, REPOSITORY, FILE)
    assert (shown.state, shown.kind, shown.received, shown.total) == ("done", "lora", len(content), len(content))
    assert shown.path == paths.lora_folders[0] / FILE
    assert shown.path.read_bytes() == content
    assert nothing_left(paths)


@pytest.mark.parametrize(
    "words",
    [
        (f"{REPOSITORY}/sub/{FILE}",),
        (REPOSITORY, f"sub/{FILE}"),
        ("{hub}/" + f"{REPOSITORY}/blob/main/sub/{FILE}",),
        ("{hub}/" + f"{REPOSITORY}/resolve/main/sub/{FILE}?download=true",),
        (f"https://huggingface.co/{REPOSITORY}/blob/main/sub/{FILE}",),
    ],
)
def test_every_way_to_name_a_hubs_file(hub: HubServer, service: DownloadService, words: tuple[str, ...]) -> None:
    hub.add(REPOSITORY, f"sub/{FILE}", lora())
    shown = fetched(service, *(word.format(hub=hub.address) for word in words))
    assert (shown.state, shown.name) == ("done", FILE), shown.problem


def test_a_file_that_every_repository_calls_the_same_is_called_as_its_repository(
    hub: HubServer, service: DownloadService
) -> None:
    hub.add(REPOSITORY, "diffusion_pytorch_model.fp16.safetensors", lora())
    assert (
        fetched(service, REPOSITORY, "diffusion_pytorch_model.fp16.safetensors").name == "some-model.fp16.safetensors"
    )


@pytest.mark.parametrize("cuts", [[0], [1, 1], [1024, 5000, 60_000]])
def test_a_cut_connection_goes_on_where_it_broke_off(hub: HubServer, service: DownloadService, cuts: list[int]) -> None:
    content = lora(256)
    hub.add(REPOSITORY, FILE, content)
    hub.behaviour.cut_after = list(cuts)
    shown = fetched(service, REPOSITORY, FILE)
    assert shown.state == "done" and shown.path is not None and shown.path.read_bytes() == content
    assert hub.sent == len(content)  # no byte twice
    begins = [sum(cuts[:place]) for place in range(len(cuts) + 1)]
    assert hub.ranges() == [f"bytes={begin}-" if begin else "" for begin in begins]


def test_a_server_without_ranges_sends_all_again(hub: HubServer, service: DownloadService) -> None:
    content = lora(128)
    hub.add(REPOSITORY, FILE, content)
    hub.behaviour.takes_ranges = False
    hub.behaviour.cut_after = [40_000]
    shown = fetched(service, REPOSITORY, FILE)
    assert shown.state == "done" and shown.path is not None and shown.path.read_bytes() == content
    assert hub.sent == len(content) + 40_000


def test_a_file_that_changed_in_between_is_fetched_from_its_beginning(hub: HubServer, service: DownloadService) -> None:
    old, new = lora(128), lora(128, seed=1)
    hub.add(REPOSITORY, FILE, old)
    hub.behaviour.gate = threading.Event()
    id = service.start(REPOSITORY, FILE)
    until(lambda: service.find(id).received)
    service.pause(id)
    assert ended(service, id).state == "paused"
    hub.add(REPOSITORY, FILE, new)
    hub.behaviour.gate.set()
    service.resume(id)
    shown = ended(service, id)
    assert shown.state == "done" and shown.path is not None and shown.path.read_bytes() == new


def test_an_addresss_etag_says_whether_the_rest_still_fits(hub: HubServer, service: DownloadService) -> None:
    old, new = lora(128), lora(128, seed=1)
    url = hub.put("/files/ink.safetensors", old)
    hub.behaviour.gate = threading.Event()
    id = service.start(url)
    until(lambda: service.find(id).received)
    service.pause(id)
    ended(service, id)
    hub.put("/files/ink.safetensors", new)
    hub.behaviour.etag = '"two"'
    hub.behaviour.gate.set()
    service.resume(id)
    shown = ended(service, id)
    assert shown.state == "done" and shown.path is not None and shown.path.read_bytes() == new
    assert hub.requests[-1][2]["if-range"] == '"one"'


def test_a_paused_download_stands_still_and_goes_on(hub: HubServer, service: DownloadService) -> None:
    content = lora(128)
    hub.add(REPOSITORY, FILE, content)
    hub.behaviour.gate = threading.Event()
    id = service.start(REPOSITORY, FILE)
    until(lambda: service.find(id).received)
    service.pause(id)
    rested = ended(service, id)
    assert rested.state == "paused" and 0 < rested.received < len(content)
    assert service.start(REPOSITORY, FILE) == id  # asked for again, it is the same one
    hub.behaviour.gate.set()
    assert ended(service, id).state == "done"
    assert hub.ranges()[-1] == f"bytes={rested.received}-"


def test_pause_and_resume_without_waiting(hub: HubServer, service: DownloadService) -> None:
    hub.add(REPOSITORY, FILE, lora(128))
    hub.behaviour.gate = threading.Event()
    id = service.start(REPOSITORY, FILE)
    until(lambda: service.find(id).received)
    for _ in range(20):
        service.pause(id)
        service.resume(id)
    hub.behaviour.gate.set()
    assert ended(service, id).state == "done"


def test_a_cancelled_download_leaves_nothing(hub: HubServer, service: DownloadService, paths: Paths) -> None:
    hub.add(REPOSITORY, FILE, lora(128))
    hub.behaviour.gate = threading.Event()
    id = service.start(REPOSITORY, FILE)
    until(lambda: service.find(id).received)
    service.cancel(id)
    assert ended(service, id).state == "cancelled"
    assert nothing_left(paths) and not files_of(paths)
    service.forget(id)
    with pytest.raises(NotFound):
        service.find(id)


def test_two_at_once_and_the_third_waits(hub: HubServer, service: DownloadService) -> None:
    hub.behaviour.gate = threading.Event()
    ids = []
    for number in range(3):
        hub.add(REPOSITORY, f"{number}.safetensors", lora(64, seed=number))
        ids.append(service.start(REPOSITORY, f"{number}.safetensors"))
    until(lambda: all(service.find(id).received for id in ids[:2]))
    assert [service.find(id).state for id in ids] == ["running", "running", "waiting"]
    hub.behaviour.gate.set()
    assert [ended(service, id).state for id in ids] == ["done"] * 3


@pytest.mark.parametrize("where", ["given", "told"])
def test_a_wrong_hash_throws_the_file_away(hub: HubServer, service: DownloadService, paths: Paths, where: str) -> None:
    content = lora()
    url = hub.put("/files/ink.safetensors", content)
    if where == "told":
        hub.add(REPOSITORY, FILE, content)
        hub.behaviour.wrong_digest = "a" * 64
        shown = fetched(service, REPOSITORY, FILE)
    else:
        shown = fetched(service, url, sha256="a" * 64)
    assert shown.state == "failed" and "a" * 64 in shown.problem
    assert hashlib.sha256(content).hexdigest() in shown.problem
    assert not files_of(paths) and not list(paths.models.rglob("*.safetensors"))


def test_a_mistyped_hash_does_not_stick(hub: HubServer, service: DownloadService) -> None:
    url = hub.put("/files/ink.safetensors", lora())
    assert fetched(service, url, sha256="a" * 64).state == "failed"
    assert fetched(service, url).state == "done"


def test_a_hash_that_is_not_the_hubs_is_told_before_anything_is_fetched(
    hub: HubServer, service: DownloadService
) -> None:
    hub.add(REPOSITORY, FILE, lora())
    shown = fetched(service, REPOSITORY, FILE, sha256="b" * 64)
    assert shown.state == "failed" and "Nothing was fetched" in shown.problem
    assert shown.received == 0


def test_the_right_hash_in_capitals_is_taken(hub: HubServer, service: DownloadService) -> None:
    content = lora()
    url = hub.put("/files/ink.safetensors", content)
    assert fetched(service, url, sha256=hashlib.sha256(content).hexdigest().upper()).state == "done"


@pytest.mark.parametrize("length", [10, 10**9])
def test_a_wrong_length_is_told(hub: HubServer, service: DownloadService, paths: Paths, length: int) -> None:
    hub.add(REPOSITORY, FILE, lora())
    hub.behaviour.wrong_length = length
    shown = fetched(service, REPOSITORY, FILE)
    assert shown.state == "failed" and f"{length:,} are sent" in shown.problem
    assert not files_of(paths)


def test_a_file_that_ends_early_without_a_length_is_no_model(
    hub: HubServer, service: DownloadService, paths: Paths
) -> None:
    url = hub.put("/files/ink.safetensors", lora()[:-1000])
    hub.behaviour.tells_length = False
    shown = fetched(service, url)
    assert shown.state == "failed" and "incomplete" in shown.problem
    assert not list(paths.models.rglob("*.safetensors"))


def test_a_file_without_a_length_is_fetched(hub: HubServer, service: DownloadService) -> None:
    url = hub.put("/files/ink.safetensors", lora())
    hub.behaviour.tells_length = False
    shown = fetched(service, url)
    assert shown.state == "done" and shown.total is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<!DOCTYPE html><title>Log in</title>", "text/html; charset=utf-8"),
        (b"\n<HTML><body>gone</body></HTML>", "application/octet-stream"),
    ],
)
def test_a_web_page_is_told_from_a_model(
    hub: HubServer, service: DownloadService, paths: Paths, body: bytes, kind: str
) -> None:
    shown = fetched(service, hub.put("/files/ink.safetensors", body, Content_Type=kind))
    assert shown.state == "failed" and "is a web page" in shown.problem
    assert not files_of(paths)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [(401, "GatedRepo", "licence"), (403, "GatedRepo", "HF_TOKEN"), (401, "RepoNotFound", "does not exist")],
)
def test_refusals_of_the_hub_say_what_to_do(
    hub: HubServer, service: DownloadService, status: int, code: str, words: str
) -> None:
    hub.behaviour.refused[REPOSITORY] = (status, code)
    shown = fetched(service, REPOSITORY, FILE)
    assert shown.state == "failed" and words in shown.problem
    assert len(hub.requests) == 1  # asking again would not help


def test_a_file_that_is_not_there(hub: HubServer, service: DownloadService) -> None:
    shown = fetched(service, REPOSITORY, FILE)
    assert shown.state == "failed" and "does not exist" in shown.problem
    hub.add(REPOSITORY, FILE, lora())
    service.resume(shown.id)
    assert ended(service, shown.id).state == "done"


def test_a_busy_server_is_asked_again_and_loses_nothing(hub: HubServer, service: DownloadService) -> None:
    content = lora(128)
    hub.add(REPOSITORY, FILE, content)
    hub.behaviour.failures = [503, 429]
    hub.behaviour.cut_after = [40_000]
    assert fetched(service, REPOSITORY, FILE).state == "done"
    hub.add(REPOSITORY, "b.safetensors", content)
    sent = hub.sent
    hub.behaviour.cut_after = [40_000]
    hub.behaviour.gate = threading.Event()
    id = service.start(REPOSITORY, "b.safetensors")
    until(lambda: service.find(id).received)
    hub.behaviour.failures = [500, 502]
    hub.behaviour.gate.set()
    assert ended(service, id).state == "done"
    assert hub.sent - sent == len(content)


def test_a_server_that_never_sends_is_given_up(hub: HubServer, service: DownloadService) -> None:
    hub.add(REPOSITORY, FILE, lora())
    hub.behaviour.failures = [503] * 100
    shown = fetched(service, REPOSITORY, FILE)
    assert shown.state == "failed" and "503" in shown.problem
    assert len(hub.ranges()) == 6


def test_nothing_is_overwritten(hub: HubServer, service: DownloadService, paths: Paths) -> None:
    hub.add(REPOSITORY, FILE, lora())
    taken = paths.lora_folders[0] / FILE
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"mine")
    with pytest.raises(InvalidRequest, match="is taken"):
        service.start(REPOSITORY, FILE, kind="lora")
    shown = fetched(service, REPOSITORY, FILE)  # what it is shows itself at the end
    assert shown.state == "failed" and "is taken" in shown.problem
    assert taken.read_bytes() == b"mine"
    other = fetched(service, REPOSITORY, FILE, name="other.safetensors")
    assert other.path == taken.with_name("other.safetensors")


def test_a_process_killed_right_after_the_move_finds_its_file(
    hub: HubServer, service: DownloadService, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(REPOSITORY, FILE, lora())
    with monkeypatch.context() as killed:
        killed.setattr("modules.services.download_records.shutil.rmtree", lambda *words, **options: None)
        shown = fetched(service, REPOSITORY, FILE)
    assert shown.path is not None and not nothing_left(paths)
    with closing(opened(hub, paths)) as again:
        assert [one.state for one in again.all()] == ["paused"]
        again.resume(shown.id)
        assert ended(again, shown.id).path == shown.path
    assert nothing_left(paths)


def test_a_folder_on_another_disk(hub: HubServer, paths: Paths) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == paths.data.stat().st_dev:
        pytest.skip("needs a second disk")
    content = lora()
    hub.add(REPOSITORY, FILE, content)
    with tempfile.TemporaryDirectory(dir=memory) as elsewhere:
        folders = {**download_folders(paths), "lora": Path(elsewhere) / "Lora"}
        staging = paths.models / ".downloads"
        with closing(DownloadService(folders, staging, endpoint=hub.address)) as service:
            shown = fetched(service, REPOSITORY, FILE)
        assert shown.path == Path(elsewhere) / "Lora" / FILE and shown.path.read_bytes() == content
        assert list(shown.path.parent.iterdir()) == [shown.path] and nothing_left(paths)


def test_a_file_of_another_kind_goes_where_it_belongs(hub: HubServer, service: DownloadService, paths: Paths) -> None:
    hub.add(REPOSITORY, FILE, lora())
    shown = fetched(service, REPOSITORY, FILE, kind="checkpoint")
    assert shown.path == paths.lora_folders[0] / FILE and "no checkpoint but a" in shown.note


def test_an_unknown_file_waits_until_somebody_says_what_it_is(
    hub: HubServer, service: DownloadService, paths: Paths
) -> None:
    content = save({"something": np.zeros(1000, dtype=np.float32)})
    hub.add(REPOSITORY, FILE, content)
    shown = fetched(service, REPOSITORY, FILE)
    assert shown.state == "failed" and "Say what it is" in shown.problem
    sent = hub.sent
    again = fetched(service, REPOSITORY, FILE, kind="controlnet")
    assert again.path == paths.models / "ControlNet" / FILE
    assert hub.sent == sent  # all was here


def test_pickles_are_refused_unless_they_are_upscalers(hub: HubServer, service: DownloadService, paths: Paths) -> None:
    hub.add(REPOSITORY, "model.ckpt", b"\x80\x02")
    with pytest.raises(UnsupportedModel, match=r"launch\.py convert"):
        service.start(REPOSITORY, "model.ckpt")
    hub.add(REPOSITORY, "4x.pth", b"PK\x03\x04")
    with pytest.raises(UnsupportedModel):
        service.start(REPOSITORY, "4x.pth")
    assert fetched(service, REPOSITORY, "4x.pth", kind="upscaler").path == paths.models / "upscalers" / "4x.pth"
    hub.add(REPOSITORY, "readme.md", b"#")
    with pytest.raises(InvalidRequest, match="File name"):
        service.start(REPOSITORY, "readme.md")


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ('attachment; filename="../../../evil.safetensors"', "evil.safetensors"),
        ('attachment; filename="..\\\\..\\\\evil.safetensors"', "evil.safetensors"),
        ("attachment; filename*=UTF-8''%2e%2e%2fevil.safetensors", "evil.safetensors"),
        ('attachment; filename="con.safetensors"', "_con.safetensors"),
        ('attachment; filename="a:b*c?.safetensors"', "a_b_c_.safetensors"),
        (f'attachment; filename="{"x" * 1000}.safetensors"', None),
    ],
)
def test_the_name_that_a_server_gives_stays_in_its_folder(
    hub: HubServer, service: DownloadService, paths: Paths, told: str, name: str | None
) -> None:
    shown = fetched(service, hub.put("/api/download/models/1", lora(), Content_Disposition=told))
    assert shown.state == "done" and shown.path is not None, shown.problem
    assert shown.path.parent == paths.lora_folders[0]
    assert files_of(paths) == [shown.path]
    assert len(shown.name) <= LONGEST_NAME
    if name is not None:
        assert shown.name == name


def test_a_file_without_a_name_asks_for_one(hub: HubServer, service: DownloadService) -> None:
    url = hub.put("/api/download/models/1", lora())
    shown = fetched(service, url)
    assert shown.state == "failed" and "--name" in shown.problem
    assert fetched(service, url, name="ink.safetensors").state == "done"


def test_redirects_are_followed_to_an_end(hub: HubServer, service: DownloadService) -> None:
    hub.put("/files/one.safetensors", status=302, Location="/files/two.safetensors")
    hub.put("/files/two.safetensors", lora())
    assert fetched(service, f"{hub.address}/files/one.safetensors").state == "done"
    hub.put("/files/round.safetensors", status=302, Location="/files/round.safetensors")
    shown = fetched(service, f"{hub.address}/files/round.safetensors")
    assert shown.state == "failed" and "without an end" in shown.problem


def test_a_redirect_into_the_private_network_is_refused(hub: HubServer, service: DownloadService) -> None:
    with hub_server() as inside:
        inside.put("/secret.safetensors", lora())
        for place, location in enumerate([inside.address, "http://[::1]:80", "http://169.254.169.254", "file://"]):
            hub.put(f"/files/{place}.safetensors", status=302, Location=f"{location}/secret.safetensors")
            shown = fetched(service, f"{hub.address}/files/{place}.safetensors")
            assert shown.state == "failed", location
            assert "private network" in shown.problem or "is no web address" in shown.problem
        assert inside.requests == []


def test_tokens_go_to_their_owner_alone_and_into_no_file(
    hub: HubServer, paths: Paths, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    content = lora(128)
    with hub_server() as other, closing(opened(hub, paths, allow_private=True)) as service:
        hub.add(REPOSITORY, FILE, content)
        other.put(f"/bytes/{hashlib.sha256(content).hexdigest()}", content)
        hub.put(f"/{REPOSITORY}/resolve/main/{FILE}", status=302, Location=f"{other.address}/files/x?token=canary2")
        other.put("/files/x", content)
        other.behaviour.gate = threading.Event()
        id = service.start(REPOSITORY, FILE)
        secret = service.start(f"{other.address}/files/x?token=canary3&size=full", name="b.safetensors")
        until(lambda: service.find(id).received and service.find(secret).received)
        stored = b"".join(file.read_bytes() for file in (paths.models / ".downloads").rglob("*") if file.is_file())
        assert b"canary" not in stored and b"size=full" in stored
        assert "canary" not in repr(service.all())
        other.behaviour.gate.set()
        assert ended(service, id).state == ended(service, secret).state == "done"
        assert hub.requests[0][2]["authorization"] == "Bearer hf_canary"
        assert all("authorization" not in headers for _, _, headers in other.requests)
        assert "canary" not in caplog.text


def test_an_address_with_a_secret_is_asked_for_after_a_restart(hub: HubServer, paths: Paths) -> None:
    url = hub.put("/files/ink.safetensors", lora(128)) + "?token=abc"
    hub.behaviour.gate = threading.Event()
    with closing(opened(hub, paths)) as first:
        id = first.start(url)
        until(lambda: first.find(id).received)
    hub.behaviour.gate.set()
    with closing(opened(hub, paths)) as second:
        assert [shown.state for shown in second.all()] == ["paused"]
        with pytest.raises(InvalidRequest, match="held a secret"):
            second.resume(id)
        assert second.start(url) == id
        assert ended(second, id).state == "done"
    assert hub.ranges()[-1] not in ("", "bytes=0-")


def test_a_disk_without_room_is_told_before_anything_is_fetched(hub: HubServer, paths: Paths) -> None:
    hub.add(REPOSITORY, FILE, lora())
    with closing(opened(hub, paths, free_bytes=lambda folder: 1000)) as service:
        shown = fetched(service, REPOSITORY, FILE)
    assert shown.state == "failed" and "Free some space" in shown.problem
    assert not list(paths.models.rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (("",), {}),
        (("someone/some-model",), {}),
        (("no such/repository", FILE), {}),
        (("someone/some-model", "../../etc/x.safetensors"), {}),
        (("file:///etc/passwd",), {}),
        (("ftp://example.org/x.safetensors",), {}),
        (("https://",), {}),
        (("https://[::1/x.safetensors",), {}),
        (("https://user:password@example.org/x.safetensors",), {}),
        ((REPOSITORY, FILE), {"kind": "picture"}),
        ((REPOSITORY, FILE), {"sha256": "short"}),
        ((REPOSITORY, FILE), {"name": "../.."}),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(
    hub: HubServer, service: DownloadService, words: tuple[str, ...], options: dict[str, str]
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        service.start(*words, **options)
    assert "password" not in str(caught.value) or "a password" in str(caught.value)
    assert service.all() == [] and hub.requests == []


def test_broken_records_are_left_out(hub: HubServer, paths: Paths, caplog: pytest.LogCaptureFixture) -> None:
    staging = paths.models / ".downloads"
    good = {"shown": "https://example.org/x.safetensors", "is_whole": True, "name": "x.safetensors"}
    broken: list[object] = [b"{", [], {**good, "name": "../x"}, {**good, "total": "many"}, {**good, "shown": 3}]
    for place, content in enumerate(broken):
        (staging / str(place)).mkdir(parents=True)
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        if isinstance(content, dict):
            text = json.dumps({**content, "id": str(place)}).encode()
        (staging / str(place) / "record.json").write_bytes(text)
    (staging / "good").mkdir()
    (staging / "good" / "record.json").write_text(json.dumps({**good, "id": "good"}))
    with closing(opened(hub, paths)) as service:
        assert [shown.id for shown in service.all()] == ["good"]
    assert caplog.text.count("is left out") == len(broken)


def command(hub: HubServer, paths: Paths, *words: str, program: Sequence[str] = ("webui.py",)) -> subprocess.Popen[str]:
    """A real process that downloads."""
    line = [sys.executable, *program, "download", *words, "--data-dir", str(paths.data)]
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment |= {"HF_ENDPOINT": hub.address, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT)


def test_a_killed_process_is_gone_on_with(hub: HubServer, paths: Paths) -> None:
    content = lora(512)
    hub.add(REPOSITORY, FILE, content)
    hub.behaviour.gate = gate = threading.Event()
    killed = command(hub, paths, REPOSITORY, FILE)
    until(lambda: hub.sent)
    # What came is on the disk at once, and not when the client gives the silent server up, after 30 seconds.
    until(lambda: [file for file in (paths.models / ".downloads").rglob(FILE) if file.stat().st_size], 20.0)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    part = next((paths.models / ".downloads").rglob(FILE))
    have = part.stat().st_size
    assert 0 < have < len(content) and part.read_bytes() == content[:have]
    gate.set()
    again = command(hub, paths, REPOSITORY, FILE)
    output, errors = again.communicate(timeout=SECONDS)
    assert again.returncode == 0, errors
    assert Path(output.strip()) == paths.lora_folders[0] / FILE
    assert Path(output.strip()).read_bytes() == content
    assert hub.ranges() == ["", f"bytes={have}-"]
    assert nothing_left(paths)


def test_a_second_process_leaves_a_download_to_the_first(
    hub: HubServer, service: DownloadService, paths: Paths
) -> None:
    hub.add(REPOSITORY, FILE, lora(128))
    hub.behaviour.gate = threading.Event()
    id = service.start(REPOSITORY, FILE)
    until(lambda: service.find(id).received)
    _, errors = command(hub, paths, REPOSITORY, FILE).communicate(timeout=SECONDS)
    assert "Another process" in errors
    hub.behaviour.gate.set()
    assert ended(service, id).state == "done"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limits of this kind")
def test_a_disk_that_fills_up_on_the_way_is_told_and_what_is_here_is_kept(hub: HubServer, paths: Paths) -> None:
    content = lora(512)
    hub.add(REPOSITORY, FILE, content)
    limited = (
        "import resource, signal, sys, webui; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); sys.exit(webui.main(sys.argv[1:]))"
    )
    process = command(hub, paths, REPOSITORY, FILE, program=["-c", limited])
    output, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, output) == (1, "") and "is full" in errors
    again = command(hub, paths, REPOSITORY, FILE)
    assert again.communicate(timeout=SECONDS)[0].strip() == str(paths.lora_folders[0] / FILE)
    assert hub.ranges() == ["", "bytes=100000-"]


def test_the_command_tells_a_failure(hub: HubServer, paths: Paths) -> None:
    process = command(hub, paths, REPOSITORY, FILE)
    output, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, output) == (1, "") and "does not exist" in errors


def test_the_command_alone_lists_models_and_asks_nobody(hub: HubServer, paths: Paths) -> None:
    output, errors = command(hub, paths).communicate(timeout=SECONDS)
    assert errors == "" and hub.requests == []
    assert all(entry.id in output and entry.licence in output for entry in DOWNLOAD_LIST)


def test_the_list_is_sound() -> None:
    folders = {"checkpoint", "vae", "tiny-vae", "upscaler"}
    assert len({entry.id for entry in DOWNLOAD_LIST}) == len(DOWNLOAD_LIST)
    for entry in DOWNLOAD_LIST:
        assert entry.kind in folders and entry.file.endswith(".safetensors") and entry.licence and entry.purpose
        assert entry.sha256 == "" or (len(entry.sha256) == 64 and int(entry.sha256, 16) >= 0)
        assert "/" not in entry.id


def test_an_entry_of_the_list_is_fetched_by_its_id(hub: HubServer, service: DownloadService) -> None:
    entry = next(entry for entry in DOWNLOAD_LIST if entry.id == "sd15-previews")
    hub.add(entry.repository, entry.file, lora())
    shown = fetched(service, "SD15-previews")
    assert shown.state == "done" and "no tiny-vae but a" in shown.note
