"""Adapters in models and out again: the weights to the bit, and the pictures' numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from modules.adapters.adapter import Adapter
from modules.adapters.module_table import ModulePlace
from modules.adapters.session import AdapterSession, AdapterUse, applied
from modules.checkpoints.loaded import LoadedModel
from modules.diffusion.conditioning import TextConditioning
from modules.errors import UnsupportedModel
from tests.adapters.networks import (
    ATTENTION,
    CONVOLUTION,
    ENCODER_LAYER,
    RANK,
    bits,
    differing,
    loaded,
    lora_for,
    lora_of_everything,
    random,
    written,
)
from tests.tiny_models import INPAINTING_CHANNELS, write_tiny_model, write_tiny_sd2, write_tiny_sdxl

ATTENTION_PATH = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
FORMATS = [torch.float32, torch.bfloat16, torch.float16]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def shared_model(folder: Path) -> LoadedModel:
    return loaded(folder)


@pytest.fixture
def model(shared_model: LoadedModel) -> Iterator[LoadedModel]:
    """Every test gives it back as it was."""
    before = bits(shared_model)
    yield shared_model
    assert not differing(shared_model, before)


@pytest.fixture(scope="module")
def everything(shared_model: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    return written(tmp_path_factory.mktemp("lora") / "everything.safetensors", lora_of_everything(shared_model))


@pytest.fixture(scope="module")
def second(shared_model: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    tensors = lora_of_everything(shared_model, seed=7)
    return written(tmp_path_factory.mktemp("lora") / "second.safetensors", tensors)


def weight(model: LoadedModel, path: str = ATTENTION_PATH) -> Tensor:
    found: Tensor = model.unet.get_submodule(path).weight
    return found


def predicted(model: LoadedModel) -> Tensor:
    with torch.inference_mode():
        words = TextConditioning(random(2, 77, 32))
        return model.predict(random(2, 4, 8, 8), torch.tensor([500.0, 10.0]), words)


def encoded(model: LoadedModel) -> Tensor:
    with torch.inference_mode():
        states: Tensor = model.text_encoders[0].network(torch.arange(77)[None]).last_hidden_state
        return states


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_lora_is_merged_and_taken_out_bit_for_bit(dtype: torch.dtype, folder: Path, everything: Adapter) -> None:
    model = loaded(folder, dtype)
    before, picture, text = bits(model), predicted(model), encoded(model)
    with applied(model, [AdapterUse(everything, 0.5, 0.8)]):
        layers = len(everything.changes)
        assert len(differing(model, before)) == layers > 60
        assert not torch.equal(predicted(model), picture)
        assert not torch.equal(encoded(model), text)
    assert not differing(model, before)
    assert torch.equal(predicted(model), picture)


@pytest.mark.parametrize("dtype", FORMATS)
def test_several_adapters_are_added_up_in_float32_and_rounded_once(
    dtype: torch.dtype, folder: Path, everything: Adapter, second: Adapter, tmp_path: Path
) -> None:
    model = loaded(folder, dtype)
    original = weight(model).float().clone()
    name = f"lora_unet_{ATTENTION}"
    sums = []
    for adapter, multiplier in ((everything, 0.3), (second, -0.7)):
        (change,) = adapter.changes[name].weight
        sums.append(change.of_weight(original) * multiplier)
    with applied(model, [AdapterUse(everything, unet=0.3), AdapterUse(second, unet=-0.7)]):
        expected = original + sums[0] + sums[1]
        tolerance = 1e-6 if dtype == torch.float32 else 0.0
        near = (weight(model).float() - expected.to(dtype).float()).abs() <= tolerance + expected.abs() * 1e-6
        assert near.float().mean() > 0.99  # float32's own last digit may turn a rounding, no more
        torch.testing.assert_close(weight(model).float(), expected, rtol=torch.finfo(dtype).eps, atol=1e-6)


def test_the_multipliers_are_for_text_encoders_and_network(model: LoadedModel, everything: Adapter) -> None:
    before = bits(model)
    with applied(model, [AdapterUse(everything, text_encoder=0.0, unet=1.0)]):
        assert all(name.startswith("0.") for name in differing(model, before))
    with applied(model, [AdapterUse(everything, text_encoder=1.0, unet=0.0)]):
        changed = differing(model, before)
        assert changed and all(name.startswith("1.") for name in changed)
    with applied(model, [AdapterUse(everything, text_encoder=0.0, unet=0.0)]):
        assert not differing(model, before)


def test_weights_come_back_after_an_exception(model: LoadedModel, everything: Adapter) -> None:
    before = bits(model)
    with pytest.raises(KeyError), applied(model, [AdapterUse(everything)]):
        raise KeyError
    assert not differing(model, before)


def test_it_works_within_inference_mode(model: LoadedModel, everything: Adapter) -> None:
    before = bits(model)
    with torch.inference_mode(), applied(model, [AdapterUse(everything)]):
        assert differing(model, before)
        predicted(model)
    assert not differing(model, before)
    assert not weight(model).is_inference()


def test_a_model_loaded_within_inference_mode_is_changed_outside_of_it(folder: Path, everything: Adapter) -> None:
    with torch.inference_mode():
        model = loaded(folder)
        model.unet.to(torch.float64).to(torch.float32)
    before = bits(model)
    with applied(model, [AdapterUse(everything)]):
        assert differing(model, before)
    assert not differing(model, before)


def test_only_modules_whose_adapters_differ_are_written_again(
    model: LoadedModel, everything: Adapter, tmp_path: Path
) -> None:
    one = written(tmp_path / "one.safetensors", lora_for(f"lora_unet_{ATTENTION}", weight(model), seed=5))
    with AdapterSession(model) as session:
        session.set([AdapterUse(everything)])
        states = {name: parameter._version for name, parameter in model.unet.named_parameters()}
        session.set([AdapterUse(everything)])
        session.set([AdapterUse(everything), AdapterUse(one)])
        touched = {name for name, parameter in model.unet.named_parameters() if parameter._version != states[name]}
        assert touched == {f"{ATTENTION_PATH}.weight"}


def test_going_from_one_set_to_another_is_the_same_as_beginning_with_it(
    model: LoadedModel, everything: Adapter, second: Adapter
) -> None:
    with applied(model, [AdapterUse(second, 0.4, 0.6)]):
        direct = bits(model)
    with AdapterSession(model) as session:
        session.set([AdapterUse(everything)])
        session.set([AdapterUse(everything), AdapterUse(second)])
        session.set([])
        session.set([AdapterUse(second, 0.4, 0.6)])
        assert not differing(model, direct)


def test_sessions_within_one_another_end_in_any_order(model: LoadedModel, everything: Adapter, second: Adapter) -> None:
    before = bits(model)
    outer, inner = AdapterSession(model), AdapterSession(model)
    outer.set([AdapterUse(everything)])
    with_outer = bits(model)
    with inner:
        inner.set([AdapterUse(second)])
        assert differing(model, with_outer)
    assert not differing(model, with_outer)
    inner.set([AdapterUse(second)])
    with_inner = bits(model)
    outer.__exit__(None, None, None)
    assert not differing(model, with_inner)
    inner.__exit__(None, None, None)
    assert not differing(model, before)


def test_a_text_encoder_that_two_models_share_is_changed_once(folder: Path, everything: Adapter) -> None:
    first = loaded(folder)
    other = replace(loaded(folder), text_encoders=first.text_encoders)
    untouched = bits(other)
    with applied(first, [AdapterUse(everything)]):
        wanted = bits(first)
        with applied(other, [AdapterUse(everything)]):
            assert not differing(first, wanted)
        assert not differing(first, wanted)
        with applied(other, []):  # a model without adapters has a text encoder without them
            assert {name[:2] for name in differing(first, wanted)} == {"1."}
            assert not differing(other, untouched)
        assert not differing(first, wanted)
    assert not differing(other, untouched)


def test_a_lora_cut_to_a_rank_has_its_first_ranks(model: LoadedModel, tmp_path: Path) -> None:
    tensors = lora_for(f"lora_unet_{ATTENTION}", weight(model))
    adapter = written(tmp_path / "lora.safetensors", tensors)
    original = weight(model).clone()
    up, down = (tensors[f"lora_unet_{ATTENTION}.lora_{side}.weight"] for side in ("up", "down"))
    with applied(model, [AdapterUse(adapter, unet=2.0, dimension=1)]):
        expected = original + 2.0 * 1.5 / RANK * up[:, :1] @ down[:1]
        torch.testing.assert_close(weight(model), expected)


def test_biases_and_norms_are_changed_too(model: LoadedModel, tmp_path: Path) -> None:
    norm, bias = random(16), random(16, seed=1)
    name = "lora_unet_down_blocks_0_resnets_0_norm1"
    adapter = written(tmp_path / "norm.safetensors", {f"{name}.w_norm": norm, f"{name}.b_norm": bias})
    module = model.unet.down_blocks[0].resnets[0].norm1
    before = module.weight.clone(), module.bias.clone()
    with applied(model, [AdapterUse(adapter, unet=0.5)]):
        torch.testing.assert_close(module.weight, before[0] + 0.5 * norm)
        torch.testing.assert_close(module.bias, before[1] + 0.5 * bias)


def test_a_bias_for_a_layer_that_has_none_is_told(model: LoadedModel, tmp_path: Path) -> None:
    tensors = {f"lora_unet_{ATTENTION}.diff": torch.ones_like(weight(model))}
    adapter = written(tmp_path / "a.safetensors", {**tensors, f"lora_unet_{ATTENTION}.diff_b": random(32)})
    with applied(model, [AdapterUse(adapter)]) as session:
        assert session.fitted(adapter).unplaced == (f"lora_unet_{ATTENTION} (its bias)",)


@pytest.mark.parametrize("name", [ATTENTION, CONVOLUTION])
@pytest.mark.parametrize("kind", ["lora", "loha", "norms", "dora"])
def test_weights_in_8_bits_keep_their_bits_and_give_what_merging_gives(
    kind: str, name: str, folder: Path, tmp_path: Path
) -> None:
    model, merged = loaded(folder), loaded(folder)
    place = f"lora_unet_{name}"
    path = ATTENTION_PATH if name == ATTENTION else name.replace("_blocks_0_resnets_0_", "_blocks.0.resnets.0.")
    module = merged.unet.get_submodule(path)
    _store_in_8_bits(model, merged)
    tensors = lora_for(place, module.weight, size=0.02)
    if kind == "loha":
        inner = module.weight[0].numel()
        sides = {"a": (len(module.weight), RANK), "b": (RANK, inner)}
        tensors = {f"{place}.hada_w{at}_{side}": random(*sides[side], seed=at) * 0.5 for at in (1, 2) for side in sides}
    elif kind == "dora":
        tensors[f"{place}.dora_scale"] = random(len(module.weight), *[1] * (module.weight.dim() - 1)).abs()
    elif kind == "norms":
        norm = "lora_unet_down_blocks_1_attentions_0_norm"
        tensors |= {f"{norm}.w_norm": random(32), f"{norm}.b_norm": random(32, seed=3)}
        tensors |= {f"{place}.diff_b": random(len(module.weight))} if module.bias is not None else {}
    adapter = written(tmp_path / "lora.safetensors", tensors)
    assert weight(model, path).dtype == torch.float8_e4m3fn
    before, picture = bits(model), predicted(model)
    with applied(model, [AdapterUse(adapter, unet=0.7)]), applied(merged, [AdapterUse(adapter, unet=0.7)]):
        changed = differing(model, before)
        assert f"0.{path}.weight" not in changed
        torch.testing.assert_close(predicted(model), predicted(merged), rtol=1e-4, atol=1e-4)
        assert not torch.allclose(predicted(model), picture, atol=1e-3)
    assert not differing(model, before)
    assert torch.equal(predicted(model), picture)


def _store_in_8_bits(model: LoadedModel, merged: LoadedModel) -> None:
    """The first model's network in 8 bits, the second one's with the numbers that are left, in float32."""
    model.unet.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.float32)
    kept = dict(model.unet.named_parameters())
    with torch.no_grad():
        for name, parameter in merged.unet.named_parameters():
            parameter.copy_(kept[name].float())


def test_text_keys_tell_apart_what_text_encoders_have(model: LoadedModel, everything: Adapter, tmp_path: Path) -> None:
    of_network = written(tmp_path / "unet.safetensors", lora_for(f"lora_unet_{ATTENTION}", weight(model)))
    with AdapterSession(model) as session:
        session.set([])
        empty = session.text_encoder_key
        session.set([AdapterUse(of_network)])
        assert session.text_encoder_key == empty
        session.set([AdapterUse(everything, text_encoder=0.0)])
        assert session.text_encoder_key == empty
        session.set([AdapterUse(everything, 0.5)])
        half = session.text_encoder_key
        session.set([AdapterUse(everything, 0.5, unet=3.0), AdapterUse(of_network)])
        assert session.text_encoder_key == half != empty
        session.set([AdapterUse(everything, 0.6)])
        assert session.text_encoder_key != half


def test_a_lora_for_another_family_is_refused_in_words(model: LoadedModel, everything: Adapter, tmp_path: Path) -> None:
    for other in (write_tiny_sd2(tmp_path / "sd2"), write_tiny_sdxl(tmp_path / "xl")):
        stranger = loaded(other)
        before = bits(stranger)
        with pytest.raises(
            UnsupportedModel, match=r"^everything\.safetensors cannot be used with the model '(sd2|xl)'"
        ):
            with applied(stranger, [AdapterUse(everything)]):
                pytest.fail("It was put in.")
        assert not differing(stranger, before)


def test_a_refused_lora_leaves_what_was_in_before(
    model: LoadedModel, everything: Adapter, second: Adapter, tmp_path: Path
) -> None:
    stranger = written(tmp_path / "flux.safetensors", lora_for("lora_unet_double_blocks_0_img_attn_proj", random(8, 8)))
    with AdapterSession(model) as session:
        session.set([AdapterUse(everything)])
        wanted = bits(model)
        with pytest.raises(UnsupportedModel, match="flux.safetensors"):
            session.set([AdapterUse(second), AdapterUse(stranger)])
        assert not differing(model, wanted)


def test_a_plain_model_s_lora_works_in_an_inpainting_model(everything: Adapter, tmp_path: Path) -> None:
    inpainting = loaded(write_tiny_model(tmp_path / "inpainting", in_channels=INPAINTING_CHANNELS))
    before = bits(inpainting)
    with applied(inpainting, [AdapterUse(everything)]) as session:
        assert session.fitted(everything).unplaced == ("lora_unet_conv_in",)
        assert len(differing(inpainting, before)) == len(everything.changes) - 1


def test_sdxl_s_second_text_encoder_is_changed(tmp_path: Path) -> None:
    xl = loaded(write_tiny_sdxl(tmp_path / "xl"))
    encoder = xl.text_encoders[1].network
    layer = dict(encoder.named_modules())["text_model.encoder.layers.1.self_attn.q_proj"]
    tensors = lora_for(f"lora_te2_{ENCODER_LAYER}", layer.weight)
    adapter = written(tmp_path / "lora.safetensors", tensors)
    before = bits(xl)
    with applied(xl, [AdapterUse(adapter)]) as session:
        assert differing(xl, before) == {"2.text_model.encoder.layers.1.self_attn.q_proj.weight"}
        assert list(session.fitted(adapter).changes) == [ModulePlace(2, "text_model.encoder.layers.1.self_attn.q_proj")]
    assert not differing(xl, before)
