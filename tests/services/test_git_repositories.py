"""Repositories fetched from a git server on this machine, good ones and hostile ones."""

from __future__ import annotations

import io
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules.errors import BrokenExtension, DownloadFailed, InvalidRequest
from modules.hooks.extension_folders import MOST_FILES
from modules.hooks.incoming_files import IncomingFiles
from modules.services import git_repositories
from modules.services.download_transfer import Stop, Stopped
from modules.services.git_packs import check_pack
from modules.services.git_repositories import GitRepository, git_address
from modules.services.guarded_http import guarded_client
from tests.git_server import FILE, FOLDER, LINK, MODULE, GitServer, git_server

FILES = {"extension.toml": "name = 'sea'", "sea/__init__.py": "x = 1", "sea/deep/waves.py": "y = 2"}


@pytest.fixture
def server() -> Iterator[GitServer]:
    with git_server() as running:
        yield running


@pytest.fixture
def repository(server: GitServer) -> Iterator[GitRepository]:
    with guarded_client(allow_private=True) as client:
        yield GitRepository(f"{server.address}/sea", client, Stop())


def fetched(repository: GitRepository, commit: str, tmp_path: Path) -> dict[str, str]:
    files = IncomingFiles(tmp_path / f"files-{commit}")
    repository.fetch(commit, tmp_path / f"git-{commit}", files)
    found = sorted(path for path in files.root.rglob("*") if path.is_file())
    return {path.relative_to(files.root).as_posix(): path.read_text() for path in found}


def test_branches_tags_and_commits_are_found(server: GitServer, repository: GitRepository, tmp_path: Path) -> None:
    first = server.put("sea", {**FILES, "sea/__init__.py": "x = 0"})
    server.tag("sea", "v1.0", first)
    other = server.put("sea", {**FILES, "sea/__init__.py": "x = 7"}, branch="calm/water")
    latest = server.put("sea", FILES)
    assert repository.commit_of("") == repository.commit_of("main") == latest
    assert repository.commit_of("v1.0") == first and repository.commit_of("calm/water") == other
    assert repository.commit_of(first) == first
    assert fetched(repository, latest, tmp_path) == FILES
    assert fetched(repository, first, tmp_path)["sea/__init__.py"] == "x = 0"
    server.put("sea", {**FILES, "sea/__init__.py": "x = 8"})
    assert fetched(repository, latest, tmp_path / "later") == FILES  # no branch and no tag names it any more
    with pytest.raises(BrokenExtension, match="is not whole"):
        fetched(repository, "1" * 40, tmp_path)
    with pytest.raises(DownloadFailed, match="has no branch or tag 'v9'"):
        repository.commit_of("v9")
    for reference in ("-x", "a b", "\n", "x" * 300):
        with pytest.raises(InvalidRequest, match="cannot be one"):
            repository.commit_of(reference)


def test_what_changed_is_told(server: GitServer, repository: GitRepository, tmp_path: Path) -> None:
    first = server.put("sea", FILES, "Begin")
    server.put("sea", {**FILES, "a": "1"}, "Waves\n\nlong words")
    latest = server.put("sea", {**FILES, "a": "2"}, "<b>Foam</b>")
    found = repository.changes(first, latest, tmp_path / "git")
    assert found is not None
    assert [(one.title, one.author) for one in found] == [("<b>Foam</b>", "Ann"), ("Waves", "Ann")]
    assert repository.changes(latest, latest, tmp_path / "same") == []
    assert repository.changes("0" * 40, latest, tmp_path / "unknown") is None


def test_private_addresses_are_refused(server: GitServer) -> None:
    server.put("sea", FILES)
    with guarded_client() as client, pytest.raises(InvalidRequest, match="private network"):
        GitRepository(f"{server.address}/sea", client, Stop()).commit_of("")


def test_what_is_no_repository_is_refused(server: GitServer) -> None:
    with guarded_client(allow_private=True) as client:
        with pytest.raises(DownloadFailed, match="is no git repository that everybody may read"):
            GitRepository(f"{server.address}/nothing", client, Stop()).commit_of("")
        with pytest.raises(DownloadFailed, match="cannot be reached"):
            GitRepository("http://127.0.0.1:9/sea", client, Stop()).commit_of("")


