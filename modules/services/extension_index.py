"""A list of extensions that others keep on the web, in the format of A1111's index: read as data, never as markup.

{"tags": {"script": "what it means"}, "extensions": [{"name", "url", "description", "added", "tags", "stars"}]}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

import httpx

from modules.config.settings import SettingsStore
from modules.errors import DownloadFailed, InvalidRequest
from modules.services.guarded_http import Lookup, guarded_client, within

MOST_BYTES = 8_000_000
MOST_ROWS = 10_000
MOST_TAGS = 200
MOST_HOPS = 3
SECONDS = 30.0
Sort = Literal["name", "added", "stars"]

_REMEDY = "Choose a public address in the settings, or start the server with --allow-private-extensions."


@dataclass(frozen=True)
class IndexRow:
    """What the index says of one extension."""

    name: str
    address: str
    """Of its repository."""
    description: str
    added: str
    """A day like 2026-01-31; empty where it does not say."""
    tags: tuple[str, ...]
    stars: int | None


@dataclass(frozen=True)
class Index:
    """All that an index says."""

    rows: tuple[IndexRow, ...]
    tags: Mapping[str, str]
    """What its tags mean."""


class ExtensionIndex:
    """The index at the address of the setting `extension_index`; fetched once, and again when it is asked for."""

    def __init__(self, settings: SettingsStore, *, lookup: Lookup | None = None) -> None:
        self._settings = settings
        self._lookup = lookup
        self._lock = Lock()
        self._kept: tuple[str, Index] | None = None
        self.allow_private = False
        """Whether addresses of private networks are let through."""

    @property
    def address(self) -> str:
        """Where it is; empty: there is none."""
        return self._settings.current.extension_index.strip()

    def read(self, *, again: bool = False) -> Index:
        """What it says; nothing without an address. Raises DownloadFailed, InvalidRequest."""
        address = self.address
        if not address:
            return Index((), {})
        with self._lock:
            if again or self._kept is None or self._kept[0] != address:
                self._kept = address, read_index(self._fetched(address))
            return self._kept[1]

    def _fetched(self, address: str) -> bytes:
        try:
            with (
                guarded_client(allow_private=self.allow_private, lookup=self._lookup, remedy=_REMEDY) as client,
                within(SECONDS) as watching,
            ):
                return _content(client, address, dict(watching))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DownloadFailed(f"The index {address} cannot be read: {str(error) or 'no answer'}.") from error


def read_index(content: bytes) -> Index:
    """What the bytes of an index say; rows that make no sense are left out. Raises DownloadFailed."""
    try:
        told = json.loads(content)
        listed = told["extensions"]
        if not isinstance(listed, list):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DownloadFailed('The index is no list of extensions: it is JSON with a field "extensions".') from error
    tags = told.get("tags")
    meanings = {} if not isinstance(tags, dict) else {_text(tag, 50): _text(about, 300) for tag, about in tags.items()}
    rows = [row for one in listed[:MOST_ROWS] if (row := _row(one)) is not None]
    return Index(tuple(rows), dict(list(meanings.items())[:MOST_TAGS]))


def found_in(
    index: Index,
    *,
    words: str = "",
    tags: Sequence[str] = (),
    without: Sequence[str] = (),
    sort: Sort = "name",
    descending: bool = False,
) -> list[IndexRow]:
    """The rows that hold all words and all `tags`, and none of the tags `without`; those without a value come last."""
    wanted = words.casefold().split()
    rows = [
        row
        for row in index.rows
        if all(word in f"{row.name}\n{row.description}\n{row.address}".casefold() for word in wanted)
        and set(tags) <= set(row.tags)
        and set(without).isdisjoint(row.tags)
    ]
    rows.sort(key=lambda row: row.name.casefold())
    if sort == "name":
        return rows[::-1] if descending else rows
    known = [row for row in rows if getattr(row, sort) not in ("", None)]
    known.sort(key=lambda row: getattr(row, sort), reverse=descending)
    return known + [row for row in rows if getattr(row, sort) in ("", None)]


def _content(client: httpx.Client, address: str, watching: dict[str, Any]) -> bytes:
    url = address
    for _ in range(MOST_HOPS):
        with client.stream("GET", url, extensions=watching) as answer:
            if answer.has_redirect_location:
                following = httpx.URL(url).join(answer.headers["Location"])
                if url.startswith("https:") and following.scheme != "https":
                    raise DownloadFailed(f"The index {address} leads on to an address without encryption.")
                url = str(following)
                continue
            if answer.status_code != 200:
                raise DownloadFailed(f"The index {address} cannot be read: the server answered {answer.status_code}.")
            content = bytearray()
            for piece in answer.iter_raw():
                content += piece
                if len(content) > MOST_BYTES:
                    raise DownloadFailed(f"The index {address} is larger than {MOST_BYTES // 1_000_000} MB.")
            return bytes(content)
    raise DownloadFailed(f"The index {address} leads from one address to the next without an end.")


def _row(one: Any) -> IndexRow | None:
    from modules.services.git_repositories import git_address

    if not isinstance(one, dict):
        return None
    try:
        address = git_address(_text(one.get("url"), 500))
    except InvalidRequest:
        return None
    tags = one.get("tags")
    stars = one.get("stars")
    return IndexRow(
        name=_text(one.get("name"), 100) or address.rsplit("/", 1)[-1],
        address=address,
        description=_text(one.get("description"), 1000),
        added=_text(one.get("added"), 30),
        tags=tuple(_text(tag, 50) for tag in tags[:30]) if isinstance(tags, list) else (),
        stars=stars if type(stars) is int and 0 <= stars < 10**9 else None,
    )


def _text(value: Any, most: int) -> str:
    """Some words of a stranger, on one line."""
    return " ".join(value[: 2 * most].split())[:most] if isinstance(value, str) else ""
