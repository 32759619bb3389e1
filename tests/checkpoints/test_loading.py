"""Checkpoints: found, loaded offline, and refused with the reason."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from modules.checkpoints import loading
from modules.checkpoints.card import Card, Recommended, read_card
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.loading import load_checkpoint
from modules.checkpoints.reading_progress import counted
from modules.checkpoints.registry import Checkpoint, Registry
from modules.diffusion.conditioning import TextConditioning
from modules.errors import BrokenModel, NumbersOverflowed, OutOfMemory, UnsupportedModel
from tests.tiny_models import DEMO_MODEL, write_tiny_model

CPU = torch.device("cpu")


def load(checkpoint: Checkpoint, dtype: torch.dtype = torch.float32) -> LoadedModel:
    return load_checkpoint(checkpoint, device=CPU, dtype=dtype, attention="sdp")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def test_demo_model_loads_with_its_card() -> None:
    model = load(Registry([DEMO_MODEL.parent]).find(DEMO_MODEL.name))
    assert (model.latent_channels, model.pixels_per_latent, model.prediction_type) == (4, 8, "v_prediction")
    assert len(model.fingerprint) == 16
    card = read_card(DEMO_MODEL)
    assert card.example_prompts
    assert card.recommended.width % 8 == 0


def test_whoever_waits_hears_how_much_was_read() -> None:
    checkpoint = Registry([DEMO_MODEL.parent]).find(DEMO_MODEL.name)
    told: list[int] = []
    with counted(told.append):
        load(checkpoint)
    assert 0.9 < sum(told) / sum(size for _, size, _ in checkpoint.weights_state) <= 1
    before = len(told)
    load(checkpoint)
    assert len(told) == before > 100  # nobody listens any more


def test_other_weights_have_another_fingerprint(tmp_path: Path) -> None:
    checkpoint = Registry([tmp_path]).find(write_tiny_model(tmp_path / "tiny").name)
    first, again = load(checkpoint), load(checkpoint)
    assert first.fingerprint == again.fingerprint
    shutil.rmtree(tmp_path / "tiny")
    write_tiny_model(tmp_path / "tiny", seed=1)
    assert load(checkpoint).fingerprint != first.fingerprint


def test_folder_without_a_tokenizer_is_read_with_clip_s(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "bare", own_tokenizer=False)
    model = load(Registry([tmp_path]).find("bare"))
    assert model.tokenizer.ids("a photo of a cat") == [320, 1125, 539, 320, 2368]
    shutil.copytree(DEMO_MODEL / "tokenizer", folder / "tokenizer")
    assert load(Registry([tmp_path]).find("bare")).tokenizer.ids("a photo of a cat") != [320, 1125, 539, 320, 2368]


def test_tokenizer_that_is_too_large_for_the_text_encoder_is_refused(tmp_path: Path) -> None:
    shutil.rmtree(write_tiny_model(tmp_path / "odd") / "tokenizer")
    with pytest.raises(BrokenModel, match="49408 tokens"):
        load(Registry([tmp_path]).find("odd"))


def test_half_precision_is_near_full(tiny: Path) -> None:
    checkpoint = Registry([tiny.parent]).find("tiny")
    full, half = load(checkpoint), load(checkpoint, torch.bfloat16)
    x, time = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([500.0])
    conditioning = TextConditioning(torch.randn(1, 77, 32, generator=torch.Generator().manual_seed(1)))
    with torch.inference_mode():
        expected = full.predict(x, time, conditioning)
        near = half.predict(x, time, conditioning)
    assert near.dtype == torch.float32
    assert float((near - expected).abs().max() / expected.abs().max()) < 0.05


def test_several_threads_may_load_at_once(tiny: Path) -> None:
    checkpoint = Registry([tiny.parent]).find("tiny")
    with ThreadPoolExecutor(4) as threads:
        models = list(threads.map(lambda _: load(checkpoint), range(12)))
    assert len({model.fingerprint for model in models}) == 1


def test_variant_files_are_found(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    shutil.copytree(tiny, folder)
    for part, name in (
        ("unet", "diffusion_pytorch_model"),
        ("vae", "diffusion_pytorch_model"),
        ("text_encoder", "model"),
    ):
        (folder / part / f"{name}.safetensors").rename(folder / part / f"{name}.fp16.safetensors")
    assert load(Registry([tmp_path]).find("half")).unet is not None


@pytest.mark.parametrize(
    ("part", "damage"),
    [
        ("unet/diffusion_pytorch_model.safetensors", "cut"),
        ("vae/diffusion_pytorch_model.safetensors", "html"),
        ("text_encoder/model.safetensors", "gone"),
        ("unet/config.json", "html"),
        ("scheduler/scheduler_config.json", "gone"),
        ("model_index.json", "html"),
        ("tokenizer/tokenizer.json", "html"),
    ],
)
def test_damaged_folder_is_refused_in_words(tiny: Path, tmp_path: Path, part: str, damage: str) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny, folder)
    path = folder / part
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:1000] if damage == "cut" else b"<html>404</html>")
    with pytest.raises(BrokenModel, match=r"Model 'broken' cannot be loaded: .*copy the folder there again\."):
        load(Registry([tmp_path]).find("broken"))


@pytest.mark.parametrize(
    ("file", "key", "value", "sentence"),
    [
        ("model_index.json", "_class_name", "FluxPipeline", "of the kind FluxPipeline, which is not supported yet"),
        ("scheduler/scheduler_config.json", "prediction_type", "sample", "predicts 'sample'"),
        ("scheduler/scheduler_config.json", "beta_schedule", "linear", "has the beta schedule 'linear'"),
    ],
)
def test_other_kinds_are_refused_by_name(
    tiny: Path, tmp_path: Path, file: str, key: str, value: str, sentence: str
) -> None:
    folder = tmp_path / "other"
    shutil.copytree(tiny, folder)
    content = json.loads((folder / file).read_bytes())
    (folder / file).write_text(json.dumps({**content, key: value}))
    with pytest.raises(UnsupportedModel, match=sentence):
        load(Registry([tmp_path]).find("other"))


@pytest.mark.parametrize(
    "content",
    ["", "[1]", '{"recommended": 3, "example_prompts": "x"}', '{"recommended": {"width": -1, "height": 1e999}}'],
)
def test_broken_card_counts_as_missing(tmp_path: Path, content: str) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m.json").write_text(content)
    assert read_card(tmp_path / "m") == Card(recommended=Recommended())


def test_overflow_is_told_in_words(tiny: Path) -> None:
    model = load(Registry([tiny.parent]).find("tiny"))
    with torch.inference_mode(), pytest.raises(NumbersOverflowed, match="--precision full"):
        model.decode(torch.full((1, 4, 8, 8), float("nan")))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("no room"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"),
        MemoryError(),
    ],
)
def test_a_model_that_does_not_fit_is_told_in_words(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> LoadedModel:
        raise error

    monkeypatch.setattr(loading, "assemble", fail)
    checkpoint = Checkpoint("large", DEMO_MODEL, read_card(DEMO_MODEL))
    with pytest.raises(OutOfMemory, match="Model 'large' does not fit into the memory"):
        load_checkpoint(checkpoint, device=torch.device("cpu"), dtype=torch.float32, attention="sdp")
