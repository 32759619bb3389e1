"""One login for everything, over HTTP."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
from fastapi import FastAPI, Request, WebSocket
from filelock import FileLock
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from modules.api import following, sessions
from modules.api.allowed_hosts import hosts_of
from modules.api.application import create_application
from modules.api.visitors import visitor
from modules.config.logins import GivenUser
from modules.config.paths import Paths
from modules.services.account_file import AccountFile
from modules.services.accounts import Accounts, add_user
from modules.services.build import Services
from tests.api.people import QUICK
from tests.api.served import served

OWN = "http://127.0.0.1:7860"
USERS = [GivenUser("ann", "säcret:x", is_owner=True), GivenUser("bob", "bobs own words", is_owner=False)]
ANN, BOB = ((b"ann", "säcret:x".encode()), ("bob", "bobs own words"))


@pytest.fixture
def accounts(paths: Paths) -> Accounts:
    return Accounts(AccountFile(paths), USERS, hasher=QUICK)


@pytest.fixture
def application(accounts: Accounts) -> FastAPI:
    """With routes of ours that say who asked, in the place of those for users and for owners."""
    made = create_application(hosts=hosts_of("127.0.0.1", 7860), accounts=accounts)

    def who(request: Request) -> str:
        return visitor(request).name

    async def streamed(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(visitor(socket).name)
        await socket.close()

    made.add_api_route("/api/v1/jobs", who)
    made.add_api_route("/sdapi/v1/samplers", who)
    made.add_api_route("/sdapi/v1/cmd-flags", who)
    made.add_api_route("/api/v1/unheard-of", who)
    made.add_api_websocket_route("/api/v1/events/ws", streamed)
    return made


@pytest.fixture
def client(application: FastAPI) -> Iterator[TestClient]:
    with TestClient(application, base_url=OWN, follow_redirects=False) as made:
        yield made


def log_in(client: TestClient, name: str = "bob", password: str = "bobs own words", next: str = "/") -> int:
    form = {"name": name, "password": password, "next": next}
    return client.post("/login", data=form, headers={"origin": OWN}).status_code


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/sdapi/v1/samplers", "/sdapi/v1/cmd-flags", "/api/v1/unheard-of"])
def test_nobody_gets_in_without_a_login(client: TestClient, path: str) -> None:
    for sent in ({}, {"authorization": "Basic x"}, {"authorization": "Bearer x"}, {"cookie": "atelier-session-7860=x"}):
        answer = client.get(path, headers=sent)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Basic realm="Atelier", charset="UTF-8"'
        assert list(answer.json()) == ["detail"]
    # A browser would open a window of its own.
    assert "www-authenticate" not in client.get(path, headers={"sec-fetch-mode": "cors"}).headers


def test_basic_token_and_cookie_are_the_same_visitor(client: TestClient) -> None:
    assert client.get("/sdapi/v1/samplers", auth=ANN).json() == "ann"
    assert client.get("/sdapi/v1/samplers", auth=BOB).json() == "bob"
    token = client.post("/api/v1/tokens", auth=BOB, json={"name": "plug-in"}).json()["token"]
    assert client.get("/sdapi/v1/samplers", headers={"authorization": f"Bearer {token}"}).json() == "bob"
    assert log_in(client) == 303
    assert client.get("/sdapi/v1/samplers").json() == "bob"
    address = "ws://127.0.0.1:7860/api/v1/events/ws"
    with client.websocket_connect(address, headers={"origin": OWN}) as socket:
        assert socket.receive_text() == "bob"


def test_streams_need_a_login_too(client: TestClient) -> None:
    address = "ws://127.0.0.1:7860/api/v1/events/ws"
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(address):
        pass


def test_what_is_for_owners(client: TestClient) -> None:
    for path in ("/sdapi/v1/cmd-flags", "/api/v1/unheard-of"):
        assert client.get(path, auth=BOB).status_code == 403
        assert client.get(path, auth=ANN).json() == "ann"


def test_a_page_sends_to_the_login_and_back(client: TestClient) -> None:
    page = {"accept": "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.get("/", headers=page).headers["location"] == "/login"
    asked = client.get("/?__theme=dark&a=%26", headers=page).headers["location"]
    assert asked == "/login?next=%2F%3F__theme%3Ddark%26a%3D%2526"
    shown = client.get("/login", params={"next": "/?__theme=dark"})
    assert 'name="next" value="/?__theme=dark"' in shown.text
    form = {"name": "ann", "password": "säcret:x", "next": "/?__theme=dark"}
    answer = client.post("/login", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?__theme=dark")
    cookie = answer.headers["set-cookie"]
    assert re.match(r"atelier-session-7860=[\w.-]+; HttpOnly; Max-Age=1209600; Path=/; SameSite=lax$", cookie)


def test_under_tls_the_cookie_is_secure(application: FastAPI) -> None:
    client = TestClient(application, base_url="https://127.0.0.1:7860", follow_redirects=False)
    form = {"name": "bob", "password": "bobs own words"}
    assert "; Secure" in client.post("/login", data=form).headers["set-cookie"]
    client = TestClient(application, base_url=OWN, follow_redirects=False)
    assert "; Secure" in client.post("/login", data=form, headers={"x-forwarded-proto": "https"}).headers["set-cookie"]


@pytest.mark.parametrize(
    "next",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "javascript:x", "", "x" * 3000],
)
def test_a_login_leads_nowhere_else(client: TestClient, next: str) -> None:
    form = {"name": "bob", "password": "bobs own words", "next": next}
    assert client.post("/login", data=form).headers["location"] == "/"


def test_nothing_that_was_typed_becomes_markup(client: TestClient) -> None:
    canary = '/"><script>alert(1)</script>'
    shown = client.get("/login", params={"next": canary}).text
    wrong = client.post("/login", data={"name": canary, "password": canary, "next": canary})
    assert wrong.status_code == 401
    for text in (shown, wrong.text):
        assert "<script" not in text
    assert "default-src 'none'" in wrong.headers["content-security-policy"]


@pytest.mark.parametrize("body", [b"", b"&".join([b"a=b"] * 20), b"name=%FF&password=%FF", b"\xff", b"{}"])
def test_a_broken_form_is_a_wrong_login(client: TestClient, body: bytes) -> None:
    assert client.post("/login", content=body).status_code in (400, 401)
    assert client.post("/login", content=b"x" * 20_000).status_code == 413


def test_the_sixth_wrong_login_in_a_minute_is_not_looked_at(client: TestClient) -> None:
    assert [log_in(client, password="wrong") for _ in range(6)] == [401] * 5 + [429]
    assert log_in(client) == 429
    answer = client.get("/sdapi/v1/samplers", auth=BOB)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 61


def test_a_foreign_page_cannot_log_anybody_in_or_out(client: TestClient) -> None:
    form = {"name": "bob", "password": "bobs own words"}
    assert client.post("/login", data=form, headers={"origin": "https://evil.example"}).status_code == 403
    assert client.post("/login", data=form, headers={"origin": "null"}).status_code == 403
    assert log_in(client) == 303
    assert client.post("/logout", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.get("/sdapi/v1/samplers").status_code == 200


def test_logging_out(client: TestClient) -> None:
    assert log_in(client) == 303
    stolen = {"cookie": f"atelier-session-7860={client.cookies['atelier-session-7860']}"}
    assert client.post("/logout").headers["location"] == "/login"
    assert "atelier-session-7860" not in client.cookies
    assert client.get("/sdapi/v1/samplers", headers=stolen).status_code == 401


def test_users_see_and_revoke_their_own_tokens_alone(client: TestClient) -> None:
    made = client.post("/api/v1/tokens", auth=BOB, json={"name": "plug-in"}).json()
    annes = client.post("/api/v1/tokens", auth=ANN, json={"name": "hers"}).json()
    assert [one["name"] for one in client.get("/api/v1/tokens", auth=BOB).json()] == ["plug-in"]
    assert "token" not in client.get("/api/v1/tokens", auth=BOB).json()[0]
    assert [one["name"] for one in client.get("/api/v1/tokens", auth=ANN).json()] == ["plug-in", "hers"]
    assert client.delete(f"/api/v1/tokens/{annes['id']}", auth=BOB).status_code == 404
    assert client.delete(f"/api/v1/tokens/{made['id']}", auth=ANN).status_code == 204
    assert client.get("/api/v1/jobs", headers={"authorization": f"Bearer {made['token']}"}).status_code == 401
    for body in (b"{", b"{}", b'{"name": ""}', b'{"name": 1}', b'{"name": "a", "user": "ann"}'):
        assert client.post("/api/v1/tokens", auth=BOB, content=body).status_code in (400, 422)


def test_without_logins_everybody_is_the_owner(paths: Paths) -> None:
    file = AccountFile(paths)
    made = create_application(hosts=None, accounts=Accounts(file))
    client = TestClient(made, follow_redirects=False)
    assert client.get("/login").headers["location"] == "/"
    assert client.post("/api/v1/tokens", json={"name": "plug-in"}).status_code == 404
    add_user(file, "cleo", "long enough")
    assert client.get("/api/v1/jobs").status_code == 401
    assert client.get("/api/v1/tokens", auth=("cleo", "long enough")).status_code == 200


def test_what_of_gradio_nobody_needs_is_closed_for_owners_too(idle_services: Services) -> None:
    made = create_application(hosts=None, services=idle_services)
    made.add_api_route("/gradio_api/info", lambda: {"a": "canary"})
    assert TestClient(made).get("/gradio_api/info").status_code == 404


def test_who_waits_for_the_file_of_accounts_keeps_nobody_else_waiting(client: TestClient, paths: Paths) -> None:
    made = threading.Thread(target=lambda: client.post("/api/v1/tokens", auth=BOB, json={"name": "late"}))
    client.get("/api/v1/tokens", auth=BOB)  # the password is known from here on
    with FileLock(AccountFile(paths).path.with_name("accounts.lock")):
        made.start()
        time.sleep(0.3)
        began = time.monotonic()
        assert client.get("/internal/ping").status_code == 200
        assert time.monotonic() - began < 2
        assert made.is_alive()
    made.join(60)
    assert [one["name"] for one in client.get("/api/v1/tokens", auth=BOB).json()] == ["late"]


def test_tokens_of_a_user_are_no_more_than_a_list_can_show(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modules.services.accounts.MOST_TOKENS", 2)
    answers = [client.post("/api/v1/tokens", auth=BOB, json={"name": "plug-in"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 422]
    assert "Revoke one" in answers[2].json()["detail"]
    assert client.post("/api/v1/tokens", auth=ANN, json={"name": "hers"}).status_code == 201


@pytest.mark.parametrize("kind", ["sse", "socket"])
def test_a_stream_ends_with_the_login(
    idle_services: Services, accounts: Accounts, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(sessions, "SECONDS_BETWEEN_LOOKS", 0.2)
    monkeypatch.setattr(following, "KEEP_ALIVE_SECONDS", 0.1)
    made, token = accounts.new_token("bob", "plug-in")
    sent = {"Authorization": f"Bearer {token}"}
    told = queue.SimpleQueue[bytes | None]()

    def listen(address: str) -> None:
        if kind == "sse":
            with httpx.stream("GET", f"http://{address}/api/v1/events", headers=sent, timeout=60) as answer:
                for piece in answer.iter_raw():
                    told.put(piece)
        else:
            with connect(f"ws://{address}/api/v1/events/ws", additional_headers=sent) as socket:
                socket.send('{"subscribe": "queue"}')
                with suppress(ConnectionClosed):
                    while True:
                        told.put(str(socket.recv()).encode())
        told.put(None)

    with served(create_application(hosts=None, services=idle_services, accounts=accounts)) as address:
        listener = threading.Thread(target=listen, args=(address,))
        listener.start()
        assert told.get(timeout=60)
        time.sleep(0.5)
        assert listener.is_alive()
        accounts.revoke_token(made.id, "bob")
        for _ in range(300):  # something has to be told for it to be noticed
            idle_services.generate.pause()
            idle_services.generate.resume()
            listener.join(0.2)
            if not listener.is_alive():
                break
        assert not listener.is_alive()
