"""Albums: everybody has their own, and only pictures that they may see."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from modules.services.build import Services
from tests.api.people import OWNER, a_picture, clients

ALBUMS, PICTURES = "/api/v1/albums", "/api/v1/pictures"


@pytest.fixture
def people(idle_services: Services) -> dict[str, TestClient]:
    return clients(idle_services)


@pytest.fixture
def pictures(idle_services: Services) -> dict[str, int]:
    return {name: a_picture(idle_services, job_id=f"job-of-{name}", user=name) for name in ("ann", "bob")}


def made(client: TestClient, name: str) -> int:
    answer = client.post(ALBUMS, json={"name": name})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def test_pictures_come_and_go(people: dict[str, TestClient], pictures: dict[str, int]) -> None:
    ann, owner, both = people["ann"], people[OWNER], [*pictures.values()]
    ships = made(ann, "  Ships  at sea ")
    filled = ann.post(f"{ALBUMS}/{ships}/pictures", json={"add": [*both, 99]}).json()
    assert filled == {"id": ships, "name": "Ships at sea", "count": 1, "cover": pictures["ann"]}
    everything = made(owner, "Everything")
    assert owner.post(f"{ALBUMS}/{everything}/pictures", json={"add": both}).json()["count"] == 2
    found = owner.get(PICTURES, params={"album": everything}).json()
    assert [row["id"] for row in found["pictures"]] == both[::-1]
    assert {tuple(row["albums"]) for row in found["pictures"]} == {(everything,)}
    assert ann.get(f"{PICTURES}/{pictures['ann']}").json()["albums"] == [ships]
    assert owner.post(f"{ALBUMS}/{everything}/pictures", json={"remove": [both[0]]}).json()["cover"] == both[1]
    owner.post(f"{PICTURES}/bin", json={"ids": [both[1]]})
    assert owner.get(ALBUMS).json()["albums"] == [{"id": everything, "name": "Everything", "count": 0, "cover": None}]
    owner.post(f"{PICTURES}/restore", json={"ids": [both[1]]})
    assert owner.get(ALBUMS).json()["albums"][0]["count"] == 1
    owner.post(f"{PICTURES}/bin", json={"ids": both})
    owner.post(f"{PICTURES}/bin/empty")
    assert ann.get(ALBUMS).json()["albums"][0]["count"] == 0


def test_an_album_is_its_users_alone(people: dict[str, TestClient], pictures: dict[str, int]) -> None:
    album = made(people["ann"], "Mine")
    for other in ("bob", OWNER):
        client = people[other]
        assert client.get(ALBUMS).json() == {"albums": []}
        assert client.get(PICTURES, params={"album": album}).status_code == 404
        assert client.patch(f"{ALBUMS}/{album}", json={"name": "Stolen"}).status_code == 404
        assert client.delete(f"{ALBUMS}/{album}").status_code == 404
        assert client.post(f"{ALBUMS}/{album}/pictures", json={"add": [pictures["bob"]]}).status_code == 404
    assert made(people["bob"], "Mine") != album
    assert people["ann"].get(ALBUMS).json()["albums"][0]["name"] == "Mine"


def test_names(idle_client: TestClient) -> None:
    first, second = made(idle_client, "Ünïted"), made(idle_client, "boats")
    assert idle_client.post(ALBUMS, json={"name": "BOATS"}).status_code == 422
    assert idle_client.patch(f"{ALBUMS}/{first}", json={"name": "Boats"}).status_code == 422
    assert idle_client.patch(f"{ALBUMS}/{second}", json={"name": "Boats"}).json()["name"] == "Boats"
    bodies: tuple[dict[str, Any], ...] = (
        {"name": "  "},
        {"name": "x" * 101},
        {"name": 5},
        {},
        {"name": "a", "user": "ann"},
    )
    for body in bodies:
        answer = idle_client.post(ALBUMS, json=body)
        assert (answer.status_code, len(answer.json()["detail"]) > 10) == (422, True), body
    assert idle_client.delete(f"{ALBUMS}/{first}").status_code == 204
    assert [row["id"] for row in idle_client.get(ALBUMS).json()["albums"]] == [second]
    assert idle_client.delete(f"{ALBUMS}/{first}").status_code == 404


def test_deleting_an_album_keeps_its_pictures(idle_client: TestClient, idle_services: Services) -> None:
    number = a_picture(idle_services, job_id="job", user="")
    album = made(idle_client, "Gone soon")
    idle_client.post(f"{ALBUMS}/{album}/pictures", json={"add": [number]})
    idle_client.delete(f"{ALBUMS}/{album}")
    assert idle_client.get(f"{PICTURES}/{number}").json()["albums"] == []
    assert idle_client.get(f"{PICTURES}/{number}/file").status_code == 200
