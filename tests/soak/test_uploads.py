"""Uploads of every size and shape to a real server: refused or taken, soon, with nothing left behind, beside others."""

from __future__ import annotations

import base64
import http.client
import io
import json
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import psutil
import pytest
from PIL import Image

from modules.api import body_limits
from modules.api.body_limits import MAX_BODY_BYTES, MAX_UPLOAD_BYTES, MAX_UPLOADS_BYTES
from modules.imaging.reading import MAX_FILE_BYTES
from tests.program import is_ready, serving, until

log = logging.getLogger(__name__)

CPU_SECONDS = 1.0
"""Of the server, for one upload."""
PING_SECONDS = 0.2
"""What somebody else waits meanwhile."""
GRACE = 2
"""How many times more may be needed of either, for no two runs are alike; and waiting grows with the machine's load."""
PAGE, NATIVE, A1111 = "/gradio_api/upload", "/api/v1/inputs", "/sdapi/v1/png-info"
MULTIPART = "multipart/form-data; boundary=x"
REFUSED = frozenset({400, 413, 422})
MIB = 2**20


@dataclass(frozen=True)
class Upload:
    """What is sent. `length` False: in chunks; a number: as the header has it, else what the pieces have."""

    name: str
    path: str
    pieces: Callable[[], Iterable[bytes]]
    statuses: frozenset[int] = frozenset({200})
    type: str = MULTIPART
    length: bool | int = True
    after: str = "the answer is read"
    query: str = ""


def head(file: bytes | None = b"a.png", field: bytes = b"files") -> bytes:
    """What begins a part of a multipart body."""
    named = b"" if file is None else b'; filename="' + file + b'"'
    return b'--x\r\nContent-Disposition: form-data; name="' + field + b'"' + named + b"\r\n\r\n"


END = b"\r\n--x--\r\n"


