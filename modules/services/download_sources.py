"""Where a download comes from: a file of a repository on the hub, or any web address."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from email.message import Message
from pathlib import PurePosixPath
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from huggingface_hub import get_token, hf_hub_url
from huggingface_hub.errors import HFValidationError

from modules.config.files import safe_name
from modules.errors import InvalidRequest

HUB = "https://huggingface.co"
CIVITAI = "https://civitai.com"
CIVITAI_TOKEN = "CIVITAI_TOKEN"  # noqa: S105  the name of a variable

_NAMES_THAT_TELL_NOTHING = frozenset({"diffusion_pytorch_model", "model", "pytorch_model", "pytorch_lora_weights"})
_SECRET_WORDS = frozenset({"auth", "authorization", "jwt", "key", "keys", "policy", "pwd", "sig"})
_SECRET_ENDS = ("apikey", "credential", "credentials", "passwd", "password", "secret", "signature", "token", "tokens")
"""Of words, in the names of parameters: nobody's other words end so."""
_SIGNED = ("x-amz-", "x-goog-")
"""Beginnings of the parameters of addresses that are signed as a whole."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True)
class Source:
    """An address, and what may be told of it."""

    url: str
    """May carry a password of the person: neither shown, logged nor stored."""
    shown: str
    """Without secrets."""
    name: str
    """What the address calls the file, made safe; "" where only the server knows."""
    is_whole: bool = True
    """Whether `shown` is enough to ask again."""


def hub_endpoint() -> str:
    """The address of the hub: HF_ENDPOINT, or the public one."""
    return (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")


def source_of(text: str, file: str = "", *, revision: str = "main", endpoint: str = HUB) -> Source:
    """What a person wrote: a repository and its file, OWNER/NAME/FILE, or an address. Raises InvalidRequest.

    An address of the hub's pages becomes that of the file, one of Civitai's pages with a version that of its download.
    """
    text, file = text.strip(), file.strip().lstrip("/")
    if "://" in text:
        if file:
            raise InvalidRequest("File", file, "stands behind a whole address", "Give a repository, or leave it out.")
        return _of_url(text, endpoint)
    parts = text.strip("/").split("/")
    if not file and len(parts) > 2:
        text, file = "/".join(parts[:2]), "/".join(parts[2:])
    return _of_repository(text.strip("/"), file, revision, endpoint)


def origin(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def authorization(url: str, endpoint: str) -> str | None:
    """What this one address is told of who asks; the tokens come from the environment and go to their owner alone."""
    token = None
    if origin(url) == origin(endpoint):
        token = get_token()
    elif origin(url) == origin(CIVITAI):
        token = os.environ.get(CIVITAI_TOKEN)
    return f"Bearer {token.strip()}" if token and token.strip() else None


def name_in_header(disposition: str) -> str:
    """The file's name in a Content-Disposition (RFC 6266), made safe; "" without one."""
    message = Message()
    message["Content-Disposition"] = disposition[:2000]
    try:
        return safe_name(message.get_filename() or "")
    except (ValueError, LookupError):  # an encoding that does not exist
        return ""


def without_secrets(url: str) -> str:
    """An address to show and to store: no password, none of the parameters that look like one, no fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if not _is_secret(name)]
    unchanged = len(query) == len(parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit((parts.scheme, host, parts.path, parts.query if unchanged else urlencode(query), ""))


def _is_secret(parameter: str) -> bool:
    """Whether a parameter of that name looks like a password: by whole words, so that author and design are none."""
    words = [word.lower() for word in _WORD.findall(parameter)]
    is_signed = parameter.lower().startswith(_SIGNED)
    return is_signed or any(word in _SECRET_WORDS or word.endswith(_SECRET_ENDS) for word in words)


def _of_repository(repository: str, file: str, revision: str, endpoint: str) -> Source:
    try:
        url = hf_hub_url(repository, file, revision=revision, endpoint=endpoint)
    except HFValidationError as error:
        raise InvalidRequest(
            "Repository", repository, "is no repository's name", "Write OWNER/NAME, or an address with https://."
        ) from error
    if not file:
        raise InvalidRequest("Repository", repository, "has many files", "Name the one you want behind it.")
    if ".." in PurePosixPath(file).parts:
        raise InvalidRequest("File", file, "is no file of a repository", "Write its path in the repository.")
    return Source(url, url, _told_by(repository, file))


def _of_url(text: str, endpoint: str) -> Source:
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        known = False
    if not known:
        raise InvalidRequest(
            "Address", _cut_secrets(text), "is no web address", "Write one that begins with https:// or http://."
        )
    if parts.username is not None or parts.password is not None:
        raise InvalidRequest(
            "Address",
            without_secrets(text),
            "came with a user name or a password",
            "Leave them out; tokens belong into the environment variables HF_TOKEN and " + CIVITAI_TOKEN + ".",
        )
    segments = [unquote(segment) for segment in parts.path.strip("/").split("/")]
    if _is_hub(text, endpoint) and len(segments) > 4 and segments[2] in ("blob", "resolve", "raw"):
        return _of_repository("/".join(segments[:2]), "/".join(segments[4:]), segments[3], endpoint)
    version = parse_qs(parts.query).get("modelVersionId", [""])[0]
    if origin(text) == origin(CIVITAI) and segments[0] == "models" and version.isdecimal():
        text = f"{CIVITAI}/api/download/models/{quote(version)}"
    url = urlunsplit(urlsplit(text)._replace(fragment=""))
    last = segments[-1] if "." in segments[-1] else ""
    shown = without_secrets(url)
    return Source(url, shown, safe_name(last), is_whole=url == shown)


def _is_hub(url: str, endpoint: str) -> bool:
    return origin(url) in (origin(endpoint), origin(HUB), origin("https://hf.co"))


def _told_by(repository: str, file: str) -> str:
    """A name for a file of a repository: the repository's own where every one calls its file the same."""
    path = PurePosixPath(file)
    stem = path.name.split(".", 1)[0]
    if stem not in _NAMES_THAT_TELL_NOTHING:
        return safe_name(path.name)
    folder = f"-{path.parent.name}" if path.parent.name else ""
    return safe_name(f"{repository.rsplit('/', 1)[-1]}{folder}{path.name[len(stem) :]}")


def _cut_secrets(text: str) -> str:
    try:
        return without_secrets(text)
    except ValueError:
        return text.split("?", 1)[0].rpartition("@")[2]
