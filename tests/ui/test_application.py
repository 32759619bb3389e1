"""What the page's server gives away, and what it does not."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest

from modules.config.paths import Paths
from modules.errors import UnreadablePicture
from modules.imaging.reading import MAX_FILE_BYTES
from modules.schema.requests import Txt2ImgRequest
from modules.services.accounts import EVERYBODY
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from modules.ui.application import build_page
from modules.ui.notices import guarded
from modules.ui.request_controls import COMPOSED
from tests.ui.askers import asked_by


def call(address: str, name: str, data: list[Any], session: str) -> dict[str, Any]:
    """Run the page's function of that name and return the last message about it."""
    config = httpx.get(f"{address}/config", timeout=30).json()
    number = next(row["id"] for row in config["dependencies"] if row["api_name"] == name)
    body = json.dumps({"data": data, "fn_index": number, "session_hash": session})
    headers = {"Content-Type": "application/json"}
    httpx.post(f"{address}/gradio_api/queue/join", content=body, headers=headers, timeout=60).raise_for_status()
    place, asked = f"{address}/gradio_api/queue/data", {"session_hash": session}
    with httpx.stream("GET", place, params=asked, timeout=60) as lines:
        for line in lines.iter_lines():
            message: dict[str, Any] = json.loads(line[5:]) if line.startswith("data:") else {}
            if message.get("msg") == "process_completed":
                return message
    raise AssertionError("no answer came")


def file_status(address: str, path: Path) -> int:
    return httpx.get(f"{address}/gradio_api/file={path}", timeout=30).status_code


def test_pictures_are_served_in_place_and_nothing_else_is(address: str, demo_services: Services) -> None:
    paths = demo_services.paths
    picture = paths.txt2img_pictures / "2026-01-01" / "00001-1.png"
    thumbnail = paths.cache / "thumbnails" / "a.jpg"
    private = [paths.outputs / "elsewhere.png", paths.cache / "private.txt", paths.settings_file]
    for file in (picture, thumbnail, *private):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"{}")
    assert (file_status(address, picture), file_status(address, thumbnail)) == (200, 200)
    assert paths.database.is_file()
    around = paths.txt2img_pictures / ".." / paths.database.name
    for file in (*private, paths.database, around, Path(__file__), Path("/etc/hostname")):
        assert file_status(address, file) == 403, file


def test_a_browser_cannot_name_a_file_of_the_server_as_its_upload(address: str, demo_services: Services) -> None:
    """gradio would copy the named file to where it can be fetched."""
    path = demo_services.paths.database
    data = [{"path": str(path), "meta": {"_type": "gradio.FileData"}, "orig_name": "picture.png"}]
    answer = call(address, "read", data, "thief")
    assert answer["success"] is False
    own = demo_services.paths.model_facts
    files = [file for file in demo_services.paths.cache.rglob("*") if file != own]
    copies = [copy for copy in files if copy.is_file() and copy.stat().st_size]
    assert path.read_bytes()[:16] == b"SQLite format 3\x00"
    assert not any(copy.read_bytes().startswith(b"SQLite") for copy in copies)


def test_an_upload_stays_below_the_cache_folder(address: str, demo_services: Services) -> None:
    answer = httpx.post(f"{address}/gradio_api/upload", files={"files": ("a.png", b"bytes")}, timeout=30).json()
    assert demo_services.paths.cache in Path(answer[0]).parents


def test_an_upload_has_a_largest_size(address: str) -> None:
    too_much = bytes(MAX_FILE_BYTES + 2**20)
    answer = httpx.post(f"{address}/gradio_api/upload", files={"files": ("a.png", too_much)}, timeout=60)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("cfg_scale", float("nan"), "CFG scale nan is not a number"),
        ("steps", 5000, "Steps 5000 is too large"),
        ("width", "wide", "Width 'wide' is not a number"),
        ("sampler_name", "Oiler", "Sampler 'Oiler' is not known. Nearest: Euler"),
        ("model", "unheard", "Model 'unheard' is not here"),
    ],
)
def test_what_no_browser_sends_is_answered_by_a_sentence_too(
    address: str, demo_services: Services, field: str, value: Any, sentence: str
) -> None:
    values: dict[str, Any] = dict.fromkeys(Txt2ImgRequest.model_fields.keys() - COMPOSED) | {
        "prompt": "a house",
        field: value,
    }
    config = httpx.get(f"{address}/config", timeout=30).json()
    ids = {row["props"].get("elem_id"): row["id"] for row in config["components"]}
    submit = next(row for row in config["dependencies"] if row["api_name"] == "submit")
    by_id = {ids[name.replace("_", "-")]: value for name, value in values.items()}
    answer = call(address, "submit", [by_id.get(number) for number in submit["inputs"]], f"odd-{field}")
    assert answer["success"] is True
    assert sentence in json.dumps(answer["output"])
    assert demo_services.generate.active_jobs() == []


def test_without_any_model_the_page_opens_and_says_what_to_do(paths: Paths, tmp_path: Path) -> None:
    services = build_services(replace(paths, checkpoint_folders=(tmp_path / "empty",)), EngineOptions())

    async def build() -> gr.Blocks:
        return build_page(services)

    page = asyncio.run(build())
    welcome = next(function for function in page.fns.values() if function.api_name == "welcome")
    assert any(
        "there is no checkpoint in" in str(value) for value in welcome.fn(asked_by(EVERYBODY), None, None).values()
    )


def test_a_sentence_for_what_a_person_can_mend() -> None:
    notice = gr.HTML()

    def handler() -> dict[Any, Any]:
        raise UnreadablePicture("Picture 'a' cannot be read.")

    assert guarded(notice, handler)(asked_by(EVERYBODY)) == {notice: "Picture 'a' cannot be read."}


def test_what_follows_from_a_handler_leaves_its_sentence() -> None:
    notice = gr.HTML()

    def handler() -> dict[Any, Any]:
        return {}

    assert guarded(notice, handler)(asked_by(EVERYBODY)) == {notice: ""}
    assert guarded(notice, handler, empties=False)(asked_by(EVERYBODY)) == {}


def test_a_fault_is_logged_in_full_and_told_by_its_id(caplog: pytest.LogCaptureFixture) -> None:
    notice = gr.HTML()

    def handler() -> dict[Any, Any]:
        raise ZeroDivisionError("the secret inside")

    with caplog.at_level(logging.ERROR):
        told = guarded(notice, handler)(asked_by(EVERYBODY))[notice]
    assert "secret" not in told and "Traceback" not in told
    record = caplog.records[-1]
    assert record.getMessage().split()[1] in told
    assert record.exc_info is not None and record.exc_info[0] is ZeroDivisionError
