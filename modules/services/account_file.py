"""The file with the users, the tokens of programs, and the key that signs sessions. Nobody else may read it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock
from pydantic import BaseModel, Field, ValidationError

from modules.config.files import write_atomically
from modules.config.paths import Paths
from modules.errors import InvalidSetting


class StoredUser(BaseModel):
    """A person who may log in."""

    name: str
    password: str
    """Its hash: see services.passwords."""
    is_owner: bool = False


class StoredToken(BaseModel):
    """What a program logs in with in the place of a person. Times are seconds since 1970."""

    id: str
    user: str
    name: str
    """What its user calls it."""
    sha256: str
    created: float


class StoredAccounts(BaseModel):
    """Everything in the file."""

    session_key: str = Field(default_factory=lambda: secrets.token_hex(32))
    users: list[StoredUser] = []
    tokens: list[StoredToken] = []
    ended_sessions: dict[str, float] = {}
    """Ids of sessions that were logged out, and when they would have ended by themselves."""
    sessions_since: float = 0.0
    """Whoever logged in up to this time has to do so again: too many logged out since to keep them all in mind."""

    def user(self, name: str) -> StoredUser | None:
        """The user of that name."""
        return next((one for one in self.users if one.name == name), None)


class AccountFile:
    """Read again whenever another process has written it; changed by one process at a time."""

    def __init__(self, paths: Paths) -> None:
        self.path = paths.accounts / "accounts.json"
        self._seen: tuple[int, int, int] | None = None
        self._accounts = StoredAccounts()

    def read(self) -> StoredAccounts:
        """What the file holds; no users and a new key where there is none. Raises InvalidSetting for a damaged one."""
        try:
            facts = self.path.stat()
        except FileNotFoundError:
            if self._seen is not None:
                self._seen, self._accounts = None, StoredAccounts()
            return self._accounts
        seen = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
        if seen != self._seen:
            self._accounts, self._seen = self._parsed(), seen
        return self._accounts

    @contextmanager
    def changing(self) -> Iterator[StoredAccounts]:
        """What the file holds, to be changed; it is on the disk after the block, unless that raises."""
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)  # closes it for others also where it was there, before there is a file in it
        with FileLock(folder / "accounts.lock", timeout=10):
            accounts = self.read().model_copy(deep=True)
            yield accounts
            write_atomically(self.path, accounts.model_dump_json(indent=2).encode())
            self.path.chmod(0o600)

    def _parsed(self) -> StoredAccounts:
        try:
            return StoredAccounts.model_validate_json(self.path.read_bytes())
        except (ValidationError, ValueError) as error:
            raise InvalidSetting(
                f"The file of accounts {self.path} is damaged. Bring back a copy of it, or move it away and add the "
                "users again with: launch.py user add NAME"
            ) from error
