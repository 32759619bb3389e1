"""The image upscalers of all plugins, each of whose names is there once."""

from __future__ import annotations

from collections.abc import Collection

from modules.hooks.image_upscalers import ImageUpscaler
from modules.hooks.plugins import Plugins


def upscalers_of(plugins: Plugins, taken: Collection[str] = ()) -> list[tuple[str, ImageUpscaler]]:
    """Each upscaler with the name of its plugin.

    A plugin that brings anything else, or a name that is in `taken` or another plugin's, in any case, is left out.
    """
    known = {_plain(name) for name in taken}
    found: list[tuple[str, ImageUpscaler]] = []
    for plugin, answer in list(plugins.answers("register_upscalers")):
        try:
            rows = _checked(answer, known)
        except ValueError as error:
            plugins.leave_out(plugin, str(error))
        else:
            known |= {_plain(row.name) for row in rows}
            found += [(plugin, row) for row in rows]
    return found


def _checked(answer: object, known: Collection[str]) -> list[ImageUpscaler]:
    if not isinstance(answer, (list, tuple)):
        raise ValueError(f"register_upscalers returned {type(answer).__name__} instead of a list")
    rows: dict[str, ImageUpscaler] = {}
    for row in answer:
        name = getattr(row, "name", None)
        if not isinstance(row, ImageUpscaler) or not isinstance(name, str) or not name.strip():
            raise ValueError(f"register_upscalers returned {type(row).__name__}, which is no ImageUpscaler with a name")
        if _plain(name) in known or _plain(name) in rows:
            raise ValueError(f"there is an upscaler {name!r} already")
        rows[_plain(name)] = row
    return list(rows.values())


def _plain(name: str) -> str:
    return " ".join(name.lower().split())
