"""The users whom the command line names, by A1111's flags."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modules.errors import InvalidSetting


@dataclass(frozen=True)
class GivenUser:
    """A user with the password itself."""

    name: str
    password: str
    is_owner: bool


def add_login_flags(group: argparse._ArgumentGroup) -> None:
    """The flags that name users."""
    for flag, text in (
        ("--gradio-auth", "who may log in; the first is an owner, unless --owner names others"),
        ("--api-auth", "the same, in A1111's words for programs: there is one login for everything"),
    ):
        group.add_argument(flag, type=_logins, default=[], metavar="USER:PASSWORD[,...]", help=text)
    group.add_argument(
        "--gradio-auth-path", type=Path, metavar="FILE", help="a file of them, which no other program sees in a list"
    )
    group.add_argument(
        "--owner", type=_names, default=[], metavar="USER[,...]", help="who may change settings, models and extensions"
    )


def given_users(options: argparse.Namespace) -> list[GivenUser]:
    """The users of all flags. Raises InvalidSetting for a file that cannot be read and for what contradicts itself."""
    logins: dict[str, str] = {}
    for name, password in _all_logins(options):
        if logins.setdefault(name, password) != password:
            raise InvalidSetting(f"User {name} is given two passwords. Leave one out: they are for everything.")
    if strange := next((name for name in options.owner if name not in logins), None):
        raise InvalidSetting(f"--owner {strange} is none of the users that --gradio-auth and its like name.")
    owners = options.owner or list(logins)[:1]
    return [GivenUser(name, password, name in owners) for name, password in logins.items()]


def _all_logins(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    yield from options.gradio_auth
    if (file := options.gradio_auth_path) is not None:
        try:
            lines = file.expanduser().read_text(encoding="utf-8-sig").splitlines()
            yield from (login for line in lines if line.strip() for login in _logins(line))
        except (OSError, ValueError, argparse.ArgumentTypeError) as error:
            raise InvalidSetting(
                f"--gradio-auth-path {file} cannot be read. Write USER:PASSWORD into it, one on each line."
            ) from error
    yield from options.api_auth


def _logins(text: str) -> list[tuple[str, str]]:
    logins = [entry.strip().partition(":") for entry in text.split(",") if entry.strip()]
    if not logins or any(not user or not password for user, _, password in logins):
        raise argparse.ArgumentTypeError("write USER:PASSWORD, several separated by commas")
    return [(user, password) for user, _, password in logins]


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
