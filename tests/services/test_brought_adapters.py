"""A kind of adapters that an extension brings, in a running program: listed, painted with, told of, and gone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from modules.config.paths import Paths, resolve_paths
from modules.errors import UnsupportedModel
from modules.schema.infotext import parse_infotext
from modules.services.build import Services, build_services, running_services
from tests.services.jobs_to_end import ended, made, txt2img
from tests.services.test_extension_hooks import OPTIONS, switched_on
from tests.services.test_generate import pixels

DOCS = (Path(__file__).parents[2] / "docs" / "extensions.md").read_text("utf-8")
(CODE,) = [code for code in re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL) if "register_adapters" in code]
MODULE = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_v"
FAILS = CODE.replace('"SVDiff"', '"Torn"').replace("delta", "torn").replace("matrix = context", "matrix = contents")


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A data folder with adapters of two extensions, both of which are on."""
    paths = resolve_paths(data_dir=tmp_path_factory.mktemp("data"))
    folder = paths.model_folders["lora"][0]
    folder.mkdir(parents=True, exist_ok=True)
    values = np.linspace(3, 0.5, 128, dtype=np.float32)
    for suffix in ("delta", "torn"):
        save_file({f"{MODULE}.{suffix}": values}, folder / f"{suffix}.safetensors")
    switched_on(paths, values=CODE, torn=FAILS)
    return paths


@pytest.fixture(scope="module")
def services(paths: Paths) -> Iterator[Services]:
    with running_services(paths, OPTIONS) as opened:
        yield opened


def painted(services: Services, tag: str = "") -> np.ndarray:
    (picture,) = made(services, txt2img(prompt=f"a red house{tag}"))
    return pixels(services, picture)


def test_a_prompt_names_it_and_the_picture_tells_whose_it_is(services: Services) -> None:
    assert services.scripts.failures == ()
    plain = painted(services)
    (picture,) = made(services, txt2img(prompt="a red house<lora:delta:1>"))
    changed = pixels(services, picture)
    assert np.abs(changed.astype(int) - plain).mean() > 0.5
    told = parse_infotext(picture.infotext).parameters
    assert told["Extensions"] == "values 1.0" and told["Lora hashes"].startswith("delta: ")
    assert np.array_equal(painted(services, "<lora:delta:1>"), changed)
    assert np.array_equal(painted(services, "<lora:delta:0>"), plain) and np.array_equal(painted(services), plain)
    (file,) = [file for file in services.models.files("lora") if file.name == "delta"]
    assert (file.identity and file.identity.title, file.problem) == ("SVDiff", "")


def test_one_that_fails_ends_its_job_alone(services: Services) -> None:
    plain = painted(services)
    job = ended(services, services.generate.submit(txt2img(prompt="a red house<lora:torn:1>")))
    assert job.state == "failed"
    assert "Adapters of the kind 'Torn' of the extension torn failed (NameError: " in str(job.error)
    assert np.array_equal(painted(services), plain)


def test_without_the_extension_it_is_listed_as_unusable(paths: Paths, services: Services) -> None:
    folder, data = paths.model_folders["lora"][0], paths.data / "other"
    other = resolve_paths(data_dir=data)
    other.model_folders["lora"][0].mkdir(parents=True, exist_ok=True)
    (other.model_folders["lora"][0] / "delta.safetensors").write_bytes((folder / "delta.safetensors").read_bytes())
    with closing(build_services(other, OPTIONS)) as without:
        (file,) = without.models.files("lora")
        assert "nothing that is known here" in without.models.looked_at(file).problem
        with pytest.raises(UnsupportedModel, match="nothing that is known here"):
            without.resolver.resolve(txt2img(prompt="a house<lora:delta:1>"))
    switched_on(other, values=CODE)
    with closing(build_services(other, OPTIONS)) as having:
        (file,) = having.models.files("lora")
        assert having.models.looked_at(file).problem == ""
        having.resolver.resolve(txt2img(prompt="a house<lora:delta:1>"))
