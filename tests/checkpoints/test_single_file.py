"""Checkpoints of one file are the networks of the folder that they were made of, bit for bit."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.checkpoints.assembly import predicted_by
from modules.checkpoints.card import Card
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.loading import load_checkpoint, load_vae
from modules.checkpoints.network_part import NetworkPart, SharedParts
from modules.checkpoints.registry import Checkpoint
from modules.checkpoints.weights_identity import WeightsIdentity
from modules.errors import BrokenModel, UnsupportedModel
from tests.layouts import original_vae, single_file_tensors, write_single_file, write_small_folder

CPU = torch.device("cpu")
KINDS: dict[str, dict[str, Any]] = {
    "sd1": {},
    "sd1 inpainting": {"in_channels": 9},
    "sd1 pix2pix": {"in_channels": 8},
    "sd2": {},
    "sd2 v": {"prediction": "v_prediction"},
    "sdxl": {},
    "sdxl inpainting": {"in_channels": 9},
    "sdxl-refiner": {},
}


def load(path: Path, dtype: torch.dtype = torch.float32, **options: Any) -> LoadedModel:
    """As what a test says that it is: a small file lacks the widths that tell families."""
    told: dict[str, Any] = {"kind": "checkpoint", "title": "a file", "family": "sd1", "prediction_type": "epsilon"}
    told |= {name: options.pop(name) for name in list(options) if name in WeightsIdentity.__dataclass_fields__}
    checkpoint = Checkpoint(path.stem, path, Card(), WeightsIdentity(**told))
    return load_checkpoint(checkpoint, device=CPU, dtype=dtype, attention="sdp", **options)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root = tmp_path_factory.mktemp("folders")

    def folder(name: str) -> Path:
        path = root / name
        return path if path.is_dir() else write_small_folder(path, name.split()[0], **KINDS[name])

    return folder


def networks(model: LoadedModel) -> dict[str, Any]:
    texts = {f"text encoder {at}": encoder.network for at, encoder in enumerate(model.text_encoders)}
    return {"unet": model.unet, "vae": model.vae, **texts}


@torch.inference_mode()
def assert_same(one: LoadedModel, other: LoadedModel) -> None:
    assert networks(one).keys() == networks(other).keys()
    for name, network in networks(one).items():
        expected = networks(other)[name]
        assert type(network) is type(expected)
        states, others = network.state_dict(), expected.state_dict()
        assert states.keys() == others.keys()
        assert all(torch.equal(states[key], others[key]) for key in states)
    conditioning = one.blank_conditioning(1, 64, 64)
    x, time = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(1)), torch.tensor([500.0])
    assert torch.equal(one.predict(x, time, conditioning), other.predict(x, time, conditioning))
    assert (one.decode(x) == other.decode(x)).all()
    ids = torch.tensor([[49406, 320, 1125, 539, 49407] + [49407] * 72])
    for encoder, twin in zip(one.text_encoders, other.text_encoders, strict=True):
        said, again = encoder.network(input_ids=ids), twin.network(input_ids=ids)
        assert torch.equal(said.last_hidden_state, again.last_hidden_state)
        assert torch.equal(said[0], again[0])
        assert encoder.tokenizer.padding == twin.tokenizer.padding
    for field in ("family", "kind", "prediction_type", "zeroes_empty_prompt"):
        assert getattr(one, field) == getattr(other, field)
    assert torch.equal(one.levels.sigmas, other.levels.sigmas)


@pytest.mark.parametrize("layout", ["ldm", "diffusers"])
@pytest.mark.parametrize("name", KINDS)
def test_a_file_is_its_folder(name: str, layout: str, folders: Callable[[str], Path], tmp_path: Path) -> None:
    path = write_single_file(folders(name), tmp_path / "file.safetensors", layout)
    prediction = KINDS[name].get("prediction", "epsilon")
    assert_same(load(path, family=name.split()[0], layout=layout, prediction_type=prediction), load(folders(name)))


@pytest.fixture(scope="module")
def original(folders: Callable[[str], Path]) -> dict[str, torch.Tensor]:
    return single_file_tensors(folders("sd1"), "ldm")


def averages_alone(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The network's tensors as they are stored when they are averages."""
    start = "model.diffusion_model."
    return {
        "model_ema." + "".join(name.split(".")[1:]) if name.startswith(start) else name: tensor
        for name, tensor in tensors.items()
    }


