"""Who may use the server, and as what: passwords, the sessions of browsers, the tokens of programs."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from argon2 import PasswordHasher
from itsdangerous import BadSignature, URLSafeTimedSerializer

from modules.config.logins import GivenUser
from modules.errors import InvalidRequest, InvalidSetting, NotFound, TooManyAttempts
from modules.services.account_file import AccountFile, StoredAccounts, StoredToken, StoredUser
from modules.services.login_attempts import LoginAttempts, address_key
from modules.services.passwords import STRONG, hash_of_nobody, is_password, password_hash

SESSION_SECONDS = 14 * 86_400
MOST_TOKENS = 100
"""Of one user."""
MOST_ENDED = 10_000
"""Sessions that were logged out and are kept in mind; they are read with the file."""
_MOST_REMEMBERED = 1000
_LONGEST_COOKIE = 1024
_AT_ONCE = 2
"""Passwords that are looked at at the same time; each takes 64 MiB."""


@dataclass(frozen=True)
class Visitor:
    """Who asks. Jobs belong to `name`, which is empty where nobody logs in; an owner may see and change everything."""

    name: str
    is_owner: bool


EVERYBODY = Visitor(name="", is_owner=True)
"""Whoever comes to a server without logins, which answers its own machine alone."""


@dataclass(frozen=True)
class _Account:
    """A user as logging in needs it; `stamp` is another one as soon as the password is."""

    visitor: Visitor
    kept: str
    stamp: str


class Accounts:
    """The users of the command line and of the file. Of a name in both the one of the command line counts.

    `always`: a login is needed even where nobody is known, who then gets in by none. `hasher` makes the hashes of
    those of the command line.
    """

    def __init__(
        self,
        file: AccountFile,
        given: Sequence[GivenUser] = (),
        *,
        always: bool = False,
        hasher: PasswordHasher = STRONG,
    ) -> None:
        self._file = file
        self._hasher = hasher
        self._always = always or bool(given)
        self._attempts = LoginAttempts()
        self._remembered: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._secret = secrets.token_bytes(32)
        if self._always and not file.path.exists():
            with file.changing():
                pass  # the key that signs sessions outlives this process
        self._given = {one.name: self._account_of(one) for one in given}
        hash_of_nobody(hasher)

    @property
    def needed(self) -> bool:
        """Whether somebody must log in; once so, until the end."""
        self._always = self._always or bool(self._file.read().users)
        return self._always

    def of_password(self, name: str, password: str, address: str) -> Visitor | None:
        """Who has that name and password, or None. `address` is the client's. Raises TooManyAttempts."""
        by_address, by_name = address_key(address), f"name {name[:200]}"
        account = self._account(name)
        digest = hmac.digest(self._secret, "\0".join((by_address, name, password)).encode("utf-8", "replace"), "sha256")
        if wait := self._attempts.wait(by_address):
            raise TooManyAttempts(wait)
        if account is not None and self._is_remembered(digest, account):
            return account.visitor
        # Who was right from there before is not kept out by what others guess from elsewhere.
        known = hmac.digest(self._secret, f"{by_address}\0{name}".encode("utf-8", "replace"), "sha256")
        keys = (by_address,) if account and self._is_remembered(known, account) else (by_address, by_name)
        if wait := self._attempts.begin(*keys):
            raise TooManyAttempts(wait)
        with self._turns:
            is_right = is_password(password, account.kept if account else None, self._hasher)
        if not is_right or account is None:
            return None
        self._attempts.succeeded(*keys)
        self._remember(digest, account)
        self._remember(known, account)
        return account.visitor

    def of_token(self, token: str, address: str) -> Visitor | None:
        """Whose program has that token, or None. Raises TooManyAttempts."""
        key = address_key(address)
        if wait := self._attempts.wait(key):
            raise TooManyAttempts(wait)
        given = hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
        for stored in self._file.read().tokens:
            if hmac.compare_digest(stored.sha256, given) and (account := self._account(stored.user)):
                return account.visitor
        self._attempts.begin(key)
        return None

    def begin_session(self, visitor: Visitor) -> str:
        """A signed text by which the visitor is known until the password changes, two weeks long."""
        account = self._account(visitor.name)
        if account is None:
            raise NotFound(f"There is no user {visitor.name[:40]!r}.")
        return self._signer().dumps([visitor.name, account.stamp, secrets.token_hex(8)])

    def of_session(self, session: str) -> Visitor | None:
        """Whose session it is, or None."""
        opened = self._opened(session)
        if opened is None or opened[2] in self._file.read().ended_sessions:
            return None
        account = self._account(opened[0])
        return account.visitor if account and hmac.compare_digest(account.stamp, opened[1]) else None

    def end_session(self, session: str) -> None:
        """Nobody is known by this session any more."""
        if opened := self._opened(session):
            now = time.time()
            with self._file.changing() as stored:
                kept = {id: until for id, until in stored.ended_sessions.items() if until > now}
                stored.ended_sessions = {**kept, opened[2]: now + SESSION_SECONDS}
                _forget_oldest_ends(stored)

    def new_token(self, user: str, name: str) -> tuple[StoredToken, str]:
        """A token for a program of a user, and its secret, which is not kept.

        Raises NotFound for an unknown user, InvalidRequest for more than MOST_TOKENS.
        """
        if self._account(user) is None:
            raise NotFound(f"There is no user {user[:40]!r}. Add one first.")
        return new_token(self._file, user, name)

    def tokens(self, user: str | None) -> list[StoredToken]:
        """The tokens of a user; of all with None."""
        return tokens(self._file, user)

    def revoke_token(self, id: str, user: str | None) -> None:
        """Let a token, of that user or with None of any, open nothing any more. Raises NotFound."""
        revoke_token(self._file, id, user)

    def _account(self, name: str) -> _Account | None:
        if given := self._given.get(name):
            return given
        user = self._file.read().user(name)
        return None if user is None else self._made(name, user.is_owner, user.password, user.password)

    def _account_of(self, given: GivenUser) -> _Account:
        return self._made(given.name, given.is_owner, password_hash(given.password, self._hasher), given.password)

    def _made(self, name: str, is_owner: bool, kept: str, secret: str) -> _Account:
        key = bytes.fromhex(self._file.read().session_key)
        stamp = hmac.digest(key, f"{name}\0{secret}".encode("utf-8", "replace"), "sha256").hex()[:32]
        return _Account(Visitor(name, is_owner), kept, stamp)

    def _signer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._file.read().session_key, salt="session")

    def _opened(self, session: str) -> tuple[str, str, str] | None:
        if len(session) > _LONGEST_COOKIE:
            return None
        try:
            known, begun = self._signer().loads(session, max_age=SESSION_SECONDS, return_timestamp=True)
            name, stamp, id = known
        except (BadSignature, ValueError, TypeError):
            return None
        return None if begun.timestamp() <= self._file.read().sessions_since else (str(name), str(stamp), str(id))

    def _remember(self, digest: bytes, account: _Account) -> None:
        with self._lock:
            self._remembered[digest] = account.stamp
            while len(self._remembered) > _MOST_REMEMBERED:
                self._remembered.popitem(last=False)

    def _is_remembered(self, digest: bytes, account: _Account) -> bool:
        with self._lock:
            return self._remembered.get(digest) == account.stamp


