"""A family of checkpoints that an extension brings: listed, loaded, painted with, and unusable without it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file

from modules.config.paths import Paths, resolve_paths
from modules.errors import UnsupportedModel
from modules.schema.infotext import parse_infotext
from modules.services.build import Services, build_services, running_services
from tests.hooks.extension_makers import extensions_of, found, put_extension
from tests.services.jobs_to_end import ended, made, txt2img
from tests.services.test_extension_hooks import OPTIONS
from tests.services.test_generate import pixels
from tests.tiny_models import write_tiny_model

DOCS = (Path(__file__).parents[2] / "docs" / "extensions.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
(NETWORK,) = [code for code in BLOCKS if "class MurmurNetwork(" in code]
(FAMILY,) = [code for code in BLOCKS if "register_model_families" in code]
UNUSABLE = "nothing that is known here"


def written(folder: Path, path: Path) -> None:
    """A model of the family with random numbers: a tiny VAE and text encoder, and the network of the documentation."""
    tiny = write_tiny_model(folder / "tiny", own_tokenizer=False)
    numbers = torch.Generator().manual_seed(3)
    shapes = {
        "inward/weight": (16, 4, 3, 3), "inward/bias": (16,), "words/weight": (16, 32), "words/bias": (16,),
        "time/weight": (16, 1), "time/bias": (16,), "outward/weight": (4, 16, 3, 3), "outward/bias": (4,),
    }  # fmt: skip
    tensors = {f"murmur/{name}": torch.randn(shape, generator=numbers) * 0.3 for name, shape in shapes.items()}
    for start, part in (("pictures", "vae"), ("words", "text_encoder")):
        (weights,) = (tiny / part).glob("*.safetensors")
        tensors |= {f"{start}/{name.replace('.', '/')}": one.clone() for name, one in load_file(weights).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, {"pictures": (tiny / "vae" / "config.json").read_text()})


def put_family(paths: Paths, name: str, code: str) -> None:
    """An extension that is switched on, with the network beside its package."""
    folder = put_extension(paths.extensions, name, code)
    (folder / name / "network.py").write_text(NETWORK, "utf-8")
    extensions = extensions_of(paths.extensions)
    extensions.enable(found(extensions, name))


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A data folder with a checkpoint of the family, and one of a family whose code fails."""
    paths = resolve_paths(data_dir=tmp_path_factory.mktemp("data"))
    folder = paths.checkpoint_folders[0]
    written(tmp_path_factory.mktemp("made"), folder / "low.safetensors")
    save_file({"torn/weight": torch.zeros(3)}, folder / "torn.safetensors")
    put_family(paths, "murmur", FAMILY)
    torn = FAMILY.replace('"Murmur"', '"Torn"').replace("murmur/inward/weight", "torn/weight")
    put_family(paths, "torn", torn.replace("from .network", "from .nowhere"))
    return paths


@pytest.fixture(scope="module")
def services(paths: Paths) -> Iterator[Services]:
    with running_services(paths, OPTIONS) as opened:
        yield opened


def painted(services: Services, **fields: object) -> np.ndarray:
    (picture,) = made(services, txt2img(**{"prompt": "a red house", "model": "low", **fields}))
    return pixels(services, picture)


def test_it_is_listed_loaded_and_painted_with(services: Services) -> None:
    assert services.scripts.failures == ()
    checkpoint = services.models.find("low")
    assert (checkpoint.identity.title, checkpoint.identity.family) == ("Murmur checkpoint", "sd1")
    (picture,) = made(services, txt2img(prompt="a red house", model="low"))
    told = parse_infotext(picture.infotext).parameters
    assert told["Model"] == "low" and len(told["Model hash"]) == 10
    first = pixels(services, picture)
    assert first.std() > 1
    again = services.pictures.read_text(picture.infotext).request
    assert again.model == "low"
    assert not np.array_equal(painted(services, prompt="the sea at night"), first)
    assert not np.array_equal(painted(services, model="atelier-demo"), first)
    assert np.array_equal(painted(services), first)


def test_another_vae_is_taken_and_its_own_again(services: Services) -> None:
    folder = services.paths.model_folders["vae"][0]
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(8)
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    vae = AutoencoderKL(block_out_channels=(32,) * 4, **blocks)
    save_file(vae.state_dict(), folder / "other.safetensors")
    first = painted(services)
    assert not np.array_equal(painted(services, sd_vae="other.safetensors"), first)
    assert np.array_equal(painted(services), first)


def test_loras_of_other_networks_are_refused_and_no_job_hangs(services: Services) -> None:
    folder = services.paths.model_folders["lora"][0]
    folder.mkdir(parents=True, exist_ok=True)
    start = "lora_unet_mid_block_resnets_0_conv1"
    tensors = {f"{start}.lora_down.weight": torch.ones(2, 8, 3, 3), f"{start}.lora_up.weight": torch.ones(8, 2, 1, 1)}
    save_file(tensors, folder / "other.safetensors")
    save_file(
        {
            "lora_unet_words.lora_down.weight": torch.linspace(-1, 1, 64).reshape(2, 32),
            "lora_unet_words.lora_up.weight": torch.ones(16, 2),
        },
        folder / "own.safetensors",
    )
    job = ended(services, services.generate.submit(txt2img(prompt="a house<lora:other:1>", model="low")))
    assert job.state == "failed" and "other.safetensors cannot be used with the model 'low'" in str(job.error)
    plain = painted(services)
    assert not np.array_equal(painted(services, prompt="a red house<lora:own:1>"), plain)
    assert np.array_equal(painted(services), plain)


def test_one_that_fails_ends_its_job_alone(services: Services) -> None:
    plain = painted(services)
    job = ended(services, services.generate.submit(txt2img(prompt="a house", model="torn")))
    assert job.state == "failed"
    assert "The model family 'Torn' of the extension torn failed (ModuleNotFoundError: " in str(job.error)
    assert np.array_equal(painted(services), plain)


def test_without_the_extension_it_is_listed_as_unusable(paths: Paths, tmp_path: Path) -> None:
    other = resolve_paths(data_dir=tmp_path)
    other.checkpoint_folders[0].mkdir(parents=True, exist_ok=True)
    file = other.checkpoint_folders[0] / "low.safetensors"
    file.write_bytes((paths.checkpoint_folders[0] / "low.safetensors").read_bytes())
    for has_it in (False, True, False):
        if has_it:
            put_family(other, "murmur", FAMILY)
        elif (other.extensions / "murmur").exists():
            extensions = extensions_of(other.extensions)
            extensions.disable(found(extensions, "murmur"))
        with closing(build_services(other, OPTIONS)) as built:
            if has_it:
                assert built.models.find("low").identity.layout == "extension"
                continue
            with pytest.raises(UnsupportedModel, match=UNUSABLE):
                built.models.find("low")
            (refused,) = built.models.refused()
            assert refused.name == "low" and UNUSABLE in refused.reason
