"""What a call names that is not here is left out and told; our own API goes on refusing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from modules.api.sdapi.bodies import Txt2ImgBody
from modules.api.sdapi.fields import asked_of
from modules.schema.requests import Txt2ImgRequest
from modules.services.build import Services
from tests.api.sdapi.conftest import SMALL, opened, pixels
from tests.api.sdapi.test_calls import call
from tests.api.sdapi.test_lists import weights

PAIR = ("lora_down", "lora_up")
OF_SDXL = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k"


@pytest.fixture
def filled(idle_services: Services) -> Services:
    """Services with a LoRA, one of another family, one that is none, and styles."""
    folder = idle_services.paths.models / "Lora"
    weights(folder / "ink.safetensors", {f"lora_unet_x.{part}.weight": (4, 4) for part in PAIR})
    shapes = dict(zip(PAIR, [(4, 2048), (640, 4)], strict=True))
    weights(folder / "large.safetensors", {f"{OF_SDXL}.{part}.weight": shape for part, shape in shapes.items()})
    folder.joinpath("broken.safetensors").write_bytes(b"<!doctype html><html></html>")
    idle_services.model_files.refresh(("lora",), wait=20, read=True)
    idle_services.styles.save("plain", "{prompt}, drawn", "photo")
    idle_services.styles.save("inked", "<lora:ink:0.5> {prompt}")
    idle_services.styles.save("lost", "{prompt}, lost <lora:gone:1>", "found")
    return idle_services


def asked(services: Services, **fields: Any) -> tuple[Txt2ImgRequest, tuple[str, ...]]:
    """The request of a body, which can be carried out, and what was left out of it."""
    found = asked_of(services, Txt2ImgBody.model_validate({**SMALL, **fields}), "txt2img", {})
    services.resolver.resolve(found.request)
    assert isinstance(found.request, Txt2ImgRequest)
    return found.request, found.not_honoured


@pytest.mark.parametrize(
    ("prompt", "left", "told"),
    [
        ("a cat <lora:ink:0.5>", "a cat <lora:ink:0.5>", ()),
        ("a <lora:gone:1>cat<lora:ink>", "a cat<lora:ink>", ("the LoRA 'gone' is not here",)),
        ("a cat<lora:gone:1><lora:gone:1>", "a cat", ("the LoRA 'gone' is not here",)),
        ("<lyco:gone:1:0.5>a cat", "a cat", ("the LoRA 'gone' is not here",)),
        ("a cat <lora:large:1>", "a cat ", ("of another family",)),
        ("a cat <lora:broken:1>", "a cat ", ("broken",)),
        ("a cat <lora:ink:much>", "a cat ", ("has the multiplier 'much'",)),
        ("a cat <hypernet:gone:1>", "a cat ", ("asks for a hypernetwork",)),
        ("a cat # <lora:gone:1>", "a cat # <lora:gone:1>", ()),
        ("<lora:gone:1><hypernet:x:1>", "", ("'gone' is not here", "hypernetwork")),
        ("a <b:c> cat", "a <b:c> cat", ()),
    ],
)
def test_tags_of_networks(filled: Services, prompt: str, left: str, told: tuple[str, ...]) -> None:
    request, problems = asked(filled, prompt=prompt)
    assert request.prompt == left
    assert len(problems) == len(told)
    assert all(words in problem for words, problem in zip(told, problems, strict=True))
    assert all("was left out" in problem for problem in problems)


def test_tags_of_the_second_pass(filled: Services) -> None:
    second = {"hr_prompt": "a dog <lora:gone:1>", "denoising_strength": 0.5}
    request, problems = asked(filled, prompt="a cat<lora:other:1>", enable_hr=True, **second)
    assert (request.prompt, request.hr_prompt) == ("a cat", "a dog ")
    assert ["other" in problems[0], "gone" in problems[1]] == [True, True]
    request, problems = asked(filled, prompt="a cat", **second)
    assert (request.hr_prompt, problems) == ("", ())


def test_styles(filled: Services) -> None:
    request, problems = asked(filled, prompt="a cat", styles=["plain", "None", "", "nonesuch", "inked"])
    assert request.styles == ("plain", "inked")
    assert ["'None'" in problems[0], "'nonesuch'" in problems[1], len(problems)] == [True, True, 2]


def test_a_tag_in_a_style(filled: Services) -> None:
    """The styles are carried out then, or their tag would come back with them."""
    fields = {"enable_hr": True, "denoising_strength": 0.5, "hr_negative_prompt": "dim"}
    request, problems = asked(filled, prompt="a cat", negative_prompt="dark", styles=["inked", "lost"], **fields)
    assert (request.prompt, request.negative_prompt) == ("<lora:ink:0.5> a cat, lost ", "dark, found")
    assert (request.hr_prompt, request.hr_negative_prompt, request.styles) == ("", "dim, found", ())
    assert ["'gone' is not here" in problem for problem in problems] == [True]


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({"prompt": "a cat <lora:gone:1>", "hr_prompt": "<lora:ink>a dog"}, ("a cat ", "a dog")),
        ({"infotext": "a cat <lora:ink:1>\nSteps: 2, Sampler: Euler, Seed: 1"}, ("a cat ", "")),
        ({"prompt": "a cat", "styles": ["inked"]}, (" a cat", "")),
    ],
)
def test_networks_can_be_switched_off(filled: Services, fields: Mapping[str, Any], left: tuple[str, str]) -> None:
    request, problems = asked(filled, disable_extra_networks=True, enable_hr=True, denoising_strength=0.5, **fields)
    assert (request.prompt, request.hr_prompt, request.styles, problems) == (*left, (), ())


def test_words_that_are_yet_to_be_drawn_stay(filled: Services) -> None:
    request, problems = asked(filled, prompt="a cat <lora:{ink|ink}:1>", wildcards=True)
    assert (request.prompt, problems) == ("a cat <lora:{ink|ink}:1>", ())


def test_a_vae(filled: Services) -> None:
    request, problems = asked(filled, override_settings={"sd_vae": "vae-ft-mse-840000-ema-pruned.safetensors"})
    assert request.sd_vae == "None"
    assert "'vae-ft-mse-840000-ema-pruned.safetensors' is not here" in problems[0]
    for name in ("Automatic", "None"):
        request, problems = asked(filled, override_settings={"sd_vae": name})
        assert (request.sd_vae, problems) == (name, ())


def test_the_picture_is_that_of_what_is_here(client: TestClient) -> None:
    prompt = "a red house"
    (plain,), info = call(client, **SMALL, prompt=prompt)
    assert info["not_honoured"] == []
    (image,), info = call(client, **SMALL, prompt=f"{prompt}<lora:gone:0.8>", styles=["nonesuch"])
    assert np.array_equal(pixels(image), pixels(plain))
    assert ["'nonesuch'" in info["not_honoured"][0], "'gone'" in info["not_honoured"][1]] == [True, True]
    assert (info["prompt"], info["styles"]) == (prompt, [])
    infotext = opened(image).info["parameters"]
    assert infotext.split("\n")[0] == prompt
    (again,), told = call(client, infotext=infotext)
    assert (np.array_equal(pixels(again), pixels(plain)), told["not_honoured"]) == (True, [])


@pytest.mark.parametrize("wrong", [{"prompt": "<lora:gone:1>"}, {"styles": ["nonesuch"]}, {"sd_vae": "nonesuch"}])
def test_our_own_routes_refuse(idle_client: TestClient, wrong: dict[str, Any]) -> None:
    answer = idle_client.post("/api/v1/jobs/txt2img", json=wrong)
    assert answer.status_code in (404, 422)
