"""Objects of A1111's of which some names are here: asked for another they say which one is missing."""

from __future__ import annotations

from typing import Any


class PartOfA1111:
    """An object whose other names are not here; `a1111_name` is what A1111 calls it."""

    a1111_name = ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python asks for these itself, and goes on where they are missing
            raise AttributeError(name)
        raise AttributeError(f"A1111's {self.a1111_name}.{name} is not here")


class NothingOfA1111(PartOfA1111):
    """An object of which nothing is here: it can be handed on."""

    def __init__(self, name: str) -> None:
        self.a1111_name = name
