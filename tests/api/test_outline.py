"""All numbers of a search, and the pictures that finished ones began with."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from modules.services.build import Services
from tests.api.people import OWNER, a_picture, clients

ROOT = "/api/v1/pictures"


def outline(client: TestClient, **query: Any) -> tuple[list[int], list[int]]:
    answer = client.get(f"{ROOT}/outline", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["ids"], answer.json()["marks"]


def listed(client: TestClient, **query: Any) -> list[int]:
    return [row["id"] for row in client.get(ROOT, params={**query, "limit": 500}).json()["pictures"]]


@pytest.fixture(scope="module")
def people(still_services: Services) -> dict[str, TestClient]:
    """Of whom ann made four pictures, and bob two."""
    for number in range(6):
        user, thing = ("ann", "fish") if number < 4 else ("bob", "boat")
        a_picture(still_services, job_id=f"job{number}", user=user, seed=number, infotext=f"a {thing}\nSteps: 2")
    return clients(still_services)


@pytest.mark.parametrize("query", [{}, {"words": "fish"}, {"words": "-fish"}, {"order": "oldest"}, {"order": "rating"}])
def test_it_has_what_the_list_has_in_the_same_order(people: dict[str, TestClient], query: dict[str, Any]) -> None:
    first = listed(people[OWNER])[2]
    people["ann"].post(f"{ROOT}/change", json={"ids": [first], "rating": 3})
    ids, marks = outline(people[OWNER], **query)
    assert ids == listed(people[OWNER], **query) != []
    assert len(marks) == len(ids)


def test_marks_are_stars_and_a_bit_for_favourites(people: dict[str, TestClient]) -> None:
    chosen = listed(people["ann"])[:2]
    people["ann"].post(f"{ROOT}/change", json={"ids": chosen, "rating": 4, "favourite": True})
    marks = dict(zip(*outline(people["ann"]), strict=True))
    assert [marks[one] for one in chosen] == [12, 12]


def test_others_are_told_of_their_own_alone(people: dict[str, TestClient]) -> None:
    assert len(outline(people[OWNER])[0]) == 6
    assert outline(people["bob"], user="ann")[0] == listed(people["bob"])
    assert len(outline(people["bob"])[0]) == 2


def test_what_cannot_be_looked_for_is_refused(people: dict[str, TestClient]) -> None:
    assert people[OWNER].get(f"{ROOT}/outline", params={"order": "best"}).status_code == 422
    assert people["bob"].get(f"{ROOT}/outline", params={"album": 7}).status_code == 404


def test_the_picture_that_another_began_with_is_its_owners_to_see(
    people: dict[str, TestClient], still_services: Services
) -> None:
    content = io.BytesIO()
    Image.new("RGB", (24, 16), "green").save(content, "PNG")
    began_with = still_services.inputs.add_bytes(content.getvalue())
    infotext = (
        f"a fish\nSteps: 2, Size: 24x16, Denoising strength: 0.5, Init image hash: {began_with}, Version: Atelier 0.1.0"
    )
    made = a_picture(still_services, job_id="began", user="ann", infotext=infotext)
    plain = a_picture(still_services, job_id="plain", user="ann", infotext="a fish\nSteps: 2")
    answer = people["ann"].get(f"{ROOT}/{made}/input")
    assert Image.open(io.BytesIO(answer.content)).getpixel((3, 3)) == (0, 128, 0)
    assert people["ann"].get(f"{ROOT}/{made}/parameters").json()["input"] is True
    assert people["ann"].get(f"{ROOT}/{plain}/parameters").json()["input"] is False
    assert people["ann"].get(f"{ROOT}/{plain}/input").status_code == 404
    assert people["bob"].get(f"{ROOT}/{made}/input").status_code == 404
