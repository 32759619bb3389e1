"""Looking for finished pictures."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from modules.services.build import Services
from tests.api.people import a_picture

ROOT = "/api/v1/pictures"
TEXTS = (
    "a red fish\nSteps: 2, Sampler: Euler a, Seed: 1, Size: 16x8, Model: demo",
    "a 100% blue fish_tail\nSteps: 2, Sampler: Euler, Seed: 2, Size: 16x8, Model: other",
    "Ein Schloß, Sampler: Euler\nSteps: 2, Sampler: DDIM, Seed: 3, Size: 16x8, Model: demo",
)


@pytest.fixture(scope="module")
def pictures(still_services: Services) -> list[int]:
    rows = enumerate(TEXTS, start=1)
    return [a_picture(still_services, job_id=f"job{n}", user="", seed=n, infotext=text) for n, text in rows]


def found(client: TestClient, **query: Any) -> list[int]:
    answer = client.get(ROOT, params=query)
    assert answer.status_code == 200, answer.text
    ids = [row["seed"] for row in answer.json()["pictures"]]
    assert answer.json()["total"] == len(ids) and answer.json()["next"] == ""
    return sorted(ids)


@pytest.mark.parametrize(
    ("query", "seeds"),
    [
        ({}, [1, 2, 3]),
        ({"words": "fish"}, [1, 2]),
        ({"words": "FISH Red"}, [1]),
        ({"words": "100%"}, [2]),
        ({"words": "%"}, [1, 2, 3]),
        ({"words": "fish_t"}, [2]),
        ({"words": "\\"}, [1, 2, 3]),
        ({"words": "Schloß"}, [3]),
        ({"words": "' OR 1=1 --"}, []),
        ({"seed": 2}, [2]),
        ({"model": "demo"}, [1, 3]),
        ({"model": "DEMO", "words": "fish"}, [1]),
        ({"sampler": "Euler"}, [2]),
        ({"sampler": "euler a"}, [1]),
        ({"width": 16, "height": 8}, [1, 2, 3]),
        ({"width": 8}, []),
        ({"since": 0}, [1, 2, 3]),
        ({"until": 1}, []),
        ({"job_id": "job2"}, [2]),
        ({"user": "ann"}, []),
    ],
)
def test_all_that_is_given_has_to_hold(
    still_client: TestClient, pictures: list[int], query: dict[str, Any], seeds: list[int]
) -> None:
    assert len(pictures) == 3
    assert found(still_client, **query) == seeds


def test_pages_follow_one_another_though_pictures_come(idle_client: TestClient, idle_services: Services) -> None:
    ids = [a_picture(idle_services, job_id=f"job{n}", user="", seed=n) for n in range(7)]
    seen: list[int] = []
    after = ""
    while True:
        page = idle_client.get(ROOT, params={"limit": 3, "after": after}).json()
        seen += [row["id"] for row in page["pictures"]]
        a_picture(idle_services, job_id=f"new{len(seen)}", user="", seed=99)
        if not (after := page["next"]):
            break
    assert seen == ids[::-1]


def test_one_picture(still_client: TestClient, pictures: list[int]) -> None:
    report = still_client.get(f"{ROOT}/{pictures[0]}").json()
    assert (report["width"], report["height"], report["seed"], report["infotext"]) == (16, 8, 1, TEXTS[0])
    with Image.open(io.BytesIO(still_client.get(report["file"]).content)) as image:
        assert (image.size, image.info["parameters"]) == ((16, 8), TEXTS[0])
    with Image.open(io.BytesIO(still_client.get(report["thumbnail"]).content)) as image:
        assert image.format == "JPEG"


def test_files_that_are_gone(idle_client: TestClient, idle_services: Services) -> None:
    picture = a_picture(idle_services, job_id="job", user="")
    idle_services.pictures.file(idle_services.pictures.get(picture)).unlink()
    for tail in ("file", "thumbnail"):
        answer = idle_client.get(f"{ROOT}/{picture}/{tail}")
        assert (answer.status_code, "no longer there" in answer.json()["detail"]) == (404, True)


@pytest.mark.parametrize(
    "query",
    [
        "after=x", "after=nan_1", "after=1_99999999999999999999", "after=1_2.3", "limit=501", "seed=-1",
        "seed=9223372036854775808", "since=nan", "until=inf", "width=0", "words=" + "+".join("a" * 21), "sort=size",
    ],
)  # fmt: skip
def test_searches_that_cannot_be_made(still_client: TestClient, query: str) -> None:
    answer = still_client.get(f"{ROOT}?{query}")
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str) and len(answer.json()["detail"]) > 15


def test_a_name_that_is_none_of_a_search_is_told_the_names(idle_client: TestClient) -> None:
    answer = idle_client.get(ROOT, params={"zzz": "boat"})
    assert answer.status_code == 422
    names = str(answer.json()["detail"]).partition("Fields are: ")[2].rstrip(".").split(", ")
    assert {"words", "seed", "after"} < set(names)
