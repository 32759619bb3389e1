"""Over HTTP: everybody hears of the own jobs, at once, can go on after a break, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import base64
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from modules.api import stream_places
from modules.api.following import Follower, Told
from modules.api.streams import stream_routes
from modules.jobs.event_log import EventLog
from modules.schema.events import JobEvent, PictureSaved, Preview, Progress, Stage, StateChanged
from modules.schema.jobs import Job, JobState
from modules.schema.pictures import Picture
from modules.schema.requests import Txt2ImgRequest
from modules.services.accounts import EVERYBODY, Visitor
from modules.services.build import Services
from tests.api.served import served

Heard = tuple[str, str, Any]
"""Id, name and data of an event."""


class KnownBy:
    """Middleware in the place of the logins: who comes is named by a header, and the owner without it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = dict(scope.get("headers", [])).get(b"x-name")
        scope.setdefault("state", {})["visitor"] = Visitor(name.decode(), False) if name else EVERYBODY
        await self._app(scope, receive, send)


def application(services: Services) -> FastAPI:
    made = FastAPI()
    made.add_middleware(KnownBy)
    made.include_router(stream_routes(services))

    @made.post("/submit")
    def submit() -> str:
        return submitted(services).id

    return made


@pytest.fixture
def address(idle_services: Services) -> Iterator[str]:
    with served(application(idle_services)) as where:
        yield where


def submitted(services: Services, user: str = "") -> Job:
    return services.generate.submit(Txt2ImgRequest(prompt="a house", steps=2), user=user)


def log_of(services: Services) -> EventLog:
    """Where a worker tells what it does."""
    return services.generate._events


def tell(services: Services, *events: JobEvent) -> None:
    for event in events:
        log_of(services).append(event)


def begin(services: Services, job: Job) -> None:
    assert services.generate._queue.claim("worker") is not None
    tell(services, StateChanged(job_id=job.id, state="running"))


def end(services: Services, job: Job, state: JobState = "done") -> None:
    services.generate._queue.finish(job.id, state)
    tell(services, StateChanged(job_id=job.id, state=state))


def progress(job: Job, step: int) -> Progress:
    return Progress(job_id=job.id, step=step, steps=99, seconds_left=1.5)


def picture(job: Job, number: int) -> PictureSaved:
    stored = Picture(
        id=number, path="a.png", width=8, height=8, seed=1, infotext="a \ud800", created=0, job_id=job.id, index=number
    )
    return PictureSaved(job_id=job.id, picture=stored)


