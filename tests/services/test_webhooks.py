"""Webhooks: signed messages when jobs end, to addresses that cannot be turned against this machine's network."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from modules.errors import InvalidRequest, NotFound, UserError
from modules.schema.events import StateChanged
from modules.schema.requests import Txt2ImgRequest
from modules.services import webhook_delivery
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from modules.services.webhook_delivery import Message, Outcome, Sender, secret_bytes
from modules.services.webhooks import MOST_WEBHOOKS, WebhookService

LOOPBACK_HOSTS = (
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "localhost", "LOCALHOST", "localhost.", "127.1", "127.0.1",
    "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "0", "0.0.0.0", "[::1]", "[::]",
    "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]", "[2001:0:0:0:0:0:80ff:fffe]", "[fe80::1]", "[fe80::1%25lo]", "[fc00::1]", "[::127.0.0.1]",
    "%31%32%37.0.0.1", "127.0.0.1.", "127%2e0%2e0%2e1", "①②⑦.⓪.⓪.①", "127。0。0。1", "ⓛocalhost", "10.0.0.1",
    "169.254.169.254", "192.168.0.1", "172.16.0.1", "100.64.0.1", "[::ffff:169.254.169.254]", "192.0.0.192",
)  # fmt: skip
OTHER_FORMS = (
    "file:///etc/passwd", "gopher://127.0.0.1:{port}/", "ftp://127.0.0.1:{port}/", "dict://127.0.0.1:{port}/",
    "ldap://127.0.0.1:{port}/", "jar:http://127.0.0.1:{port}/!/", "unix:///tmp/x", "//127.0.0.1:{port}/",
    "127.0.0.1:{port}", "http:/127.0.0.1:{port}/", "http:///127.0.0.1:{port}/", "http:127.0.0.1:{port}",
    "http://example.com@127.0.0.1:{port}/", "http://a:b@127.0.0.1:{port}/", "http://127.0.0.1:{port}#@example.com/",
    "http://127.0.0.1:{port}\\@example.com/", "http://127.0.0.1\t:{port}/", "http://127.0.0.1:{port}\r\nHost: x/",
    " http://127.0.0.1:{port}/", "http://", "", "http://[::1", "http://127.0.0.1:99999/", "HTTP://127.0.0.1:{port}/",
)  # fmt: skip


class Receiver(ThreadingHTTPServer):
    """Takes messages on this machine, and answers as `answers` say, one after another."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.messages: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.connections = 0

    def get_request(self) -> tuple[socket.socket, Any]:
        self.connections += 1
        return super().get_request()


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.messages.append(({name.lower(): value for name, value in self.headers.items()}, body))
        status = self.server.answers.pop(0) if self.server.answers else 204
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", self.server.url + "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def services(paths: Any) -> Iterator[Services]:
    with closing(build_services(paths, EngineOptions(use_cpu=True, precision="full"))) as built:
        yield built


