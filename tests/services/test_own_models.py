"""People's own LoRAs, embeddings and VAEs, from their folders through a job into a picture and its text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.loading import load_checkpoint
from modules.config.paths import Paths
from modules.errors import InvalidRequest, ModelNotFound, UnsupportedModel, UserError
from modules.schema.infotext import parse_infotext, request_of
from modules.services.build import Services
from tests.layouts import write_single_file, write_small_folder
from tests.services.jobs_to_end import ended, made, txt2img
from tests.services.test_generate import pixels, until
from tests.tiny_networks import write_embedding, write_lora


@pytest.fixture(scope="module")
def demo(demo_services: Services) -> LoadedModel:
    return load_checkpoint(
        demo_services.models.find("atelier-demo"), device=torch.device("cpu"), dtype=torch.float32, attention="sdp"
    )


@pytest.fixture(scope="module")
def filled(demo_services: Services, demo: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services whose models folder holds one of each, and a checkpoint in a single file."""
    models = demo_services.paths.models
    write_lora(models / "Lora" / "styles" / "Ink.safetensors", demo, seed=1, strength=0.2)
    write_embedding(models / "embeddings" / "wobble.safetensors", demo, seed=2)
    folder = write_small_folder(tmp_path_factory.mktemp("small"), "sd1")
    models.joinpath("Stable-diffusion").mkdir()
    write_single_file(folder, models / "Stable-diffusion" / "small.safetensors", "ldm")
    write_vae(models / "VAE" / "dark.safetensors", folder / "vae")
    (models / "Lora" / "broken.safetensors").write_bytes(b"<!doctype html><html></html>")
    key = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k"
    large = {f"{key}.lora_down.weight": torch.zeros(4, 2048), f"{key}.lora_up.weight": torch.zeros(640, 4)}
    save_file(large, models / "Lora" / "large.safetensors")
    save_file({"emb_params": torch.zeros(2000, 768)}, models / "embeddings" / "toolong.safetensors")
    yield demo_services


def write_vae(path: Path, folder: Path) -> None:
    """That of a folder, but for three numbers that make every picture darker."""
    (file,) = folder.glob("*.safetensors")
    weights = load_file(file)
    weights["decoder.conv_out.bias"] -= 0.5
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path)


def test_a_lora_and_an_embedding(filled: Services) -> None:
    plain, dressed, again = (
        made(filled, txt2img(prompt=prompt))[0]
        for prompt in ("a red house", "a red house, wobble <lora:ink:0.8>", "a red house")
    )
    assert not np.array_equal(pixels(filled, dressed), pixels(filled, plain))
    assert np.array_equal(pixels(filled, again), pixels(filled, plain))
    told = parse_infotext(dressed.infotext).parameters
    assert told["Lora hashes"].startswith("ink: ") and len(told["Lora hashes"]) == len("ink: ") + 12
    assert told["TI hashes"].startswith("wobble: ") and "Lora hashes" not in parse_infotext(plain.infotext).parameters
    reading = request_of(parse_infotext(dressed.infotext))
    assert reading.refused == ()
    (replayed,) = made(filled, reading.request)
    assert np.array_equal(pixels(filled, replayed), pixels(filled, dressed))


def test_a_lora_that_is_called_otherwise_here_is_found_by_its_hash(filled: Services) -> None:
    (file,) = (one for one in filled.models.files("lora") if one.name == "styles/Ink")
    digits = filled.models.network_hash(file)
    text = (
        f"a house <lora:their ink:0.5:0.2>, <lora:unknown>\nSteps: 4, Sampler: Euler, CFG scale: 7, Seed: 1, "
        f'Size: 64x64, Lora hashes: "their ink: {digits}, unknown: 0123456789ab", Version: v1.10.1'
    )
    reading = filled.pictures.read_text(text)
    assert reading.request.prompt == "a house <lora:styles/Ink:0.5:0.2>, <lora:unknown>"
    assert reading.not_honoured == ("Prompt: <lora:unknown> (this LoRA is not here)",)


def test_a_vae(filled: Services) -> None:
    own, dark, named, none = (
        made(filled, txt2img(model="small", sd_vae=name))[0] for name in (None, "dark", "Dark.safetensors", "None")
    )
    assert np.array_equal(pixels(filled, own), pixels(filled, none))
    assert np.array_equal(pixels(filled, dark), pixels(filled, named))
    assert pixels(filled, dark).mean() < pixels(filled, own).mean() - 20
    told = parse_infotext(dark.infotext).parameters
    assert told["VAE"] == "dark.safetensors" and len(told["VAE hash"]) == 10
    assert "VAE" not in parse_infotext(own.infotext).parameters
    (replayed,) = made(filled, request_of(parse_infotext(dark.infotext)).request)
    assert np.array_equal(pixels(filled, replayed), pixels(filled, dark))


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"prompt": "a house <lora:nothing:1>"}, ModelNotFound, r"the LoRA 'nothing' is not here.*models/Lora"),
        ({"prompt": "a house <lora:broken:1>"}, UserError, r"broken\.safetensors cannot be read: it is a web page"),
        ({"prompt": "a house <hypernet:old:1>"}, InvalidRequest, r"<hypernet:old:1>.*hypernetwork.*Take it out"),
        ({"prompt": "a <lora:large>"}, UnsupportedModel, r"'large' is a LoRA for Stable Diffusion XL, and the model"),
        ({"sd_vae": "nothing"}, ModelNotFound, r"VAE 'nothing' is not here.*dark\.safetensors"),
    ],
)
def test_what_is_not_there_is_refused_before_the_job(
    filled: Services, fields: dict[str, str], error: type[UserError], words: str
) -> None:
    with pytest.raises(error, match=words):
        filled.generate.submit(txt2img(**fields))


