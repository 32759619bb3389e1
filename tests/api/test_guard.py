"""The guard: only our own page, under our own name, whatever it asks for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing

import pytest
from fastapi import FastAPI, WebSocket
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from modules.api.allowed_hosts import AllowedHosts, hosts_of
from modules.api.application import create_application
from modules.api.guard import MOST_ADDRESS_BYTES, MOST_HEADER_BYTES, MOST_HEADERS
from modules.config.host_names import HostName, host_name

OWN = "http://127.0.0.1:7860"
LOOPBACK = hosts_of("127.0.0.1", 7860)
LISTENING = hosts_of("0.0.0.0", 7860, [HostName("pictures.example", 443), HostName("any.example", None)])
METHODS = ("POST", "PUT", "PATCH", "DELETE")

OWN_HOSTS = ("127.0.0.1:7860", "localhost:7860", "LOCALHOST:7860", "[::1]:7860", "[0:0:0:0:0:0:0:1]:7860")
FOREIGN_HOSTS = (
    "evil.example",
    "evil.example:7860",
    "localhost.evil.example:7860",
    "127.0.0.1.evil.example:7860",
    "evil-localhost:7860",
    "localhost",
    "localhost:7861",
    "127.0.0.1:80",
    "[::1]",
    "[::2]:7860",
    "127.0.0.2:7860",
    "0.0.0.0:7860",
    "192.168.1.5:7860",
    "localhost.:7860",
    "",
)
SITES = ("same-origin", "none", None, "same-site", "cross-site")
TYPES = ("application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")


def origins_of(host: str) -> dict[str | None, bool]:
    """Twelve origins, and whether a request with it and this Host header is one of our own page."""
    name = host.lower().rpartition(":")[0] or host.lower()
    return {
        None: True,
        f"http://{host}": True,
        f"https://{host}": True,
        "null": False,
        "https://evil.example": False,
        f"http://{host}.evil.example": False,
        f"http://evil.example/{host}": False,
        f"http://{name}:1": False,
        f"HTTP://{host.upper()}": True,
        "http://[::1]:7861": False,
        f"ftp://{host}": False,
        "": False,
    }


def status_of(host: str, is_own: bool, site: str | None) -> int:
    """How a request that changes something has to be answered; `is_own` tells of its origin."""
    if host in FOREIGN_HOSTS:
        return 421
    return 200 if is_own and site in ("same-origin", "none", None) else 403


class Counted:
    """An application that counts what reaches it."""

    def __init__(self, hosts: AllowedHosts | None, origins: tuple[str, ...] = ()) -> None:
        self.calls = 0
        self.application = create_application(hosts=hosts, origins=origins)
        self.application.add_api_route("/changes", self._called, methods=list(METHODS))
        self.application.add_api_websocket_route("/stream", self._streamed)
        self.client = TestClient(self.application, base_url=OWN)

    def _called(self) -> None:
        self.calls += 1

    async def _streamed(self, socket: WebSocket) -> None:
        self.calls += 1
        await socket.accept()
        await socket.close()


@pytest.fixture(scope="module")
def counted() -> Iterator[Counted]:
    one = Counted(LOOPBACK)
    with closing(one.client):
        yield one


def headers_of(host: str, origin: str | None, site: str | None, type: str = "") -> dict[str, str]:
    given = {"host": host, "origin": origin, "sec-fetch-site": site, "content-type": type or None}
    return {name: value for name, value in given.items() if value is not None}


def test_the_whole_table(counted: Counted) -> None:
    """20 hosts, 12 origins, 5 kinds of site, 4 types of content: 4,800 requests, and nothing foreign is handled."""
    assert (len(OWN_HOSTS) + len(FOREIGN_HOSTS), len(origins_of("a")), len(SITES), len(TYPES)) == (20, 12, 5, 4)
    methods = itertools.cycle(METHODS)
    for host in OWN_HOSTS + FOREIGN_HOSTS:
        for (origin, is_own), site, type in itertools.product(origins_of(host).items(), SITES, TYPES):
            before = counted.calls
            sent = headers_of(host, origin, site, type)
            status = counted.client.request(next(methods), "/changes", headers=sent, content=b"{}").status_code
            expected = status_of(host, is_own, site)
            assert (status, counted.calls - before) == (expected, int(expected == 200)), sent


def test_the_table_of_websockets(counted: Counted) -> None:
    for host in OWN_HOSTS + FOREIGN_HOSTS:
        for (origin, is_own), site in itertools.product(origins_of(host).items(), SITES):
            before = counted.calls
            sent = headers_of(host, origin, site)
            welcome = status_of(host, is_own, site) == 200
            try:
                with counted.client.websocket_connect("/stream", headers=sent):
                    got_in = True
            except WebSocketDisconnect:
                got_in = False
            assert (got_in, counted.calls - before) == (welcome, int(welcome)), sent


@pytest.mark.parametrize("bound", ["127.0.0.1", "::1", "localhost", "127.0.0.9"])
def test_a_rebound_name_is_refused_on_every_loopback_address(bound: str) -> None:
    client = TestClient(create_application(hosts=hosts_of(bound, 7860)), base_url=OWN)
    for path in ("/", "/config", "/internal/ping", "/api/v1/models", "/login"):
        assert client.get(path, headers={"host": "evil.example"}).status_code == 421
        assert client.get(path, headers={"host": "evil.example:7860"}).status_code == 421


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("192.168.1.5:7860", True),
        ("192.168.1.5:8080", True),  # of a router or a container's host, which is not known here
        ("[fd00::1]:7860", True),
        ("localhost:7860", True),
        ("pictures.example", True),
        ("pictures.example:443", True),
        ("pictures.example:7860", False),
        ("ANY.example:1234", True),
        ("evil.example:7860", False),
        ("192.168.1.5.evil.example:7860", False),
        ("localhost:7861", False),
        ("[fd00::1", False),
        ("a@192.168.1.5", False),
    ],
)
def test_names_of_a_server_that_listens(host: str, is_ours: bool) -> None:
    assert LISTENING.has(host) == is_ours


NO_HOSTS = ["", ":80", "a:b", "a:0", "a:65536", "a:", "[a]", "[::1]x", "a/b", "a b", "x]", "ä", "*"]


@pytest.mark.parametrize("text", NO_HOSTS)
def test_what_is_no_host(text: str) -> None:
    assert host_name(text) is None


def test_a_public_link_is_answered_to_when_it_is_there() -> None:
    hosts = hosts_of("127.0.0.1", 7860)
    assert not hosts.has("abc.gradio.live")
    hosts.add(HostName("abc.gradio.live", None))
    assert hosts.has("abc.gradio.live")
    assert not hosts.has("abd.gradio.live")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, 403),
    ],
)
def test_a_link_may_be_followed_but_nothing_embedded(counted: Counted, sent: dict[str, str], status: int) -> None:
    assert counted.client.get("/internal/ping", headers=sent).status_code == status
    assert counted.client.post("/changes", headers=sent).status_code == 403


def test_sites_that_the_owner_lets_in() -> None:
    one = Counted(LOOPBACK, ("https://friend.example",))
    friend = {"origin": "https://friend.example", "sec-fetch-site": "cross-site"}
    answer = one.client.post("/changes", headers=friend)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://friend.example")
    assert "access-control-allow-credentials" not in answer.headers
    preflight = {**friend, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    assert one.client.options("/changes", headers=preflight).status_code == 200
    assert one.client.post("/changes", headers={"origin": "https://friend.example.evil"}).status_code == 403
    assert one.client.post("/changes", headers={**friend, "host": "evil.example"}).status_code == 421
    assert one.calls == 1


def test_two_names_at_once_are_refused(counted: Counted) -> None:
    doubled = [("host", "127.0.0.1:7860"), ("host", "evil.example")]
    assert counted.client.get("/internal/ping", headers=doubled).status_code == 400


def test_headers_and_addresses_have_limits(counted: Counted) -> None:
    many = {f"x-{number}": "" for number in range(MOST_HEADERS)}
    assert counted.client.get("/internal/ping", headers=many).status_code == 431
    assert counted.client.get("/internal/ping", headers={"x": "x" * MOST_HEADER_BYTES}).status_code == 431
    assert counted.client.get(f"/internal/ping?{'x' * MOST_ADDRESS_BYTES}").status_code == 414


def test_a_fault_is_told_by_a_number_that_the_log_has(caplog: pytest.LogCaptureFixture) -> None:
    application: FastAPI = create_application(hosts=None)

    @application.get("/broken")
    def broken() -> None:
        raise RuntimeError("a canary of the inside")

    answer = TestClient(application).get("/broken")
    assert answer.status_code == 500
    assert "canary" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    number = answer.json()["detail"].split()[-1].rstrip(".")
    assert number in caplog.text
    assert "a canary of the inside" in caplog.text