@pytest.fixture
def webhooks(services: Services) -> WebhookService:
    """Those of services at rest, which may be on this machine."""
    services.webhooks.start(allow_private=True)
    return services.webhooks


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_job_that_ends_is_told(services: Services, webhooks: WebhookService, receiver: Receiver) -> None:
    hook = webhooks.add(receiver.url)
    job = services.generate.submit(Txt2ImgRequest(prompt="a secret fish", seed=1), user="ann")
    services.generate.interrupt(job.id)
    until(lambda: webhooks.latest(hook.id) is not None)
    (headers, body), latest = receiver.messages[0], webhooks.latest(hook.id)
    assert latest is not None and (latest.type, latest.status, latest.problem, latest.tries) == (
        "job.cancelled", 204, "", 1,
    )  # fmt: skip
    told = json.loads(body)
    assert (told["type"], told["data"]["job"]["id"], told["data"]["job"]["user"]) == ("job.cancelled", job.id, "ann")
    assert told["data"]["pictures"] == [] and b"secret fish" not in body
    assert headers["content-type"] == "application/json"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(base64.b64decode(hook.secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60


def test_listening_ends_with_the_events(services: Services, webhooks: WebhookService) -> None:
    """And does not ask again and again until the server is gone."""
    until(lambda: any(thread.name == "webhooks" for thread in threading.enumerate()))
    services.generate.stop()
    until(lambda: not any(thread.name == "webhooks" for thread in threading.enumerate()))


def test_the_published_example_of_a_signature() -> None:
    """The numbers are those of the Standard Webhooks specification's own example."""
    message = Message("msg_p5jXN8AQM9LWM0D4loKWxJek", "", b'{"test": 2432232314}')
    made = webhook_delivery.signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", message, 1614265330)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_only_what_was_asked_for_is_told(services: Services, webhooks: WebhookService, receiver: Receiver) -> None:
    failed = webhooks.add(receiver.url + "/failed", ["job.failed"])
    every = webhooks.add(receiver.url + "/every")
    job = services.generate.submit(Txt2ImgRequest())
    services.generate.interrupt(job.id)
    until(lambda: webhooks.latest(every.id) is not None)
    services.generate._events.append(StateChanged(job_id=job.id, state="failed"))
    until(lambda: webhooks.latest(failed.id) is not None)
    told = [json.loads(body)["type"] for _, body in receiver.messages]
    assert told.count("job.cancelled") == 1 and "job.failed" in told


def test_tried_again_until_it_is_taken() -> None:
    seen: list[tuple[str, int]] = []

    def post(message: Message, tries: int) -> Outcome:
        seen.append((message.id, tries))
        return Outcome(message.type, 0.0, tries, None, "" if tries == 3 or message.id == "b" else "no")

    sender = Sender(post, waits=(0.0, 0.0, 0.0))
    sender.put(Message("a", "test", b""))
    sender.put(Message("b", "test", b""))
    until(lambda: len(seen) == 4)
    sender.stop()
    assert seen == [("a", 1), ("a", 2), ("a", 3), ("b", 1)]


def test_given_up_after_the_last_try(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []

    def post(message: Message, tries: int) -> Outcome:
        seen.append(tries)
        return Outcome(message.type, 0.0, tries, None, "no")

    sender = Sender(post, waits=(0.0, 0.0))
    sender.put(Message("a", "test", b""))
    until(lambda: "given up: no" in caplog.text)
    sender.stop()
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 500])
def test_answers_that_are_no_yes(webhooks: WebhookService, receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    outcome = webhooks.test(webhooks.add(receiver.url).id)
    assert (outcome.status, str(status) in outcome.problem) == (status, True)
    assert len(receiver.messages) == 1  # a redirect is not followed


def test_what_trickles_in_is_broken_off(webhooks: WebhookService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_delivery, "SECONDS", 1.0)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n")
                    while not stop.wait(0.1):
                        connection.sendall(b"x: y\r\n")
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        begun = time.monotonic()
        outcome = webhooks.test(webhooks.add(f"http://127.0.0.1:{server.getsockname()[1]}/").id)
        taken = time.monotonic() - begun
        stop.set()
        thread.join()
    assert outcome.status is None and "could not be reached" in outcome.problem
    assert 0.9 < taken < 15


def test_endless_answers_are_not_read(webhooks: WebhookService) -> None:
    sent = 0
    with socket.create_server(("127.0.0.1", 0)) as server:

        def pour() -> None:
            nonlocal sent
            connection, _ = server.accept()
            with connection:
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n")
                    while True:
                        sent += connection.send(b"x" * 65536)
                except OSError:
                    return

        thread = threading.Thread(target=pour)
        thread.start()
        outcome = webhooks.test(webhooks.add(f"http://127.0.0.1:{server.getsockname()[1]}/").id)
        thread.join(10)
    assert (outcome.status, outcome.problem) == (200, "")
    assert sent < 50_000_000


def test_no_form_of_an_address_reaches_this_machine(services: Services) -> None:
    """At least 60 forms, both when a webhook is added and when a message is sent to one that is there already."""
    with receiving() as inside:
        forms = [f"http://{host}:{inside.port}/hook" for host in LOOPBACK_HOSTS]
        forms += [f"https://{host}:{inside.port}/hook" for host in LOOPBACK_HOSTS[:4]]
        forms += [form.format(port=inside.port) for form in OTHER_FORMS]
        assert len(forms) >= 60
        webhooks = services.webhooks
        webhooks.start(lookup=_lookup)
        kept = webhooks.add("https://hooks.example/")
        for form in forms:
            try:
                added = webhooks.add(form)
            except InvalidRequest:
                pass
            else:  # nobody knows that name at this moment
                webhooks.remove(added.id)
            webhooks._webhooks[kept.id] = kept.model_copy(update={"url": form})
            assert webhooks.test(kept.id).problem, form
        assert inside.connections == 0 and inside.messages == []


def _lookup(host: str, port: int) -> list[str]:
    """As the system does it, but for one name that is public."""
    if host == "hooks.example":
        return ["93.184.216.34"]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]).partition("%")[0] for entry in found]


