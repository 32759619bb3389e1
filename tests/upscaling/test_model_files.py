"""Model files of every sort: read as weights or refused in words, and never run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from spandrel import MAIN_REGISTRY
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.SPAN import SPAN
from torch import Tensor, nn

from modules.errors import BrokenModel, OutOfMemory, UnsupportedModel
from modules.upscaling.model_files import LICENCES, load_network, noncommercial_registry
from tests.upscaling.networks import compact, write


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("wrapped", [None, "params", "params_ema", "state_dict"])
@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_weights_are_read_in_every_wrapping(tmp_path: Path, wrapped: str | None, zipped: bool) -> None:
    weights = compact(scale=4)
    content = weights if wrapped is None else {wrapped: weights, "epoch": 3}
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    network = load_network(tmp_path / "a.pth")
    assert (network.scale, network.architecture.id) == (4, "Compact")
    assert torch.equal(network.model.state_dict()["body.0.weight"], weights["body.0.weight"])


def test_kinds_are_recognised_by_their_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    esrgan = write(tmp_path / "esrgan.safetensors", weights_of(ESRGAN(num_filters=8, num_blocks=1, scale=4)))
    span = write(
        tmp_path / "span.safetensors", weights_of(SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=2))
    )
    found = [load_network(path) for path in (esrgan, span)]
    assert [(network.architecture.id, network.scale) for network in found] == [("ESRGAN", 4), ("SPAN", 2)]


class Poison:
    """Runs a program when an ordinary unpickler reads it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"echo > '{self.mark}'",)


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("zipped", [True, False, None])
def test_a_pickle_with_a_program_is_refused_and_not_run(tmp_path: Path, suffix: str, zipped: bool | None) -> None:
    path, mark = tmp_path / f"evil{suffix}", tmp_path / "ran"
    content = {**compact(), "extra": Poison(mark)}
    if zipped is None:
        path.write_bytes(pickle.dumps(content["extra"]))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnsupportedModel, match=r"evil\.pth? holds more than weights.*safetensors"):
        load_network(path)
    assert not mark.exists()


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_torchscript_is_refused(tmp_path: Path) -> None:
    traced = torch.jit.trace(nn.Conv2d(3, 3, 1), torch.zeros(1, 3, 4, 4))  # type: ignore[no-untyped-call]
    traced.save(str(tmp_path / "a.pt"))
    with pytest.raises(UnsupportedModel, match=r"a\.pt is a TorchScript archive"):
        load_network(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("model.diffusion_model.input_blocks.0.0.weight", "no upscaler but a Stable Diffusion checkpoint"),
        ("first_stage_model.encoder.conv_in.weight", "no upscaler but a VAE"),
        ("lora_unet_down_blocks_0.lora_down.weight", "no upscaler but a LoRA"),
        ("something.else", "no upscaler of a kind that is known"),
    ],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_other_models_are_refused_with_what_they_are(tmp_path: Path, name: str, reason: str, suffix: str) -> None:
    path, content = tmp_path / f"x{suffix}", {name: torch.zeros(4, 4), "other": torch.zeros(1)}
    if suffix == ".pth":
        torch.save(content, path)
    else:
        save_file(content, path)
    with pytest.raises(UnsupportedModel, match=reason):
        load_network(path)


def test_damaged_files_are_called_damaged(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.safetensors", compact()).read_bytes()
    (tmp_path / "short.safetensors").write_bytes(whole[:-100])
    (tmp_path / "empty.safetensors").write_bytes(b"")
    (tmp_path / "empty.pth").write_bytes(b"")
    torch.save(compact(), tmp_path / "whole.pth")
    (tmp_path / "short.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:-500])
    lacking = compact()
    del lacking["body.2.weight"]
    write(tmp_path / "lacking.safetensors", lacking)
    for name in ("short.safetensors", "empty.safetensors", "empty.pth", "short.pth", "lacking.safetensors", "none.pth"):
        with pytest.raises(BrokenModel, match=name):
            load_network(tmp_path / name)


@pytest.mark.parametrize("content", [[torch.zeros(1)], torch.zeros(2)])
def test_weights_without_names_are_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(UnsupportedModel, match="holds no named weights"):
        load_network(tmp_path / "a.pth")


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("no room"), MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_that_memory_is_too_short_for_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, suffix: str
) -> None:
    def full(*_: object, **__: object) -> object:
        raise error

    weights = compact()
    path = tmp_path / f"fat{suffix}"
    save_file(weights, path) if suffix == ".safetensors" else torch.save(weights, path)
    monkeypatch.setattr(torch, "load", full)
    monkeypatch.setattr(MAIN_REGISTRY, "load", full)
    with pytest.raises(OutOfMemory, match=f"too little memory to load the upscaler fat{suffix}"):
        load_network(path)


def test_non_commercial_code_runs_only_when_its_licence_was_accepted(tmp_path: Path) -> None:
    noncommercial_registry()
    from spandrel_extra_arches.architectures.MPRNet import MPRNet

    torch.manual_seed(0)
    small = MPRNet(n_feat=8, scale_unetfeats=4, scale_orsnetfeats=4, num_cab=1)
    path = write(tmp_path / "mpr.safetensors", weights_of(small))
    with pytest.raises(
        UnsupportedModel, match=r"mpr\.safetensors is a MPRNet.*commercially \(Academic Public License\)"
    ):
        load_network(path)
    assert load_network(path, accept_noncommercial=True).architecture.id == "MPRNet"


def test_every_architecture_of_that_package_has_its_licence_named() -> None:
    assert {support.architecture.id for support in noncommercial_registry()} == set(LICENCES)
