"""A git repository on the web: its branches and tags, the files of one commit, and what changed between two.

Speaks git's protocol over HTTP with dulwich; connections are those of `guarded_http`. Nothing of a repository is
checked out by git: the files of a commit are written one by one, under names that were looked at.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx
from dulwich.client import AbstractHttpGitClient
from dulwich.errors import GitProtocolError, HangupException, NotGitRepository
from dulwich.object_store import DiskObjectStore, ObjectStoreGraphWalker
from dulwich.objects import Blob, Commit, ObjectID, Tree

from modules.errors import BrokenExtension, DownloadFailed, InvalidRequest, StorageFull
from modules.hooks.extension_folders import MOST_BYTES
from modules.hooks.incoming_files import IncomingFiles
from modules.services.download_transfer import Stop
from modules.services.git_packs import check_pack
from modules.services.guarded_http import within

SECONDS = 600.0
"""For one answer of a server, however it trickles in."""
MOST_SENT = MOST_BYTES
"""Bytes that a server may send of one commit."""
MOST_SENT_OF_HISTORY = 20_000_000
MOST_CHANGES = 100
"""Commits that are told between two versions."""
MOST_HOPS = 5
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DEEPEST = 50
_HEAD = b"HEAD"


@dataclass(frozen=True)
class CommitNote:
    """A commit, as somebody reads of it."""

    commit: str
    title: str
    """The first line of its message."""
    author: str
    time: float
    """Seconds since 1970."""


class GitRepository:
    """A repository at an address. Every call raises DownloadFailed, BrokenExtension, InvalidRequest and Stopped."""

    def __init__(
        self, url: str, client: httpx.Client, stop: Stop, progress: Callable[[int], None] = lambda received: None
    ) -> None:
        """`progress` is told the bytes that came so far of what is being fetched."""
        self._url = url
        self._client = client
        self._stop = stop
        self._progress = progress

    def commit_of(self, reference: str) -> str:
        """The commit that a branch, a tag or a commit names; that of the repository's own choice for ""."""
        if reference and not _REFERENCE.fullmatch(reference):
            raise InvalidRequest("Branch", reference, "cannot be one", "Write a branch, a tag or a whole commit.")
        known = self._references()
        name = reference.encode()
        wanted = [b"refs/tags/%b^{}" % name, b"refs/tags/" + name, b"refs/heads/" + name] if name else [_HEAD]
        found = next((known[one] for one in wanted if one in known), None)
        if found is not None:
            return found.decode("ascii")
        if _COMMIT.fullmatch(reference):
            return reference
        if not reference:
            raise DownloadFailed(f"{self._url} is an empty repository.")
        raise DownloadFailed(f"{self._url} has no branch or tag {reference!r}. Whole commits have 40 digits.")

    def fetch(self, commit: str, place: Path, files: IncomingFiles) -> None:
        """The files of a commit; `place` is a new folder to work in."""
        try:
            store = self._fetched([commit], place / "one", MOST_SENT, depth=1)
        except DownloadFailed:
            known = {one.decode("ascii") for one in self._references().values()}
            if commit in known:
                raise
            # Old servers give nothing but what branches and tags name, with all that led to it.
            store = self._fetched(sorted(known), place / "all", MOST_SENT)
        try:
            tree = _found(store, _commit_in(store, commit).tree, Tree)
            self._write_tree(store, tree, "", files)
        finally:
            store.close()

    def changes(self, old: str, new: str, place: Path) -> list[CommitNote] | None:
        """The commits that lead from one to the other, the latest first; None where they cannot be told."""
        try:
            store = self._fetched([new], place, MOST_SENT_OF_HISTORY, depth=MOST_CHANGES + 1, filter=b"tree:0")
        except (BrokenExtension, DownloadFailed):
            return None
        try:
            return _between(store, old, new)
        finally:
            store.close()

    def _references(self) -> dict[bytes, bytes]:
        """The commits of all branches and tags, by their whole names."""
        with self._speaking(MOST_SENT_OF_HISTORY) as client:
            refs = client.get_refs(b"").refs
        return {bytes(name): bytes(value) for name, value in refs.items() if value is not None}

    def _write_tree(self, store: DiskObjectStore, tree: Tree, above: str, files: IncomingFiles) -> None:
        if above.count("/") > _DEEPEST:
            raise BrokenExtension(f"Its folders lie more than {_DEEPEST} deep.")
        for entry in tree.items():
            self._stop.check()
            name = above + _text(bytes(entry.path))
            if S_ISDIR(entry.mode):
                files.enter(name)
                self._write_tree(store, _found(store, entry.sha, Tree), f"{name}/", files)
            elif S_ISREG(entry.mode):
                files.write(name, _found(store, entry.sha, Blob).chunked)
            else:
                raise BrokenExtension(f"{name[:80]!r} in it is a link, or a repository inside of the repository.")

    def _fetched(
        self, wanted: list[str], place: Path, most: int, *, depth: int | None = None, filter: bytes | None = None
    ) -> DiskObjectStore:
        """A store of what the server sends for some commits."""
        place.mkdir(parents=True)
        store = DiskObjectStore.init(str(place))
        file, finish, abort = store.add_pack()
        try:
            with self._speaking(most) as client:
                client.fetch_pack(
                    b"",
                    lambda refs, depth=None: [ObjectID(one.encode("ascii")) for one in wanted],
                    ObjectStoreGraphWalker([], lambda commit: []),
                    file.write,
                    depth=depth,
                    filter_spec=filter,
                )
            check_pack(file)
            file.seek(0, 2)
        except BaseException:
            abort()
            raise
        with self._told():
            finish()
        return store

    @contextmanager
    def _speaking(self, most: int) -> Iterator[AbstractHttpGitClient]:
        """A client for one conversation, of which no more than `most` bytes are read."""
        with within(SECONDS) as watching, self._told():
            yield _Client(self._url, self._client, self._stop, dict(watching), most, self._progress)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong in git's words and the network's, as sentences."""
        try:
            yield
        except NotGitRepository as error:
            self._stop.check()
            raise DownloadFailed(f"{self._url} is no git repository that everybody may read.") from error
        except httpx.HTTPError as error:
            self._stop.check()
            raise DownloadFailed(f"{self._url} cannot be reached: {str(error) or 'no answer'}.") from error
        except (GitProtocolError, HangupException, AssertionError, ValueError, KeyError, OSError) as error:
            # dulwich takes what the server says at its word, and fails in many ways where it makes no sense.
            self._stop.check()
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise StorageFull("The disk is full. Free some space there and try again.") from error
            raise DownloadFailed(f"{self._url} does not answer as a git repository does: {str(error)[:200]}") from error


class _Client(AbstractHttpGitClient):
    """dulwich's protocol over connections that were looked at."""

    def __init__(
        self,
        url: str,
        client: httpx.Client,
        stop: Stop,
        watching: dict[str, Any],
        most: int,
        progress: Callable[[int], None],
    ) -> None:
        super().__init__(url, quiet=True)
        self._http = client
        self._stop = stop
        self._watching = watching
        self._most = most
        self._progress = progress
        self._received = 0

    def _http_request(  # type: ignore[override]  # urllib3's answer, of which these few are used
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,
    ) -> tuple[_Answer, Callable[[int], bytes]]:
        response, last = self._asked(url, headers or {}, data)
        if response.status_code != 200:
            response.close()
            if response.status_code in (401, 403, 404, 410):
                raise NotGitRepository
            raise GitProtocolError(f"the server answered {response.status_code}")
        answer = _Answer(response, last if last != url else "")
        if data is None and not answer.content_type.startswith("application/x-git-"):
            response.close()  # a web page, or files behind a plain server, which nobody counts
            raise NotGitRepository
        return answer, _Reading(response, self._count).read

    def _asked(
        self, url: str, headers: dict[str, str], data: bytes | Iterator[bytes] | None
    ) -> tuple[httpx.Response, str]:
        """The answer, and the address where redirects ended. What is sent is led nowhere else."""
        for _ in range(MOST_HOPS):
            self._stop.check()
            given = {**headers, "User-Agent": "git/dulwich", "Accept-Encoding": "identity"}
            method = "GET" if data is None else "POST"
            request = self._http.build_request(method, url, headers=given, content=data, extensions=self._watching)
            response = self._http.send(request, stream=True)
            self._stop.listen(response)
            location = response.headers.get("Location") if response.has_redirect_location else None
            if location is None or data is not None:
                return response, url
            response.close()
            following = urljoin(url, location)
            if urlsplit(url).scheme == "https" and urlsplit(following).scheme != "https":
                raise GitProtocolError("it leads on to an address without encryption")
            url = following
        raise GitProtocolError("it leads from one address to the next without an end")

    def _count(self, received: int) -> None:
        self._stop.check()
        self._received += received
        if self._received > self._most:
            raise BrokenExtension(
                f"The repository at {self._base_url.rstrip('/')} sends more than {self._most // 1_000_000:,} MB. "
                "Models and pictures belong into other places."
            )
        self._progress(self._received)