def test_more_bytes_than_allowed_are_refused_while_they_come(
    server: GitServer, repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = bytes(__import__("random").Random(1).randbytes(3_000_000))
    commit = server.put("sea", {**FILES, "model.bin": noise})
    monkeypatch.setattr(git_repositories, "MOST_SENT", 1_000_000)
    with pytest.raises(BrokenExtension, match="sends more than 1 MB. Models and pictures belong into other places"):
        fetched(repository, commit, tmp_path)


def test_a_fetch_can_be_stopped(server: GitServer, tmp_path: Path) -> None:
    commit = server.put("sea", FILES)
    stop = Stop()
    with guarded_client(allow_private=True) as client:
        repository = GitRepository(f"{server.address}/sea", client, stop, lambda received: stop.set())
        with pytest.raises(Stopped):
            fetched(repository, commit, tmp_path)
    assert threading.active_count() < 50


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ((b"..", FILE), "not every system takes"),
        ((b".git", FILE), "not every system takes"),
        ((b"a\\b", FILE), "not every system takes"),
        ((b"con.txt", FILE), "not every system takes"),
        ((b"x\xff", FILE), "is no text"),
        ((b"secrets", LINK), "'secrets' in it is a link"),
        ((b"inner", MODULE), "'inner' in it is a link, or a repository inside"),
        ((b"Extension.toml", FILE), "are the same on some systems"),
    ],
)
def test_path_tricks_are_refused(
    server: GitServer, repository: GitRepository, tmp_path: Path, row: tuple[bytes, int], sentence: str
) -> None:
    server.put("sea", FILES)
    evil = server.blob("sea", b"evil")
    tree = server.store("sea", [(b"extension.toml", FILE, evil), (row[0], row[1], evil)])
    commit = server.commit("sea", tree)
    with pytest.raises(BrokenExtension, match=sentence):
        fetched(repository, commit, tmp_path)
    assert not (tmp_path / "evil").exists()


def test_a_tree_that_holds_itself_many_times_is_refused(
    server: GitServer, repository: GitRepository, tmp_path: Path
) -> None:
    """Ten folders in each of ten levels, all of them one: ten thousand million folders in a few hundred bytes."""
    tree = server.store("sea", [])
    for _ in range(10):
        tree = server.store("sea", [(b"%d" % number, FOLDER, tree) for number in range(10)])
    commit = server.commit("sea", tree)
    with pytest.raises(BrokenExtension, match=f"more than {MOST_FILES:,} files"):
        fetched(repository, commit, tmp_path)


def pack(*objects: bytes) -> io.BytesIO:
    return io.BytesIO(
        b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big") + b"".join(objects) + bytes(20)
    )


def head(kind: int, size: int) -> bytes:
    row, size = (kind << 4) | (size & 15), size >> 4
    found = []
    while size:
        found.append(row | 0x80)
        row, size = size & 0x7F, size >> 7
    return bytes([*found, row])


def number(value: int) -> bytes:
    found = []
    while value > 0x7F:
        found.append((value & 0x7F) | 0x80)
        value >>= 7
    return bytes([*found, value])


def test_a_pack_that_unfolds_to_too_much_is_refused() -> None:
    check_pack(pack(head(3, 5) + zlib.compress(b"hello"), head(3, 0) + zlib.compress(b"")))
    zeros = zlib.compressobj(9)
    folded = b"".join(zeros.compress(bytes(1 << 24)) for _ in range(40)) + zeros.flush()
    assert len(folded) < 1_000_000
    with pytest.raises(BrokenExtension, match="200 MB"):
        check_pack(pack(head(3, 40 << 24) + folded))
    with pytest.raises(BrokenExtension, match="damaged"):
        check_pack(pack(head(3, 4) + zlib.compress(b"hello")))
    change = number(5) + number(1 << 40) + b"\x90\x05"
    with pytest.raises(BrokenExtension, match="200 MB"):
        check_pack(pack(head(3, 5) + zlib.compress(b"hello"), head(6, len(change)) + b"\x0f" + zlib.compress(change)))


@pytest.mark.parametrize("content", [b"", b"PACK", b"no pack at all", b"PACK\0\0\0\2\0\0\0\1\x35garbage"])
def test_a_damaged_pack_is_refused(content: bytes) -> None:
    with pytest.raises(BrokenExtension, match="damaged"):
        check_pack(io.BytesIO(content))


@pytest.mark.parametrize(
    "text",
    [
        "", "sea", "git@example.org:ann/sea", "ssh://example.org/sea", "file:///etc", "git://example.org/sea",
        "https://", "https://ann:secret@example.org/sea", "https://ann@example.org/sea",
        "https://example.org/sea?token=secret", "https://example.org:99999/sea", "https://example.org/s\nea",
    ],
)  # fmt: skip
def test_addresses_that_are_none_and_secrets_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        git_address(text)
    assert "secret" not in str(refused.value)


def test_addresses_are_taken() -> None:
    assert git_address(" https://example.org/ann/sea.git/ ") == "https://example.org/ann/sea.git"
