"""Requests that must not reach the machine's own network."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from modules.errors import InvalidRequest
from modules.services.guarded_http import guarded_client, is_public
from tests.hub_server import HubServer, hub_server

PRIVATE = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1",
    "ff02::1", "fec0::1", "feff::1", "192.0.0.1", "192.0.0.9", "192.0.0.192", "64:ff9b:1::1", "::ffff:192.0.0.8",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
)  # fmt: skip
PUBLIC = ("1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def inside() -> Iterator[HubServer]:
    with hub_server() as server:
        server.put("/secret", b"secret")
        yield server


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "LOCALHOST", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0",
        "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "%31%32%37.0.0.1",
    ],
)  # fmt: skip
def test_no_way_to_write_a_loopback_address_reaches_it(inside: HubServer, host: str) -> None:
    port = inside.server_address[1]
    with guarded_client() as client, pytest.raises((InvalidRequest, httpx.HTTPError, httpx.InvalidURL)):
        client.get(f"http://{host}:{port}/secret")
    assert inside.requests == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/x", "gopher://127.0.0.1/"])
def test_other_schemes_are_refused(url: str) -> None:
    with guarded_client() as client, pytest.raises((InvalidRequest, httpx.UnsupportedProtocol)):
        client.get(url)


def test_one_private_address_among_several_is_enough(inside: HubServer) -> None:
    client = guarded_client(lookup=lambda host, port: ["1.1.1.1", "127.0.0.1"])
    with client, pytest.raises(InvalidRequest, match="private network"):
        client.get(f"http://example.org:{inside.server_address[1]}/secret")
    assert inside.requests == []


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    inside: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that changes its address after the check gains nothing: it is looked up once."""
    answers = iter([["127.0.0.1"]])
    client = guarded_client(allow_private=True, lookup=lambda host, port: next(answers))
    port = inside.server_address[1]
    with client:
        assert client.get(f"http://nowhere.invalid:{port}/secret").content == b"secret"
    assert inside.requests[0][2]["host"] == f"nowhere.invalid:{port}"


def test_the_next_address_is_tried_where_one_does_not_answer(inside: HubServer) -> None:
    client = guarded_client(allow_private=True, lookup=lambda host, port: ["::1", "127.0.0.1"])
    with client:
        assert client.get(f"http://nowhere.invalid:{inside.server_address[1]}/secret").status_code == 200


def test_what_the_owner_named_may_be_private_and_nothing_beside_it(inside: HubServer) -> None:
    with hub_server() as other, guarded_client([inside.address]) as client:
        assert client.get(f"{inside.address}/secret").content == b"secret"
        with pytest.raises(InvalidRequest):
            client.get(f"{other.address}/secret")
        assert other.requests == []


def test_a_proxy_is_used_for_public_addresses_alone(inside: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", inside.address)
    inside.put("/x", b"through the proxy")
    with guarded_client(lookup=lambda host, port: ["1.1.1.1"]) as client:
        assert client.get("http://example.org/x").content == b"through the proxy"
    with guarded_client() as client, pytest.raises(InvalidRequest):
        client.get("http://127.0.0.1:1/x")
    assert [path for _, path, _ in inside.requests] == ["http://example.org/x"]


@pytest.mark.parametrize("found", [[], None])
def test_a_name_that_only_the_proxy_knows_is_refused(
    inside: HubServer, monkeypatch: pytest.MonkeyPatch, found: list[str] | None
) -> None:
    def lookup(host: str, port: int) -> list[str]:
        if found is None:
            raise OSError
        return found

    monkeypatch.setenv("http_proxy", inside.address)
    inside.put("/x", b"inside")
    with guarded_client(lookup=lookup) as client, pytest.raises(InvalidRequest, match="--allow-private-downloads"):
        client.get("http://intranet/x")
    assert inside.requests == []
    with guarded_client(["http://hub.invalid:80"], lookup=lookup) as client:
        assert client.get("http://hub.invalid/x").content == b"inside"
    with guarded_client(allow_private=True, lookup=lookup) as client:
        assert client.get("http://intranet/x").content == b"inside"


def test_a_name_without_addresses_is_not_reached() -> None:
    with guarded_client(lookup=lambda host, port: []) as client, pytest.raises(httpx.ConnectError):
        client.get("http://nowhere.invalid/x")


def test_secrets_stay_out_of_refusals() -> None:
    with guarded_client() as client, pytest.raises(InvalidRequest) as caught:
        client.get("http://127.0.0.1/x?token=canary&size=full")
    assert "canary" not in str(caught.value) and "size=full" in str(caught.value)