def _forget_oldest_ends(stored: StoredAccounts) -> None:
    """None of these sessions comes to life again: they, and whatever began before their ends, are too old from now."""
    by_end = sorted(stored.ended_sessions.items(), key=lambda ended: ended[1])
    if forgotten := by_end[:-MOST_ENDED]:
        stored.ended_sessions = dict(by_end[-MOST_ENDED:])
        stored.sessions_since = max(stored.sessions_since, forgotten[-1][1] - SESSION_SECONDS)


def add_user(file: AccountFile, name: str, password: str, *, is_owner: bool = False) -> bool:
    """Put a user into the file, or give one another password; the first is an owner. Returns whether it is one.

    Raises InvalidSetting for a name or password that cannot be used.
    """
    if not name.strip() or name != name.strip() or ":" in name or not name.isprintable() or len(name) > 64:
        raise InvalidSetting(f"User name {name[:80]!r} cannot be used. Choose up to 64 characters without a colon.")
    if len(password) < 8:
        raise InvalidSetting("The password is too short. Choose one of at least 8 characters.")
    kept = password_hash(password)
    with file.changing() as stored:
        user = stored.user(name)
        if user is not None:
            user.password, user.is_owner = kept, user.is_owner or is_owner
            return user.is_owner
        is_owner = is_owner or not stored.users
        stored.users.append(StoredUser(name=name, password=kept, is_owner=is_owner))
    return is_owner


def remove_user(file: AccountFile, name: str) -> None:
    """Take a user and the tokens of that user out of the file. Raises NotFound."""
    with file.changing() as stored:
        if stored.user(name) is None:
            raise NotFound(f"There is no user {name[:40]!r} in {file.path}.")
        stored.users = [one for one in stored.users if one.name != name]
        stored.tokens = [one for one in stored.tokens if one.user != name]


def new_token(file: AccountFile, user: str, name: str) -> tuple[StoredToken, str]:
    """A token for a program of a user, and its secret, which is not kept. Raises InvalidRequest: MOST_TOKENS."""
    secret = f"atelier_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(secret.encode()).hexdigest()
    token = StoredToken(id=secrets.token_hex(4), user=user, name=name[:100], sha256=digest, created=time.time())
    with file.changing() as stored:
        if (count := sum(one.user == user for one in stored.tokens)) >= MOST_TOKENS:
            raise InvalidRequest("Tokens", count, "are the most of a user", "Revoke one that is not used any more.")
        stored.tokens.append(token)
    return token, secret


def tokens(file: AccountFile, user: str | None = None) -> list[StoredToken]:
    """The tokens of a user; of all with None."""
    return [one for one in file.read().tokens if user is None or one.user == user]


def revoke_token(file: AccountFile, id: str, user: str | None = None) -> None:
    """Let a token, of that user or with None of any, open nothing any more. Raises NotFound."""
    with file.changing() as stored:
        kept = [one for one in stored.tokens if one.id != id or (user is not None and one.user != user)]
        if len(kept) == len(stored.tokens):
            raise NotFound(f"There is no token {id[:40]!r}.")
        stored.tokens = kept
