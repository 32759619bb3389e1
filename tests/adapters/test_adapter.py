"""Adapter files as they come, and what is refused."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import peft
import pytest
import torch
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

from modules.adapters.adapter import read_adapter
from modules.adapters.session import AdapterUse, applied
from modules.checkpoints.loaded import LoadedModel
from modules.errors import BrokenModel, UnsupportedModel
from tests.adapters.networks import ATTENTION, loaded, lora_for, random, written
from tests.tiny_models import write_tiny_model

RANK = 4
TARGETS = ["to_q", "to_out.0", "conv1", "proj_in"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def _weights(model: LoadedModel) -> dict[str, torch.Tensor]:
    return {name: parameter.clone() for name, parameter in model.unet.named_parameters()}


@pytest.mark.parametrize(
    "configuration",
    [
        peft.LoraConfig(r=RANK, lora_alpha=RANK, target_modules=TARGETS, init_lora_weights=False),
        peft.LoraConfig(r=RANK, lora_alpha=RANK, target_modules=TARGETS, init_lora_weights=False, use_dora=True),
        peft.LoHaConfig(r=RANK, alpha=RANK, target_modules=TARGETS, init_weights=False),
        peft.LoHaConfig(r=RANK, alpha=RANK, target_modules=TARGETS, init_weights=False, use_effective_conv2d=True),
        peft.LoKrConfig(r=RANK, alpha=RANK, target_modules=TARGETS, init_weights=False),
        peft.LoKrConfig(
            r=RANK,
            alpha=RANK,
            target_modules=TARGETS,
            init_weights=False,
            use_effective_conv2d=True,
            decompose_both=True,
        ),
    ],
    ids=["lora", "dora", "loha", "loha with cores", "lokr", "lokr with cores"],
)
def test_files_of_peft_give_the_weights_that_peft_merges(configuration: Any, folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    ours, theirs = loaded(folder), loaded(folder)
    wrapped = peft.get_peft_model(theirs.unet, configuration)
    for name, parameter in wrapped.named_parameters():
        if "magnitude" in name:
            parameter.data.mul_(1.3)
    adapter = written(tmp_path / "adapter_model.safetensors", get_peft_model_state_dict(wrapped))
    assert not adapter.unknown
    expected = dict(wrapped.merge_and_unload().named_parameters())
    before = _weights(ours)
    with applied(ours, [AdapterUse(adapter)]) as session:
        assert not session.fitted(adapter).unplaced
        now = _weights(ours)
    changed = {name for name in now if not torch.equal(now[name], before[name])}
    assert len(changed) == len(adapter.changes) == 28
    for name, weight in now.items():
        torch.testing.assert_close(weight, expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("configuration", "told"),
    [
        (peft.IA3Config(target_modules=TARGETS, feedforward_modules=[], init_ia3_weights=False), []),
        (peft.IA3Config(target_modules=TARGETS, feedforward_modules=["to_out.0"], init_ia3_weights=False), []),
        (
            peft.IA3Config(target_modules=TARGETS, feedforward_modules=["to_q", "conv1"], init_ia3_weights=False),
            ["feedforward_modules"],
        ),
        (peft.OFTConfig(target_modules=TARGETS, oft_block_size=8, init_weights=False), []),
        (peft.OFTConfig(target_modules=TARGETS, oft_block_size=0, r=2, init_weights=False), []),
        (peft.OFTConfig(target_modules=TARGETS, oft_block_size=8, block_share=True, init_weights=False), []),
        *(
            (
                peft.OFTConfig(
                    target_modules=TARGETS, oft_block_size=8, num_cayley_neumann_terms=terms, init_weights=False
                ),
                ["num_cayley_neumann_terms"],
            )
            for terms in (2, 3, 8)
        ),
        (
            peft.OFTConfig(target_modules=TARGETS, oft_block_size=8, use_cayley_neumann=False, init_weights=False),
            ["use_cayley_neumann"],
        ),
        (
            peft.OFTConfig(target_modules=TARGETS, oft_block_size=8, coft=True, eps=0.5, init_weights=False),
            ["coft", "eps"],
        ),
    ],
    ids=[
        *("ia3 of outputs", "ia3 with linear inputs", "ia3 with inputs", "oft by size", "oft by count", "oft shared"),
        *(f"oft of {terms} terms" for terms in (2, 3, 8)),
        *("oft without a series", "coft"),
    ],
)
def test_other_kinds_of_peft_give_the_weights_and_biases_that_peft_merges(
    configuration: Any, told: list[str], folder: Path, tmp_path: Path
) -> None:
    """`told` are the settings that the file has to tell, being other than peft's own."""
    torch.manual_seed(0)
    ours, theirs = loaded(folder), loaded(folder)
    wrapped = peft.get_peft_model(theirs.unet, configuration)
    content = {name: value for name, value in configuration.to_dict().items() if name in told}
    content = {name: sorted(value) if isinstance(value, set) else value for name, value in content.items()}
    metadata = {"lora_adapter_metadata": json.dumps(content)} if told else None
    saved = get_peft_model_state_dict(wrapped)
    adapter = written(tmp_path / "adapter_model.safetensors", saved, metadata)
    # The same by the names that modules have in memory.
    whole = {name: tensor for name, tensor in wrapped.state_dict().items() if ".default" in name}
    named = written(tmp_path / "default.safetensors", whole, metadata)
    assert len(saved) == len(whole) == len(named.changes) == len(adapter.changes) == 28
    assert not adapter.unknown
    assert not named.unknown
    expected = dict(wrapped.merge_and_unload().named_parameters())
    before = _weights(ours)
    for one in (adapter, named):
        with applied(ours, [AdapterUse(one)]) as session:
            assert not session.fitted(one).unplaced
            now = _weights(ours)
        changed = {name.rpartition(".")[0] for name in now if not torch.equal(now[name], before[name])}
        assert len(changed) == 28
        for name, weight in now.items():
            torch.testing.assert_close(weight, expected[name], rtol=1e-4, atol=1e-5)
    assert all(torch.equal(weight, before[name]) for name, weight in _weights(ours).items())


