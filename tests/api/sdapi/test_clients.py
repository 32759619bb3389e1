"""Whole conversations of well-known programs: what each asks in its order, and the fields that it sends (`bodies/`)."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from modules.services.build import Services
from tests.api.people import PASSWORDS, clients
from tests.api.sdapi.conftest import in_base64, opened, picture, pixels
from tests.api.sdapi.shapes_of import misfits, recorded

SIZE = {"width": 128, "height": 128}
MENUS = ("options", "cmd-flags", "samplers", "schedulers", "upscalers", "latent-upscale-modes", "sd-models", "sd-vae")
FURTHER = ("hypernetworks", "face-restorers", "realesrgan-models", "prompt-styles", "embeddings", "memory", "loras")


def body(name: str, **changed: Any) -> dict[str, Any]:
    """What a program sends."""
    sent: dict[str, Any] = json.loads(Path(__file__).with_name("bodies").joinpath(f"{name}.json").read_text())
    return sent | changed


def get(client: TestClient, path: str, **parameters: Any) -> Any:
    """What a route answers, in its recorded shape."""
    answer = client.get(f"/sdapi/v1/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    assert misfits(answer.json(), recorded(path)["response"]) == []
    return answer.json()


def post(client: TestClient, path: str, sent: dict[str, Any]) -> Any:
    answer = client.post(f"/sdapi/v1/{path}", json=sent)
    assert answer.status_code == 200, answer.text
    return answer.json()


def painted(client: TestClient, path: str, sent: dict[str, Any], count: int = 1) -> tuple[list[str], dict[str, Any]]:
    """Pictures and info of a call, both in their recorded shapes; what was asked for is honoured unless told."""
    answer = post(client, path, sent)
    route = recorded(path)
    assert misfits(answer, route["response"]) == []
    info = json.loads(answer["info"])
    assert misfits(info, {**route["info"], "job_id": "str", "not_honoured": ["str"]}) == []
    assert len(answer["images"]) == count
    for image, infotext in zip(answer["images"], info["infotexts"], strict=True):
        assert (opened(image).format, opened(image).info["parameters"]) == ("PNG", infotext)
        assert pixels(image).std() > 1
    return answer["images"], info


def test_open_webui(client: TestClient) -> None:
    """It sends all settings back to choose a model, and prompts with little besides."""
    settings = get(client, "options")
    titles = [model["title"] for model in get(client, "sd-models")]
    assert settings["sd_model_checkpoint"] in titles
    assert post(client, "options", {**settings, "sd_model_checkpoint": titles[0]}) is None
    assert get(client, "options") == settings
    images, info = painted(client, "txt2img", body("open_webui"), 2)
    assert (info["cfg_scale"], info["steps"], info["sampler_name"]) == (5.0, 3, "DPM++ 2M")
    assert (info["not_honoured"], np.array_equal(pixels(images[0]), pixels(images[1]))) == ([], False)


def test_sillytavern(client: TestClient) -> None:
    """It fills its menus from the lists, and sends its whole form, hires fix switched on or off."""
    menus = {path: get(client, path) for path in MENUS}
    names = {path: [row["name"] for row in menus[path]] for path in ("samplers", "schedulers", "upscalers")}
    assert post(client, "options", {"sd_model_checkpoint": menus["sd-models"][0]["title"]}) is None
    assert get(client, "progress", skip_current_image=True)["progress"] == 0
    for sampler, schedule in zip(names["samplers"][:3], names["schedulers"][:3], strict=True):
        _, info = painted(client, "txt2img", body("sillytavern", sampler_name=sampler, scheduler=schedule))
        assert (info["clip_skip"], info["not_honoured"], info["denoising_strength"]) == (2, [], None)
    for upscaler in (menus["latent-upscale-modes"][0]["name"], names["upscalers"][1]):
        second = body("sillytavern", enable_hr=True, hr_upscaler=upscaler, hr_scale=1.5)
        (image,), info = painted(client, "txt2img", second)
        assert (opened(image).size, info["denoising_strength"]) == ((192, 192), 0.7)
    detailer = body("sillytavern", alwayson_scripts={"ADetailer": {"args": [True, {"ad_model": "face_yolov8n.pt"}]}})
    answer = client.post("/sdapi/v1/txt2img", json=detailer)
    assert (answer.status_code, answer.json()["detail"]) == (422, "always on script ADetailer not found")


def test_webuiapi(client: TestClient) -> None:
    """The Python package sends every field with its own defaults; it looks at the scripts for known extensions."""
    assert not {"controlnet m2m", "adetailer"} & {*get(client, "scripts")["txt2img"]}
    (image,), info = painted(client, "txt2img", body("webuiapi_txt2img"))
    told = {"prompt": "a cute squirrel", "negative_prompt": "ugly", "seed": 1003, "sampler_name": "Euler a", "steps": 3}
    (same,), _ = painted(client, "txt2img", {**told, **SIZE})
    assert (np.array_equal(pixels(image), pixels(same)), info["not_honoured"]) == (True, [])
    second = body("webuiapi_txt2img", enable_hr=True, hr_scale=1.5, denoising_strength=0.5)
    assert opened(painted(client, "txt2img", second)[0][0]).size == (192, 192)
    mask = Image.new("RGB", (128, 128))
    mask.paste((255, 255, 255), (0, 0, 64, 128))
    pictures = {"init_images": [f"data:image/png;base64,{image}"], "mask": f"data:image/png;base64,{in_base64(mask)}"}
    (inpainted,), info = painted(client, "img2img", body("webuiapi_img2img", **pictures))
    assert np.array_equal(pixels(inpainted)[:, 96:], pixels(image)[:, 96:])
    assert not np.array_equal(pixels(inpainted)[:, :32], pixels(image)[:, :32])
    assert (info["denoising_strength"], info["not_honoured"]) == (0.75, [])


def test_webuiapi_and_finished_pictures(client: TestClient) -> None:
    begin = f"data:image/png;base64,{picture()}"
    assert opened(post(client, "extra-single-image", body("webuiapi_extras", image=begin))["image"]).size == (256, 256)
    several = body("webuiapi_extras", imageList=[{"data": begin, "name": "a.png"}] * 2)
    assert len(post(client, "extra-batch-images", several)["images"]) == 2
    assert post(client, "png-info", {"image": begin})["info"] == ""
    idle = get(client, "progress")
    assert (idle["progress"], idle["state"]["job_count"]) == (0, 0)  # by this it waits until the server is ready
    for path in (*MENUS, *FURTHER):
        get(client, path)
    for path in ("interrupt", "skip", "refresh-checkpoints", "unload-checkpoint", "reload-checkpoint"):
        assert client.post(f"/sdapi/v1/{path}").status_code == 200


def test_a_painting_program(client: TestClient) -> None:
    """As plug-ins for Krita inpaint a selection: a mask by its transparency, sides as they come, combined names."""
    mask = Image.new("RGBA", (130, 126), (0, 0, 0, 0))
    mask.paste((255, 255, 255, 255), (20, 20, 100, 100))
    pictures = {"init_images": [picture(130, 126, (90, 120, 200))], "mask": in_base64(mask)}
    (image,), info = painted(client, "img2img", body("painting_program", **pictures))
    assert (opened(image).size, tuple(pixels(image)[0, 0])) == ((130, 126), (90, 120, 200))
    assert (info["sampler_name"], info["extra_generation_params"]["Schedule type"]) == ("DPM++ SDE", "Karras")
    assert (info["not_honoured"], pixels(image)[40:80, 40:80].std() > 1) == ([], True)


def test_a_chat_bot(demo_services: Services) -> None:
    """As bots for Discord: a login, the model by options, a style that is none, nulls; then what the file says."""
    everybody = clients(demo_services)
    owner, bot = everybody["olga"], everybody["bob"]
    model = {"sd_model_checkpoint": "atelier-demo"}
    assert [one.post("/sdapi/v1/options", json=model).status_code for one in (owner, bot)] == [200, 403]
    images, info = painted(bot, "txt2img", body("chat_bot"), 2)
    assert info["all_seeds"] == [42, 43]
    told = " ".join(info["not_honoured"])
    assert [name in told for name in ("'None'", "restore_faces", "face_restoration_model")] == [True] * 3
    for image, infotext in zip(images, info["infotexts"], strict=True):
        content = base64.b64decode(image.split(",", 1)[0])
        assert Image.open(io.BytesIO(content)).size == (128, 128)
        assert post(bot, "png-info", {"image": f"data:image/png;base64,{image}"})["info"] == infotext
    for password, status in ((PASSWORDS["bob"], 200), ("wrong", 401)):
        login = base64.b64encode(f"bob:{password}".encode()).decode()
        stranger = TestClient(bot.app, headers={"Authorization": f"Basic {login}"})
        assert stranger.get("/sdapi/v1/samplers").status_code == status


def test_a_program_that_writes_everything_as_text(client: TestClient) -> None:
    images, info = painted(client, "txt2img", body("values_as_text"), 2)
    assert ({opened(image).size for image in images}, info["not_honoured"]) == ({(192, 192)}, [])


def test_a_program_that_watches_its_task(client: TestClient) -> None:
    """As A1111's own page: it names its task and asks for that one's progress, also when it is over."""
    painted(client, "txt2img", {"prompt": "a fish", "steps": 2, **SIZE, "force_task_id": "task(8f3kx0)"})
    task = client.post("/internal/progress", json={"id_task": "task(8f3kx0)", "id_live_preview": -1}).json()
    assert misfits(task, recorded("internal-progress")["response"]) == []
    assert (task["active"], task["queued"], task["completed"]) == (False, False, True)


@pytest.mark.parametrize("path", ["options", "samplers", "progress"])
def test_how_long_an_answer_took(idle_client: TestClient, path: str) -> None:
    assert float(idle_client.get(f"/sdapi/v1/{path}").headers["X-Process-Time"]) >= 0
