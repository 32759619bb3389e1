"""What is done with many pictures at once; each may change their own, owners everybody's."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from starlette.testclient import TestClient

from modules.services.build import Services
from tests.api.people import OWNER, a_picture, clients

ROOT = "/api/v1/pictures"
TEXT = (
    "a {} fish, <lora:ink:0.8>\nNegative prompt: blurry {}\n"
    "Steps: 2, Sampler: Euler a, Seed: {}, Size: 64x64, Model: demo"
)


@pytest.fixture
def people(idle_services: Services) -> dict[str, TestClient]:
    return clients(idle_services)


@pytest.fixture
def pictures(idle_services: Services) -> dict[str, int]:
    """A picture of each user, by name."""
    return of_each(idle_services)


@pytest.fixture(scope="module")
def still_pictures(still_services: Services) -> dict[str, int]:
    """The same, for tests that change nothing."""
    return of_each(still_services)


def of_each(services: Services) -> dict[str, int]:
    return {
        name: a_picture(
            services, job_id=f"job-of-{name}", user=name, seed=seed, infotext=TEXT.format(name, name[::-1], seed)
        )
        for seed, name in enumerate(("ann", "bob"), 1)
    }


def ids(client: TestClient, **query: Any) -> list[int]:
    answer = client.get(ROOT, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] == len(answer.json()["pictures"])
    return [row["id"] for row in answer.json()["pictures"]]


def changed(client: TestClient, wish: str, numbers: list[int], **fields: Any) -> int:
    answer = client.post(f"{ROOT}/{wish}", json={"ids": numbers, **fields})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["changed"])


def test_stars_and_favourites_are_found_again(people: dict[str, TestClient], pictures: dict[str, int]) -> None:
    both = [*pictures.values()]
    assert changed(people["ann"], "change", both, favourite=True, rating=4) == 1
    assert changed(people[OWNER], "change", [pictures["bob"]], rating=2) == 1
    owner = people[OWNER]
    assert ids(owner, favourite=True) == [pictures["ann"]] == ids(owner, rating=3)
    assert ids(owner, favourite=False) == [pictures["bob"]]
    assert ids(owner, order="rating") == both and ids(owner, order="oldest") == both
    report = owner.get(f"{ROOT}/{pictures['ann']}").json()
    assert (report["favourite"], report["rating"], report["origin"], report["problem"]) == (True, 4, "", "")
    assert changed(owner, "change", both, rating=0) == 2 and ids(owner, rating=1) == []
    assert changed(owner, "change", both) == 0


def test_pages_follow_one_another_in_every_order(idle_client: TestClient, idle_services: Services) -> None:
    numbers = [a_picture(idle_services, job_id=f"job{n}", user="", seed=n) for n in range(7)]
    for place, number in enumerate(numbers):
        changed(idle_client, "change", [number], rating=place % 3)
    for order, expected in {
        "newest": numbers[::-1],
        "oldest": numbers,
        "rating": sorted(numbers, key=lambda number: (-(numbers.index(number) % 3), -number)),
    }.items():
        seen: list[int] = []
        after = ""
        while True:
            page = idle_client.get(ROOT, params={"limit": 3, "after": after, "order": order}).json()
            seen += [row["id"] for row in page["pictures"]]
            if not (after := page["next"]):
                break
        assert seen == expected, order


def test_the_bin_there_and_back(people: dict[str, TestClient], pictures: dict[str, int]) -> None:
    both, ann, owner = [*pictures.values()], people["ann"], people[OWNER]
    assert changed(ann, "bin", both) == 1
    assert ids(owner) == [pictures["bob"]] and ids(ann) == []
    assert ids(ann, bin=True) == [pictures["ann"]] and ids(people["bob"], bin=True) == []
    report = ann.get(f"{ROOT}/{pictures['ann']}").json()
    assert report["binned"] > 1e9
    for tail in ("file", "thumbnail"):
        assert ann.get(f"{ROOT}/{pictures['ann']}/{tail}").status_code == 200
        assert people["bob"].get(f"{ROOT}/{pictures['ann']}/{tail}").status_code == 404
    assert changed(people["bob"], "restore", both) == 0
    assert changed(ann, "restore", both) == 1 and ids(ann) == [pictures["ann"]]
    assert ann.get(f"{ROOT}/{pictures['ann']}/file").status_code == 200


def test_only_what_is_in_the_bin_is_deleted_for_good(
    people: dict[str, TestClient], pictures: dict[str, int], idle_services: Services
) -> None:
    both, owner = [*pictures.values()], people[OWNER]
    assert changed(owner, "delete", both) == 0
    changed(owner, "bin", both)
    assert changed(people["ann"], "delete", both) == 1
    assert people["ann"].post(f"{ROOT}/bin/empty").json() == {"changed": 0}
    assert ids(owner, bin=True) == [pictures["bob"]]
    assert owner.post(f"{ROOT}/bin/empty").json() == {"changed": 1}
    assert ids(owner, bin=True) == [] == ids(owner)
    assert not list(idle_services.paths.outputs.rglob("*.png"))


def test_facets_count_what_is_found(people: dict[str, TestClient], pictures: dict[str, int]) -> None:
    owner = people[OWNER]
    changed(owner, "change", [pictures["ann"]], rating=5, favourite=True)
    assert owner.get(f"{ROOT}/facets").json() == {
        "models": [{"name": "demo", "count": 2}],
        "loras": [{"name": "ink", "count": 2}],
        "samplers": [{"name": "Euler a", "count": 2}],
        "sizes": [{"width": 16, "height": 8, "count": 2}],
        "origins": [{"name": "here", "count": 2}],
        "ratings": [{"rating": 0, "count": 1}, {"rating": 5, "count": 1}],
        "favourites": 1,
    }
    facets = people["bob"].get(f"{ROOT}/facets", params={"words": "fish", "lora": "INK", "origin": "here"}).json()
    assert (facets["models"], facets["favourites"]) == ([{"name": "demo", "count": 1}], 0)
    assert owner.get(f"{ROOT}/facets", params={"words": "nowhere"}).json()["models"] == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"words": "ann"}, ["ann"]),
        ({"words": "an"}, ["ann"]),
        ({"words": "ish"}, []),
        ({"words": "an fish"}, []),
        ({"words": '"bob fish"'}, ["bob"]),
        ({"words": '"fish bob"'}, []),
        ({"words": '"fish, ink'}, []),
        ({"words": "fish -ann"}, ["bob"]),
        ({"words": "-ann"}, ["bob"]),
        ({"words": "-bob -ann"}, []),
        ({"words": "blurry -bob"}, ["ann"]),
        ({"words": "ink demo euler"}, ["bob", "ann"]),
        ({"words": "00001"}, ["ann"]),
        ({"negative": "nna"}, ["ann"]),
        ({"negative": "fish"}, []),
        ({"words": "fish", "negative": "-nna"}, ["bob"]),
        ({"lora": "ink"}, ["bob", "ann"]),
        ({"lora": "in"}, []),
        ({"origin": "A1111"}, []),
        ({"folder": 0}, ["bob", "ann"]),
        ({"words": 'AND OR NOT ( ) * : ^ NEAR("a" "b")'}, []),
        ({"words": "prompt:ann"}, []),
    ],
)
def test_words(
    still_client: TestClient, still_pictures: dict[str, int], query: dict[str, Any], names: list[str]
) -> None:
    assert ids(still_client, **query) == [still_pictures[name] for name in names]


def test_words_of_scripts_without_spaces(idle_client: TestClient, idle_services: Services) -> None:
    number = a_picture(
        idle_services, job_id="job", user="", infotext="夜の赤い家, Größe, Ёлка\nSteps: 2, Sampler: Euler, Seed: 1"
    )
    for words in ("赤い家", "夜", "grosse", "größe", "GROSSE", "ёлка"):
        expected = [] if words.lower() == "grosse" else [number]
        assert ids(idle_client, words=words) == expected, words
    assert ids(idle_client, words="家い") == []


def test_an_archive_holds_each_file_once_under_its_own_name(
    people: dict[str, TestClient], pictures: dict[str, int], idle_services: Services
) -> None:
    both = ",".join(map(str, pictures.values()))
    owner = people[OWNER]
    answer = owner.get(f"{ROOT}/zip", params={"ids": f"{both},{both},99"})
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        expected = {
            idle_services.pictures.file(picture).name: idle_services.pictures.file(picture).read_bytes()
            for picture in map(idle_services.pictures.get, pictures.values())
        }
        assert {name: archive.read(name) for name in archive.namelist()} == expected and len(expected) == 2
    alone = people["ann"].get(f"{ROOT}/zip", params={"ids": both})
    with zipfile.ZipFile(io.BytesIO(alone.content)) as archive:
        assert len(archive.namelist()) == 1
    assert people["ann"].get(f"{ROOT}/zip", params={"ids": pictures["bob"]}).status_code == 404


@pytest.mark.parametrize("given", ["", "1,", "a", "1;2", ",".join(map(str, range(1, 1002))), "1" * 3_000 + "a"])
def test_archives_that_cannot_be_made(still_client: TestClient, given: str) -> None:
    answer = still_client.get(f"{ROOT}/zip", params={"ids": given})
    assert answer.status_code == 422 and len(answer.json()["detail"]) > 15


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("change", {"ids": [1], "rating": 6}), ("change", {"ids": [1], "rating": "3"}), ("change", {"ids": "1"}),
        ("change", {"ids": [1], "favourite": 1}), ("change", {"rating": 3}), ("change", {"ids": [1], "path": "x"}),
        ("bin", {"ids": [0]}), ("bin", {"ids": [2**63]}), ("bin", {"ids": [*range(1, 5002)]}), ("restore", {}),
        ("delete", {"ids": [1.5]}),
    ],
)  # fmt: skip
def test_changes_that_cannot_be_made(still_client: TestClient, path: str, body: dict[str, Any]) -> None:
    answer = still_client.post(f"{ROOT}/{path}", json=body)
    assert answer.status_code == 422 and len(answer.json()["detail"]) > 10, answer.text


def test_parameters_in_readable_form(people: dict[str, TestClient], pictures: dict[str, int]) -> None:
    path = f"{ROOT}/{pictures['ann']}/parameters"
    found = people["ann"].get(path).json()
    assert (found["prompt"], found["negative_prompt"]) == ("a ann fish, <lora:ink:0.8>", "blurry nna")
    assert {"name": "Size", "value": "64 x 64"} in found["parameters"]
    assert (found["origin"], found["task"], found["infotext"]) == ("", "txt2img", TEXT.format("ann", "nna", 1))
    assert found["not_honoured"] == ["Prompt: <lora:ink:0.8> (this LoRA is not here)"]
    assert people["bob"].get(path).status_code == 404
