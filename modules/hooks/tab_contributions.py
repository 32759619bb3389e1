"""The tabs of all plugins, each of whose titles is there once."""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

from modules.hooks.plugins import Plugins
from modules.hooks.tabs import MOST_LETTERS, Tab, TabAudience


def tabs_of(plugins: Plugins, taken: Collection[str] = ()) -> list[tuple[str, Tab]]:
    """Each tab with the name of its plugin.

    A plugin that brings anything else, or a title that is in `taken` or another plugin's, in any case, is left out.
    """
    known = {_plain(title) for title in taken}
    found: list[tuple[str, Tab]] = []
    for plugin, answer in list(plugins.answers("register_tabs")):
        try:
            rows = _checked(answer, known)
        except ValueError as error:
            plugins.leave_out(plugin, str(error))
        else:
            known |= rows.keys()
            found += [(plugin, row) for row in rows.values()]
    return found


def _checked(answer: object, known: Collection[str]) -> dict[str, Tab]:
    if not isinstance(answer, (list, tuple)):
        raise ValueError(f"register_tabs returned {type(answer).__name__} instead of a list")
    rows: dict[str, Tab] = {}
    for row in answer:
        if not isinstance(row, Tab):
            raise ValueError(f"register_tabs returned {type(row).__name__}, which is no Tab")
        if not isinstance(row.title, str) or not row.title.strip() or len(row.title) > MOST_LETTERS:
            raise ValueError(f"{row.title!r} is no title of a tab: use 1 to {MOST_LETTERS} letters")
        if not callable(row.build) or row.audience not in get_args(TabAudience):
            raise ValueError(f"the tab {row.title!r} has no build or audience that can be used")
        if _plain(row.title) in known or _plain(row.title) in rows:
            raise ValueError(f"there is a tab {row.title!r} already")
        rows[_plain(row.title)] = row
    return rows


def _plain(title: str) -> str:
    return " ".join(title.lower().split())