def bytes_of(size: int, *, of: bytes = b"\0") -> Iterator[bytes]:
    block = of * (65_536 // len(of))
    yield from repeat(block, size // len(block))
    yield block[: size % len(block)]


def file_of(size: int, beginning: bytes = head(), end: bytes = END, of: bytes = b"\0") -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        yield beginning
        yield from bytes_of(size, of=of)
        yield end

    return pieces


def many_files(count: int) -> Callable[[], Iterable[bytes]]:
    return lambda: (*repeat(head() + b"a\r\n", count), b"--x--\r\n")


def as_they_are(*pieces: bytes) -> Callable[[], Iterable[bytes]]:
    return lambda: pieces


def a_picture() -> bytes:
    written = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(written, "PNG")
    return written.getvalue()


def slow(pieces: Iterable[bytes], seconds: float) -> Callable[[], Iterator[bytes]]:
    def slowly() -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            time.sleep(seconds)

    return slowly


def of_the_page() -> Iterator[Upload]:
    for size in (0, 1, 65_536, MAX_FILE_BYTES):
        for length in (True, False):
            yield Upload(f"{size} bytes", PAGE, file_of(size), length=length)
    too_large = frozenset({413})
    for length in (True, False):
        yield Upload("one byte too many", PAGE, file_of(MAX_FILE_BYTES + 1), too_large, length=length)
    yield Upload("a body too large", PAGE, as_they_are(head()), too_large, length=MAX_UPLOADS_BYTES + 1)
    yield Upload("1,000 files", PAGE, many_files(1000))
    yield Upload("1,001 files", PAGE, many_files(1001), REFUSED)
    yield Upload("100,000 fields", PAGE, lambda: (*repeat(head(None, b"a") + b"a\r\n", 100_000), b"--x--\r\n"), REFUSED)
    yield Upload("a name of 5 MB", PAGE, file_of(1, head(b"a" * 5 * MIB)), REFUSED)
    yield Upload("a field of 5 MB", PAGE, file_of(1, head(field=b"a" * 5 * MIB)), REFUSED)
    yield Upload("a header of 5 MB", PAGE, file_of(1, b"--x\r\n" + b"a" * 5 * MIB), REFUSED)
    either = REFUSED | {200}
    for name, of in (("zeros", b"\0"), ("lines", b"\r\n"), ("ends", b"\r"), ("boundaries", b"\r\n--"), ("x", b"--x--")):
        yield Upload(f"10 MB of {name} in a file", PAGE, file_of(10 * MIB, of=of), either)
        yield Upload(f"10 MB of {name} behind the end", PAGE, file_of(10 * MIB, head() + END, b"", of), either)
        yield Upload(
            f"10 MB of {name} before the start", PAGE, file_of(10 * MIB, b"", head() + END, of), REFUSED | {200}
        )
    yield Upload("text in the place of a file", PAGE, as_they_are(head(None), b"a", END), REFUSED)
    yield Upload("text that is followed", PAGE, as_they_are(head(None), b"a", END), REFUSED, query="?upload_id=u")
    yield Upload("a file that is followed", PAGE, file_of(1000), query="?upload_id=v")
    yield Upload("a file of another field", PAGE, file_of(1000, head(field=b"other")), REFUSED | {200})
    yield Upload("a file and then text", PAGE, as_they_are(head(), b"a\r\n", head(None), b"a", END), REFUSED)
    yield Upload("no end", PAGE, as_they_are(head(), b"abc"), REFUSED | {200})
    yield Upload("nothing", PAGE, as_they_are(b""), REFUSED | {200})
    yield Upload("no boundary", PAGE, file_of(9), REFUSED, type="multipart/form-data")
    yield Upload("a boundary of 8 KB", PAGE, file_of(9), REFUSED, type=f"multipart/form-data; boundary={'x' * 8192}")
    yield Upload("an unknown charset", PAGE, file_of(9), REFUSED | {200}, type=f"{MULTIPART}; charset=zlib")
    yield Upload("another type", PAGE, file_of(9), REFUSED, type="image/png")
    for given in (b"..", b"../../a.png", b"/etc/a", b"a\0b.png", b"C:\\a.png", b"a" * 300, b"\xff\xfe", b"."):
        yield Upload(f"the name {given[:20]!r}", PAGE, file_of(9, head(given)), REFUSED | {200})


def of_programs() -> Iterator[Upload]:
    picture = a_picture()
    for length in (True, False):
        yield Upload("a picture", NATIVE, as_they_are(picture), type="image/png", length=length)
        for size in (1, MAX_UPLOAD_BYTES):
            yield Upload(f"{size} bytes", NATIVE, file_of(size, b"", b""), REFUSED, type="image/png", length=length)
        for path, most in ((NATIVE, MAX_UPLOAD_BYTES), (A1111, MAX_BODY_BYTES)):
            body = file_of(most + 1, b"", b"")
            yield Upload("one byte too many", path, body, frozenset({413}), type="application/json", length=length)
        coded = {"image": base64.b64encode(picture).decode()}
        yield Upload(
            "a picture", A1111, as_they_are(json.dumps(coded).encode()), type="application/json", length=length
        )
    yield Upload("a picture and 20 MB", NATIVE, file_of(20 * MIB, picture, b""), REFUSED | {200}, type="image/png")
    for name, start, of, end in (
        ("no picture", b'{"image": "', b"A", b'"}'),
        ("spaces", b'{"image": "', b" ", b'"}'),
        ("a long beginning", b'{"image": "data:image/', b"a", b';base64,AAAA"}'),
        ("brackets", b'{"image": ', b"[", b"}"),
        ("lists", b'{"image": [', b"[],", b"[]]}"),
        ("texts", b'{"other": [', b'"",', b'""]}'),
        ("escapes", b'{"image": "', b"\\u0041", b'"}'),
        ("digits", b'{"image": ', b"9", b"}"),
    ):
        sent = as_they_are(start, of * ((MAX_BODY_BYTES - 100) // len(of)), end)
        yield Upload(f"32 MB of {name}", A1111, sent, REFUSED | {404}, type="application/json")


def of_patience() -> Iterator[Upload]:
    """Those that do not come to their end, in every place of a multipart body."""
    starts = {"a file": [head(), b"a" * 200_000], "a head": [head()[:20]], "a second file": [head() + b"a\r\n", head()]}
    for name, pieces in starts.items():
        for after in ("the connection is closed", "nothing follows"):
            yield Upload(f"{name}, then {after}", PAGE, as_they_are(*pieces), frozenset({408}), length=MIB, after=after)
    for path in (NATIVE, A1111):
        for after in ("the connection is closed", "nothing follows"):
            yield Upload(after, path, as_they_are(b"{"), frozenset({408}), "image/png", length=MIB, after=after)
    letters = [bytes([letter]) for letter in head() + b"abc" + END]
    yield Upload("letter by letter", PAGE, slow(letters, 0.02))


@dataclass
class Running:
    """A server, and what it uses and leaves."""

    port: int
    process: psutil.Process
    folders: tuple[Path, ...]

    def cpu(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system

    def files(self) -> set[Path]:
        return {path for folder in self.folders for path in folder.rglob("*") if path.is_file()}

    def temporary_files(self) -> set[Path]:
        """Those that are not in the place of what was taken: a folder named by its content."""
        return {path for path in self.files() if len(path.parent.name) != 64}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data, temporary = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        with serving(data) as (server, port):
            assert is_ready(server)
            found = Running(port, psutil.Process(server.pid), (data / "cache" / "uploads", temporary))
            for upload in (Upload("", PAGE, file_of(1)), Upload("", NATIVE, as_they_are(b"")), Upload("", A1111, list)):
                status_of(port, upload)  # routes are put together when they are asked for the first time
            yield found


@contextmanager
def somebody_else(running: Running, every: float = 0.02) -> Iterator[list[float]]:
    """Asks whether the server is there, again and again; the seconds that each answer took."""
    took: list[float] = []
    done = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=120)
        while not done.wait(every):
            began = time.monotonic()
            connection.request("GET", "/internal/ping")
            assert connection.getresponse().read()
            took.append(time.monotonic() - began)
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield took
    finally:
        done.set()
        thread.join()


def status_of(port: int, upload: Upload) -> int | None:
    """What the server answers, which it may do before all is sent; None where nobody waits for it."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as raw:
        size = upload.length if type(upload.length) is int else sum(map(len, upload.pieces()))
        length = f"Content-Length: {size}" if upload.length is not False else "Transfer-Encoding: chunked"
        lines = (
            f"POST {upload.path}{upload.query} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Content-Type: {upload.type}",
            length,
        )
        raw.sendall("".join(f"{line}\r\n" for line in (*lines, "")).replace("127.0.0.1", f"127.0.0.1:{port}").encode())
        for piece in upload.pieces():
            if select.select([raw], [], [], 0)[0]:
                break
            raw.sendall(
                piece if upload.length is not False else b"%x\r\n%s\r\n" % (len(piece), piece) if piece else b""
            )
        else:
            raw.sendall(b"" if upload.length is not False else b"0\r\n\r\n")
        if upload.after == "the connection is closed":
            return None
        answer = raw.recv(65_536)
        return int(answer.split()[1])


def longest_wait() -> float:
    """Others take their share of the processors too."""
    return PING_SECONDS * GRACE * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def names(upload: Upload) -> str:
    chunked = ", in chunks" if upload.length is False else ""
    return f"{upload.path}: {upload.name}{chunked}"


@pytest.mark.parametrize("upload", [*of_the_page(), *of_programs()], ids=names)
def test_uploads(running: Running, upload: Upload) -> None:
    """Answered as it should, with a second of the processor at most, and nothing left of what was refused."""
    temporary, files, before = running.temporary_files(), running.files(), running.cpu()
    with somebody_else(running) as took:
        status = status_of(running.port, upload)
        time.sleep(0.05)
    used, waited = running.cpu() - before, max(took, default=0.0)
    log.info("%s: %s, %.2f s of the processor, others waited %.0f ms", names(upload), status, used, 1000 * waited)
    assert status in upload.statuses
    until(lambda: running.temporary_files() <= temporary, 10)
    if status != 200:
        assert running.files() <= files
    assert used <= CPU_SECONDS * GRACE
    assert waited <= longest_wait()


@pytest.mark.parametrize("upload", [*of_patience()], ids=names)
def test_uploads_that_do_not_end(running: Running, upload: Upload) -> None:
    """Refused when the patience is over, or forgotten when nobody is there, with nothing left behind."""
    temporary, before = running.temporary_files(), running.cpu()
    began = time.monotonic()
    with somebody_else(running, every=1) as took:
        status = status_of(running.port, upload)
        time.sleep(2)  # in which what was sent is written
    log.info(
        "%s: %s after %.1f s, others waited %.0f ms",
        names(upload),
        status,
        time.monotonic() - began,
        1000 * max(took, default=0.0),
    )
    assert status is None or status in upload.statuses
    assert upload.after != "nothing follows" or time.monotonic() - began < body_limits.SILENT_SECONDS * 2
    until(lambda: running.temporary_files() <= temporary, 10)
    assert running.cpu() - before <= CPU_SECONDS * GRACE
    assert max(took, default=0.0) <= longest_wait()
