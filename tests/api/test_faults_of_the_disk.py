"""A database that cannot be used now, or a disk that is full, is told in words by every route, and goes on later."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from starlette.testclient import TestClient

from modules.services.build import Services

QUICK = {"prompt": "a", "steps": 1, "width": 64, "height": 64}


@contextmanager
def locked(services: Services) -> Iterator[None]:
    """Another program holds the database; nobody waits long for it."""
    services.database.row("PRAGMA busy_timeout = 20")
    with closing(sqlite3.connect(services.paths.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    services.database.row("PRAGMA busy_timeout = 5000")


@contextmanager
def full(services: Services) -> Iterator[None]:
    """The database may not grow: SQLite says of that what it says of a full disk."""
    (pages,) = services.database.row("PRAGMA page_count") or (0,)
    services.database.row(f"PRAGMA max_page_count = {pages}")
    yield
    services.database.row("PRAGMA max_page_count = 1073741823")


@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("POST", "/api/v1/jobs/txt2img"),
        ("DELETE", "/api/v1/jobs/{job}"),
        ("POST", "/api/v1/jobs/{job}/retry"),
        ("POST", "/api/v1/jobs/{job}/pause"),
        ("POST", "/api/v1/jobs/{job}/stop-repeating"),
        ("POST", "/api/v1/queue/pause"),
        ("POST", "/api/v1/queue/cancel"),
        ("POST", "/sdapi/v1/txt2img"),
    ],
)
def test_locked_database_is_told_and_the_same_works_afterwards(
    idle_services: Services, idle_client: TestClient, method: str, route: str
) -> None:
    job = idle_client.post("/api/v1/jobs/txt2img", json=QUICK).json()["id"]
    if route.endswith("/retry"):
        idle_client.delete(f"/api/v1/jobs/{job}")
    with locked(idle_services):
        assert idle_client.get(f"/api/v1/jobs/{job}").status_code == 200  # reading goes on
        told = idle_client.request(method, route.format(job=job), json=QUICK if "txt2img" in route else None)
    assert told.status_code == 503, told.text
    assert "cannot be used now" in told.json().get("errors", told.json()["detail"])
    assert str(idle_services.paths.data) not in told.text
    if not route.startswith("/sdapi"):  # which waits for a worker
        again = idle_client.request(method, route.format(job=job), json=QUICK if "txt2img" in route else None)
        assert again.status_code < 300, again.text


def test_full_disk_refuses_jobs_in_words_and_loses_none(idle_services: Services, idle_client: TestClient) -> None:
    accepted = 0
    with full(idle_services):
        for _ in range(200):
            told = idle_client.post("/api/v1/jobs/txt2img", json={**QUICK, "prompt": "x" * 3000})
            if told.status_code != 201:
                break
            accepted += 1
    assert told.status_code == 507
    assert "is full. Free some space" in told.json()["detail"]
    assert str(idle_services.paths.data) not in told.text
    assert idle_client.post("/api/v1/jobs/txt2img", json=QUICK).status_code == 201
    assert idle_services.generate.counts()["queued"] == accepted + 1


@pytest.mark.parametrize("asked", ["{", "[1]"])
def test_job_that_cannot_be_read_hides_no_others(idle_services: Services, idle_client: TestClient, asked: str) -> None:
    first, second = (idle_client.post("/api/v1/jobs/txt2img", json=QUICK).json()["id"] for _ in range(2))
    with idle_services.database.transaction() as connection:
        connection.execute("UPDATE jobs SET kind = 'film', asked = ? WHERE id = ?", (asked, first))
    listed = idle_client.get("/api/v1/jobs")
    assert listed.status_code == 200
    assert {job["id"] for job in listed.json()["jobs"]} == {first, second}
    shown = idle_client.get(f"/api/v1/jobs/{first}").json()
    assert "cannot be read" in shown["error"]
    assert shown["request"] is None
    assert idle_client.post(f"/api/v1/jobs/{first}/duplicate").status_code == 422