@pytest.mark.parametrize("rotations", [1, 2, 3])
def test_boft_of_peft_gives_the_weights_that_peft_merges(
    rotations: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place of peft's kernel for CUDA, without which it makes one rotation only, stands what the kernel computes."""
    kernel = SimpleNamespace(
        forward=lambda blocks: [torch.stack([torch.block_diag(*one) for one in blocks])]  # type: ignore[no-untyped-call]
    )
    monkeypatch.setattr("peft.tuners.boft.layer.get_fbd_cuda", lambda: kernel)
    torch.manual_seed(0)
    ours, theirs = loaded(folder), loaded(folder)
    settings: Any = {"boft_block_size": 4, "boft_n_butterfly_factor": rotations, "init_weights": False}
    wrapped = peft.get_peft_model(theirs.unet, peft.BOFTConfig(target_modules=TARGETS, **settings))
    adapter = written(tmp_path / "adapter_model.safetensors", get_peft_model_state_dict(wrapped))
    assert not adapter.unknown
    assert len(adapter.changes) == 28
    expected = dict(wrapped.merge_and_unload().named_parameters())
    before = _weights(ours)
    with applied(ours, [AdapterUse(adapter)]) as session:
        assert not session.fitted(adapter).unplaced
        now = _weights(ours)
    assert sum(not torch.equal(weight, before[name]) for name, weight in now.items()) == 28
    for name, weight in now.items():
        torch.testing.assert_close(weight, expected[name], rtol=1e-4, atol=1e-5)


def test_biases_of_peft_are_what_peft_merges(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    ours, theirs = loaded(folder), loaded(folder)
    settings: Any = {"target_modules": ["to_out.0", "conv1"], "init_lora_weights": False, "lora_bias": True}
    wrapped = peft.get_peft_model(theirs.unet, peft.LoraConfig(r=RANK, lora_alpha=RANK, **settings))
    for name, parameter in wrapped.named_parameters():
        if "lora_B" in name and name.endswith("bias"):
            torch.nn.init.normal_(parameter)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft takes its own biases for broken matrices
        tensors = get_peft_model_state_dict(wrapped)
    assert any(name.endswith("lora_B.bias") for name in tensors)
    told = {"lora_adapter_metadata": json.dumps({"lora_alpha": 2 * RANK})}
    plain, doubled = (
        written(tmp_path / f"{place}.safetensors", tensors, metadata) for place, metadata in enumerate((None, told))
    )
    assert not plain.unknown
    before = _weights(ours)
    expected = dict(wrapped.merge_and_unload().named_parameters())
    with applied(ours, [AdapterUse(plain)]) as session:
        assert not session.fitted(plain).unplaced
        for name, weight in _weights(ours).items():
            torch.testing.assert_close(weight, expected[name], rtol=1e-4, atol=1e-5)
    with applied(ours, [AdapterUse(doubled)]):
        for name, weight in _weights(ours).items():
            twice = before[name] + 2 * (expected[name] - before[name])
            torch.testing.assert_close(weight, twice, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("alpha", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("kind", ["lora", "coft", "metadata"])
def test_an_alpha_that_is_no_number_is_refused(alpha: float, kind: str, tmp_path: Path) -> None:
    tensors, metadata = lora_for("lora_unet_x", random(8, 8)), {}
    if kind == "coft":
        tensors = {"lora_unet_x.oft_blocks": random(2, 4, 4), "lora_unet_x.alpha": torch.tensor(alpha)}
    elif kind == "lora":
        tensors["lora_unet_x.alpha"] = torch.tensor(alpha)
    else:
        del tensors["lora_unet_x.alpha"]
        metadata["lora_adapter_metadata"] = json.dumps({"lora_alpha": alpha})
    with pytest.raises(BrokenModel, match=r"^lora\.safetensors cannot be used.*'lora_unet_x'.*Download it again\.$"):
        written(tmp_path / "lora.safetensors", tensors, metadata)


def test_an_alpha_too_large_for_any_computer_is_refused(tmp_path: Path) -> None:
    tensors = lora_for("lora_unet_x", random(8, 8))
    del tensors["lora_unet_x.alpha"]
    for settings in ({"lora_alpha": 10**400}, {"alpha_pattern": {"lora_unet_x": 10**400, "x": 10**400}}):
        tensors = {name.replace("lora_unet_x", "unet.x"): tensor for name, tensor in tensors.items()}
        with pytest.raises(BrokenModel, match="alpha"):
            written(tmp_path / "lora.safetensors", tensors, {"lora_adapter_metadata": json.dumps(settings)})


@pytest.mark.parametrize("with_alpha", [True, False])
def test_a_rank_of_zero_is_refused(with_alpha: bool, tmp_path: Path) -> None:
    tensors = {"lora_unet_x.lora_up.weight": torch.zeros(8, 0), "lora_unet_x.lora_down.weight": torch.zeros(0, 8)}
    if with_alpha:
        tensors["lora_unet_x.alpha"] = torch.tensor(4.0)
    with pytest.raises(BrokenModel, match=r"lora\.safetensors cannot be used.*rank"):
        written(tmp_path / "lora.safetensors", tensors)


def test_files_of_diffusers_tell_their_alpha_in_metadata(folder: Path, tmp_path: Path) -> None:
    model = loaded(folder)
    path = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    layer = model.unet.get_submodule(path)
    up, down = random(32, RANK), random(RANK, 32)
    tensors = {f"unet.{path}.lora_A.weight": down, f"unet.{path}.lora_B.weight": up}
    told = {"lora_adapter_metadata": json.dumps({"unet.r": RANK, "unet.lora_alpha": 2 * RANK})}
    adapter = written(tmp_path / "lora.safetensors", tensors, {"format": "pt", **told})
    before = layer.weight.clone()
    with applied(model, [AdapterUse(adapter)]):
        torch.testing.assert_close(layer.weight, before + 2 * up @ down)


@pytest.mark.parametrize("prefix", ["lora_unet_", "unet.", "lycoris_unet_", "base_model.model.unet."])
def test_trainers_names_lead_to_the_same_change(prefix: str, folder: Path, tmp_path: Path) -> None:
    model = loaded(folder)
    path = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    name = prefix + (path if prefix.endswith(".") else path.replace(".", "_"))
    layer = model.unet.get_submodule(path)
    adapter = written(tmp_path / "lora.safetensors", lora_for(name, layer.weight))
    original = written(tmp_path / "kohya.safetensors", lora_for(f"lora_unet_{ATTENTION}", layer.weight))
    with applied(model, [AdapterUse(original)]):
        expected = layer.weight.clone()
    with applied(model, [AdapterUse(adapter)]):
        assert torch.equal(layer.weight, expected)


def test_kohya_s_names_of_the_first_stable_diffusion_are_understood(folder: Path, tmp_path: Path) -> None:
    model = loaded(folder)
    layer = model.unet.down_blocks[1].attentions[0].transformer_blocks[0].attn1.to_q
    # One layer and its downsampler in the first block: the second block begins with input 3.
    name = "lora_unet_input_blocks_3_1_transformer_blocks_0_attn1_to_q"
    before = layer.weight.clone()
    with applied(model, [AdapterUse(written(tmp_path / "lora.safetensors", lora_for(name, layer.weight)))]):
        assert not torch.equal(layer.weight, before)


def test_half_precision_files_are_computed_in_float32(folder: Path, tmp_path: Path) -> None:
    model = loaded(folder)
    layer = model.unet.down_blocks[1].attentions[0].transformer_blocks[0].attn1.to_q
    name = f"lora_unet_{ATTENTION}"
    tensors = {key: tensor.half() for key, tensor in lora_for(name, layer.weight).items()}
    up, down = (tensors[f"{name}.lora_{side}.weight"].float() for side in ("up", "down"))
    before = layer.weight.clone()
    with applied(model, [AdapterUse(written(tmp_path / "lora.safetensors", tensors))]):
        torch.testing.assert_close(layer.weight, before + up @ down * 0.5, rtol=1e-6, atol=1e-6)


def test_embeddings_in_a_lora_are_read(tmp_path: Path) -> None:
    bundled = {
        "bundle_emb.my.word.string_to_param.*": random(2, 768),
        "bundle_emb.pair.clip_l": random(3, 768),
        "bundle_emb.pair.clip_g": random(3, 1280),
    }
    tensors = {**lora_for("lora_unet_x", random(8, 8)), **bundled}
    pair, word = sorted(
        written(tmp_path / "lora.safetensors", tensors).embeddings, key=lambda one: one.length, reverse=True
    )
    assert (pair.name, pair.family, pair.length) == ("pair", "sdxl", 3)
    assert (word.name, word.family, word.length) == ("my.word", "sd1", 2)
    assert torch.equal(word.vectors[0], bundled["bundle_emb.my.word.string_to_param.*"])


def test_names_of_no_known_kind_are_told_and_do_not_stop_the_rest(tmp_path: Path) -> None:
    tensors = {**lora_for("lora_unet_x", random(8, 8)), "x.oft_R": random(2, 2), "lora_unet_y.lokr_w1": random(2, 2)}
    adapter = written(tmp_path / "lora.safetensors", tensors)
    assert set(adapter.unknown) == {"x.oft_R", "lora_unet_y.lokr_w1"}
    assert list(adapter.changes) == ["lora_unet_x"]


def test_the_key_changes_with_the_file(tmp_path: Path) -> None:
    first = written(tmp_path / "lora.safetensors", lora_for("lora_unet_x", random(8, 8)))
    assert read_adapter(first.path).key == first.key
    second = written(tmp_path / "lora.safetensors", lora_for("lora_unet_longer", random(8, 8)))
    assert second.key != first.key


def test_the_tensors_outlive_the_file(tmp_path: Path) -> None:
    tensors = lora_for("lora_unet_x", random(8, 8))
    adapter = written(tmp_path / "lora.safetensors", tensors)
    adapter.path.write_bytes(b"")
    (change,) = adapter.changes["lora_unet_x"].weight
    expected = tensors["lora_unet_x.lora_up.weight"] @ tensors["lora_unet_x.lora_down.weight"] * 0.5
    torch.testing.assert_close(change.of_weight(torch.zeros(8, 8)), expected)


@pytest.mark.parametrize("name", ["lora.pt", "lora.ckpt", "lora.bin"])
def test_pickles_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(UnsupportedModel, match="convert"):
        read_adapter(tmp_path / name)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lora.safetensors").write_bytes(b"<html>")
    with pytest.raises(BrokenModel, match="web page"):
        read_adapter(tmp_path / "lora.safetensors")


def test_another_kind_of_file_is_refused_in_words(tmp_path: Path) -> None:
    save_file({"some.tensor": random(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(UnsupportedModel, match=r"^other\.safetensors cannot be used as a LoRA"):
        read_adapter(tmp_path / "other.safetensors")


def test_contradicting_shapes_are_refused_when_the_file_is_put_in(folder: Path, tmp_path: Path) -> None:
    name = f"lora_unet_{ATTENTION}"
    tensors = {f"{name}.lora_up.weight": random(32, 4), f"{name}.lora_down.weight": random(3, 32)}
    adapter = written(tmp_path / "lora.safetensors", tensors)
    with pytest.raises(UnsupportedModel, match=r"lora\.safetensors"), applied(loaded(folder), [AdapterUse(adapter)]):
        pytest.fail("It was put in.")
