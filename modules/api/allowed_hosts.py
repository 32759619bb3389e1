"""The names that a server may be called by, with their ports: the list that stops DNS rebinding."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from modules.config.host_names import HostName, host_name, is_address, is_loopback

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


class AllowedHosts:
    """A list that grows: a public link is told its name when it is there already.

    `addresses`: any IP address is right, by any port, for those of a router or a container's host are not known here.
    """

    def __init__(self, names: Iterable[HostName], *, addresses: bool = False) -> None:
        self._names = set(names)
        self._addresses = addresses

    def add(self, name: HostName) -> None:
        """Answer to one more name."""
        self._names.add(name)

    def has(self, header: str) -> bool:
        """Whether a request with this Host header is meant for us."""
        asked = host_name(header)
        if asked is None:
            return False
        return (self._addresses and is_address(asked.name)) or any(one.matches(asked) for one in self._names)


def hosts_of(bound: str, port: int, further: Iterable[HostName] = ()) -> AllowedHosts:
    """What a server that answers on an address and port may be called: on the loopback address nothing of other
    machines; elsewhere its addresses, the name that was bound, and this machine's own.
    """
    names = {HostName(name, port) for name in LOOPBACK_NAMES} | set(further)
    if is_loopback(bound):
        return AllowedHosts(names)
    own = socket.gethostname().lower()
    names |= {HostName(name, port) for name in (bound.lower(), own, f"{own}.local")}
    return AllowedHosts(names, addresses=True)
