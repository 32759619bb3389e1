"""LoRAs and embeddings in the tasks: what prompts name changes their pictures, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from modules.adapters.adapter import Adapter, read_adapter
from modules.adapters.textual_inversion import Embedding, read_embedding
from modules.errors import InvalidRequest, ModelNotFound, UnsupportedModel
from modules.pipeline.first_pass_memory import FirstPassMemory
from modules.pipeline.networks import JobNetworks
from modules.pipeline.txt2img import txt2img
from modules.prompt.extra_networks import lora_uses
from tests.pipeline.painting import PICTURE, Onlooker, Studio, to_img2img, to_txt2img
from tests.tiny_networks import write_embedding, write_lora

SHAPES = ("plain", "velocity", "xl")


class Files:
    """Networks of a folder, by their names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def adapter(self, name: str) -> Adapter:
        path = self._folder / f"{name}.safetensors"
        if not path.is_file():
            raise ModelNotFound(name)
        return read_adapter(path)

    def embeddings(self, text: str) -> Mapping[str, Embedding]:
        paths = (self._folder / "words").glob("*.safetensors")
        return {path.stem: read_embedding(path) for path in paths if path.stem.lower() in text.lower()}


@pytest.fixture(params=SHAPES)
def dressed(request: pytest.FixtureRequest, studio: Studio, tmp_path: Path) -> tuple[Studio, str]:
    """A studio with two LoRAs and an embedding for one of its models, and that model's name."""
    model = studio.models[request.param]
    write_lora(tmp_path / "ink.safetensors", model, seed=1)
    write_lora(tmp_path / "clay.safetensors", model, seed=2, texts=False)
    write_embedding(tmp_path / "words" / "Wobble-3.safetensors", model, vectors=3, seed=3)
    return studio.with_networks(Files(tmp_path)), request.param


def bits(studio: Studio, name: str) -> list[bytes]:
    """Every weight of a model."""
    model = studio.models[name]
    networks = [model.unet, model.vae, *(encoder.network for encoder in model.text_encoders)]
    return [tensor.numpy().tobytes() for network in networks for tensor in network.state_dict().values()]


def painted(studio: Studio, name: str, prompt: str, **fields: object) -> np.ndarray:
    return studio.paint(to_txt2img(model=name, prompt=prompt, steps=6, **fields))[0]


def test_a_lora_changes_the_picture_and_leaves_no_trace(dressed: tuple[Studio, str]) -> None:
    studio, name = dressed
    before, weights = painted(studio, name, "a house"), bits(studio, name)
    with_one = painted(studio, name, "a house<lora:ink:1>")
    assert not np.array_equal(with_one, before)
    assert not np.array_equal(painted(studio, name, "a house<lora:ink:1><lora:clay:0.7>"), with_one)
    assert np.array_equal(painted(studio, name, "a house"), before)
    assert np.array_equal(painted(studio, name, "a house<lora:ink:0>"), before)
    assert bits(studio, name) == weights


def test_the_parts_of_a_lora_have_weights_of_their_own(dressed: tuple[Studio, str]) -> None:
    studio, name = dressed
    both, texts, unet, none = (
        painted(studio, name, f"a house<lora:ink:{weights}>") for weights in ("1:1", "1:0", "0:1", "0:0")
    )
    assert len({picture.tobytes() for picture in (both, texts, unet, none)}) == 4


def test_a_range_of_steps(dressed: tuple[Studio, str]) -> None:
    """Begun later or ended earlier it changes less; the whole range is no range."""
    studio, name = dressed
    without, whole = painted(studio, name, "a house"), painted(studio, name, "a house<lora:clay:1>")
    assert np.array_equal(painted(studio, name, "a house<lora:clay:1:0-1>"), whole)
    late = painted(studio, name, "a house<lora:clay:1:0.5-1>")
    half = painted(studio, name, "a house<lora:clay:1:0.1-1>")

    def distance(picture: np.ndarray) -> float:
        return float(np.abs(picture.astype(float) - without).mean())

    assert 0 < distance(late) < distance(half)
    swapped = painted(studio, name, "a house<lora:clay:1:0-0.5><lora:ink:1:0.5-1>")
    assert len({picture.tobytes() for picture in (swapped, whole, half, without)}) == 4
    assert np.array_equal(painted(studio, name, "a house"), without)


def test_pictures_of_a_batch_have_their_own_loras(dressed: tuple[Studio, str]) -> None:
    studio, name = dressed
    prompts = ("a house", "a house<lora:ink:1>", "a house<lora:ink:1>", "a tree")
    together = studio.paint(to_txt2img(model=name, prompts=prompts, batch_size=4, steps=4, seed=7))
    alone = studio.paint(to_txt2img(model=name, prompts=prompts, batch_count=4, steps=4, seed=7))
    for index in range(4):
        assert np.abs(together[index].astype(int) - alone[index]).max() <= 1


