"""A named group of arguments that a person switches on: what sections and steps of post-processing have in common."""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from modules.hooks.arguments import (
    Argument,
    Arguments,
    Drawn,
    Picture,
    arguments_of_infotext,
    infotext_parameters,
)
from modules.hooks.plain_names import nearest_name

MAX_NAME = 60
_KEY = re.compile(r"\w[\w /-]*[\w/-]")


class ArgumentGroup(ABC):
    """A group of arguments. Its name is what people, requests and infotexts call it."""

    name: str
    """Letters, digits, spaces and a few signs, at most 60; like no other's."""
    help: str = ""
    """What it does, in a few words that begin with a verb."""
    arguments: tuple[Argument, ...] = ()
    """What a person is asked for, in the order of the page."""

    def parameters(self, arguments: Arguments) -> dict[str, str]:
        """What an infotext says of the values: those that are not what they are anyway."""
        return infotext_parameters(self._keyed, arguments)

    def arguments_of(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """The values that an infotext names, as texts for `read_arguments`."""
        return arguments_of_infotext(self._keyed, parameters)

    def explains(self, key: str) -> bool:
        """Whether a key of an infotext is one that `parameters` writes."""
        plain = key[:-2] if key.endswith(("-1", "-2")) else key  # a value like 512x768 was taken apart
        return any(row.key in (key, plain) for row in self._keyed)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its arguments in infotexts, in their order."""
        return tuple(row.key for row in self._keyed)

    @cached_property
    def _keyed(self) -> tuple[Argument, ...]:
        """Its arguments, each with a key: what changes a picture has to come back."""
        return tuple(
            row if row.key else replace(row, key=infotext_key(f"{self.name} {row.label}")) for row in self.arguments
        )


def check_arguments(owner: str, arguments: object) -> None:
    """Raise ValueError for what cannot be the arguments of anything but a script. `owner` says whose they are."""
    if not isinstance(arguments, (list, tuple)) or not all(isinstance(row, Argument) for row in arguments):
        raise ValueError(f"the arguments of {owner} are no list of arguments")
    names = [row.name for row in arguments]
    if len(set(names)) < len(names):
        raise ValueError(f"two arguments of {owner} have the same name")
    if wrong := next((name for name in names if not name.isidentifier()), None):
        raise ValueError(f"{wrong!r} is no name of an argument: use letters, digits and _")
    if any(isinstance(row, Drawn) for row in arguments):
        raise ValueError(f"{owner} asks whether a seed was drawn, which only scripts are told")


def check_group(group: ArgumentGroup, kind: str, taken_keys: Collection[str]) -> None:
    """Raise ValueError for names and keys that forms, command lines and infotexts cannot hold. `kind`: "section"."""
    if not _is_name(group.name):
        raise ValueError(f"{group.name[:80]!r} is no name of a {kind}: use letters, digits, spaces and -")
    check_arguments(repr(group.name), group.arguments)
    for place, key in enumerate(group.keys):
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no key for infotexts: use letters, digits, spaces, - and /")
        if key in taken_keys or key in group.keys[:place]:
            raise ValueError(f"infotexts have a key {key!r} already")


def unknown_argument(group: ArgumentGroup, given: Iterable[str]) -> str | None:
    """The first name that is no argument of a group."""
    known = {row.name for row in group.arguments}
    return next((name for name in given if name not in known), None)


def nearest_argument(group: ArgumentGroup, name: str) -> str:
    """What to say to somebody who named an argument that a group has not."""
    return nearest_name(name, tuple(row.name for row in group.arguments))


def pictures_of(group: ArgumentGroup, arguments: Arguments) -> list[str]:
    """The ids of the stored pictures among some values."""
    return [arguments[row.name] for row in group.arguments if isinstance(row, Picture) and arguments[row.name]]


def stored_pictures(group: ArgumentGroup, given: Mapping[str, Any], store: Callable[[Path], str]) -> dict[str, Any]:
    """What a group was given, where files stand for pictures: with what `store` calls these."""
    names = {row.name for row in group.arguments if isinstance(row, Picture)}
    files = {name: given[name] for name in names if isinstance(given.get(name), str) and given[name]}
    return {**given, **{name: store(Path(file)) for name, file in files.items()}}


def _is_name(name: str) -> bool:
    """Whether an infotext, a command line and a form can hold it among others."""
    return re.fullmatch(r"[^\W_][\w &+.()'-]*", name) is not None and name == name.strip() and len(name) <= MAX_NAME


def infotext_key(words: str) -> str:
    """Words as an infotext can have them for a key."""
    return " ".join(re.sub(r"[^\w /-]", " ", words).split())
