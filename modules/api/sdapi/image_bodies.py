"""Pictures inside of JSON: base64 with or without a data address before it, or the web address of one."""

from __future__ import annotations

import base64
import binascii
import time

import httpx

from modules.errors import InvalidRequest
from modules.imaging.reading import MAX_FILE_BYTES, load_input
from modules.services.build import Services
from modules.services.guarded_http import guarded_client, within

FETCHING_SECONDS = 30.0
"""That fetching a picture may take in all."""
_WEB = ("http://", "https://")
_INSTEAD = "Send the picture itself, in base64."


def content_of(services: Services, text: str, field: str) -> bytes:
    """The file that a field holds or names. Raises InvalidRequest."""
    text = text.strip()
    if text[:8].lower().startswith(_WEB):
        return _fetched(services, text, field)
    if text[:5].lower() == "data:":
        text = text.partition(",")[2]
    text = "".join(text.split())
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(field, text[:20], "is no base64", _INSTEAD) from error
    if not content:
        raise InvalidRequest(field, "", "is empty", _INSTEAD)
    return content


def stored(services: Services, text: str, field: str) -> str:
    """The id of the input picture in a field. Raises InvalidRequest, UnreadablePicture, StorageFull."""
    return services.inputs.add_bytes(content_of(services, text, field))


def stored_mask(services: Services, text: str, field: str) -> str:
    """The same of a mask: where it is transparent somewhere, its opaque part is what counts as white."""
    picture = load_input(content_of(services, text, field), "that was sent")
    return services.inputs.add(picture.getchannel("A").convert("RGB") if picture.mode == "RGBA" else picture)


def _fetched(services: Services, address: str, field: str) -> bytes:
    """A picture of the public network, also where it was moved to another address there."""
    settings = services.settings.current
    local = not settings.api_forbid_local_requests
    if not settings.api_enable_requests:
        raise InvalidRequest(
            field, address, "is a web address, which the setting api_enable_requests forbids", _INSTEAD
        )
    until = time.monotonic() + FETCHING_SECONDS
    try:
        with (
            guarded_client(allow_private=local) as client,
            within(FETCHING_SECONDS) as extensions,
            client.stream("GET", address, follow_redirects=True, extensions=dict(extensions)) as answer,
        ):
            return _read(answer, until, address, field)
    except InvalidRequest as error:  # the guard's own remedy is one for downloads
        raise InvalidRequest(field, error.value, error.problem, _INSTEAD) from error
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise InvalidRequest(field, address, f"cannot be fetched ({type(error).__name__})", _INSTEAD) from error


def _read(answer: httpx.Response, until: float, address: str, field: str) -> bytes:
    """The body of an answer as it was sent, no further than a picture may be large."""
    if answer.status_code != 200:
        raise InvalidRequest(field, address, f"answers with status {answer.status_code}", _INSTEAD)
    content = bytearray()
    for chunk in answer.iter_raw():
        content += chunk
        if len(content) > MAX_FILE_BYTES:
            raise InvalidRequest(field, address, f"is larger than {MAX_FILE_BYTES // 2**20} MB", _INSTEAD)
    if time.monotonic() > until:  # it was broken off, which may look like an end
        raise InvalidRequest(field, address, f"took longer than {FETCHING_SECONDS:g} seconds", _INSTEAD)
    return bytes(content)
