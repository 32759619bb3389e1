"""Names of computers as they stand in a Host header, with their ports."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

_WEB_PORTS = (80, 443)


@dataclass(frozen=True)
class HostName:
    """A Host header, or one entry of the list: without a port it stands for any in the list, for a web port else."""

    name: str
    port: int | None

    def matches(self, asked: HostName) -> bool:
        """Whether a Host header is meant by this entry."""
        if self.name != asked.name:
            return False
        return self.port in (None, asked.port) or (asked.port is None and self.port in _WEB_PORTS)


def host_name(text: str) -> HostName | None:
    """The name and port of `name`, `name:port`, `[IPv6]` or `[IPv6]:port`, in lower case; None for anything else."""
    name, bracket, rest = text.lower().partition("]")
    if bracket:
        if not name.startswith("["):
            return None
        address, port = _address(name[1:]), rest
        if address is None or ":" not in address or (rest and not rest.startswith(":")):
            return None
        name, port = address, rest[1:] if rest else ""
        colon = bool(rest)
    else:
        name, sign, port = name.partition(":")
        colon = bool(sign)
    if not name or not name.isascii() or any(not (one.isalnum() or one in "-._:") for one in name):
        return None
    if not colon:
        return HostName(name, None)
    return HostName(name, int(port)) if _is_port(port) else None


def is_address(name: str) -> bool:
    """Whether it is an IP address, which no DNS server can point elsewhere."""
    return _address(name) is not None


def is_loopback(bound: str) -> bool:
    """Whether only this machine can reach what is bound there."""
    address = _address(bound)
    return bound.lower() == "localhost" or (address is not None and ipaddress.ip_address(address).is_loopback)


def _address(text: str) -> str | None:
    try:
        return ipaddress.ip_address(text).compressed
    except ValueError:
        return None


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) < 65_536
