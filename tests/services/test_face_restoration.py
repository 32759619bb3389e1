"""Faces restored through the engine: the network found among files, the face found in a photograph, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.config.paths import Paths
from modules.config.settings import SettingsStore
from modules.errors import BrokenModel, ModelNotFound, UnsupportedModel
from modules.gallery.inputs import InputPictures
from modules.hooks import Available, Plugins
from modules.hooks.sampling_registry import SamplingRegistry
from modules.schema.extras_request import ExtrasRequest
from modules.services.brought_models import BroughtModels
from modules.services.brought_upscalers import BroughtUpscalers
from modules.services.engine import Engine
from modules.services.options import EngineOptions
from modules.services.postprocessing import PostprocessingService
from modules.services.sections import SectionService
from modules.upscaling.registry import UpscalerRegistry, upscaler_folders
from tests.pipeline.painting import Onlooker
from tests.upscaling.face_networks import gfpgan
from tests.upscaling.networks import write
from tests.upscaling.test_face_detection import ASTRONAUT, MEASURED
from tests.upscaling.test_face_models import LIKE_CODEFORMER, LIKE_GFPGAN
from tests.upscaling.yunet_network import write_yunet

EMPTY = np.full((96, 128, 3), 90, np.uint8)


@pytest.fixture
def engine(paths: Paths) -> Engine:
    """An engine that never loads a checkpoint."""
    unused: Any = None
    settings = SettingsStore(paths.settings_file)
    options = EngineOptions(use_cpu=True, precision="full")
    upscalers = UpscalerRegistry(upscaler_folders(paths.models))
    plugins, inputs = Plugins(()), InputPictures(paths.input_pictures)
    of_plugins = (
        SectionService(plugins, lambda task: Available(task=task), inputs),
        plugins,
        BroughtUpscalers(plugins, upscalers),
        PostprocessingService(plugins, lambda: Available(task="txt2img"), inputs),
        SamplingRegistry(plugins),
        BroughtModels(plugins),
    )
    return Engine(unused, unused, unused, settings, options, unused, upscalers, (), *of_plugins)


def processed(engine: Engine, pixels: np.ndarray, **fields: object) -> tuple[np.ndarray, dict[str, str], list[str]]:
    """The result, what it says was done, and the stages."""
    watcher = Onlooker()
    (result,) = engine.process(ExtrasRequest.of({"images": ["0" * 32], **fields}), pixels, watcher, most=1)
    return result.pixels, dict(result.done), watcher.stages


def test_a_gfpgan_of_real_size_changes_the_face_and_nothing_else(engine: Engine, paths: Paths) -> None:
    write(paths.models / "GFPGAN" / "mine.safetensors", gfpgan())
    portrait = np.asarray(Image.open(ASTRONAUT).convert("RGB"))
    picture = np.full((240, 700, 3), 120, np.uint8)
    picture[:, :240] = portrait
    made, done, stages = processed(engine, picture, gfpgan_visibility=0.75)
    assert made.shape == picture.shape and done == {"GFPGAN visibility": "0.75"}
    assert stages == ["Looking for faces", "Restoring faces with GFPGAN"]
    changed = np.abs(made.astype(int) - picture).max(axis=2) > 20
    for x, y in MEASURED.astype(int):
        assert changed[y - 4 : y + 5, x - 4 : x + 5].mean() > 0.5
    assert np.array_equal(made[:, 300:], picture[:, 300:])

    made, done, stages = processed(engine, EMPTY, gfpgan_visibility=1)
    assert np.array_equal(made, EMPTY)
    assert (done, stages) == ({}, ["Looking for faces", "No face was found"])


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("gfpgan_visibility", r"no GFPGAN network here.*GFPGANv1\.4\.pth.*models.GFPGAN\."),
        ("codeformer_visibility", r"no CodeFormer network here.*codeformer-v0\.1\.0\.pth.*models.Codeformer\."),
    ],
)
def test_a_network_that_is_not_there_is_told_with_its_folder(engine: Engine, field: str, words: str) -> None:
    with pytest.raises(ModelNotFound, match=words):
        processed(engine, EMPTY, **{field: 1.0})


def test_codeformer_wants_its_licence_accepted(engine: Engine, paths: Paths) -> None:
    write(paths.models / "Codeformer" / "codeformer-v0.1.0.safetensors", LIKE_CODEFORMER)
    with pytest.raises(
        UnsupportedModel, match=r"S-Lab License 1\.0.*Accept non-commercial licences \(--accept-noncommercial\)"
    ):
        processed(engine, EMPTY, codeformer_visibility=1)
    with pytest.raises(BrokenModel, match=r"codeformer-v0\.1\.0\.safetensors is damaged or incomplete"):
        processed(engine, EMPTY, codeformer_visibility=1, accept_noncommercial=True)


def test_a_network_that_lacks_weights_is_damaged(engine: Engine, paths: Paths) -> None:
    write(paths.models / "GFPGAN" / "GFPGANv1.4.safetensors", LIKE_GFPGAN)
    with pytest.raises(BrokenModel, match=r"GFPGANv1\.4\.safetensors is damaged or incomplete"):
        processed(engine, EMPTY, gfpgan_visibility=1)


def test_nothing_is_looked_for_where_nothing_is_wanted(engine: Engine) -> None:
    made, done, stages = processed(engine, EMPTY)
    assert np.array_equal(made, EMPTY) and (done, stages) == ({}, [])


def test_a_yunet_file_is_used_where_it_lies(
    engine: Engine, paths: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file that is none is refused, so it was opened; without it the cascades look."""
    monkeypatch.setattr("modules.services.engine.restorer_file", lambda name, models: tmp_path)
    monkeypatch.setattr(engine._upscaler_cache, "network", lambda path, accept_noncommercial: None)
    monkeypatch.setattr("modules.services.engine.FaceRestorer", lambda name, network: None)
    assert processed(engine, EMPTY, gfpgan_visibility=1)[2][-1] == "No face was found"
    file = write_yunet(paths.models / "GFPGAN" / "face_detection_yunet_2023mar.onnx")
    assert processed(engine, EMPTY, gfpgan_visibility=1)[2][-1] == "No face was found"
    file.write_bytes(b"none")
    with pytest.raises(BrokenModel, match=r"face_detection_yunet_2023mar\.onnx is damaged"):
        processed(engine, EMPTY, gfpgan_visibility=1)
