"""One attempt to fetch a file: asks for what is missing, and puts it behind what is here.

Speaks HTTP alone (RFC 9110: range requests in section 14, If-Range in 13.1.5), to the hub too: its answers name the
sha256 (X-Linked-ETag) and the size (X-Linked-Size) of a file before they lead on to where its bytes lie.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from modules.config.files import storage_full
from modules.errors import BrokenModel, DownloadFailed, StorageFull
from modules.services.download_records import DownloadRecord
from modules.services.download_sources import CIVITAI, CIVITAI_TOKEN, Source, authorization, name_in_header, origin

MOST_HOPS = 8
MOST_BYTES = 256 << 30
"""No file of weights is larger; a server that never ends is."""
RESERVE = 256 << 20
"""Bytes that stay free on the disk."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_RANGE = re.compile(r"bytes (\d{1,20})-(\d{1,20})/(\d{1,20})")
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head")


class TryAgain(Exception):
    """The server or the line failed for now. The text says how."""


class Stopped(Exception):
    """A person paused or cancelled the download."""


class Stop:
    """Tells a running attempt to end, also while it waits for the server."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._socket: socket.socket | None = None

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        """End the attempt."""
        self._event.set()
        if (connected := self._socket) is not None:
            with suppress(OSError):
                socket.socket.shutdown(connected, socket.SHUT_RDWR)  # that of TLS would drop its own layer only

    def wait(self, seconds: float) -> None:
        """Sleep, unless told to end."""
        self._event.wait(seconds)

    def check(self) -> None:
        """Raise Stopped where it was told to end."""
        if self.is_set:
            raise Stopped

    def listen(self, response: httpx.Response) -> None:
        """Remember the connection that the attempt waits on."""
        stream = response.extensions.get("network_stream")
        found = stream.get_extra_info("socket") if stream is not None else None
        self._socket = found if isinstance(found, socket.socket) else None
        self.check()


@dataclass(frozen=True)
class Answer:
    """What the server said of the file, on the way to it and with it."""

    response: httpx.Response
    digest: str
    linked_size: int | None


Progress = Callable[[DownloadRecord, int], None]
"""Called with the record as it stands, and the bytes that are here."""


class Transfer:
    """Fetches into one file. `name` turns what the server calls a file into the name it gets, or refuses it."""

    def __init__(
        self,
        client: httpx.Client,
        endpoint: str,
        stop: Stop,
        *,
        name: Callable[[str], str],
        place: Callable[[DownloadRecord], Path],
        progress: Progress,
        free_bytes: Callable[[Path], int] | None = None,
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._stop = stop
        self._name = name
        self._place = place
        self._progress = progress
        self._free_bytes = free_bytes or free_bytes_of

    def attempt(self, source: Source, record: DownloadRecord) -> DownloadRecord:
        """Fetch what is missing; the record with what the server said.

        Raises TryAgain, Stopped, DownloadFailed, BrokenModel, StorageFull, InvalidRequest.
        """
        have = _size(self._place(record)) if record.name else 0
        if record.total is not None and have == record.total:
            return record
        if have and (record.total is None or have > record.total or not (record.validator or record.expected)):
            have = 0  # nothing proves that what would come belongs behind what is here
        with self._asked(source, record, have) as answer:
            if have and not _goes_on(answer, record, have):
                have = 0
                if answer.response.status_code in (206, 416):
                    self._place(record).unlink(missing_ok=True)
                    raise TryAgain("the file has changed on the server")
            _check_status(answer.response, source, self._endpoint)
            record = self._described(answer, source, record, have)
            self._progress(record, have)
            self._write(answer.response, record, have)
        return record

    @contextmanager
    def _asked(self, source: Source, record: DownloadRecord, have: int) -> Iterator[Answer]:
        """The final answer to a request, through every redirect; each hop is checked as the first one is."""
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have and record.validator and not record.digest:
            headers["If-Range"] = record.validator
        url, digest, size = source.url, "", None
        for _ in range(MOST_HOPS):
            self._stop.check()
            sent = dict(headers)
            if token := authorization(url, self._endpoint):
                sent["Authorization"] = token
            try:
                response = self._client.send(self._client.build_request("GET", url, headers=sent), stream=True)
            except httpx.TransportError as error:
                self._stop.check()
                raise TryAgain(_told(error)) from error
            try:
                self._stop.listen(response)
                digest = digest or _linked_digest(response)
                size = _number(response.headers.get("X-Linked-Size")) if size is None else size
                location = response.headers.get("Location") if response.has_redirect_location else None
                if location is None:
                    yield Answer(response, digest, size)
                    return
                url = _next_url(url, location, source)
            finally:
                response.close()
        raise DownloadFailed(f"{source.shown} leads from one address to the next without an end. Try another one.")

    def _described(self, answer: Answer, source: Source, record: DownloadRecord, have: int) -> DownloadRecord:
        """The record with what this answer says. Raises BrokenModel, DownloadFailed, StorageFull, InvalidRequest."""
        headers = answer.response.headers
        if headers.get("Content-Type", "").partition(";")[0].strip().lower() in ("text/html", "application/xhtml+xml"):
            raise _web_page(source)
        if record.sha256 and answer.digest not in ("", record.sha256):
            raise BrokenModel(
                f"{source.shown} has the sha256 {answer.digest}, and {record.sha256} was asked for. "
                "Nothing was fetched; check the sha256 that you gave."
            )
        total = _total(answer)
        if have and total is None:
            total = record.total
        if total is not None and answer.linked_size not in (None, total):
            raise DownloadFailed(
                f"{source.shown} is said to have {answer.linked_size:,} bytes, and {total:,} are sent. Try again later."
            )
        if (total or 0) > MOST_BYTES:
            raise DownloadFailed(f"{source.shown} is said to have {total:,} bytes, more than any model. Not fetched.")
        name = record.name or self._name(name_in_header(headers.get("Content-Disposition", "")))
        validator = headers.get("ETag", "")
        if not validator or validator.startswith("W/"):  # a weak one does not stand for the same bytes
            validator = headers.get("Last-Modified", "")
        record = replace(record, name=name, total=total, digest=answer.digest, validator=validator)
        missing = (total or 0) - have
        folder = self._place(record).parent
        free = self._free_bytes(folder)
        if missing + RESERVE > free:
            raise StorageFull(
                f"{record.name} needs {missing / 1e9:.2f} GB more, and the disk that holds {folder} "
                f"has {free / 1e9:.2f} GB left. Free some space there and resume the download."
            )
        return record

    def _write(self, response: httpx.Response, record: DownloadRecord, have: int) -> None:
        """Put the body behind the `have` bytes that are here. Raises TryAgain, Stopped, BrokenModel, StorageFull."""
        path = self._place(record)
        with _refusing_full_disk(path), path.open("r+b" if have else "wb") as file:
            file.truncate(have)
            file.seek(have)
            try:
                for chunk in response.iter_raw():
                    self._stop.check()
                    if have == 0 and chunk.lstrip()[:9].lower().startswith(_PAGES):
                        raise _web_page(record)
                    have += len(chunk)
                    if have > (MOST_BYTES if record.total is None else record.total):
                        raise DownloadFailed(f"{record.shown} sends more than it said. Try again later.")
                    file.write(chunk)
                    file.flush()  # what is counted outlives the process
                    self._progress(record, have)
            except (httpx.TransportError, httpx.StreamError) as error:
                self._stop.check()
                raise TryAgain(_told(error)) from error
            os.fsync(file.fileno())
        self._stop.check()
        if record.total is not None and have < record.total:
            raise TryAgain(f"the connection broke off after {have:,} of {record.total:,} bytes")


def free_bytes_of(folder: Path) -> int:
    """Bytes that are free on the disk of a folder, or of the next one above it that exists."""
    there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    return shutil.disk_usage(there).free


def _goes_on(answer: Answer, record: DownloadRecord, have: int) -> bool:
    """Whether an answer to a request for the rest is the rest of the same file."""
    if answer.response.status_code != 206 or answer.digest != record.digest:
        return False
    found = _RANGE.fullmatch(answer.response.headers.get("Content-Range", ""))
    return found is not None and int(found[1]) == have and int(found[3]) == record.total


def _check_status(response: httpx.Response, source: Source, endpoint: str) -> None:
    """Raise TryAgain or DownloadFailed unless the file follows."""
    status, code = response.status_code, response.headers.get("X-Error-Code", "")
    if status in (200, 206):
        return
    if status in (408, 416, 425, 429) or status >= 500:
        raise TryAgain(f"the server answered {status}")
    is_hub = origin(source.url) == origin(endpoint)
    if status in (401, 403) and is_hub and code == "GatedRepo":
        reason = (
            "is given only to those who accepted its licence. Accept it on the repository's page, and put your token "
            "into the environment variable HF_TOKEN"
        )
    elif status in (401, 403) and is_hub:
        reason = "is private, or does not exist. Check the name; for a private one put your token into HF_TOKEN"
    elif status in (401, 403):
        reason = "is given only to those who log in"
        reason += f". Put your key into the environment variable {CIVITAI_TOKEN}" if _is_civitai(source) else ""
    elif status in (404, 410):
        reason = "does not exist. Check the name"
    else:
        reason = f"was refused by the server ({status})"
    raise DownloadFailed(f"{source.shown} {reason}.")


def _is_civitai(source: Source) -> bool:
    return origin(source.url) == origin(CIVITAI)


def _next_url(url: str, location: str, source: Source) -> str:
    """Where a redirect leads. Raises DownloadFailed where it leaves the encrypted web."""
    try:
        following = httpx.URL(url).join(location)
    except httpx.InvalidURL as error:
        raise DownloadFailed(f"{source.shown} leads to something that is no address. Try another one.") from error
    if httpx.URL(url).scheme == "https" and following.scheme != "https":
        raise DownloadFailed(f"{source.shown} leads on to an address without encryption. Try another one.")
    return str(following)


def _linked_digest(response: httpx.Response) -> str:
    """The hub's ETag of a large file is its sha256; that of a small one is something else."""
    found = response.headers.get("X-Linked-ETag", "").removeprefix("W/").strip('"').lower()
    return found if _SHA256.fullmatch(found) else ""


def _total(answer: Answer) -> int | None:
    found = _RANGE.fullmatch(answer.response.headers.get("Content-Range", ""))
    if answer.response.status_code == 206:
        return int(found[3]) if found else None
    length = _number(answer.response.headers.get("Content-Length"))
    return answer.linked_size if length is None else length


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 20 else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _web_page(source: Source | DownloadRecord) -> BrokenModel:
    return BrokenModel(
        f"{source.shown} is a web page and no model; sites send one where a file needs a login or is gone. "
        "Open it in a browser, and copy the address of the download itself."
    )


def _told(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "the server does not answer"
    return str(error) or "the connection broke off"


@contextmanager
def _refusing_full_disk(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise storage_full(path) from error
        raise
