"""Words that are offered while somebody types, and parameters that are read from a picture, over HTTP."""

from __future__ import annotations

import io

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from starlette.testclient import TestClient

from modules.services.build import Services
from tests.api.people import a_picture, clients

INFOTEXT = "a boat\nNegative prompt: rain\nSteps: 7, Sampler: Euler, CFG scale: 4.5, Seed: 11, Size: 64x64, Odd: 3"


def test_what_may_be_meant_comes_with_what_was_looked_for(idle_services: Services, idle_client: TestClient) -> None:
    folder = idle_services.suggestions.folder
    folder.mkdir(parents=True)
    (folder / "tags.csv").write_text("long_hair,0,12,longhair\n")
    answer = idle_client.get("/api/v1/suggestions", params={"text": "a girl, long ha"}).json()
    row = {"kind": "tag", "label": "long hair", "insert": "long hair", "detail": "", "count": 12}
    assert answer == {"typed": "long ha", "suggestions": [row]}
    assert idle_client.get("/api/v1/suggestions", params={"text": "long", "kinds": "lora"}).json()["suggestions"] == []
    for params in ({"text": "a", "kinds": "loras"}, {"text": "a" * 201}, {"limit": "0"}):
        assert idle_client.get("/api/v1/suggestions", params=params).status_code == 422


def test_past_words_are_those_of_who_asks(idle_services: Services) -> None:
    for index, (user, word) in enumerate([("ann", "zeppelin"), ("bob", "zebra")]):
        infotext = f"{word}\nSteps: 7, Sampler: Euler, CFG scale: 4.5, Seed: 11, Size: 16x8"
        a_picture(idle_services, job_id=f"job{index}", user=user, seed=index, infotext=infotext)
    people = clients(idle_services)
    found = {
        name: people[name].get("/api/v1/suggestions", params={"text": "ze"}).json()["suggestions"]
        for name in ("ann", "bob")
    }
    assert {name: [one["insert"] for one in rows] for name, rows in found.items()} == {
        "ann": ["zeppelin"],
        "bob": ["zebra"],
    }


def test_the_parameters_of_a_picture_are_read_and_nothing_is_kept(
    idle_services: Services, idle_client: TestClient
) -> None:
    texts, content = PngInfo(), io.BytesIO()
    texts.add_text("parameters", INFOTEXT)
    Image.new("RGB", (8, 8)).save(content, "PNG", pnginfo=texts)
    said = idle_client.post("/api/v1/infotexts", content=content.getvalue()).json()
    assert (said["infotext"], said["prompt"], said["negative_prompt"]) == (INFOTEXT, "a boat", "rain")
    assert said["parameters"]["Steps"] == "7" and any("Odd" in row for row in said["not_honoured"])
    answer = idle_client.post("/api/v1/infotexts", content=b"nothing of a picture")
    assert answer.status_code == 422 and "cannot be read" in answer.json()["detail"]
    assert str(idle_services.paths.data) not in answer.text and "reading-" not in answer.text
    assert list(idle_services.paths.cache.glob("reading-*")) == []