class _Answer:
    """What dulwich asks of an answer besides its bytes."""

    def __init__(self, response: httpx.Response, redirect_location: str) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.content_type = response.headers.get("Content-Type", "")
        self.redirect_location = redirect_location
        self.close = response.close


class _Reading:
    """The bytes of an answer, as many at a time as are asked for."""

    def __init__(self, response: httpx.Response, count: Callable[[int], None]) -> None:
        self._pieces = response.iter_raw()
        self._count = count
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        """So many bytes, and fewer only where the answer ends."""
        while size < 0 or len(self._left) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._count(len(piece))
            self._left += piece
        taken = self._left if size < 0 else self._left[:size]
        self._left = self._left[len(taken) :]
        return taken


def git_address(text: str) -> str:
    """The address of a repository that somebody wrote; no name or password is in it. Raises InvalidRequest."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        is_known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_known = False
    if not is_known or not text.isprintable():
        shown = text.rpartition("@")[2].partition("?")[0][:200]
        raise InvalidRequest("Address", shown, "is no web address", "Write one that begins with https:// or http://.")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise InvalidRequest(
            "Address",
            urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")),
            "holds more than the place of a repository, such as a password or a key",
            "Leave that out; only repositories that everybody may read can be fetched.",
        )
    return text.rstrip("/")


def _between(store: DiskObjectStore, old: str, new: str) -> list[CommitNote] | None:
    """The commits behind `new` without those behind `old`; None where `old` is not among what the server sent."""
    seen: set[bytes] = set()
    found: list[Commit] = []
    left = [ObjectID(new.encode("ascii"))]
    is_met = False
    while left:
        id = left.pop()
        if id == old.encode("ascii"):
            is_met = True
        if id in seen or id == old.encode("ascii") or id not in store:
            continue
        seen.add(id)
        one = store[id]
        if not isinstance(one, Commit):
            return None
        found.append(one)
        left.extend(one.parents)
    if not is_met:
        return None
    latest_first = sorted(found, key=lambda one: one.commit_time, reverse=True)
    return [_note(one) for one in latest_first[:MOST_CHANGES]]


def _note(commit: Commit) -> CommitNote:
    title = commit.message.decode("utf-8", "replace").strip().split("\n", 1)[0]
    author = commit.author.decode("utf-8", "replace").partition("<")[0].strip()
    return CommitNote(commit.id.decode("ascii"), title[:200], author[:100], float(commit.commit_time))


def _commit_in(store: DiskObjectStore, commit: str) -> Commit:
    found: Commit = _found(store, ObjectID(commit.encode("ascii")), Commit)
    return found


def _found(store: DiskObjectStore, id: Any, kind: type[Any]) -> Any:
    """An object of the store. Raises BrokenExtension."""
    try:
        one = store[id]
    except (KeyError, ValueError, AssertionError) as error:
        raise BrokenExtension("What the server sent of the repository is not whole.") from error
    if not isinstance(one, kind):
        raise BrokenExtension("What the server sent of the repository is damaged.")
    return one


def _text(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BrokenExtension(f"The name {name[:80]!r} in it is no text.") from error