QUIRKS: dict[str, Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]] = {
    "text encoder without text_model": lambda file: {
        name.replace("transformer.text_model.", "transformer."): file[name] for name in file
    },
    "position_ids and a training's leftovers": lambda file: {
        **file,
        "cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(77)[None],
        "alphas_cumprod": torch.ones(1000),
        "first_stage_model.loss.discriminator.up.0.block.0.weight": torch.ones(3),
        "model_ema.num_updates": torch.tensor(3),
    },
    "averages beside the trained weights": lambda file: {
        **{name: torch.zeros_like(tensor) for name, tensor in averages_alone(file).items()},
        **file,
    },
    "averages alone": averages_alone,
    "attention of the VAE as linear layers": lambda file: {
        name: tensor[:, :, 0, 0].clone() if ".mid.attn_1." in name and tensor.ndim == 4 else tensor
        for name, tensor in file.items()
    },
}


@pytest.mark.parametrize("quirk", QUIRKS)
def test_files_of_other_programs_are_read(
    quirk: str, original: dict[str, torch.Tensor], folders: Callable[[str], Path], tmp_path: Path
) -> None:
    save_file(QUIRKS[quirk](original), tmp_path / "odd.safetensors")
    assert_same(load(tmp_path / "odd.safetensors"), load(folders("sd1")))


def test_averages_of_sdxl_have_names_of_their_own(folders: Callable[[str], Path], tmp_path: Path) -> None:
    save_file(averages_alone(single_file_tensors(folders("sdxl"), "ldm")), tmp_path / "a.safetensors")
    assert_same(load(tmp_path / "a.safetensors", family="sdxl"), load(folders("sdxl")))


def test_attention_of_old_diffusers_vaes_is_renamed(folders: Callable[[str], Path], tmp_path: Path) -> None:
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = single_file_tensors(folders("sd1"), "diffusers")
    for name in list(tensors):
        if name.startswith("vae.") and ".attentions." in name:
            old = name
            for new_part, old_part in names.items():
                old = old.replace(f".{new_part}.", f".{old_part}.")
            tensors[old] = tensors.pop(name)
    assert any(".proj_attn." in name for name in tensors)
    save_file(tensors, tmp_path / "old.safetensors")
    assert_same(load(tmp_path / "old.safetensors", layout="diffusers"), load(folders("sd1")))