def test_an_embedding_is_a_word(dressed: tuple[Studio, str]) -> None:
    """In any case, with emphasis, in either prompt; beside others it changes nothing of a text without it."""
    studio, name = dressed
    plain = painted(studio, name, "a house, wobbl")
    word = painted(studio, name, "a house, Wobble-3")
    assert not np.array_equal(word, plain)
    assert np.array_equal(painted(studio, name, "a house, wobble-3"), word)
    assert not np.array_equal(painted(studio, name, "a house, (wobble-3:1.4)"), word)
    negative = painted(studio, name, "a house, wobbl", negative_prompt="wobble-3")
    assert not np.array_equal(negative, plain)
    assert np.array_equal(painted(studio, name, "a house, wobbl"), plain)


def test_the_second_pass_has_its_own_loras(dressed: tuple[Studio, str]) -> None:
    studio, name = dressed
    fields = {"enable_hr": True, "hr_scale": 1.5, "hr_upscaler": "Latent", "denoising_strength": 0.6}
    without = painted(studio, name, "a house", **fields)
    second = painted(studio, name, "a house", hr_prompt="a house<lora:ink:1>", **fields)
    first = painted(studio, name, "a house<lora:ink:1>", hr_prompt="a house", **fields)
    both = painted(studio, name, "a house<lora:ink:1>", **fields)
    assert len({picture.tobytes() for picture in (without, second, first, both)}) == 4


def test_img2img_has_loras(dressed: tuple[Studio, str]) -> None:
    studio, name = dressed
    fields = {"model": name, "init_images": (PICTURE,), "denoising_strength": 0.7}
    (without,) = studio.paint(to_img2img(prompt="a house", **fields)).values()
    (with_one,) = studio.paint(to_img2img(prompt="a house<lora:ink:1>", **fields)).values()
    assert not np.array_equal(with_one, without)


def test_interrupted_work_leaves_no_trace(dressed: tuple[Studio, str]) -> None:
    studio, name = dressed
    weights = bits(studio, name)
    studio.interrupted(to_txt2img(model=name, prompt="a house<lora:ink:1>", steps=6), at_step=3)
    assert bits(studio, name) == weights


def test_a_lora_of_another_family_is_refused(studio: Studio, tmp_path: Path) -> None:
    write_lora(tmp_path / "xl.safetensors", studio.models["xl"])
    dressed = studio.with_networks(Files(tmp_path))
    with pytest.raises(UnsupportedModel, match="xl"):
        painted(dressed, "plain", "a house<lora:xl:1>")


def test_a_lora_that_is_not_there(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="nothing"):
        painted(studio.with_networks(Files(tmp_path)), "plain", "a house<lora:nothing>")


def test_tags_are_read_from_a_prompt() -> None:
    assert [use.name for use in lora_uses("a <lora:x:0.5> b <hypernet:y> <lyco:z>")] == ["x", "z"]
    with pytest.raises(InvalidRequest, match="strong"):
        lora_uses("<lora:x:strong>")


def test_a_refiner_of_another_family_goes_on_without_the_lora(studio: Studio, tmp_path: Path) -> None:
    write_lora(tmp_path / "ink.safetensors", studio.models["xl"], seed=1)
    dressed, watcher = studio.with_networks(Files(tmp_path)), Onlooker()
    request = to_txt2img(model="xl", refiner_checkpoint="xl-refiner", refiner_switch_at=0.5, prompt="a <lora:ink:1>")
    dressed.paint(request, watcher)
    assert any("is of another family than xl-refiner" in text for text in watcher.stages)


def test_a_model_that_shares_its_text_encoder_with_one_that_wears_a_lora(studio: Studio, tmp_path: Path) -> None:
    """Its second pass names none, and is as it is by itself."""
    plain = studio.models["plain"]
    twin = replace(studio.models["other"], name="twin", text_encoders=plain.text_encoders)
    write_lora(tmp_path / "ink.safetensors", plain, seed=1)
    with JobNetworks(Files(tmp_path)) as networks:
        first = networks.of_pass(plain, lora_uses("<lora:ink:1>"), 4)
        first.put_in(0)
        assert first.key
        second = networks.of_pass(twin, (), 4)
        second.put_in(0)
        assert not second.key
        weights = plain.text_encoders[0].network.state_dict()
        shared = {name: tensor.clone() for name, tensor in weights.items()}
        first.put_in(0)
        assert any(not torch.equal(shared[name], tensor) for name, tensor in weights.items())


def test_another_file_of_the_same_name_makes_another_first_pass(studio: Studio, tmp_path: Path) -> None:
    """Grids share first passes; a LoRA that was trained on in between is another one."""
    fields = {"enable_hr": True, "hr_upscaler": "Latent", "denoising_strength": 0.3, "prompt": "a<lora:ink:1>"}
    dressed = studio.with_networks(Files(tmp_path))
    memory, pictures = FirstPassMemory(), []
    for seed in (1, 1, 2):
        write_lora(tmp_path / "ink.safetensors", studio.models["plain"], seed=seed)
        resources = replace(dressed.resources(), first_passes=memory)
        with resources.networks:
            (painted_one,) = txt2img(to_txt2img(**fields), resources)
        pictures.append(painted_one.pixels)
    assert np.array_equal(pictures[0], pictures[1]) and not np.array_equal(pictures[1], pictures[2])
