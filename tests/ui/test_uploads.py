"""What browsers send: kept where the page finds it, or refused in words with nothing left of it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import httpx
import pytest

from modules.services.build import Services
from modules.ui.application import uploads_folder
from tests.program import until

BEGINNING = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
FILE_AND_TEXT = BEGINNING + b'before\r\n--x\r\nContent-Disposition: form-data; name="files"\r\n\r\n1\r\n--x--\r\n'


def left(services: Services) -> set[Path]:
    """The files that uploads left; folders come and go while one looks."""
    found = os.walk(uploads_folder(services))
    return {Path(parent, name) for parent, _, names in found for name in names}


def test_files_lie_by_what_they_hold_under_their_own_names(address: str, demo_services: Services) -> None:
    given = [("files", (name, content)) for name, content in (("a.png", b"1"), ("../b.png", b"1"), ("a.png", b"2"))]
    answer = httpx.post(f"{address}/gradio_api/upload", files=[*given, given[0]], timeout=60)
    places = [Path(place) for place in answer.json()]
    assert [place.name for place in places] == ["a.png", "b.png", "a.png", "a.png"]
    assert [place.read_bytes() for place in places] == [b"1", b"1", b"2", b"1"]
    assert {place.parent.parent for place in places} == {uploads_folder(demo_services)}
    assert left(demo_services) >= set(places)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"files": [("files", ("a.png", b"before")), ("files", ("..", b"2"))]}, 400),
        ({"content": FILE_AND_TEXT, "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400),
        ({"files": [("other", ("a.png", b"1"))]}, 200),
        ({"files": {"files": (None, b"text")}}, 400),
        ({"files": {"files": (None, b"text")}, "params": {"upload_id": "u"}}, 400),
        ({"content": BEGINNING + b"1", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 200),
        ({"content": BEGINNING, "headers": {"content-type": f"multipart/form-data; boundary={'x' * 9000}"}}, 400),
        ({"content": BEGINNING, "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"content": BEGINNING}, 400),
        ({"files": [("files", (f"{number}.png", b"1")) for number in range(1001)]}, 400),
    ],
)
def test_nothing_is_left_of_what_is_no_list_of_files(
    address: str, demo_services: Services, sent: dict[str, object], status: int
) -> None:
    before = left(demo_services)
    answer = httpx.post(f"{address}/gradio_api/upload", **sent, timeout=60)  # type: ignore[arg-type]
    assert answer.status_code == status
    assert left(demo_services) == before


def test_nothing_is_left_of_who_goes_away(
    address: str, demo_services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    before = left(demo_services)
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        lines = ("POST /gradio_api/upload HTTP/1.1", f"Host: {host}:{port}", "Content-Length: 100000")
        raw.sendall("\r\n".join([*lines, "Content-Type: multipart/form-data; boundary=x", "", ""]).encode())
        raw.sendall(BEGINNING + b"1" * 50_000)
        until(lambda: left(demo_services) > before, 60)
    until(lambda: left(demo_services) == before, 60)
    assert "Fault" not in caplog.text