def test_a_name_that_becomes_private_is_not_followed(services: Services, receiver: Receiver) -> None:
    """Looked up once for each message, and connected to just that address: public when added, private later."""
    answers = [["93.184.216.34"], ["127.0.0.1"], ["93.184.216.34", "127.0.0.1"]]
    services.webhooks.start(lookup=lambda host, port: answers.pop(0))
    hook = services.webhooks.add(f"http://rebound.example:{receiver.port}/hook")
    for _ in range(2):
        assert "private network" in services.webhooks.test(hook.id).problem
    assert answers == [] and receiver.connections == 0


def test_kept_over_a_restart_where_nobody_else_reads_it(services: Services, webhooks: WebhookService) -> None:
    added = webhooks.add("http://127.0.0.1:9/", ["job.done"], "whsec_" + base64.b64encode(b"s" * 24).decode())
    folder = services.paths.data / "webhooks"
    if sys.platform != "win32":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    again = WebhookService(folder, services.generate, services.pictures)
    assert again.all() == [added]
    again.remove(added.id)
    assert WebhookService(folder, services.generate, services.pictures).all() == []
    with pytest.raises(NotFound):
        again.test(added.id)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'[{"id": "x"}]'])
def test_a_damaged_file_is_kept_aside(services: Services, content: bytes) -> None:
    folder = services.paths.data / "webhooks"
    folder.mkdir(parents=True)
    (folder / "webhooks.json").write_bytes(content)
    assert WebhookService(folder, services.generate, services.pictures).all() == []
    assert (folder / "webhooks.json.broken").read_bytes() == content


def test_what_cannot_be_added(webhooks: WebhookService) -> None:
    for url, secret in (
        ("http://127.0.0.1/" + "x" * 2000, ""),
        ("http://127.0.0.1/", "whsec_short"),
        ("http://127.0.0.1/", base64.b64encode(b"s" * 32).decode()),
        ("http://ann:word@127.0.0.1/", ""),
    ):
        with pytest.raises(UserError) as refused:
            webhooks.add(url, secret=secret)
        assert "word" not in str(refused.value).replace("password", "")
    with pytest.raises(InvalidRequest, match="Events"):
        webhooks.add("http://127.0.0.1/", [])
    for _ in range(MOST_WEBHOOKS):
        webhooks.add("http://127.0.0.1/")
    with pytest.raises(InvalidRequest, match="are the most"):
        webhooks.add("http://127.0.0.1/")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!", "whsec_" + "A" * 8, "whsec_" + "A" * 400])
def test_what_is_no_secret(secret: str) -> None:
    assert secret_bytes(secret) is None


def test_a_receiver_that_is_away_costs_the_oldest_messages(caplog: pytest.LogCaptureFixture) -> None:
    gate, seen = threading.Event(), []

    def post(message: Message, tries: int) -> Outcome:
        gate.wait(30)
        seen.append(message.id)
        return Outcome("", 0.0, tries, 204, "")

    sender = Sender(post)
    for number in range(webhook_delivery.MOST_WAITING + 50):
        sender.put(Message(str(number), "", b""))
    gate.set()
    until(lambda: str(webhook_delivery.MOST_WAITING + 49) in seen)
    sender.stop()
    assert len(seen) <= webhook_delivery.MOST_WAITING + 1 and "dropped" in caplog.text
