"""Many people at once, who cancel, skip and interrupt at random: every job ends once, as its owner wanted it to."""

from __future__ import annotations

import json
import logging
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx

from modules.api.application import create_application
from modules.config.logins import GivenUser
from modules.jobs.order import PASSES
from modules.schema.jobs import FINAL_STATES, Job
from modules.services.account_file import AccountFile
from modules.services.accounts import Accounts
from modules.services.build import Services
from tests.api.served import served
from tests.api.test_streams import Heard, Stream

log = logging.getLogger(__name__)

CLIENTS = 8
JOBS = 50
SEED = 10
WISHES = {"cancel": JOBS // 8, "now": JOBS // 12, "after_current": JOBS // 12, "skip": JOBS // 6, "foreign": JOBS // 4}
"""How often each client asks for what."""
STREAMS_AT_ONCE = 5 * CLIENTS
PATIENCE = 1800.0
SHORT_LIVED = httpx.Limits(keepalive_expiry=1.0)
"""Connections that the server is about to close for being idle are not used again."""
OWNER = "olga"


@dataclass
class Asked:
    """A job of one client, and what was asked of it."""

    id: str
    user: str
    pictures: int
    wishes: set[str] = field(default_factory=set)
    was_cancelled_waiting: bool = False


class Person:
    """Submits jobs, changes the mind about some, tries to disturb others, and waits until all own ones are over."""

    def __init__(self, name: str, client: httpx.Client, everybody: list[Asked], seed: int) -> None:
        self.name = name
        self.client = client
        self.jobs: list[Asked] = []
        self.foreign: Counter[int] = Counter()
        self._everybody = everybody
        self._draw = Random(seed)
        self._wishes = [wish for wish, count in WISHES.items() for _ in range(count)]
        self._draw.shuffle(self._wishes)

    def submit_all(self, tell: Any) -> None:
        for number in range(JOBS):
            batches, size = self._draw.choice([(1, 1), (1, 1), (1, 2), (2, 1), (3, 1)])
            body = {
                "prompt": f"a red house, {self.name}", "seed": number, "steps": self._draw.randint(2, 6), "width": 64,
                "height": 64, "sampler_name": "Euler", "batch_count": batches, "batch_size": size,
            }  # fmt: skip
            answer = self.client.post("/api/v1/jobs/txt2img", json=body)
            assert answer.status_code == 201, answer.text
            one = Asked(answer.json()["id"], self.name, batches * size)
            self.jobs.append(one)
            self._everybody.append(one)
            tell(self, one)
            if self._draw.random() < 0.2:
                self._ask_something(self.active())

    def live_on(self) -> None:
        """Ask for the rest, and wait."""
        deadline = time.monotonic() + PATIENCE
        while active := self.active():
            assert time.monotonic() < deadline, f"{len(active)} jobs of {self.name} are not over"
            if self._draw.random() < 0.5:
                self._ask_something(active)
            time.sleep(self._draw.random() * 0.5)

    def active(self) -> dict[str, str]:
        """The states of the own jobs that are not over, as the queue tells them."""
        return {job["id"]: job["state"] for job in self.client.get("/api/v1/queue").json()["jobs"]}

    def _ask_something(self, active: dict[str, str]) -> None:
        for index, wish in enumerate(self._wishes):
            fitting = [one for one in self._fitting(wish) if wish in ("foreign", "cancel") or one.id in active]
            if wish != "foreign":  # cancels are for what waits, the others for what runs
                state = "queued" if wish == "cancel" else "running"
                fitting = [one for one in fitting if active.get(one.id) == state]
            if fitting:
                del self._wishes[index]
                self._ask(wish, self._draw.choice(fitting))
                return

    def _fitting(self, wish: str) -> list[Asked]:
        return [one for one in list(self._everybody) if (one.user != self.name) == (wish == "foreign")]

    def _ask(self, wish: str, one: Asked) -> None:
        place = f"/api/v1/jobs/{one.id}"
        if wish == "foreign":
            method, path = self._draw.choice(
                [("DELETE", place), ("POST", f"{place}/skip"), ("GET", place), ("GET", f"{place}/events"),
                 ("POST", f"{place}/pause"), ("DELETE", f"{place}?how=after_current")]
            )  # fmt: skip
            self.foreign[self.client.request(method, path).status_code] += 1
            return
        one.wishes.add(wish)
        if wish == "skip":
            answer = self.client.post(f"{place}/skip")
        else:
            answer = self.client.delete(place, params={"how": "after_current" if wish == "after_current" else "now"})
            one.was_cancelled_waiting |= answer.json()["state"] == "cancelled" and answer.json()["started"] is None
        assert answer.status_code == 200, answer.text


@contextmanager
def people_of(services: Services, stack: ExitStack) -> Iterator[tuple[httpx.Client, list[Person]]]:
    """An owner and many users, each with the session of a login of their own."""
    names = [f"user{number}" for number in range(CLIENTS)]
    given = [GivenUser(name, f"{name} has a word", name == OWNER) for name in (OWNER, *names)]
    accounts = Accounts(AccountFile(services.paths), given)
    with served(create_application(hosts=None, services=services, accounts=accounts)) as address:
        everybody: list[Asked] = []

        def logged_in(name: str) -> httpx.Client:
            client = stack.enter_context(httpx.Client(base_url=f"http://{address}", timeout=120, limits=SHORT_LIVED))
            answer = client.post("/login", data={"name": name, "password": f"{name} has a word"})
            assert answer.status_code == 303
            return client

        people = [Person(name, logged_in(name), everybody, SEED + place) for place, name in enumerate(names)]
        yield logged_in(OWNER), people
        stack.close()


def all_told(client: httpx.Client, path: str, heard: list[Heard], ready: threading.Event | None = None) -> list[Heard]:
    """What a stream tells until its end."""
    with client.stream("GET", path) as answer:
        assert answer.status_code == 200, path
        if ready is None:
            return Stream(answer).all()
        stream = Stream(answer)
        while True:
            heard.append(stream.next())
            ready.set()
            if heard[-1][1] == "queue" and heard[-1][2]["job_id"] == "":  # of all jobs: what the test ends with
                return heard


def test_every_job_ends_once_as_its_owner_wanted(demo_services: Services) -> None:
    demo_services.settings.change(queue_limit=2 * CLIENTS * JOBS, jobs_per_user=JOBS)
    with ExitStack() as stack, people_of(demo_services, stack) as (owner, people):
        told_of_queue: list[Heard] = []
        listens = threading.Event()
        listener = threading.Thread(
            target=all_told, args=(owner, "/api/v1/events", told_of_queue, listens), daemon=True
        )
        listener.start()
        assert listens.wait(60)
        streams = stack.enter_context(ThreadPoolExecutor(STREAMS_AT_ONCE))
        told_of_jobs = {}

        def follow(person: Person, one: Asked) -> None:
            told_of_jobs[one.id] = streams.submit(all_told, person.client, f"/api/v1/jobs/{one.id}/events", [])

        began = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as crowd:
            list(crowd.map(lambda person: person.submit_all(follow), people))
            submitted = time.monotonic() - began
            list(crowd.map(Person.live_on, people))
        took = time.monotonic() - began
        told = {job_id: stream.result(60) for job_id, stream in told_of_jobs.items()}
        demo_services.generate.resume()
        listener.join(60)
        assert not listener.is_alive()
        jobs = {one.id: demo_services.generate.job(one.id) for person in people for one in person.jobs}
    assert len(jobs) == CLIENTS * JOBS
    assert_that_what_was_not_ended_is_whole(demo_services, people, jobs)
    assert_that_ends_are_told_once(told_of_queue, told, jobs)
    waits = assert_that_the_order_is_fair(people, jobs)
    foreign = sum((person.foreign for person in people), Counter[int]())
    assert set(foreign) == {404} and foreign[404] >= CLIENTS * WISHES["foreign"] // 2
    ends = Counter(job.state for job in jobs.values())
    wished = Counter(wish for person in people for one in person.jobs for wish in one.wishes)
    assert min(wished[wish] for wish in ("cancel", "now", "after_current", "skip")) > 0
    figures = (
        f"{len(jobs)} jobs, submitted in {submitted:.1f} s, over after {took:.0f} s; ends {dict(ends)}, asked for "
        f"{dict(wished)}, foreign wishes {dict(foreign)}; mean waits in s {waits}"
    )
    log.info(figures)


def assert_that_what_was_not_ended_is_whole(services: Services, people: list[Person], jobs: dict[str, Job]) -> None:
    """What nobody of its owners ended is done with all its pictures; a cancel hits no other."""
    for person in people:
        for one in person.jobs:
            job, pictures = jobs[one.id], services.pictures.of_job(one.id)
            indices = [picture.index for picture in pictures]
            assert len(indices) == len(set(indices)) and set(indices) <= set(range(one.pictures))
            assert all((services.paths.outputs / Path(picture.path)).is_file() for picture in pictures)
            ended_by_wish = one.wishes & {"cancel", "now", "after_current"}
            assert job.state in ({"done", "cancelled"} if ended_by_wish else {"done"}), (one, job.error)
            assert job.user == one.user and job.attempts <= 1
            if not one.wishes:
                assert len(pictures) == one.pictures, one
            if one.was_cancelled_waiting:
                assert (job.state, pictures, job.attempts) == ("cancelled", [], 0)


def assert_that_ends_are_told_once(queue: list[Heard], streams: dict[str, list[Heard]], jobs: dict[str, Job]) -> None:
    """One end in the stream of the queue, and the same one as the last word of the job's own stream."""
    told: defaultdict[str, list[str]] = defaultdict(list)
    for _, name, data in queue:
        if name == "state":
            told[data["job_id"]].append(data["state"])
        assert name != "reset"
    for job_id, job in jobs.items():
        way = ["queued", job.state] if job.started is None else ["queued", "running", job.state]
        assert told[job_id] == way
        ends = [
            (place, data["state"])
            for place, (_, name, data) in enumerate(streams[job_id], 1)
            if name in ("state", "snapshot") and data["state"] in FINAL_STATES
        ]
        assert ends == [(len(streams[job_id]), job.state)], json.dumps(streams[job_id])[:2000]
    assert set(told) == set(jobs)


def assert_that_the_order_is_fair(people: list[Person], jobs: dict[str, Job]) -> dict[str, float]:
    """Mean waits differ by no more than twice, and others have a bounded number of turns between two of one's own."""
    begun = sorted((job for job in jobs.values() if job.started is not None), key=lambda job: job.started or 0.0)
    waits = {
        person.name: statistics.mean((job.started or 0.0) - job.created for job in begun if job.user == person.name)
        for person in people
    }
    mean = statistics.mean((job.started or 0.0) - job.created for job in begun)
    assert max(waits.values()) <= 2 * mean, waits
    for person in people:
        turns = [place for place, job in enumerate(begun) if job.user == person.name]
        for before, after in zip(turns, turns[1:], strict=False):
            waited_since_then = begun[after].created < (begun[before].started or 0.0)
            assert not waited_since_then or after - before - 1 <= len(people) - 1 + PASSES
    return {name: round(wait, 1) for name, wait in waits.items()}
