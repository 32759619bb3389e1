"""The queue as a list that people look at; nothing is run."""

from __future__ import annotations

import json
from typing import Any

from starlette.testclient import TestClient
from websockets.sync.client import connect

from modules.schema.events import Progress
from modules.schema.job_outline import MOST_CHARACTERS, outline_of
from modules.schema.jobs import Job
from modules.services.build import Services
from tests.api.people import OWNER, a_picture, clients
from tests.api.served import served

ROOT = "/api/v1"


def submitted(client: TestClient, how: str = "", **fields: Any) -> str:
    answer = client.post(f"{ROOT}/jobs/txt2img{how}", json={"prompt": "a fish", **fields})
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    return id


def queue(client: TestClient, asked: str = "") -> dict[str, Any]:
    answer = client.get(f"{ROOT}/queue{asked}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_listed_job_says_what_it_is(idle_client: TestClient) -> None:
    asked: dict[str, Any] = {
        "prompt": "a fish " * 100,
        "width": 192,
        "height": 128,
        "batch_count": 2,
        "batch_size": 3,
        "steps": 4,
    }
    first, second = submitted(idle_client, **asked), submitted(idle_client)
    report = queue(idle_client)
    told = report["jobs"][0]
    assert told["id"] == first and told["prompt"] == asked["prompt"][:MOST_CHARACTERS]
    assert {name: told[name] for name in ("width", "height", "steps", "wanted", "made", "inputs", "place")} == {
        "width": 192, "height": 128, "steps": 4, "wanted": 6, "made": 0, "inputs": 0, "place": 0,
    }  # fmt: skip
    assert [job["place"] for job in report["jobs"]] == [0, 1]
    listed = idle_client.get(f"{ROOT}/jobs").json()["jobs"]
    assert [(job["id"], job["place"], job["wanted"]) for job in listed] == [(second, 1, 1), (first, 0, 6)]


def test_a_listed_job_shows_the_first_of_its_pictures(idle_client: TestClient, idle_services: Services) -> None:
    job = submitted(idle_client)
    claimed = idle_services.generate._queue.claim("test")
    assert claimed is not None and claimed.id == job
    picture = a_picture(idle_services, job_id=job, user="")
    idle_services.generate._queue.finish(job, "done")
    (done,) = idle_client.get(f"{ROOT}/jobs?state=done").json()["jobs"]
    assert (done["made"], done["covers"], done["place"], done["ready_in"]) == (1, [picture], None, None)


def test_a_part_of_the_queue(idle_client: TestClient) -> None:
    ids = [submitted(idle_client) for _ in range(5)]
    report = queue(idle_client, "?offset=1&limit=2")
    assert [job["id"] for job in report["jobs"]] == ids[1:3]
    assert (report["total"], report["running"], [job["place"] for job in report["jobs"]]) == (5, 0, [1, 2])
    assert queue(idle_client, "?offset=5&limit=1")["jobs"] == []
    assert [job["id"] for job in queue(idle_client)["jobs"]] == ids


def test_what_is_paused_waits_behind_and_has_no_time(idle_client: TestClient) -> None:
    one, two = submitted(idle_client), submitted(idle_client)
    idle_client.post(f"{ROOT}/jobs/{one}/pause")
    assert [(job["id"], job["paused"]) for job in queue(idle_client)["jobs"]] == [(two, False), (one, True)]


def test_people_see_their_own_jobs_and_owners_everybodys(idle_services: Services) -> None:
    people = clients(idle_services)
    ann, bob = submitted(people["ann"]), submitted(people["bob"])
    own = submitted(people[OWNER])
    assert [(job["id"], job["place"]) for job in queue(people["bob"])["jobs"]] == [(bob, 1)]
    assert [job["id"] for job in queue(people["bob"], "?whose=all")["jobs"]] == [bob]
    everybodys = queue(people[OWNER])
    assert [(job["id"], job["user"]) for job in everybodys["jobs"]] == [(ann, "ann"), (bob, "bob"), (own, OWNER)]
    assert [job["id"] for job in queue(people[OWNER], "?whose=mine")["jobs"]] == [own]
    told = {name: (queue(one)["user"], queue(one)["is_owner"]) for name, one in people.items()}
    assert told == {"ann": ("ann", False), "bob": ("bob", False), OWNER: (OWNER, True)}


def test_repeating_is_begun_and_ended_for_a_job_and_for_all(idle_services: Services) -> None:
    people = clients(idle_services)
    ann, bob = submitted(people["ann"]), submitted(people["bob"], "?repeats=true")
    assert people["ann"].post(f"{ROOT}/jobs/{ann}/repeat").json()["repeats"]
    assert people["ann"].post(f"{ROOT}/jobs/{bob}/repeat").status_code == 404
    assert people["ann"].post(f"{ROOT}/queue/stop-repeating?whose=all").status_code == 403
    assert queue(people["ann"])["repeating"] == 1
    assert people["ann"].post(f"{ROOT}/queue/stop-repeating").json() == {"ids": [ann]}
    assert [job["repeats"] for job in queue(people[OWNER])["jobs"]] == [False, True]
    assert people[OWNER].post(f"{ROOT}/queue/stop-repeating?whose=all").json() == {"ids": [bob]}
    people["bob"].delete(f"{ROOT}/jobs/{bob}")
    assert not people["bob"].post(f"{ROOT}/jobs/{bob}/repeat").json()["repeats"]  # it is over


def test_a_stream_goes_on_where_the_queue_was_looked_at(idle_client: TestClient) -> None:
    submitted(idle_client)
    event = queue(idle_client)["event"]
    job = submitted(idle_client)
    with served(idle_client.app, grace=1) as address, connect(f"ws://{address}{ROOT}/events/ws") as socket:
        socket.send(json.dumps({"subscribe": "queue", "after": event}))
        told = json.loads(socket.recv(timeout=30))
    assert (told["event"], told["data"]["job_id"], told["data"]["state"]) == ("state", job, "queued")


def test_a_pause_of_the_queue_is_news_and_not_the_end_of_the_server(idle_client: TestClient) -> None:
    event = queue(idle_client)["event"]
    with served(idle_client.app, grace=1) as address, connect(f"ws://{address}{ROOT}/events/ws") as socket:
        socket.send(json.dumps({"subscribe": "queue", "after": event}))
        for wish in ("pause", "resume"):
            assert idle_client.post(f"{ROOT}/queue/{wish}").status_code == 200
            assert json.loads(socket.recv(timeout=30))["event"] == "queue"
    with served(idle_client.app, grace=1) as address, connect(f"ws://{address}{ROOT}/events/ws") as socket:
        socket.send(json.dumps({"subscribe": "queue"}))
        assert json.loads(socket.recv(timeout=30))["event"] == "snapshot"


def test_what_waits_is_ready_later_when_what_runs_is_late(idle_client: TestClient, idle_services: Services) -> None:
    generate = idle_services.generate
    past, running, waiting = (submitted(idle_client) for _ in range(3))
    for job in (past, running):
        claimed = generate._queue.claim("test")
        assert claimed is not None and claimed.id == job
        if job == past:
            generate._queue.finish(past, "done")
    before = [job["ready_in"] for job in queue(idle_client)["jobs"]]
    assert before[0] < 10 and before[1] < 20
    generate._events.append(Progress(job_id=running, step=1, steps=10, seconds_left=100))
    now = [(job["id"], job["ready_in"]) for job in queue(idle_client)["jobs"]]
    assert now[0] == (running, 100)
    assert now[1][0] == waiting and 100 <= now[1][1] < 120


def a_job(**known: Any) -> Job:
    facts = {"id": "a", "kind": "txt2img", "state": "queued", "created": 0, "started": None, "finished": None}
    return Job.model_validate({**facts, "error": None, "request": "", **known})


def test_outlines_of_batches_extras_and_what_cannot_be_read() -> None:
    part = {"prompt": "a boat", "width": 64, "height": 96, "steps": 3, "batch_count": 2, "batch_size": 1}
    batch = outline_of(a_job(kind="batch", request=_json({"parts": [{"name": "x", "request": part}] * 3})))
    assert (batch.prompt, batch.inputs, batch.wanted, batch.width) == ("a boat", 3, 6, 64)
    extras = outline_of(a_job(kind="extras", request=_json({"images": ["0" * 32] * 2})))
    assert (extras.prompt, extras.inputs, extras.wanted) == ("", 2, None)
    asked = outline_of(a_job(request=_json(part), asked=_json({"prompt": "a __colour__ boat"})))
    assert asked.prompt == "a __colour__ boat"
    scripted = outline_of(a_job(request=_json({**part, "script_name": "xyz"})))
    assert (scripted.script, scripted.wanted) == ("xyz", None)
    for broken in ("", "[]", "{}", '{"width": "a"}', "[" * 100_000, '{"parts": 5}'):
        for kind in ("txt2img", "batch", "extras"):
            assert outline_of(a_job(kind=kind, request=broken)).prompt == ""


def _json(value: object) -> str:
    return json.dumps(value)