@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float64])
def test_every_precision_of_files_is_read(
    stored: torch.dtype, original: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    file = {name: tensor.to(stored) for name, tensor in original.items()}
    save_file(file, tmp_path / "a.safetensors")
    model = load(tmp_path / "a.safetensors", torch.bfloat16)
    assert {parameter.dtype for parameter in model.unet.parameters()} == {torch.bfloat16}
    expected = file["model.diffusion_model.time_embed.0.weight"].to(torch.bfloat16)
    assert torch.equal(model.unet.time_embedding.linear_1.weight, expected)


def test_types_of_the_parts(folders: Callable[[str], Path], tmp_path: Path) -> None:
    xl = write_single_file(folders("sdxl"), tmp_path / "xl.safetensors", "ldm")
    model = load(xl, torch.bfloat16, family="sdxl")
    assert (model.unet.dtype, model.vae.dtype) == (torch.bfloat16, torch.float32)
    model = load(xl, torch.bfloat16, family="sdxl", vae_dtype=torch.bfloat16, text_dtype=torch.float32)
    assert (model.vae.dtype, model.text_encoders[1].network.dtype) == (torch.bfloat16, torch.float32)
    first = load(write_single_file(folders("sd1"), tmp_path / "one.safetensors", "ldm"), torch.bfloat16)
    assert first.vae.dtype == torch.bfloat16


def test_zero_terminal_snr_is_the_identity_s_word(folders: Callable[[str], Path], tmp_path: Path) -> None:
    path = write_single_file(folders("sd1"), tmp_path / "a.safetensors", "ldm")
    plain, zero = load(path), load(path, zero_terminal_snr=True, prediction_type="v_prediction")
    assert torch.equal(zero.levels.sigmas, plain.levels.with_zero_terminal_snr().sigmas)
    assert zero.prediction_type == "v_prediction"


def without(tensors: dict[str, torch.Tensor], *prefixes: str) -> dict[str, torch.Tensor]:
    return {name: tensors[name] for name in tensors if not name.startswith(prefixes)}


@pytest.mark.parametrize(
    ("prefix", "error", "sentence"),
    [
        ("first_stage_model.", UnsupportedModel, r"odd\.safetensors has no VAE inside.* into models/VAE"),
        ("cond_stage_model.", BrokenModel, r"odd\.safetensors lacks its text encoder.* Download the whole one"),
        ("model.diffusion_model.", BrokenModel, r"odd\.safetensors has no U-Net.* Download the whole one"),
        ("model.diffusion_model.out.2.", BrokenModel, r"Model 'odd' cannot be loaded: it lacks conv_out\.weight"),
        ("model.diffusion_model.time_embed.0.", BrokenModel, r"The U-Net lacks time_embedding\.linear_1\.weight"),
        ("first_stage_model.encoder.norm_out.", BrokenModel, r"The VAE lacks encoder\.conv_norm_out\.weight; "),
        (
            "cond_stage_model.transformer.text_model.encoder.layers.1.mlp",
            BrokenModel,
            r"The text encoder lacks .*; .*; .* and 1 more",
        ),
    ],
)
def test_what_is_missing_is_named(
    prefix: str,
    error: type[Exception],
    sentence: str,
    original: dict[str, torch.Tensor],
    tmp_path: Path,
) -> None:
    save_file(without(original, prefix), tmp_path / "odd.safetensors")
    with pytest.raises(error, match=sentence):
        load(tmp_path / "odd.safetensors")


def test_other_shapes_are_named(original: dict[str, torch.Tensor], tmp_path: Path) -> None:
    odd = {**original, "model.diffusion_model.out.0.weight": torch.ones(31)}
    save_file(odd, tmp_path / "odd.safetensors")
    with pytest.raises(BrokenModel, match=r"conv_norm_out\.weight of shape 31, expected shape 32"):
        load(tmp_path / "odd.safetensors")


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (
            {"kind": "lora", "title": "LoRA for Stable Diffusion 1"},
            r"odd\.safetensors is no checkpoint: LoRA for Stable Diffusion 1\. It belongs into models/Lora",
        ),
        ({"kind": "vae", "title": "a VAE"}, "belongs into models/VAE"),
        ({"kind": "upscaler", "title": "an upscaler"}, "belongs into models/upscalers"),
        ({"kind": "part", "title": "a text encoder"}, "is no checkpoint: a text encoder. Choose a whole checkpoint"),
        (
            {"family": None, "unsupported": "Flux is not supported yet."},
            r"odd\.safetensors cannot be used \(a file\)\. Flux is not supported yet\.",
        ),
        ({"family": None}, r"odd\.safetensors is no checkpoint: nothing that is known here"),
    ],
)
def test_other_files_are_refused_by_name(told: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "odd.safetensors")
    with pytest.raises(UnsupportedModel, match=sentence):
        load(tmp_path / "odd.safetensors", **told)


