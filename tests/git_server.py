"""A git server on this machine, and repositories that a test puts onto it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.refs import Ref
from dulwich.repo import MemoryRepo
from dulwich.server import DictBackend
from dulwich.web import make_wsgi_chain

FILE, LINK, FOLDER, MODULE = 0o100644, 0o120000, 0o040000, 0o160000

Row = tuple[bytes, int, bytes]
"""A name, its mode, and the id of what it names."""


class GitServer:
    """Repositories by their names, at `address/NAME`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.repositories: dict[str, MemoryRepo] = {}

    def put(self, name: str, files: Mapping[str, str | bytes], message: str = "Change", *, branch: str = "main") -> str:
        """A further commit of a repository, with these files alone; its id."""
        repository = self._repository(name)
        return self.commit(name, write_tree(repository, files), message, branch=branch)

    def commit(self, name: str, tree: bytes, message: str = "Change", *, branch: str = "main") -> str:
        """A further commit with a tree that is there already."""
        repository = self._repository(name)
        ref = Ref(f"refs/heads/{branch}".encode())
        commit = Commit()
        commit.tree = ObjectID(tree)
        commit.parents = [repository.refs[ref]] if ref in repository.refs else []
        commit.author = commit.committer = b"Ann <ann@example.org>"
        commit.author_time = commit.commit_time = 1_700_000_000 + len(list(repository.object_store))
        commit.author_timezone = commit.commit_timezone = 0
        commit.message = message.encode()
        repository.object_store.add_object(commit)
        repository.refs[ref] = commit.id
        repository.refs.set_symbolic_ref(Ref(b"HEAD"), Ref(b"refs/heads/main"))
        return commit.id.decode()

    def tag(self, name: str, tag: str, commit: str) -> None:
        """Name a commit."""
        self._repository(name).refs[Ref(f"refs/tags/{tag}".encode())] = ObjectID(commit.encode())

    def store(self, name: str, rows: list[Row]) -> bytes:
        """A tree of these rows, whatever they say; its id."""
        return put_tree(self._repository(name), rows)

    def blob(self, name: str, content: bytes) -> bytes:
        """A file's content; its id."""
        return put_blob(self._repository(name), content)

    def _repository(self, name: str) -> MemoryRepo:
        return self.repositories.setdefault(f"/{name}", MemoryRepo())


def write_tree(repository: MemoryRepo, files: Mapping[str, str | bytes]) -> bytes:
    """A tree of files by their paths; its id."""
    rows: dict[bytes, tuple[int, bytes]] = {}
    below: dict[str, dict[str, str | bytes]] = {}
    for path, content in files.items():
        first, slash, rest = path.partition("/")
        if slash:
            below.setdefault(first, {})[rest] = content
        else:
            rows[first.encode()] = FILE, put_blob(repository, content)
    for name, inner in below.items():
        rows[name.encode()] = FOLDER, write_tree(repository, inner)
    return put_tree(repository, [(name, mode, id) for name, (mode, id) in rows.items()])


def put_blob(repository: MemoryRepo, content: str | bytes) -> bytes:
    blob = Blob.from_string(content.encode() if isinstance(content, str) else content)
    repository.object_store.add_object(blob)
    return bytes(blob.id)


def put_tree(repository: MemoryRepo, rows: list[Row]) -> bytes:
    tree = Tree()
    for name, mode, id in rows:
        tree.add(name, mode, ObjectID(id))
    repository.object_store.add_object(tree)
    return bytes(tree.id)


class _Silent(WSGIRequestHandler):
    def log_message(self, *given: object) -> None:
        pass


@contextmanager
def git_server() -> Iterator[GitServer]:
    """A server while the block runs."""
    backend = DictBackend({})
    with make_server("127.0.0.1", 0, make_wsgi_chain(backend), WSGIServer, _Silent) as http:
        server = GitServer(f"http://127.0.0.1:{http.server_port}")
        backend.repos = server.repositories  # type: ignore[assignment]  # the same objects, added to while it runs
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
