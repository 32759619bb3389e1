"""Names as people type them: in any case, with any spaces, and sometimes not quite."""

from __future__ import annotations

import difflib


def plain_name(name: str) -> str:
    """A name as it is looked for."""
    return " ".join(name.lower().split())


def nearest_name(name: str, known: tuple[str, ...]) -> str:
    """What to say to somebody who asked for a name that is not known."""
    by_plain = {plain_name(row): row for row in known}
    near = difflib.get_close_matches(plain_name(name[:100]), by_plain, n=2, cutoff=0.4)
    if near:
        return f"Nearest: {', '.join(by_plain[row] for row in near)}."
    return f"Choose one of: {', '.join(known)}." if known else "There is none to choose from."
