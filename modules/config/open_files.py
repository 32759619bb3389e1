"""How many files and connections a process may have open at once."""

from __future__ import annotations

import sys
from contextlib import suppress

WANTED = 8_192
"""A browser has six connections to a server at most; this is a thousand of them."""


def allow_open_files(wanted: int = WANTED) -> None:
    """Raise the limit of this process, as far as its owner may.

    What systems give by themselves, 256 or 1,024, is taken by few strangers who connect and say nothing.
    """
    if sys.platform == "win32":  # where there is no such limit
        return
    import resource

    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    unbounded = resource.RLIM_INFINITY
    wanted = wanted if most == unbounded else min(wanted, most)
    if now != unbounded and now < wanted:
        with suppress(OSError, ValueError):  # macOS has a lower limit of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
