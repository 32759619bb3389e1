"""The routes of merges, on single files of which only the small tensors are there."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from starlette.testclient import TestClient

import modules.checkpoints.merging as merging_module
from modules.checkpoints.weights_header import read_header
from modules.config.paths import Paths
from modules.services.build import Services
from tests.api.test_models import refusal
from tests.small_checkpoints import write_small

ROOT = "/api/v1/merges"
NAME = "model.diffusion_model.middle_block.0.in_layers.0.bias"
VAE_NAME = "first_stage_model.decoder.conv_in.bias"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with A and B, written once."""
    folder = tmp_path_factory.mktemp("written")
    write_small(folder / "a.safetensors", seed=0)
    write_small(folder / "b.safetensors", seed=1)
    return folder


@pytest.fixture
def folder(paths: Paths, written: Path) -> Path:
    """The folder of checkpoints, with A and B in it."""
    return Path(shutil.copytree(written, paths.data / "models" / "Stable-diffusion"))


@pytest.fixture(scope="module")
def still_folder(still_services: Services, written: Path) -> Path:
    """The same of the services that stay as they are."""
    return Path(shutil.copytree(written, still_services.paths.data / "models" / "Stable-diffusion"))


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Merges wait for it before they write their first tensor."""
    opened, cut = threading.Event(), merging_module._cut

    def waiting(tensor: torch.Tensor) -> Any:
        opened.wait(30)
        return cut(tensor)

    monkeypatch.setattr(merging_module, "_cut", waiting)
    return opened


def started(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post(ROOT, json=body)
    assert answer.status_code == 201, answer.text
    report: dict[str, Any] = answer.json()
    return report


def ended(client: TestClient, services: Services, **body: Any) -> dict[str, Any]:
    id = started(client, **body)["id"]
    assert services.merging.wait(60)
    report: dict[str, Any] = client.get(f"{ROOT}/{id}").json()
    return report


def test_result_appears_among_the_models(idle_client: TestClient, idle_services: Services, folder: Path) -> None:
    report = ended(idle_client, idle_services, models=["a", "b"], multiplier=0.25)
    assert (report["state"], report["progress"], report["error"]) == ("done", 1.0, "")
    assert report["name"] == "0.75(a) + 0.25(b)"
    a, b = (load_file(folder / f"{name}.safetensors")[NAME].float() for name in "ab")
    made = load_file(folder / f"{report['name']}.safetensors")
    assert torch.equal(made[NAME], (a * 0.75 + b * 0.25).half())
    assert (report["merged"] + report["kept"], report["left_out"]) == (len(made), 0)
    assert idle_client.get(f"/api/v1/models/checkpoint/{report['name']}").json()["family"] == "sd1"
    answer = idle_client.get(ROOT)
    assert answer.json() == [report] and str(folder) not in answer.text


def test_every_field_of_a_recipe(idle_client: TestClient, idle_services: Services, folder: Path, paths: Paths) -> None:
    vae = write_small(paths.vae_folders[0] / "clear.safetensors", "vae_kl_f8", seed=5)
    write_small(folder / "c.safetensors", seed=2)
    (folder / "mine.safetensors").write_bytes(b"old")
    report = ended(
        idle_client,
        idle_services,
        models=["a", "b", "c"],
        method="Add difference",
        multiplier=0.5,
        blocks="M00=0.0",
        dtype="fp32",
        discard=["model_ema.*", "*.out.2.bias"],
        copy_metadata=False,
        vae="clear.safetensors",
        name="mine",
        overwrite=True,
    )
    assert (report["state"], report["name"]) == ("done", "mine"), report
    made, header = load_file(folder / "mine.safetensors"), read_header(folder / "mine.safetensors")
    assert torch.equal(made[VAE_NAME], vae["decoder.conv_in.bias"].float())
    assert torch.equal(made[NAME], load_file(folder / "a.safetensors")[NAME].float())  # its block's amount is 0
    assert "model.diffusion_model.out.2.bias" not in made and made[NAME].dtype == torch.float32
    recipe = json.loads(header.metadata["sd_merge_recipe"])
    assert (recipe["interp_method"], recipe["multiplier"], recipe["bake_in_vae"]) == (
        "Add difference",
        0.5,
        "clear.safetensors",
    )


@pytest.mark.parametrize("vae", ["", "None"])
def test_without_a_vae_that_of_a_stays(
    idle_client: TestClient, idle_services: Services, folder: Path, vae: str
) -> None:
    report = ended(idle_client, idle_services, models=["a"], method="No interpolation", vae=vae, name="same")
    assert report["state"] == "done", report
    made, a = (load_file(folder / f"{name}.safetensors")[VAE_NAME] for name in ("same", "a"))
    assert torch.equal(made, a)


def test_vae_of_a_checkpoint(idle_client: TestClient, idle_services: Services, folder: Path) -> None:
    report = ended(idle_client, idle_services, models=["a"], vae="b", name="same")
    assert report["state"] == "done", report
    made, b = (load_file(folder / f"{name}.safetensors")[VAE_NAME] for name in ("same", "b"))
    assert torch.equal(made, b)


def test_one_at_a_time_and_cancelled(
    idle_client: TestClient, idle_services: Services, folder: Path, gate: threading.Event
) -> None:
    id = started(idle_client, models=["a", "b"])["id"]
    assert "running already" in refusal(idle_client.post(ROOT, json={"models": ["a", "b"], "name": "x"}), 429)
    assert idle_client.get(f"{ROOT}/{id}").json()["state"] == "running"
    refusal(idle_client.post(f"{ROOT}/{'0' * 32}/cancel"), 404)
    assert idle_client.post(f"{ROOT}/{id}/cancel").status_code == 200
    gate.set()
    assert idle_services.merging.wait(60)
    assert idle_client.get(f"{ROOT}/{id}").json()["state"] == "cancelled"
    assert {path.name for path in folder.iterdir()} == {"a.safetensors", "b.safetensors"}


def test_failure_is_told(idle_client: TestClient, idle_services: Services, folder: Path) -> None:
    write_small(folder / "x.safetensors", "sdxl_base")
    report = ended(idle_client, idle_services, models=["a", "x"])
    assert report["state"] == "failed" and "is of another kind" in report["error"]
    assert str(folder) not in report["error"] and report["merged"] is None


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "Models"),
        ({"models": []}, "Models"),
        ({"models": ["nothing", "b"]}, "Model 'nothing' is not here"),
        ({"models": ["../../secret", "b"]}, "is not here"),
        ({"models": ["/etc/passwd", "b"]}, "is not here"),
        ({"models": ["{outside}", "b"]}, "is not here"),
        ({"models": ["a", "b", "a", "b"]}, "has 4 entries"),
        ({"models": ["a", "b"], "method": "No interpolation"}, "takes 1"),
        ({"models": ["a", 5]}, "is not text"),
        ({"models": "a"}, "models"),
        ({"models": ["a", "b"], "method": "Sum"}, "method 'Sum'"),
        ({"models": ["a", "b"], "multiplier": "half"}, "is not a number"),
        ({"models": ["a", "b"], "multiplier": True}, "is not a number"),
        ({"models": ["a", "b"], "multiplier": 9.0}, "Multiplier 9.0 is out of range"),
        ({"models": ["a", "b"], "dtype": "int4"}, "is not known"),
        ({"models": ["a", "b"], "discard": ["x"] * 51}, "has 51 entries"),
        ({"models": ["a", "b"], "discard": ["x" * 201]}, "has 201 characters"),
        ({"models": ["a", "b"], "overwrite": "yes"}, "overwrite"),
        ({"models": ["a", "b"], "name": "../evil"}, "is no name for a file"),
        ({"models": ["a", "b"], "name": "/tmp/evil"}, "is no name for a file"),
        ({"models": ["a", "b"], "name": ".hidden"}, "is no name for a file"),
        ({"models": ["a", "b"], "name": "a"}, "is taken"),
        ({"models": ["a", "b"], "vae": "nothing"}, "VAE 'nothing' is not here"),
        ({"models": ["a", "b"], "vae": "../../outside.safetensors"}, "is not here"),
        ({"models": ["a", "b"], "vae": "{outside}"}, "is not here"),
        ({"models": ["a", "b"], "output": "/tmp/x"}, "is no field"),
        ({"models": ["a", "b"], "bake_vae": "/tmp/x"}, "is no field"),
    ],
)
def test_merges_that_cannot_be_made(
    still_client: TestClient, still_folder: Path, tmp_path: Path, body: dict[str, Any], sentence: str
) -> None:
    outside = tmp_path / "outside.safetensors"
    shutil.copyfile(still_folder / "a.safetensors", outside)
    text = json.dumps(body).replace("{outside}", str(outside))
    told = refusal(still_client.post(ROOT, content=text.encode()), 422)
    assert sentence in told
    assert still_client.get(ROOT).json() == []
    assert {path.name for path in still_folder.iterdir()} == {"a.safetensors", "b.safetensors"}


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"multiplier": NaN, "models": ["a", "b"]}'])
def test_bodies_that_are_none(idle_client: TestClient, folder: Path, content: bytes) -> None:
    assert idle_client.post(ROOT, content=content).status_code in (400, 422)
    assert idle_client.get(ROOT).json() == []


def test_nothing_is_there_before_the_first(idle_client: TestClient) -> None:
    assert idle_client.get(ROOT).json() == []
    refusal(idle_client.get(f"{ROOT}/x"), 404)
    refusal(idle_client.post(f"{ROOT}/x/cancel"), 404)
