"""What strangers may send: refused in a sentence or accepted as it is, never a fault, and nothing is run or kept."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx2
import psutil
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from starlette.testclient import TestClient

from modules.api.application import create_application
from modules.schema.requests import REQUESTS, Task
from modules.services.build import Services

# It knows no way to send a zip file, and gives up routes that take one. Any bytes are what is asked here.
schemathesis.serializer.alias("application/zip", "application/octet-stream")

MOST_GROWTH = 20 * 2**20
HOSTILE: tuple[Any, ...] = (
    float("nan"), float("inf"), -float("inf"), 1e308, -1e308, 5e-324, -1, 0, 2**31, 2**63, 2**64, -(2**63), 10**400,
    65.5, True, False, None, "", "NaN", "inf", "-inf", "1e308", "0x10", "1_000", "٣", " 20 ", "twenty", "\x00",
    "\ud800", "x" * 40_000, [], [[]], [1, "a", None], {}, {"a": {"b": [1]}}, [0.0] * 5000, "a" * 300,
    "../../etc/passwd", "${jndi:ldap://x}", "{{7*7}}", "<script>", "' OR 1=1 --", ["x"] * 200, [{"a": 1}] * 50,
    "-0", "1e-400", 1e-320,
)  # fmt: skip


def hostile_sets(count: int, seed: int) -> list[tuple[Task, bytes]]:
    """Kinds and bodies: one to four fields of a request have a value of HOSTILE."""
    draw = random.Random(seed)
    bodies = []
    for _ in range(count):
        kind = draw.choice([*REQUESTS])
        names = [*REQUESTS[kind].model_fields]
        fields = {name: draw.choice(HOSTILE) for name in draw.sample(names, draw.randint(1, 4))}
        bodies.append((kind, json.dumps(fields).encode()))
    return bodies


@pytest.mark.parametrize("count", [1_000, pytest.param(5_000, marks=pytest.mark.slow)])
def test_hostile_sets(idle_client: TestClient, idle_services: Services, count: int) -> None:
    idle_services.settings.change(queue_limit=count, jobs_per_user=count)
    idle_client.post("/api/v1/queue/pause")
    bodies = hostile_sets(count, 7)
    answers: dict[int, int] = {}
    process = psutil.Process()
    for kind, body in bodies[:500]:  # what is made once, such as tables of errors, is no growth
        idle_client.post(f"/api/v1/jobs/{kind}", content=body)
    before = process.memory_info().rss
    for kind, body in bodies:
        answer = idle_client.post(f"/api/v1/jobs/{kind}", content=body)
        answers[answer.status_code] = answers.get(answer.status_code, 0) + 1
        assert answer.status_code in (201, 422), (kind, body[:300], answer.text)
        if answer.status_code != 201:
            sentence = answer.json()["detail"]
            assert isinstance(sentence, str) and 10 < len(sentence) < 2000
    growth = process.memory_info().rss - before
    assert answers[422] > count / 2 and answers[201] > count / 250
    assert growth <= MOST_GROWTH
    assert idle_services.generate._queue.claim("test") is None  # nothing would have reached a sampler


LEFT_OUT = r"/events|/api/v1/downloads|/api/v1/merges|/refresh|/test$|/look-inside/(schedule|words)$"
"""Streams do not end by themselves; schedules and words are told by a worker, of which none runs here; the others would
go to the network or the disk, which is not what is asked here."""


@pytest.mark.parametrize("interface", ["/api/v1/", "/sdapi/v1/"])
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_what_a_document_allows_and_what_it_does_not(
    idle_services: Services, interface: str, mode: GenerationMode
) -> None:
    application = create_application(hosts=None, services=idle_services)
    client = TestClient(application, raise_server_exceptions=False)
    idle_services.generate.pause()
    document = client.get("/api/v1/openapi.json").json() if interface == "/api/v1/" else application.openapi()
    found = schemathesis.openapi.from_dict(document).include(path_regex=f"^{interface}").exclude(path_regex=LEFT_OUT)
    statuses: dict[int, int] = {}
    with ending_jobs(idle_services):
        for result in found.get_all_operations():
            assert isinstance(result, Ok), result
            with suppress(Unsatisfiable):  # a route without parameters takes nothing that could be wrong
                _ask(result.ok().as_strategy(generation_mode=mode), client, statuses)
    assert sum(statuses.values()) > 40 and 422 in statuses


@contextmanager
def ending_jobs(services: Services) -> Iterator[None]:
    """Cancels what is accepted: A1111's routes answer when a job is over, and nothing is run here."""
    stop = threading.Event()

    def end() -> None:
        while not stop.wait(0.05):
            services.generate.cancel_all(None)

    thread = threading.Thread(target=end)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _ask(cases: SearchStrategy[Case[Any]], client: TestClient, statuses: dict[int, int]) -> None:
    @settings(
        max_examples=6,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def ask(case: Case[Any]) -> None:
        asked = case.as_transport_kwargs(base_url="http://testserver")
        content = asked.pop("data", None)
        cookies = "; ".join(f"{name}={value}" for name, value in asked.pop("cookies", {}).items())
        asked["headers"] = {**asked["headers"], **({"Cookie": cookies} if cookies else {})}
        try:
            answer = client.request(**asked, content=content) if content is not None else client.request(**asked)
        except httpx2.InvalidURL:
            return  # longer than this client sends
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        assert answer.status_code < 500, (case.method, asked, content, answer.text)

    ask()