class Stream:
    """The events of one answer, one by one."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.iter_lines()

    def next(self) -> Heard:
        """Raises StopIteration at the end of the stream."""
        fields: dict[str, str] = {}
        while line := next(self._lines) if not fields or "data" in fields else next(self._lines):
            name, _, value = line.partition(": ")
            fields[name] = value
        return (fields["id"], fields["event"], json.loads(fields["data"])) if "data" in fields else self.next()

    def all(self) -> list[Heard]:
        heard = []
        while True:
            try:
                heard.append(self.next())
            except (StopIteration, RuntimeError):
                return heard


@contextmanager
def listening(address: str, path: str, **headers: str) -> Iterator[Stream]:
    with httpx.stream("GET", f"http://{address}/api/v1{path}", headers=headers, timeout=60) as answer:
        yield Stream(answer)


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def names(heard: list[Heard]) -> list[str]:
    return [name for _, name, _ in heard]


def test_a_stream_of_a_job_from_where_it_stands_to_its_end(idle_services: Services, address: str) -> None:
    job = submitted(idle_services)
    begin(idle_services, job)
    tell(idle_services, progress(job, 1), Preview(job_id=job.id, jpeg=b"jpeg 1", step=1), progress(job, 2))
    with listening(address, f"/jobs/{job.id}/events") as stream:
        assert stream.answer.headers["content-type"].startswith("text/event-stream")
        assert stream.answer.headers["cache-control"] == "no-store"
        _, name, known = stream.next()
        assert (name, known["id"], known["state"], known["pictures"]) == ("snapshot", job.id, "running", [])
        assert [stream.next()[1] for _ in range(2)] == ["preview", "progress"]
        tell(idle_services, Preview(job_id=job.id, jpeg=b"jpeg 3", step=3), picture(job, 7))
        end(idle_services, job)
        heard = stream.all()
    told = {name: known for _, name, known in heard}
    assert told["picture"]["picture"]["file"] == "/api/v1/pictures/7/file" and told["state"]["state"] == "done"
    assert names(heard)[-1] == "state"
    assert not log_of(idle_services).is_watched(job.id)


def test_previews_are_jpegs_in_base64_and_progress_has_its_figures(idle_services: Services, address: str) -> None:
    job = submitted(idle_services)
    begin(idle_services, job)
    with listening(address, f"/jobs/{job.id}/events") as stream:
        stream.next()
        until(lambda: log_of(idle_services).is_watched(job.id))
        tell(idle_services, progress(job, 5), Preview(job_id=job.id, jpeg=b"\xff\xd8", step=5))
        heard = {name: known for _, name, known in (stream.next(), stream.next())}
    assert heard["progress"] | {"sequence": 0} == {
        "job_id": job.id,
        "sequence": 0,
        "step": 5,
        "steps": 99,
        "seconds_left": 1.5,
    }
    assert base64.b64decode(heard["preview"]["jpeg"]) == b"\xff\xd8"


@pytest.mark.parametrize("way", ["header", "query"])
def test_a_client_goes_on_after_the_last_event_that_it_saw(idle_services: Services, address: str, way: str) -> None:
    job = submitted(idle_services)
    begin(idle_services, job)
    with listening(address, f"/jobs/{job.id}/events") as stream:
        stream.next()
        tell(idle_services, picture(job, 1))
        seen, name, _ = stream.next()
        assert name == "picture"
    tell(idle_services, picture(job, 2), progress(job, 1), progress(job, 2), picture(job, 3))
    end(idle_services, job)
    query, headers = (f"?after={seen}", {}) if way == "query" else ("", {"Last-Event-ID": seen})
    with listening(address, f"/jobs/{job.id}/events{query}", **headers) as stream:
        heard = stream.all()
    assert [(name, known.get("picture", {}).get("id")) for _, name, known in heard] == [
        ("picture", 2),
        ("picture", 3),
        ("state", None),
    ]
    with listening(address, f"/jobs/{job.id}/events", **{"Last-Event-ID": heard[-1][0]}) as stream:
        assert stream.answer.status_code == 204  # a browser would come back for ever otherwise


@pytest.mark.parametrize("seen", ["00000000-1", "nonsense", "-", "00000000-" + 30 * "9", "\u00e4"])
def test_an_id_of_another_life_of_the_server_is_given_where_things_stand(
    idle_services: Services, address: str, seen: str
) -> None:
    job = submitted(idle_services)
    begin(idle_services, job)
    with listening(address, f"/jobs/{job.id}/events?after={seen}") as stream:
        assert stream.next()[1] == "snapshot"


def test_a_job_of_an_earlier_life_is_told_from_the_queue_and_then_no_more(
    idle_services: Services, address: str
) -> None:
    job = submitted(idle_services)
    idle_services.generate._queue.cancel_queued(job.id)
    log_of(idle_services)._jobs.clear()  # as a new server knows it
    with listening(address, f"/jobs/{job.id}/events", **{"Last-Event-ID": "00000000-9"}) as stream:
        ((seen, name, known),) = stream.all()
    assert (name, known["state"]) == ("snapshot", "cancelled")
    with listening(address, f"/jobs/{job.id}/events", **{"Last-Event-ID": seen}) as stream:
        assert stream.answer.status_code == 204


def test_a_client_that_fell_behind_what_is_kept_is_given_where_things_stand(
    idle_services: Services, address: str
) -> None:
    job = submitted(idle_services)
    begin(idle_services, job)
    with listening(address, "/events") as stream:
        seen = stream.next()[0]
    tell(idle_services, *(Stage(job_id=job.id, text=str(number)) for number in range(2_500)))
    with listening(address, "/events", **{"Last-Event-ID": seen}) as stream:
        first, second = stream.next(), stream.next()
    assert (first[1], first[2]["jobs"][0]["id"]) == ("snapshot", job.id)
    assert (second[1], second[2]["text"], second[0]) == ("stage", "2499", first[0])


def test_the_queue_tells_of_all_jobs_but_no_previews(idle_services: Services, address: str) -> None:
    one = submitted(idle_services)
    begin(idle_services, one)
    tell(idle_services, Stage(job_id=one.id, text="Loading"))
    with listening(address, "/events") as stream:
        _, name, known = stream.next()
        assert name == "snapshot" and [job["id"] for job in known["jobs"]] == [one.id] and known["paused"] is False
        assert stream.next()[1:] == ("stage", {"job_id": one.id, "sequence": 3, "text": "Loading"})
        assert not log_of(idle_services).is_watched(one.id)
        tell(idle_services, Preview(job_id=one.id, jpeg=b"jpeg", step=1))
        two = submitted(idle_services)
        idle_services.generate.pause()
        end(idle_services, one)
        heard = [stream.next() for _ in range(3)]
    assert names(heard) == ["state", "queue", "state"]
    assert [known["job_id"] for _, _, known in heard] == [two.id, "", one.id]


def test_a_visitor_hears_of_own_jobs_alone(idle_services: Services, address: str) -> None:
    hers, his = submitted(idle_services, "ann"), submitted(idle_services, "bob")
    with listening(address, f"/jobs/{hers.id}/events", **{"X-Name": "bob"}) as stream:
        assert stream.answer.status_code == 404 and hers.model not in stream.answer.read().decode()
    with listening(address, "/events", **{"X-Name": "bob"}) as stream, listening(address, "/events") as of_owner:
        _, _, known = stream.next()
        assert [job["id"] for job in known["jobs"]] == [his.id]
        assert len(of_owner.next()[2]["jobs"]) == 2
        tell(idle_services, Stage(job_id=hers.id, text="hers"), Stage(job_id=his.id, text="his"))
        tell(idle_services, Stage(job_id="unknown", text="nobody's"), Stage(job_id=his.id, text="his"))
        assert [stream.next()[2]["text"] for _ in range(2)] == ["his", "his"]
        assert [of_owner.next()[2]["text"] for _ in range(4)] == ["hers", "his", "nobody's", "his"]


def test_the_first_event_comes_within_50_ms_of_a_submit(idle_services: Services, address: str) -> None:
    """From the answer until the event is read, over HTTP, since the request takes as long as the machine is slow."""
    seconds = []
    with listening(address, "/events") as stream, httpx.Client(base_url=f"http://{address}") as client:
        stream.next()
        for _ in range(15):
            job_id = client.post("/submit").json()
            started = time.perf_counter()
            assert stream.next()[2]["job_id"] == job_id
            seconds.append(time.perf_counter() - started)
            time.sleep(0.01)
    assert statistics.median(seconds) < 0.05, seconds


def test_progress_comes_no_faster_than_all_can_take(idle_services: Services, address: str) -> None:
    job = submitted(idle_services)
    begin(idle_services, job)
    with listening(address, f"/jobs/{job.id}/events") as stream:
        stream.next()
        until(lambda: log_of(idle_services).is_watched(job.id))
        began = time.monotonic()
        for step in range(1, 101):
            tell(idle_services, progress(job, step))
            time.sleep(0.005)
        time.sleep(0.15)
        end(idle_services, job)
        heard, seconds = stream.all(), time.monotonic() - began
    steps = [known["step"] for _, name, known in heard if name == "progress"]
    assert 3 <= len(steps) <= seconds / 0.1 + 2 and steps == sorted(steps) and len(steps) < 60


def test_an_end_comes_at_once_however_long_progress_has_to_wait(
    idle_services: Services, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_places, "_SECONDS_BETWEEN_PROGRESS", 60.0)
    job = submitted(idle_services)
    begin(idle_services, job)
    with listening(address, f"/jobs/{job.id}/events") as stream:
        stream.next()
        until(lambda: log_of(idle_services).is_watched(job.id))
        tell(idle_services, progress(job, 1))
        end(idle_services, job)
        assert names(stream.all())[-1] == "state"  # or the client gives up after 10 s


def test_what_a_client_leaves_is_given_back(idle_services: Services, address: str) -> None:
    """In the middle of an answer, and while nothing happens."""
    job = submitted(idle_services)
    for _ in range(5):
        with listening(address, f"/jobs/{job.id}/events") as stream:
            stream.next()
            until(lambda: log_of(idle_services).is_watched(job.id))
        until(lambda: not log_of(idle_services).is_watched(job.id))


def test_too_many_streams_are_refused_in_a_sentence(idle_services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_places.StreamPlaces.__init__, "__defaults__", (3, 1))
    with served(application(idle_services)) as address:
        with listening(address, "/events", **{"X-Name": "bob"}) as first:
            first.next()
            with listening(address, "/events", **{"X-Name": "bob"}) as refused:
                assert (refused.answer.status_code, refused.answer.headers["retry-after"]) == (429, "10")
                assert "You have 1 event streams" in json.loads(refused.answer.read())["detail"]
            with listening(address, "/events") as second, listening(address, "/events") as third:
                second.next(), third.next()
                with listening(address, "/events", **{"X-Name": "ann"}) as refused:
                    assert refused.answer.status_code == 429
                    assert "3 event streams are open" in json.loads(refused.answer.read())["detail"]
                with connect(f"ws://{address}/api/v1/events/ws") as socket, pytest.raises(ConnectionClosed) as closed:
                    socket.recv(timeout=60)
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 1013

        def is_free() -> bool:
            with listening(address, "/events", **{"X-Name": "bob"}) as again:
                return again.answer.status_code == 200

        until(is_free)


def test_streams_end_at_once_when_the_server_stops(idle_services: Services) -> None:
    """Uvicorn waits for open connections as long as it is allowed to: 30 s here."""
    job = submitted(idle_services)
    with ExitStack() as stack:
        where = stack.enter_context(served(application(idle_services), grace=30))
        streams = [stack.enter_context(listening(where, path)) for path in ("/events", f"/jobs/{job.id}/events")]
        assert [stream.next()[1] for stream in streams] == ["snapshot", "snapshot"]
        socket = stack.enter_context(connect(f"ws://{where}/api/v1/events/ws"))
        socket.send(json.dumps({"subscribe": "queue"}))
        assert said(socket)[1] == "snapshot"
        log_of(idle_services).close()
        started = time.monotonic()
        assert [stream.all() for stream in streams] == [[], []]
        assert said(socket)[:2] == ("queue", "end")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=60)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
    assert time.monotonic() - started < 24


def test_a_socket_that_the_server_ends_tells_the_end_of_its_topics_first(
    idle_services: Services, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow = Follower.follow

    async def slow(follower: Follower, rest: Callable[[], float]) -> Told:
        async for one in follow(follower, rest):
            yield one
        await asyncio.sleep(0.2)

    monkeypatch.setattr(Follower, "follow", slow)
    with connect(f"ws://{address}/api/v1/events/ws") as socket:
        socket.send(json.dumps({"subscribe": "queue"}))
        assert said(socket)[1] == "snapshot"
        log_of(idle_services).close()
        assert said(socket)[:2] == ("queue", "end")
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=60)


def test_silence_is_broken_so_that_nobody_in_between_hangs_up(
    idle_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modules.api.following.KEEP_ALIVE_SECONDS", 0.05)
    with served(application(idle_services)) as address, listening(address, "/events") as stream:
        lines = []
        for line in stream.answer.iter_lines():
            lines.append(line)
            if lines.count(": still here") == 2:
                break
    assert lines[0] == "retry: 1000"


def test_an_end_that_nobody_told_is_seen_in_the_queue(idle_services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modules.api.following.KEEP_ALIVE_SECONDS", 0.05)
    job = submitted(idle_services)
    with served(application(idle_services)) as address, listening(address, f"/jobs/{job.id}/events") as stream:
        stream.next()
        idle_services.generate._queue.cancel_queued(job.id)
        heard = stream.all()
    assert [(name, known["state"]) for _, name, known in heard] == [("snapshot", "cancelled")]


def said(socket: ClientConnection) -> tuple[str, str, Any]:
    """Topic, name and data of the next message."""
    message = json.loads(socket.recv(timeout=60))
    return message["topic"], message["event"], message["data"]


def test_one_socket_hears_of_the_queue_and_of_jobs(idle_services: Services, address: str) -> None:
    job = submitted(idle_services)
    with connect(f"ws://{address}/api/v1/events/ws") as socket:
        socket.send(json.dumps({"subscribe": "queue"}))
        assert said(socket)[:2] == ("queue", "snapshot")
        socket.send(json.dumps({"subscribe": job.id}))
        assert said(socket)[:2] == (job.id, "snapshot")
        tell(idle_services, Stage(job_id=job.id, text="Loading"))
        assert {said(socket)[:2], said(socket)[:2]} == {("queue", "stage"), (job.id, "stage")}
        socket.send(json.dumps({"unsubscribe": "queue"}))
        until(lambda: not log_of(idle_services)._queue.listeners)
        tell(idle_services, picture(job, 1))
        message = json.loads(socket.recv(timeout=60))
        assert (message["topic"], message["event"]) == (job.id, "picture")
        end(idle_services, job, "cancelled")
        idle_services.generate._queue.cancel_queued(job.id)
        assert [said(socket)[:2] for _ in range(2)] == [(job.id, "state"), (job.id, "end")]
        socket.send(json.dumps({"subscribe": job.id, "after": message["id"]}))
        assert [said(socket)[:2] for _ in range(2)] == [(job.id, "state"), (job.id, "end")]
    until(lambda: not log_of(idle_services).is_watched(job.id))


def test_a_socket_refuses_what_is_foreign_or_makes_no_sense(idle_services: Services, address: str) -> None:
    job = submitted(idle_services, "ann")
    with connect(f"ws://{address}/api/v1/events/ws", additional_headers={"X-Name": "bob"}) as socket:
        for text in (
            "",
            "[]",
            "{}",
            "nonsense",
            '{"subscribe": 7}',
            '{"subscribe": ""}',
            '{"subscribe": "queue", "unsubscribe": "queue"}',
            '{"subscribe": "queue", "more": 1}',
            "[" * 900,
        ):
            socket.send(text)
            assert said(socket)[1] == "refused", text
        for topic in (job.id, "unknown"):
            socket.send(json.dumps({"subscribe": topic}))
            assert said(socket) == (topic, "refused", {"detail": f"There is no job '{topic}'."})
        socket.send(b"\x00bytes")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=60)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1003
    with connect(f"ws://{address}/api/v1/events/ws") as socket:
        socket.send("x" * 1_001)
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=60)


def test_a_socket_has_a_bound_on_its_subscriptions(
    idle_services: Services, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modules.api.event_socket.MOST_TOPICS", 2)
    jobs = [submitted(idle_services) for _ in range(3)]
    with connect(f"ws://{address}/api/v1/events/ws") as socket:
        for job, answer in zip((*jobs[:2], jobs[0], jobs[2]), (*3 * ["snapshot"], "refused"), strict=True):
            socket.send(json.dumps({"subscribe": job.id}))
            assert said(socket)[:2] == (job.id, answer)
