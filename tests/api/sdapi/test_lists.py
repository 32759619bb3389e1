"""What there is to choose from: everything that is listed can be sent."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from modules.diffusion.names import BUILT_IN_NAMES, SAMPLER_NAMES
from modules.services.build import Services


def weights(path: Path, shapes: Mapping[str, tuple[int, ...]], metadata: dict[str, str] | None = None) -> None:
    """A safetensors file of zeros."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, shape in shapes.items():
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))


def test_samplers_and_schedules_are_known_by_every_name(idle_client: TestClient) -> None:
    samplers = idle_client.get("/sdapi/v1/samplers").json()
    assert len(samplers) == len(SAMPLER_NAMES)
    for row in samplers:
        assert {BUILT_IN_NAMES.find_sampler(name).name for name in (row["name"], *row["aliases"])} == {row["name"]}
    by_name = {row["name"]: row for row in samplers}
    assert by_name["DPM++ SDE"]["options"] == {
        "scheduler": "karras",
        "second_order": "True",
        "brownian_noise": "True",
    }
    for row in idle_client.get("/sdapi/v1/schedulers").json():
        names = (row["name"], row["label"], *(row["aliases"] or ()))
        assert len({BUILT_IN_NAMES.find_schedule(name, BUILT_IN_NAMES.find_sampler("Euler")) for name in names}) == 1


def test_the_demo_model(idle_services: Services, idle_client: TestClient) -> None:
    idle_services.models.hash_of("atelier-demo")
    (model,) = idle_client.get("/sdapi/v1/sd-models").json()
    assert model["title"] == f"{model['model_name']} [{model['hash']}]"
    assert model["sha256"].startswith(model["hash"])
    options = idle_client.get("/sdapi/v1/options").json()
    assert (options["sd_model_checkpoint"], options["sd_checkpoint_hash"]) == (model["title"], model["sha256"])
    for name in (model["title"], model["model_name"], model["hash"], model["sha256"]):
        assert idle_client.post("/sdapi/v1/options", json={"sd_model_checkpoint": name}).status_code == 200


def test_networks_are_there_after_a_refresh(idle_services: Services, idle_client: TestClient) -> None:
    models = idle_services.paths.models
    weights(models / "embeddings/old.safetensors", {"emb_params": (3, 768)})
    weights(models / "embeddings/large.safetensors", {"clip_l": (2, 768), "clip_g": (2, 1280)})
    metadata = {"ss_output_name": "pretty", "ss_network_dim": "4"}
    shapes = {f"lora_unet_x.{part}.weight": (4, 4) for part in ("lora_up", "lora_down")}
    weights(models / "Lora/ink.safetensors", shapes, metadata)
    for name in ("embeddings", "loras", "vae", "checkpoints"):
        assert idle_client.post(f"/sdapi/v1/refresh-{name}").json() is None
    words = idle_client.get("/sdapi/v1/embeddings").json()
    found = {name: (row["shape"], row["vectors"]) for name, row in (words["loaded"] | words["skipped"]).items()}
    assert found == {"old": (768, 3), "large": (2048, 2)}
    assert "large" in words["skipped"]
    loras = idle_client.get("/sdapi/v1/loras").json()
    assert [(row["name"], row["alias"], row["metadata"]) for row in loras] == [("ink", "pretty", metadata)]


def test_styles(idle_services: Services, idle_client: TestClient) -> None:
    idle_services.styles.save("ink", "ink drawing of {prompt}", "photo")
    expected = {"name": "ink", "prompt": "ink drawing of {prompt}", "negative_prompt": "photo"}
    assert idle_client.get("/sdapi/v1/prompt-styles").json() == [expected]


def test_upscalers_stand_at_their_places(idle_client: TestClient) -> None:
    names = [row["name"] for row in idle_client.get("/sdapi/v1/upscalers").json()]
    assert names[:3] == ["None", "Lanczos", "Nearest"]
    (row,) = (row for row in idle_client.get("/sdapi/v1/script-info").json() if row["name"] == "sd upscale")
    assert row["args"][2]["choices"] == names


@pytest.mark.parametrize("path", ["hypernetworks", "extensions"])
def test_what_is_not_here_is_an_empty_list(idle_client: TestClient, path: str) -> None:
    assert idle_client.get(f"/sdapi/v1/{path}").json() == []
