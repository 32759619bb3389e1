"""What calls of txt2img and img2img mean, with the demo model behind them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from modules.jobs.job_control import JobControl
from modules.schema.requests import Img2ImgRequest, Txt2ImgRequest
from modules.services.build import Services
from tests.api.sdapi.conftest import SMALL, in_base64, opened, picture, pixels
from tests.services.test_generate import until

HOUSE = {**SMALL, "prompt": "a red house", "steps": 4}


def call(client: TestClient, path: str = "txt2img", **fields: Any) -> tuple[list[str], dict[str, Any]]:
    answer = client.post(f"/sdapi/v1/{path}", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()["images"], json.loads(answer.json()["info"])


def made(services: Services, request: Txt2ImgRequest | Img2ImgRequest) -> list[np.ndarray]:
    job = services.generate.wait(services.generate.submit(request).id, 120)
    assert job.state == "done"
    return [np.asarray(Image.open(services.pictures.file(one))).astype(int) for one in services.pictures.of_job(job.id)]


def test_the_picture_is_that_of_our_own_request(demo_services: Services, client: TestClient) -> None:
    (image,), info = call(client, **HOUSE, sampler_name="DPM++ 2M Karras", negative_prompt="night")
    fields = {**HOUSE, "sampler_name": "DPM++ 2M", "scheduler": "Karras", "negative_prompt": "night", "cfg_scale": 7}
    (same,) = made(demo_services, Txt2ImgRequest.of(fields))
    assert np.array_equal(pixels(image), same)
    assert info["infotexts"] == [opened(image).info["parameters"]]
    assert (info["seed"], info["all_seeds"], info["prompt"]) == (1, [1], "a red house")
    assert (info["sampler_name"], info["extra_generation_params"]["Schedule type"]) == ("DPM++ 2M", "Karras")
    assert info["not_honoured"] == []


def test_every_picture_of_a_call_comes_back_in_order(client: TestClient) -> None:
    images, info = call(client, **{**SMALL, "prompt": "a fish", "batch_size": 2, "n_iter": 2, "seed": 5})
    assert (len(images), info["all_seeds"], info["index_of_first_image"]) == (4, [5, 6, 7, 8], 0)
    seeds = [opened(image).info["parameters"].partition("Seed: ")[2].partition(",")[0] for image in images]
    assert seeds == ["5", "6", "7", "8"]
    none, info = call(client, **SMALL, send_images=False)
    assert (none, len(info["infotexts"])) == ([], 1)


def test_second_pass(demo_services: Services, client: TestClient) -> None:
    fields = {**SMALL, "prompt": "a star", "enable_hr": True, "denoising_strength": 0.6, "hr_scale": 1.5}
    (image,), info = call(client, **fields, hr_upscaler="Latent", hr_sampler_name="Use same sampler", hr_resize_x=0)
    (same,) = made(demo_services, Txt2ImgRequest.of({**fields, "sampler_name": "Euler", "cfg_scale": 7}))
    assert np.array_equal(pixels(image), same)
    assert (opened(image).size, info["denoising_strength"]) == ((192, 192), 0.6)
    first = {**SMALL, "enable_hr": True, "denoising_strength": 0.6, "firstphase_width": 64, "firstphase_height": 64}
    assert opened(call(client, **first)[0][0]).size == (128, 128)
    wide = {**SMALL, "enable_hr": True, "denoising_strength": 0.6, "hr_scale": 0, "hr_resize_x": 200, "hr_upscaler": ""}
    assert opened(call(client, **wide)[0][0]).size == (200, 200)


def test_what_is_sent_of_a_second_pass_that_is_off_means_nothing(client: TestClient) -> None:
    """Clients send their whole form, with names of what may not be here."""
    second: dict[str, Any] = {
        "hr_upscaler": "4x-UltraSharp",
        "hr_scale": 0,
        "hr_second_pass_steps": -1,
        "hr_prompt": "a fish",
    }
    second |= {"hr_checkpoint_name": "nonesuch", "hr_sampler_name": "nonesuch", "hr_scheduler": "nonesuch"}
    (plain,), _ = call(client, **HOUSE)
    (image,), info = call(client, **HOUSE, **second, enable_hr=False, denoising_strength=0.7)
    assert (opened(image).info["parameters"], info["not_honoured"]) == (opened(plain).info["parameters"], [])
    body = {**SMALL, **second, "enable_hr": True, "denoising_strength": 0.7}
    assert client.post("/sdapi/v1/txt2img", json=body).status_code == 404


def test_fields_without_content_mean_nothing(client: TestClient) -> None:
    empty: dict[str, Any] = {
        "mask": "",
        "latent_mask": "",
        "firstpass_image": "",
        "hr_upscaler": "",
        "sampler_name": "",
        "styles": [""],
    }
    empty |= {"scheduler": "", "refiner_checkpoint": "", "script_name": "", "infotext": "", "force_task_id": ""}
    sides: dict[str, Any] = {"seed_resize_from_w": 512, "seed_resize_from_h": 0}
    (plain,), _ = call(client, **HOUSE)
    (image,), info = call(client, **HOUSE, **empty, **sides)
    assert (opened(image).info["parameters"], info["not_honoured"]) == (opened(plain).info["parameters"], [])
    begin = {**SMALL, "prompt": "a fish", "init_images": [picture()]}
    (plain,), _ = call(client, "img2img", **begin)
    (image,), _ = call(client, "img2img", **begin, **empty)
    assert opened(image).info["parameters"] == opened(plain).info["parameters"]


def test_img2img_with_a_mask(demo_services: Services, client: TestClient) -> None:
    begin = picture(colour=(90, 120, 200))
    mask = Image.new("L", (128, 128), 0)
    mask.paste(255, (0, 0, 64, 128))
    fields = {**SMALL, "prompt": "a red fish", "denoising_strength": 0.8, "steps": 4}
    (image,), _ = call(
        client,
        "img2img",
        **fields,
        init_images=[f"data:image/png;base64,{begin}"],
        mask=in_base64(mask),
        mask_blur=0,
        inpainting_fill=1,
        inpaint_full_res=False,
    )
    stored = demo_services.inputs.add(opened(begin)), demo_services.inputs.add(mask.convert("RGB"))
    ours = {**fields, "init_images": [stored[0]], "mask": stored[1], "mask_blur_x": 0, "mask_blur_y": 0}
    (same,) = made(demo_services, Img2ImgRequest.of({**ours, "sampler_name": "Euler", "cfg_scale": 7}))
    assert np.array_equal(pixels(image), same)
    assert np.array_equal(pixels(image)[:, 64:], pixels(begin)[:, 64:])
    assert not np.array_equal(pixels(image)[:, :64], pixels(begin)[:, :64])
    transparent = Image.new("RGBA", (128, 128), (255, 255, 255, 0))
    transparent.paste((0, 0, 0, 255), (0, 0, 64, 128))
    by_alpha = call(
        client,
        "img2img",
        **fields,
        init_images=[begin],
        mask=in_base64(transparent),
        mask_blur=0,
        inpainting_fill="original",
        inpaint_full_res=False,
    )
    assert np.array_equal(pixels(by_alpha[0][0]), same)


def test_img2img_of_several_pictures_and_what_is_repeated(client: TestClient) -> None:
    begin = [picture(colour=(200, 20, 20)), picture(colour=(20, 20, 200))]
    answer = client.post("/sdapi/v1/img2img", json={**SMALL, "init_images": begin, "include_init_images": True}).json()
    assert len(answer["images"]) == 2
    assert answer["parameters"]["init_images"] == begin
    red, blue = (pixels(image).mean((0, 1)) for image in answer["images"])
    assert red[0] > blue[0]
    assert blue[2] > red[2]


def test_sides_are_cut_down_to_whole_latents(client: TestClient) -> None:
    (image,), info = call(
        client, **{**SMALL, "width": 133, "height": 70}, seed_resize_from_w=99, seed_resize_from_h=100
    )
    assert opened(image).size == (128, 64)
    assert (info["seed_resize_from_w"], info["seed_resize_from_h"]) == (96, 96)


def test_fields_that_only_our_requests_have(demo_services: Services, client: TestClient) -> None:
    (image,), _ = call(client, **HOUSE, cfg_rescale=0.7)
    fields = {**HOUSE, "sampler_name": "Euler", "cfg_scale": 7}
    (same,) = made(demo_services, Txt2ImgRequest.of({**fields, "cfg_rescale": 0.7}))
    (other,) = made(demo_services, Txt2ImgRequest.of(fields))
    assert np.array_equal(pixels(image), same)
    assert not np.array_equal(same, other)


def test_an_infotext_fills_what_was_not_sent(client: TestClient) -> None:
    fields = {**HOUSE, "sampler_name": "DPM++ 2M SDE", "scheduler": "Karras", "cfg_scale": 4, "eta": 0.5}
    (image,), info = call(client, **fields, override_settings={"CLIP_stop_at_last_layers": 2})
    (again,), told = call(client, infotext=info["infotexts"][0])
    assert np.array_equal(pixels(image), pixels(again))
    assert told["clip_skip"] == 2
    _, changed = call(client, infotext=info["infotexts"][0], seed=9, sampler_index="Euler", steps=2)
    assert (changed["seed"], changed["sampler_name"], changed["steps"], changed["cfg_scale"]) == (9, "Euler", 2, 4)
    odd = info["infotexts"][0].replace("Model: atelier-demo", "Model: nonesuch")
    assert call(client, infotext=odd)[1]["sd_model_name"] == "atelier-demo"
    wanted = {"infotext": odd, "override_settings": {"disable_weights_auto_swap": False}}
    assert client.post("/sdapi/v1/txt2img", json=wanted).status_code == 404


def test_what_has_no_effect_is_told(client: TestClient) -> None:
    odd = {"token_merging_ratio": 0.5, "nonesuch": 1, "grid_format": "jpg", "live_previews_enable": False}
    _, info = call(client, **SMALL, restore_faces=True, override_settings={**odd, "queue_limit": 64}, strange=1)
    assert len(info["not_honoured"]) == 5
    assert [name in " ".join(info["not_honoured"]) for name in ("restore_faces", *odd)] == [True] * 5
    assert client.get("/sdapi/v1/options").json()["live_previews_enable"] is True


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({"CLIP_stop_at_last_layers": 2, "sd_vae": "None"}, {"clip_skip": 2}),
        (
            {"eta_noise_seed_delta": 31337, "eta_ancestral": 0.5, "eta_ddim": 0.9},
            {"eta_noise_seed_delta": 31337, "eta": 0.5},
        ),
        ({"randn_source": "CPU", "sd_noise_schedule": "Zero Terminal SNR"}, {"rng": "CPU", "zero_terminal_snr": True}),
        ({"sd_model_checkpoint": "atelier-demo [0123456789]", "tiling": True}, {"tiling": "Both"}),
        (
            {"always_discard_next_to_last_sigma": True, "s_noise": 0.9},
            {"discard_next_to_last_sigma": True, "s_noise": 0.9},
        ),
        ({"emphasis": "No norm", "s_min_uncond": 0.5, "queue_limit": 64}, {"emphasis": "No norm", "s_min_uncond": 0.5}),
    ],
)
def test_settings_of_one_request_are_its_fields(
    demo_services: Services, client: TestClient, settings: dict[str, object], fields: dict[str, object]
) -> None:
    ancestral = {**SMALL, "prompt": "(a star:1.2)", "steps": 4, "sampler_name": "Euler a"}
    (image,), _ = call(client, **ancestral, override_settings=settings)
    (same,) = made(demo_services, Txt2ImgRequest.of({**ancestral, "cfg_scale": 7, **fields}))
    assert np.array_equal(pixels(image), same)


async def _at_once(application: Any, bodies: list[dict[str, Any]]) -> list[httpx.Response]:
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver", timeout=240) as client:
        return list(await asyncio.gather(*(client.post("/sdapi/v1/txt2img", json=body) for body in bodies)))


def test_calls_at_once_get_each_its_own(demo_services: Services, client: TestClient) -> None:
    bodies = [
        {**HOUSE, "seed": 40 + number, "override_settings": {"CLIP_stop_at_last_layers": 1 + number % 4}}
        for number in range(8)
    ]
    before = client.get("/sdapi/v1/options").json()
    answers = asyncio.run(_at_once(client.app, bodies))
    for number, (body, answer) in enumerate(zip(bodies, answers, strict=True)):
        info = json.loads(answer.json()["info"])
        assert (info["seed"], info["clip_skip"]) == (40 + number, 1 + number % 4)
        (alone,), _ = call(client, **body)
        assert np.array_equal(pixels(answer.json()["images"][0]), pixels(alone))
    assert client.get("/sdapi/v1/options").json() == before


def test_waiting_calls_hold_no_threads(demo_services: Services, client: TestClient) -> None:
    """More of them than the server has threads for calls."""
    count = 120
    demo_services.settings.change(queue_limit=count)
    demo_services.generate.pause()
    answers: list[httpx.Response] = []
    waiting = threading.Thread(target=lambda: answers.extend(asyncio.run(_at_once(client.app, [dict(SMALL)] * count))))
    try:
        waiting.start()
        until(lambda: client.get("/internal/pending-tasks").json()["size"] == count)
        assert client.get("/sdapi/v1/samplers").status_code == 200
        assert client.post("/sdapi/v1/txt2img", json=SMALL).status_code == 429
        demo_services.generate.cancel_all(None)
        waiting.join(60)
        assert [answer.status_code for answer in answers] == [200] * count
        assert {len(answer.json()["images"]) for answer in answers} == {0}
    finally:
        demo_services.generate.cancel_all(None)
        demo_services.generate.resume()
        demo_services.settings.change(queue_limit=64)
        waiting.join(60)


@pytest.fixture
def running(demo_services: Services, client: TestClient) -> Iterator[Callable[..., dict[str, Any]]]:
    """Starts a long call in a thread; the answer is there when `join` was called."""
    threads: list[threading.Thread] = []
    answer: dict[str, Any] = {}

    def start(**fields: Any) -> dict[str, Any]:
        body = {"prompt": "a fish", "steps": 150, "width": 256, "height": 256, "seed": 1, **fields}

        def run() -> None:
            answer["json"] = client.post("/sdapi/v1/txt2img", json=body).json()

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        answer["join"] = threads[-1].join
        return answer

    yield start
    demo_services.generate.cancel_all(None)
    for thread in threads:
        thread.join(60)


def test_progress_and_interrupt(client: TestClient, running: Callable[..., dict[str, Any]]) -> None:
    answer = running(force_task_id="task(mine)")
    until(lambda: client.get("/sdapi/v1/progress").json()["state"]["sampling_step"] > 2)
    until(lambda: client.get("/sdapi/v1/progress").json()["current_image"] is not None)
    now = client.get("/sdapi/v1/progress").json()
    assert 0 < now["progress"] < 1
    assert now["eta_relative"] > 0
    assert (now["state"]["job"], now["state"]["job_count"], now["state"]["sampling_steps"]) == ("txt2img", 1, 150)
    assert opened(now["current_image"]).format == "JPEG"
    assert client.get("/sdapi/v1/progress", params={"skip_current_image": True}).json()["current_image"] is None
    task = client.post("/internal/progress", json={"id_task": "task(mine)"}).json()
    assert (task["active"], task["queued"], task["completed"]) == (True, False, False)
    assert task["live_preview"].startswith("data:image/jpeg;base64,")
    assert client.post("/sdapi/v1/interrupt").json() == {}
    answer["join"](60)
    assert answer["json"]["parameters"]["force_task_id"] == "task(mine)"
    over = client.post("/internal/progress", json={"id_task": "task(mine)"}).json()
    assert (over["active"], over["queued"], over["completed"]) == (False, False, True)
    assert client.get("/sdapi/v1/progress").json()["progress"] == 0


def test_skip_goes_on_with_the_next_batch(client: TestClient, running: Callable[..., dict[str, Any]]) -> None:
    answer = running(n_iter=2, steps=30)
    until(lambda: client.get("/sdapi/v1/progress").json()["state"]["sampling_step"] > 2)
    assert client.post("/sdapi/v1/skip").json() is None
    answer["join"](120)
    assert len(answer["json"]["images"]) == 1
    assert json.loads(answer["json"]["info"])["all_seeds"] == [2]


def test_an_interrupt_waits_for_no_batch(
    demo_services: Services, client: TestClient, running: Callable[..., dict[str, Any]]
) -> None:
    """As A1111's route has it, whatever the setting of the page's button says."""
    assert demo_services.settings.current.interrupt_after_current
    answer = running(n_iter=2)
    until(lambda: client.get("/sdapi/v1/progress").json()["state"]["sampling_step"] > 2)
    assert client.post("/sdapi/v1/interrupt").json() == {}
    answer["join"](60)
    assert answer["json"]["images"] == []


@pytest.mark.parametrize(
    ("wish", "told"),
    [("interrupt", "interrupted"), ("skip", "skipped"), ("after_current", "stopping_generation")],
)
def test_what_was_asked_of_a_job_is_told_until_it_ends(
    demo_services: Services,
    client: TestClient,
    running: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    wish: str,
    told: str,
) -> None:
    names = ("interrupted", "skipped", "stopping_generation")
    waits, obeys = threading.Event(), threading.Event()
    check = JobControl.check

    def obey(control: JobControl) -> None:
        if waits.is_set():
            obeys.wait(60)
        if obeys.is_set():
            check(control)

    monkeypatch.setattr(JobControl, "check", obey)
    answer = running()
    until(lambda: client.get("/sdapi/v1/progress").json()["state"]["sampling_step"] > 2)
    waits.set()

    def state() -> list[bool]:
        now = client.get("/sdapi/v1/progress", params={"skip_current_image": True}).json()["state"]
        return [now[name] for name in names]

    assert state() == [False] * 3
    if wish == "after_current":
        demo_services.generate.interrupt(demo_services.generate.active_jobs()[0].id, "after_current")
    else:
        client.post(f"/sdapi/v1/{wish}")
    assert state() == [name == told for name in names]
    if wish == "after_current":
        demo_services.generate.interrupt(demo_services.generate.active_jobs()[0].id, "after_current")
        assert state() == [True, False, True]
    obeys.set()
    answer["join"](120)
    assert state() == [False] * 3
    running(steps=2)["join"](120)
    assert state() == [False] * 3


def test_a_body_needs_no_content_type(client: TestClient) -> None:
    """A1111 reads one without as JSON."""
    answer = client.post("/sdapi/v1/txt2img", content=json.dumps({**SMALL, "prompt": "a fish"}).encode())
    assert "content-type" not in answer.request.headers
    assert (answer.status_code, len(answer.json()["images"])) == (200, 1)


def test_waiting_calls_are_named(
    demo_services: Services, client: TestClient, running: Callable[..., dict[str, Any]]
) -> None:
    demo_services.generate.pause()
    try:
        answer = running(force_task_id="task(waits)", **{**SMALL, "steps": 1})
        until(lambda: client.get("/internal/pending-tasks").json() == {"size": 1, "tasks": ["task(waits)"]})
        task = client.post("/internal/progress", json={"id_task": "task(waits)"}).json()
        assert (task["active"], task["queued"], task["textinfo"]) == (False, True, "In queue: 1/1")
    finally:
        demo_services.generate.resume()
    answer["join"](60)
    assert len(answer["json"]["images"]) == 1
    assert client.get("/internal/pending-tasks").json() == {"size": 0, "tasks": []}
