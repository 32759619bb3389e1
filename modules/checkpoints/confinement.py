"""What a process that reads strangers' files gives up before it does. Each barrier holds where the system has it.

| | Linux | macOS | Windows |
|---|---|---|---|
| network | a namespace without any, where that is permitted; audit hook | audit hook | audit hook |
| other programs, files written, sockets | audit hook | audit hook | audit hook |
| memory, size of files, time of the processor | limits | limits (memory is not enforced) | – |
| rights gained by programs | no_new_privs | – | – |
| life beyond that of its parent | death signal | – | – |

An audit hook sees what Python does, not what machine code does by itself: it is a barrier behind others.
It imports nothing but the standard library, since it has to be at work before torch starts threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

_REFUSED = (
    "socket.",
    "subprocess.",
    "shutil.",
    "urllib.",
    "http.client.",
    "ftplib.",
    "smtplib.",
    "webbrowser.",
    "winreg.Set",
    "ctypes.dlopen",
    "pickle.find_class",
    "pty.",
    "sqlite3.",
    *(
        f"os.{name}"
        for name in (
            "chmod", "chown", "exec", "fork", "kill", "link", "mkdir", "posix_spawn", "putenv", "remove", "rename",
            "rmdir", "setxattr", "spawn", "startfile", "symlink", "system", "truncate", "unlink", "utime",
        )
    ),
)  # fmt: skip
"""Beginnings of the names of audit events."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES, _DEATH_SIGNAL = 38, 1


class Refused(Exception):
    """Something tried what a confined process may not do."""


def leave_network() -> bool:
    """Move this process, of one thread, into a network namespace without any network; whether that was permitted."""
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    return any(library.unshare(flags) == 0 for flags in (_NEW_NETWORK, _NEW_USER | _NEW_NETWORK))


def end_with_parent(parent: int) -> None:
    """Have the system kill this process as soon as its parent ends, which has that id; exits where it has already.

    To be called behind `leave_network`: the system forgets the wish when rights change (prctl(2), PR_SET_PDEATHSIG).
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


def limit_resources(*, memory: int, written: int, seconds: int) -> None:
    """Set limits in bytes, of memory beyond what is mapped already, and in seconds of the processor."""
    if sys.platform == "win32":
        return
    import resource

    limits = {
        resource.RLIMIT_AS: _mapped_bytes() + memory,
        resource.RLIMIT_FSIZE: written,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_NPROC: 0,
    }
    for kind, limit in limits.items():
        hardest = resource.getrlimit(kind)[1]
        value = limit if hardest == resource.RLIM_INFINITY else min(limit, hardest)
        try:
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            continue  # macOS does not know each of them


def refuse_events() -> None:
    """From now on Python's own ways to the network, to other programs and to files that change raise Refused."""
    sys.addaudithook(_check_event)


def _check_event(event: str, arguments: Sequence[Any]) -> None:
    if event.startswith(_REFUSED):
        raise Refused(f"{event} is not allowed here")
    if event == "open":
        path, mode, flags = arguments
        writes = isinstance(flags, int) and flags & _WRITING or any(sign in (mode or "") for sign in "wax+")
        if writes and not isinstance(path, int):
            raise Refused(f"writing to {path!r} is not allowed here")


def _mapped_bytes() -> int:
    """The size of this process's address space; a generous guess where the system does not tell it."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  pathlib would be imported for it
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 16 << 30
