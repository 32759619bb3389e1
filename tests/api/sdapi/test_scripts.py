"""Scripts by A1111's names, with arguments in A1111's order."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from modules.api.sdapi.script_arguments import axis_labels
from modules.builtin.axes import A1111_AXES
from modules.schema.requests import Task
from tests.api.sdapi.conftest import SMALL, opened, picture, pixels
from tests.api.sdapi.test_calls import call

PLOT_OF_A1111: list[Any] = [
    *(4, "2,3", [], 1, "5-6", [], 0, "", []),
    *(True, True, False, False, False, False, False, 0, False),
]
"""Steps 2 and 3 by seeds 5 and 6, as clients of A1111 send it."""


@pytest.mark.parametrize("axis", [4, "Steps", "steps"])
def test_plot(client: TestClient, axis: object) -> None:
    images, info = call(client, **SMALL, script_name="x/y/z PLOT", script_args=[axis, *PLOT_OF_A1111[1:]])
    assert (len(images), info["index_of_first_image"]) == (5, 1)
    assert opened(images[0]).width > 2 * 128
    assert "X Type: Steps" in opened(images[0]).info["parameters"]
    assert info["all_seeds"][1:] == [5, 5, 6, 6] or sorted(info["all_seeds"][1:]) == [5, 5, 6, 6]
    for image, text in zip(images, info["infotexts"], strict=True):
        assert opened(image).info["parameters"] == text
    seed, steps = info["all_seeds"][1], int(info["infotexts"][1].partition("Steps: ")[2].partition(",")[0])
    (alone,), _ = call(client, **{**SMALL, "seed": seed, "steps": steps})
    assert np.array_equal(pixels(images[1]), pixels(alone))


def test_plot_of_values_chosen_from_a_list(client: TestClient) -> None:
    place = axis_labels("txt2img").index("Sampler")
    arguments = [place, "", ["Euler", "Heun"], *PLOT_OF_A1111[3:]]
    arguments[3:5] = [0, ""]
    _, info = call(client, **SMALL, script_name="X/Y/Z plot", script_args=arguments)
    told = [text.partition("Sampler: ")[2].partition(",")[0] for text in info["infotexts"][1:]]
    assert sorted(told) == ["Euler", "Heun"]


def test_places_of_axes_are_those_of_a1111() -> None:
    txt2img, img2img = axis_labels("txt2img"), axis_labels("img2img")
    assert (txt2img[:7], txt2img[9:12]) == (
        ("Nothing", "Seed", "Var. seed", "Var. strength", "Steps", "Hires steps", "CFG Scale"),
        ("Sampler", "Hires sampler", "Checkpoint name"),
    )
    assert (img2img[5:7], img2img[9]) == (("CFG Scale", "Image CFG Scale"), "Sampler")
    assert set(A1111_AXES) <= {*txt2img, *img2img}


def test_matrix_lines_and_loops(client: TestClient) -> None:
    matrix = [False, False, "positive", "comma", 0]
    images, info = call(client, **SMALL, prompt="a fish|red", script_name="Prompt matrix", script_args=matrix)
    assert (len(images), info["all_prompts"][1:]) == (3, ["a fish", "a fish, red"])
    lines = [False, False, "start", 'a star\n--prompt "a moon" --steps 3']
    images, info = call(client, **SMALL, script_name="Prompts from file or textbox", script_args=lines)
    assert (len(images), info["all_prompts"]) == (2, ["a star", "a moon"])
    loops = [2, 0.3, "Linear", "None"]
    fields = {**SMALL, "init_images": [picture()], "script_name": "Loopback", "script_args": loops}
    images, info = call(client, "img2img", **fields)
    assert (len(images), info["index_of_first_image"]) == (3, 1)


@pytest.mark.parametrize("upscaler", [1, "Lanczos"])
def test_tiled_upscale(client: TestClient, upscaler: object) -> None:
    fields = {**SMALL, "init_images": [picture()], "denoising_strength": 0.3}
    images, info = call(client, "img2img", **fields, script_name="SD upscale", script_args=["", 64, upscaler, 1.5])
    assert opened(images[0]).size == (192, 192)
    assert info["extra_generation_params"]["SD upscale upscaler"] == "Lanczos"


@pytest.mark.parametrize(
    ("scripts", "same"),
    [
        ({"Seed": [7, True, 8, 0.25, 0, 0]}, {"seed": 7, "subseed": 8, "subseed_strength": 0.25}),
        ({"seed": [7, False, 8, 0.25, 0, 0]}, {"seed": 7}),
        ({"Sampler": [3, "Heun", "Karras"]}, {"steps": 3, "sampler_name": "Heun", "scheduler": "Karras"}),
        ({"Refiner": [False, "nonesuch", 0.5]}, {}),
        (
            {"Refiner": [True, "atelier-demo", 0.5]},
            {"refiner_checkpoint": "atelier-demo", "refiner_switch_at": 0.5},
        ),
    ],
)
def test_always_on_scripts_are_fields(
    client: TestClient, scripts: dict[str, list[object]], same: dict[str, object]
) -> None:
    always = {name: {"args": args} for name, args in scripts.items()}
    (image,), info = call(client, **SMALL, alwayson_scripts=always)
    (other,), told = call(client, **{**SMALL, **same})
    assert np.array_equal(pixels(image), pixels(other))
    assert info["infotexts"] == told["infotexts"]


def test_soft_inpainting(client: TestClient) -> None:
    fields = {**SMALL, "init_images": [picture()], "mask": picture(colour=(255, 255, 255)), "inpaint_full_res": False}
    arguments = {"Soft inpainting": {"args": [True, 1.5, 0.5, 4, 0, 0.5, 2]}}
    _, info = call(client, "img2img", **fields, alwayson_scripts=arguments)
    assert info["extra_generation_params"]["Soft inpainting schedule bias"] == "1.5"
    refused = client.post("/sdapi/v1/txt2img", json={**SMALL, "alwayson_scripts": arguments})
    assert (refused.status_code, refused.json()["detail"]) == (422, "always on script Soft inpainting not found")


def test_sections_of_extensions(client: TestClient) -> None:
    arguments = [True, 5, "Pixels", "#102030", "", picture(8, 8, colour=(255, 0, 0)), "Top left", 25, 100, 0]
    always = {"border AND watermark": {"args": arguments}, "Prompt tools": {"args": [False, "not put there"]}}
    (image,), info = call(client, **SMALL, alwayson_scripts=always)
    framed, (plain,) = pixels(image), call(client, **SMALL)[0]
    assert (framed[:5] == (16, 32, 48)).all()
    side = round(pixels(plain).shape[0] / 4)
    assert (framed[5 : 5 + side, 5 : 5 + side] == (255, 0, 0)).all()
    assert np.array_equal(framed[5 + side : -5, 5:-5], pixels(plain)[side:])
    told = info["extra_generation_params"]
    assert (told["Sections"], told["Border width"]) == ("Border and watermark", "5")
    assert "not put there" not in info["infotexts"][0]
    (image,), _ = call(client, **SMALL, alwayson_scripts={"Border and watermark": {"args": []}})
    assert np.array_equal(pixels(image), pixels(plain))


def test_sections_are_told_with_the_order_of_their_arguments(idle_client: TestClient) -> None:
    infos = idle_client.get("/sdapi/v1/script-info").json()
    border = next(row for row in infos if row["name"] == "border and watermark" and not row["is_img2img"])
    assert border["is_alwayson"] is True
    assert [row["label"] for row in border["args"]][:3] == ["Enabled", "Border width", "Border width is in"]
    assert border["args"][6]["choices"][0] == "Top left"
    body = {**SMALL, "alwayson_scripts": {"Border and watermark": {"args": [row["value"] for row in border["args"]]}}}
    assert _accepted(idle_client, "txt2img", body)
    for args, sentence in (
        ([True, 5000], "Border width 5000 is too large. The most is 1000."),
        ([True] * 12, "are more than the 11 of Border and watermark"),
        ([True, 0, "Pixels", "#ffffff", "", "no picture"], "picture"),
    ):
        body = {**SMALL, "alwayson_scripts": {"Border and watermark": {"args": args}}}
        answer = idle_client.post("/sdapi/v1/txt2img", json=body)
        assert answer.status_code == 422 and sentence in answer.json()["errors"]


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("X/Y/Z plot", [999, *PLOT_OF_A1111[1:]], "999 is no place in A1111's list of axes"),
        ("X/Y/Z plot", [axis_labels("txt2img").index("FP8 mode"), *PLOT_OF_A1111[1:]], "'FP8 mode' is not known"),
        ("X/Y/Z plot", [*PLOT_OF_A1111, 1], "are more than the 18 of X/Y/Z plot"),
        ("Prompt matrix", ["perhaps"], "is neither on nor off"),
        ("Loopback", [1], "does not run with txt2img"),
    ],
)
def test_refusals(idle_client: TestClient, name: str, arguments: list[object], sentence: str) -> None:
    body = {**SMALL, "prompt": "a|b", "script_name": name, "script_args": arguments}
    answer = idle_client.post("/sdapi/v1/txt2img", json=body)
    assert answer.status_code == 422
    assert sentence in answer.json()["errors"]


@pytest.mark.parametrize("task", ["txt2img", "img2img"])
def test_the_order_that_is_told_is_the_one_that_is_read(idle_client: TestClient, task: Task) -> None:
    names = idle_client.get("/sdapi/v1/scripts").json()[task]
    infos = [row for row in idle_client.get("/sdapi/v1/script-info").json() if row["is_img2img"] == (task == "img2img")]
    assert [row["name"] for row in infos] == names
    by_name = {row["name"]: row for row in infos}
    plot = by_name["x/y/z plot"]["args"]
    assert len(plot) == len(PLOT_OF_A1111)
    assert plot[0]["choices"] == list(axis_labels(task))
    assert [row["label"] for row in by_name["prompt matrix"]["args"]][2:4] == ["Select prompt", "Select joining char"]
    assert by_name["prompt matrix"]["args"][4] == {
        "label": "Grid margins (px)",
        "value": 0,
        "minimum": 0,
        "maximum": 500,
        "step": 2,
        "choices": None,
    }
    defaults = {name: [argument["value"] for argument in by_name[name]["args"]] for name in names}
    prompt = {**SMALL, "prompt": "a|b", "init_images": [picture()]}
    for name in ("prompt matrix", "loopback") if task == "img2img" else ("prompt matrix",):
        assert idle_client.app is not None
        body = {**prompt, "script_name": name, "script_args": defaults[name]}
        assert _accepted(idle_client, task, body), json.dumps(body)[:200]


def _accepted(client: TestClient, task: Task, body: dict[str, Any]) -> bool:
    """Whether a body is understood: the same one with a step too many is refused for that alone."""
    answer = client.post(f"/sdapi/v1/{task}", json={**body, "steps": 151})
    return answer.status_code == 422 and "Steps 151 is too large" in answer.json()["errors"]
