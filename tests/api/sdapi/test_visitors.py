"""Who sees and changes what: two people with a login of their own, over the same services."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from modules.api.application import create_application
from modules.config.logins import GivenUser
from modules.errors import BrokenModel
from modules.schema.jobs import Job
from modules.schema.requests import Txt2ImgRequest
from modules.services.account_file import AccountFile
from modules.services.accounts import Accounts
from modules.services.build import Services
from tests.api.people import QUICK
from tests.api.sdapi.conftest import SMALL
from tests.services.test_generate import until

LONG = {"prompt": "a fish", "steps": 150, "width": 256, "height": 256, "seed": 1}


@pytest.fixture
def ann_bob(demo_services: Services) -> tuple[TestClient, TestClient]:
    """An owner and somebody else."""
    users = [GivenUser("ann", "ann-secret-1", is_owner=True), GivenUser("bob", "bob-secret-1", is_owner=False)]
    accounts = Accounts(AccountFile(demo_services.paths), users, hasher=QUICK)
    application = create_application(hosts=None, services=demo_services, accounts=accounts)
    clients = [TestClient(application) for _ in users]
    for client, user in zip(clients, users, strict=True):
        client.auth = (user.name, user.password)
    return clients[0], clients[1]


@pytest.fixture
def job_of_ann(demo_services: Services) -> Iterator[Job]:
    """A running one."""
    job = demo_services.generate.submit(Txt2ImgRequest.of(LONG), user="ann")
    until(lambda: demo_services.generate.job(job.id).state == "running")
    yield job
    demo_services.generate.interrupt(job.id)
    demo_services.generate.wait(job.id, 60)


def test_nobody_gets_in_without_a_password(ann_bob: tuple[TestClient, TestClient]) -> None:
    stranger = TestClient(ann_bob[0].app)
    for method, path in (("POST", "txt2img"), ("GET", "progress"), ("GET", "options"), ("POST", "options")):
        assert stranger.request(method, f"/sdapi/v1/{path}").status_code == 401
    assert stranger.get("/internal/pending-tasks").status_code == 401


def test_a_foreign_job_is_not_there(
    demo_services: Services, ann_bob: tuple[TestClient, TestClient], job_of_ann: Job
) -> None:
    ann, bob = ann_bob
    task = {"id_task": job_of_ann.id}
    assert ann.post("/internal/progress", json=task).json()["active"]
    assert not bob.post("/internal/progress", json=task).json()["active"]
    assert ann.get("/sdapi/v1/progress").json()["state"]["job"] == "txt2img"
    assert bob.get("/sdapi/v1/progress").json()["state"]["job"] == ""
    waiting = demo_services.generate.submit(Txt2ImgRequest.of(SMALL), user="ann")
    try:
        assert ann.get("/internal/pending-tasks").json()["tasks"] == [waiting.id]
        assert bob.get("/internal/pending-tasks").json()["tasks"] == []
    finally:
        demo_services.generate.interrupt(waiting.id)
    assert [bob.post(f"/sdapi/v1/{wish}").status_code for wish in ("interrupt", "skip")] == [200, 200]
    assert demo_services.generate.job(job_of_ann.id).state == "running"
    assert ann.post("/sdapi/v1/interrupt").status_code == 200
    assert demo_services.generate.wait(job_of_ann.id, 60).state == "cancelled"


def test_a_call_belongs_to_who_sent_it(demo_services: Services, ann_bob: tuple[TestClient, TestClient]) -> None:
    bob = ann_bob[1]
    assert bob.post("/sdapi/v1/txt2img", json=SMALL).status_code == 200
    assert demo_services.generate.jobs(limit=1)[0].user == "bob"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "options"), ("POST", "unload-checkpoint"), ("POST", "reload-checkpoint"), ("GET", "cmd-flags")],
)
def test_what_is_everybodys_is_changed_by_owners(
    ann_bob: tuple[TestClient, TestClient], method: str, path: str
) -> None:
    ann, bob = ann_bob
    sent: dict[str, int] | None = None if method == "GET" else {}
    assert bob.request(method, f"/sdapi/v1/{path}", json=sent).status_code == 403
    assert ann.request(method, f"/sdapi/v1/{path}", json=sent).status_code == 200


def test_places_on_the_disk_are_told_to_owners(demo_services: Services, ann_bob: tuple[TestClient, TestClient]) -> None:
    ann, bob = ann_bob
    paths = ("options", "sd-models", "sd-vae", "upscalers", "loras", "embeddings", "face-restorers", "scripts")
    folders = [str(demo_services.paths.data), str(demo_services.paths.checkpoint_folders[-1])]
    told = "".join(bob.get(f"/sdapi/v1/{path}").text for path in paths)
    assert not any(folder in told for folder in folders)
    told = "".join(ann.get(f"/sdapi/v1/{path}").text for path in paths)
    assert all(folder in told for folder in folders)


def test_an_error_tells_no_places(demo_services: Services, ann_bob: tuple[TestClient, TestClient]) -> None:
    body = {"override_settings": {"sd_model_checkpoint": "nonesuch", "sd_vae": "nonesuch"}}
    for sent in (body, {"script_name": "nonesuch"}):
        answer = ann_bob[1].post("/sdapi/v1/txt2img", json=sent)
        assert answer.status_code in (404, 422)
        assert str(demo_services.paths.data) not in answer.text


def test_what_was_left_out_is_told_without_places(
    demo_services: Services, ann_bob: tuple[TestClient, TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(tag: object, model: str) -> None:
        raise BrokenModel(f"{demo_services.paths.models / 'Lora' / 'ink.safetensors'} is damaged.")

    monkeypatch.setattr(demo_services.networks, "check_tag", refuse)
    answer = ann_bob[1].post("/sdapi/v1/txt2img", json={**SMALL, "prompt": "<lora:ink:1>"})
    (told,) = json.loads(answer.json()["info"])["not_honoured"]
    assert "ink.safetensors is damaged. <lora:ink:1> was left out." in told
    assert str(demo_services.paths.models) not in told


def test_a_name_means_the_job_of_who_gave_it(demo_services: Services, ann_bob: tuple[TestClient, TestClient]) -> None:
    ann, bob = ann_bob
    for client in (ann, bob):
        body = {**SMALL, "force_task_id": "task(same)"}
        assert client.post("/sdapi/v1/txt2img", json=body).status_code == 200
    own, foreign = demo_services.generate.jobs(limit=2)
    assert {own.user, foreign.user} == {"ann", "bob"}
    for client in (ann, bob):
        assert client.post("/internal/progress", json={"id_task": "task(same)"}).json()["completed"]