def test_which_vae_is_chosen(paths: Paths, filled: Services) -> None:
    """A request before the card, the card before the file beside the checkpoint, that before the settings."""
    vaes, checkpoint = filled.vaes, filled.models.find("atelier-demo")
    assert vaes.chosen(checkpoint, None) == "None"
    filled.settings.change(sd_vae="dark")
    try:
        assert vaes.chosen(checkpoint, None) == "dark.safetensors"
        assert vaes.chosen(checkpoint, "Automatic") == "None"
        assert vaes.chosen(checkpoint, "none") == "None"
        folder = filled.paths.models / "VAE"
        save_file(load_file(folder / "dark.safetensors"), folder / "atelier-demo.vae.safetensors")
        assert vaes.chosen(checkpoint, None) == "atelier-demo.vae.safetensors"
        assert vaes.chosen(checkpoint, "Automatic") == "atelier-demo.vae.safetensors"
        assert vaes.chosen(checkpoint, "dark") == "dark.safetensors"
        beside = filled.models.find("small")
        among = filled.paths.models / "Stable-diffusion" / "small.vae.safetensors"
        among.write_bytes((folder / "dark.safetensors").read_bytes())
        filled.model_files.refresh(wait=None, read=True)
        assert vaes.chosen(beside, None) == "small.vae.safetensors"
        (picture,) = made(filled, txt2img(model="small"))
        assert parse_infotext(picture.infotext).parameters["VAE"] == "small.vae.safetensors"
        among.unlink()
    finally:
        filled.settings.change(sd_vae="Automatic")
        (folder / "atelier-demo.vae.safetensors").unlink()
    assert vaes.names()[:2] == ("Automatic", "None") and "dark.safetensors" in vaes.names()


def test_a_lora_is_no_vae(filled: Services) -> None:
    folder = filled.paths.models / "VAE"
    (folder / "odd.safetensors").write_bytes((filled.paths.models / "Lora" / "styles" / "Ink.safetensors").read_bytes())
    with pytest.raises(UnsupportedModel, match="LoRA"):
        filled.generate.submit(txt2img(sd_vae="odd"))


def test_an_embedding_that_cannot_be_read_is_a_word(filled: Services) -> None:
    (picture,) = made(filled, txt2img(prompt="a toolong house"))
    assert (picture.width, picture.height) == (64, 64)


def test_embeddings_that_are_parts_of_words_are_not_told(filled: Services) -> None:
    (picture,) = made(filled, txt2img(prompt="a wobblewobble house <lora:ink:0.5>"))
    assert "TI hashes" not in parse_infotext(picture.infotext).parameters


def test_a_lora_that_goes_away_costs_no_picture(filled: Services, demo: LoadedModel) -> None:
    path = write_lora(filled.paths.models / "Lora" / "gone.safetensors", demo, seed=4)
    job = filled.generate.submit(txt2img(prompt="a house <lora:gone:1>", steps=30, width=128, height=128))
    until(lambda: any(event.kind == "progress" for event in filled.generate.events(job.id)))  # it was read
    path.unlink()
    assert ended(filled, job).state == "done"
    assert len(filled.pictures.of_job(job.id)) == 1


@pytest.mark.parametrize(
    ("name", "read", "told"),
    [("dark.vae.pt", "dark.vae.pt", ()), ("other.ckpt", "None", ("VAE: other.ckpt (it is not here; ",))],
)
def test_the_vae_of_an_infotext(filled: Services, name: str, read: str, told: tuple[str, ...]) -> None:
    """A pickle's name finds the file that was converted from it."""
    (filled.paths.models / "VAE" / "dark.vae.safetensors").write_bytes(
        (filled.paths.models / "VAE" / "dark.safetensors").read_bytes()
    )
    text = f"a house\nSteps: 4, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64, VAE: {name}, Version: v1.10.1"
    reading = filled.pictures.read_text(text)
    assert reading.request.sd_vae == read
    assert len(reading.not_honoured) == len(told)
    assert all(line.startswith(start) for line, start in zip(reading.not_honoured, told, strict=True))
