"""Passwords, known only by hashes that are slow to guess: argon2id with the settings of RFC 9106 for 64 MiB."""

from __future__ import annotations

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

LONGEST_PASSWORD = 1024
"""Characters; nobody is made to hash a book."""

STRONG = PasswordHasher()


def password_hash(password: str, hasher: PasswordHasher = STRONG) -> str:
    """The hash to keep, with its salt and settings."""
    return hasher.hash(_normal(password))


def is_password(password: str, kept: str | None, hasher: PasswordHasher = STRONG) -> bool:
    """Whether a password has the hash that was kept. None, for a user who does not exist, takes as long to refuse."""
    if len(password) > LONGEST_PASSWORD:
        return False
    try:
        return hasher.verify(kept or hash_of_nobody(hasher), _normal(password)) and kept is not None
    except (VerifyMismatchError, InvalidHashError):
        return False


@cache
def hash_of_nobody(hasher: PasswordHasher = STRONG) -> str:
    """What passwords of unknown users are compared with; made once, since that takes as long as a comparison."""
    return hasher.hash(b"")


def _normal(password: str) -> bytes:
    """The same password typed on another system may come as other characters for the same letters."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
