"""Files of pictures are served by path to those whose they are, and to owners."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse
from starlette.testclient import TestClient

from modules.api.own_pictures import FILES
from modules.services.build import Services
from tests.api.people import OWNER, a_picture, clients


@pytest.fixture
def people(idle_services: Services) -> dict[str, TestClient]:
    """Clients of a server that serves every file of the machine, as far as nobody is kept from it."""
    found = clients(idle_services)
    for client in found.values():
        assert isinstance(client.app, FastAPI)
        client.app.add_api_route(f"{FILES}{{path:path}}", served, methods=["GET", "HEAD"])
    return found


@pytest.fixture
def pictures(idle_services: Services) -> dict[str, int]:
    """A picture of each, by name."""
    return {name: a_picture(idle_services, job_id=f"job-of-{name}", user=name) for name in ("ann", "bob")}


def served(path: str) -> FileResponse:
    if not Path(path).is_file():
        raise HTTPException(404)
    return FileResponse(path)


def status(client: TestClient, path: Path | str, method: str = "GET") -> int:
    return client.request(method, f"{FILES}{path}").status_code


def test_a_picture_and_its_thumbnail_are_their_users_and_owners(
    people: dict[str, TestClient], idle_services: Services, pictures: dict[str, int]
) -> None:
    for name, number in pictures.items():
        picture = idle_services.pictures.get(number)
        for file in (idle_services.pictures.file(picture), idle_services.pictures.thumbnail(picture)):
            expected = {OWNER: 200, "ann": 404, "bob": 404, name: 200}
            for method in ("GET", "HEAD"):
                assert {asking: status(people[asking], file, method) for asking in expected} == expected, file


def test_files_that_no_job_made_are_the_owners(people: dict[str, TestClient], idle_services: Services) -> None:
    file = idle_services.paths.grids / "found.png"
    thumbnail = idle_services.paths.cache / "thumbnails" / "0123.jpg"
    for one in (file, thumbnail):
        one.parent.mkdir(parents=True, exist_ok=True)
        one.write_bytes(b"picture")
        assert (status(people[OWNER], one), status(people["ann"], one)) == (200, 404)


def test_what_is_no_picture_of_somebodys_is_nobodys(people: dict[str, TestClient], idle_services: Services) -> None:
    paths = idle_services.paths
    for folder in (paths.input_pictures, paths.cache / "uploads", paths.cache / "model-previews"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "a.png").write_bytes(b"picture")
        assert status(people["ann"], folder / "a.png") == 200, folder


def test_no_other_way_to_a_foreign_picture_is_open(
    people: dict[str, TestClient], idle_services: Services, pictures: dict[str, int]
) -> None:
    paths = idle_services.paths
    file = idle_services.pictures.file(idle_services.pictures.get(pictures["bob"]))
    inner = file.relative_to(paths.outputs)
    uploads = paths.cache / "uploads"
    for folder in (uploads, paths.input_pictures):
        folder.mkdir(parents=True)
    (uploads / "link.png").symlink_to(file)
    (uploads / "outputs").symlink_to(paths.outputs)
    (paths.outputs / "round").symlink_to(paths.txt2img_pictures)
    ways = (
        f"{paths.input_pictures}/../{inner}",
        f"{paths.outputs}//{inner}",
        f"{paths.outputs}/./{inner}",
        os.path.relpath(file),
        f"/{file}",
        uploads / "link.png",
        uploads / "outputs" / inner,
        paths.outputs / "round" / file.relative_to(paths.txt2img_pictures),
        f"{uploads}/../../outputs/{inner}",
        f"{file}x",
    )
    for way in ways:
        sent = str(way).replace("..", "%2e%2e")
        assert status(people[OWNER], sent) == (200 if way != ways[-1] else 404), way
        assert status(people["ann"], sent) == 404, way


def test_outputs_that_lie_elsewhere_are_kept_too(people: dict[str, TestClient], idle_services: Services) -> None:
    outputs = idle_services.paths.outputs
    elsewhere = outputs.parent / "elsewhere"
    number = a_picture(idle_services, job_id="job", user="bob")
    outputs.rename(elsewhere)
    outputs.symlink_to(elsewhere)
    file = idle_services.pictures.file(idle_services.pictures.get(number))
    for one in (file, file.resolve()):
        assert one.is_file()
        assert status(people["ann"], one) == 404
    assert status(people["bob"], file) == 200


def test_a_path_that_no_file_can_have_is_refused(people: dict[str, TestClient]) -> None:
    assert status(people["ann"], "/a%00b") == 404
