"""Web requests that cannot be turned against the machine's own network.

Every connection goes to an address that was looked up and found to be public, and the connection is made to that very
address, so that a name which changes its address in between gains nothing (DNS rebinding). Through a proxy of the
environment it is the proxy that looks a name up and connects; it is asked only for names that are known to be public
here too. So where nobody but the proxy knows names, downloads need to be allowed private addresses.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import urllib.request
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from modules.errors import InvalidRequest
from modules.services.download_sources import origin, without_secrets

TIMEOUT = httpx.Timeout(connect=15, read=30, write=30, pool=30)
AGENT = "Atelier"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SHUT = tuple(
    map(
        ipaddress.ip_network,
        # Shared by the protocols' own services, translated inside of one network, and site-local; not all of them
        # are private to every version of Python.
        ("192.0.0.0/24", "64:ff9b:1::/48", "fec0::/10"),
    )
)

Lookup = Callable[[str, int], list[str]]


FOR_DOWNLOADS = (
    "Choose a public address; what you trust is fetched by: python launch.py download --allow-private-downloads ADDRESS"
)


def guarded_client(
    trusted: Collection[str] = (),
    *,
    allow_private: bool = False,
    lookup: Lookup | None = None,
    remedy: str = FOR_DOWNLOADS,
) -> httpx.Client:
    """A client for public addresses alone; it follows no redirects, and asks for files as they are.

    `trusted` are origins (scheme://host:port) that the owner of the server named and that may be private;
    `allow_private` lets everything through. `remedy` is what a refusal advises.
    """
    transport = GuardedTransport(frozenset(trusted), allow_private, lookup or addresses_of, remedy)
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    return httpx.Client(transport=transport, timeout=TIMEOUT, headers=headers, follow_redirects=False)


class GuardedTransport(httpx.BaseTransport):
    """Raises InvalidRequest for an address that leads anywhere but to the public network."""

    def __init__(
        self, trusted: frozenset[str], allow_private: bool, lookup: Lookup, remedy: str = FOR_DOWNLOADS
    ) -> None:
        self._trusted = trusted
        self._allow_private = allow_private
        self._lookup = lookup
        self._remedy = remedy
        # A kept connection is found again by its address, but was proven for one name alone.
        self._direct = httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))
        self._proxies: dict[str, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request where it may go."""
        proxy, addresses = self.permitted(request)
        if proxy is not None:
            transport = self._proxies.setdefault(proxy, httpx.HTTPTransport(proxy=proxy))
            return transport.handle_request(request)
        return self._connected(request, addresses)

    def permitted(self, request: httpx.Request) -> tuple[str | None, list[str]]:
        """The proxy and the addresses by which a request may go; sends nothing. Raises InvalidRequest, ConnectError."""
        url = str(request.url)
        if request.url.scheme not in ("http", "https"):
            raise _refused(url, "is no web address", "Use one that begins with https:// or http://.")
        if request.url.port is not None and not 0 < request.url.port < 65536:
            raise _refused(url, "names a port that cannot be", "Leave it out, or choose one from 1 to 65535.")
        free = self._allow_private or origin(url) in self._trusted
        proxy = _proxy_for(request.url)
        addresses = self._addresses(request, may_fail=proxy is not None)
        if not free and not (addresses and all(map(is_public, addresses))):
            problem = "leads into a private network" if addresses else "is known to the proxy alone, and may be private"
            raise _refused(url, problem, self._remedy)
        return proxy, addresses

    def close(self) -> None:
        """Close every connection."""
        for transport in (self._direct, *self._proxies.values()):
            transport.close()

    def _addresses(self, request: httpx.Request, *, may_fail: bool) -> list[str]:
        """Those of the host; none where it is unknown, which behind a proxy it may be. Raises ConnectError."""
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            found, reason = self._lookup(request.url.host, port), None
        except (OSError, UnicodeError) as error:
            found, reason = [], error
        if not found and not may_fail:
            raise httpx.ConnectError(f"{request.url.host} was not found", request=request) from reason
        return found

    def _connected(self, request: httpx.Request, addresses: list[str]) -> httpx.Response:
        """The answer of the first address that can be reached; the name stays that of the certificate and of Host."""
        for place, address in enumerate(addresses, start=1):
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": request.url.host},
            )
            try:
                return self._direct.handle_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if place == len(addresses):
                    raise
        raise AssertionError("addresses are there, or the name was not found")


@contextmanager
def within(seconds: float) -> Iterator[Mapping[str, Any]]:
    """The extensions of one request that is broken off when so much time is up, however its answer trickles in.

    It fails with an httpx.TransportError then. Time limits of httpx are for each read and write alone.
    """
    sockets: list[socket.socket] = []

    def watch(name: str, info: Mapping[str, Any]) -> None:
        if name in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            sockets.append(info["return_value"].get_extra_info("socket"))

    def break_off() -> None:
        for one in sockets:
            with suppress(OSError):  # it is closed, or was taken over by the encrypted one
                socket.socket.shutdown(one, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, break_off)
    timer.daemon = True
    timer.start()
    try:
        yield {"trace": watch}
    finally:
        timer.cancel()


def addresses_of(host: str, port: int) -> list[str]:
    """The addresses that a name has, each once. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def is_public(text: str) -> bool:
    """Whether an address belongs to the public network; one that wraps an IPv4 address counts as that."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if address in _NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if wrapped:
            return is_public(str(wrapped))
    if any(address in network for network in _SHUT):
        return False
    shut = address.is_multicast or address.is_reserved or address.is_loopback or address.is_link_local
    return address.is_global and not shut


def _proxy_for(url: httpx.URL) -> str | None:
    """The proxy that the environment names for an address."""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(url.host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _refused(url: str, problem: str, remedy: str) -> InvalidRequest:
    return InvalidRequest("Address", without_secrets(url), problem, remedy)