def test_a_truncated_file_is_told_of(original: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file(original, tmp_path / "a.safetensors")
    whole = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "a.safetensors").write_bytes(whole[:-1000])
    with pytest.raises(BrokenModel, match="it is incomplete"):
        load(tmp_path / "a.safetensors")


def test_a_real_lora_is_refused_without_help(tmp_path: Path) -> None:
    """Through the real identification."""
    tensors = {
        "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": torch.ones(4, 1280),
        "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight": torch.ones(1280, 4),
        "lora_unet_mid_block_attentions_0_proj_in.alpha": torch.tensor(4.0),
    }
    save_file(tensors, tmp_path / "style.safetensors")
    with pytest.raises(UnsupportedModel, match=r"style\.safetensors is no checkpoint.* models/Lora"):
        load_checkpoint(
            Checkpoint("style", tmp_path / "style.safetensors", Card()),
            device=CPU,
            dtype=torch.float32,
            attention="sdp",
        )


@pytest.mark.parametrize("form", ["original", "original in a checkpoint", "diffusers", "folder"])
def test_a_vae_of_its_own(
    form: str, original: dict[str, torch.Tensor], folders: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = folders("sd1") / "vae"
    path = tmp_path / "vae.safetensors"
    tensors = load_file(folder / "diffusion_pytorch_model.safetensors")
    if form == "folder":
        path = folder
    else:
        forms = {"original": original_vae(tensors), "original in a checkpoint": original, "diffusers": tensors}
        save_file({name: tensor.contiguous() for name, tensor in forms[form].items()}, path)
    vae = load_vae(path, family="sd1", device=CPU, dtype=torch.float32)
    expected = load(folders("sd1")).vae
    assert vae.state_dict().keys() == expected.state_dict().keys()
    assert all(torch.equal(tensor, expected.state_dict()[name]) for name, tensor in vae.state_dict().items())
    if form != "folder":
        assert vae.config.scaling_factor == 0.18215
        assert load_vae(path, family="sdxl", device=CPU, dtype=torch.bfloat16).config.scaling_factor == 0.13025
    save_file(without(original, "first_stage_model."), tmp_path / "pruned.safetensors")
    assert_same(load(tmp_path / "pruned.safetensors", vae=path), load(folders("sd1")))


def test_a_file_without_a_vae_is_no_vae(original: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file(without(original, "first_stage_model."), tmp_path / "a.safetensors")
    with pytest.raises(UnsupportedModel, match=r"a\.safetensors has no VAE inside"):
        load_vae(tmp_path / "a.safetensors", family="sd1", device=CPU, dtype=torch.float32)


class CountingMemory:
    """Remembers digests as a store of facts does, and counts how often one had to be computed."""

    def __init__(self) -> None:
        self.facts: dict[tuple[Path, str], str] = {}
        self.computed = 0

    def __call__(self, path: Path, name: str, compute: Callable[[], str]) -> str:
        if (path, name) not in self.facts:
            self.computed += 1
            self.facts[path, name] = compute()
        return self.facts[path, name]


def test_equal_parts_are_held_once(
    original: dict[str, torch.Tensor], folders: Callable[[str], Path], tmp_path: Path
) -> None:
    """The second file has another network, and a text encoder in which one number differs."""
    other = {
        name: tensor * 2 if name.startswith("model.diffusion_model.") else tensor for name, tensor in original.items()
    }
    odd = "cond_stage_model.transformer.text_model.final_layer_norm.bias"
    other[odd] = other[odd] + torch.eye(64)[0]
    save_file(original, tmp_path / "one.safetensors")
    save_file(other, tmp_path / "two.safetensors")
    memory = CountingMemory()
    shared = SharedParts(memory)
    one, two = (load(tmp_path / f"{name}.safetensors", shared=shared) for name in ("one", "two"))
    assert one.vae is two.vae
    assert one.unet is not two.unet
    assert one.text_encoders[0].network is not two.text_encoders[0].network
    assert memory.computed == 4
    again = load(tmp_path / "one.safetensors", shared=shared)
    assert memory.computed == 4
    assert again.text_encoders[0].network is one.text_encoders[0].network
    assert load(folders("sd1"), shared=shared).unet is not one.unet
    assert load(tmp_path / "one.safetensors", torch.bfloat16, shared=shared).vae.dtype == torch.bfloat16
    assert (
        load_vae(tmp_path / "one.safetensors", family="sd1", device=CPU, dtype=torch.float32, shared=shared) is one.vae
    )
    assert_same(again, load(folders("sd1")))


def test_parts_that_nobody_holds_are_dropped(original: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file(original, tmp_path / "one.safetensors")
    shared = SharedParts()
    model = load(tmp_path / "one.safetensors", shared=shared)
    assert len(shared) == 2
    gone = weakref.ref(model.vae)
    del model
    gc.collect()
    assert gone() is None
    assert len(shared) == 0


def test_a_part_that_is_held_is_not_read(
    original: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file(original, tmp_path / "one.safetensors")
    shared = SharedParts(CountingMemory())
    kept = load(tmp_path / "one.safetensors", shared=shared)
    built: list[str] = []
    really = NetworkPart.built

    def told(part: NetworkPart, device: torch.device, dtype: torch.dtype) -> Any:
        built.append(part.name)
        return really(part, device, dtype)

    monkeypatch.setattr(NetworkPart, "built", told)
    assert load(tmp_path / "one.safetensors", shared=shared).vae is kept.vae
    assert built == ["U-Net"]


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_file_that_does_not_tell_is_asked(prediction: str) -> None:
    """A network that knows every picture to be grey answers as both kinds do to pure noise."""

    class Network(torch.nn.Module):
        config: Any = type("Config", (), {"in_channels": 9, "cross_attention_dim": 8})

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.bfloat16))

        def forward(self, x: torch.Tensor, timestep: torch.Tensor, **told: Any) -> tuple[torch.Tensor]:
            assert told["encoder_hidden_states"].shape == (1, 77, 8)
            assert (x.dtype, int(timestep)) == (torch.bfloat16, 999)
            abar = 0.0047
            grey = 0.3 * torch.randn(x[:, :4].shape, generator=torch.Generator().manual_seed(5))
            noise = x[:, :4].float()
            v = abar**0.5 * noise - (1 - abar) ** 0.5 * grey
            return ((0.98 * noise + 0.1 * grey if prediction == "epsilon" else v).to(x.dtype),)

    assert predicted_by(Network()) == prediction


def test_an_sd2_file_that_does_not_tell_its_kind_is_loaded(folders: Callable[[str], Path], tmp_path: Path) -> None:
    path = write_single_file(folders("sd2"), tmp_path / "a.safetensors", "ldm")
    assert load(path, family="sd2", prediction_type=None).prediction_type == "v_prediction"  # its answers are random


def test_a_sharded_folder_is_read(folders: Callable[[str], Path], tmp_path: Path) -> None:
    folder = write_small_folder(tmp_path / "sharded", "sd1")
    whole = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(whole)
    whole.unlink()
    names = sorted(tensors)
    for number, part in enumerate((names[:100], names[100:]), 1):
        shard = folder / "unet" / f"diffusion_pytorch_model-{number:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, shard)
    assert_same(load(folder), load(folders("sd1")))


def test_a_folder_of_pickles_is_told_how_to_be_converted(tmp_path: Path) -> None:
    folder = write_small_folder(tmp_path / "pickled", "sd1")
    unet = folder / "unet"
    (unet / "diffusion_pytorch_model.safetensors").rename(unet / "diffusion_pytorch_model.bin")
    with pytest.raises(UnsupportedModel, match=r"is a pickle.* python launch\.py convert"):
        load(folder)
