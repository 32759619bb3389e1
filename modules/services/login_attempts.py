"""How often somebody may be wrong about a password."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_FAILURES = 5
SECONDS = 60.0
_MOST_KEYS = 10_000


class LoginAttempts:
    """Counts failures within the last minute, by address and by name. Attempts count until they are known to be right,
    so that a thousand at the same moment are five.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: str) -> float:
        """Seconds until one of this key may try again; 0 for at once."""
        with self._lock:
            return self._wait(key)

    def begin(self, *keys: str) -> float:
        """Count an attempt for all keys, unless one must wait: then for none. Returns the seconds to wait, or 0."""
        with self._lock:
            if wait := max(map(self._wait, keys)):
                return wait
            for key in keys:
                self._failures.setdefault(key, []).append(self._clock())
                self._failures.move_to_end(key)
            while len(self._failures) > _MOST_KEYS:
                self._failures.popitem(last=False)
            return 0.0

    def succeeded(self, *keys: str) -> None:
        """The attempt that was begun last for these keys was no failure."""
        with self._lock:
            for key in keys:
                if times := self._failures.get(key):
                    times.pop()
                    if not times:
                        del self._failures[key]

    def _wait(self, key: str) -> float:
        since = self._clock() - SECONDS
        times = [one for one in self._failures.get(key, ()) if one > since]
        if not times:
            self._failures.pop(key, None)
            return 0.0
        self._failures[key] = times
        return times[-MOST_FAILURES] - since if len(times) >= MOST_FAILURES else 0.0


def address_key(address: str) -> str:
    """What failures from an address are counted under: of IPv6 the network of one customer, who has 2^64 addresses."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return f"address {address}"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return f"address {ipaddress.ip_network((found, 64), strict=False)}"
        return f"address {found.ipv4_mapped}"
    return f"address {found}"
