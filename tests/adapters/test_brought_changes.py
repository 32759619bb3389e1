"""Adapters of kinds that extensions bring: put in like all others, and taken out to the bit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from modules.adapters.adapter import Adapter, read_adapter
from modules.adapters.brought_changes import BroughtChange
from modules.adapters.key_names import is_known_suffix
from modules.adapters.session import AdapterSession, AdapterUse, applied
from modules.checkpoints.loaded import LoadedModel
from modules.errors import PluginFailed, UnsupportedModel
from modules.hooks import AdapterContext, AdapterKind, Plugins, hookimpl
from modules.hooks.adapter_registry import AdapterRegistry
from tests.adapters.networks import ATTENTION, CONVOLUTION, bits, differing, loaded, lora_for, random, written
from tests.tiny_models import write_tiny_model

LINEAR = f"lora_unet_{ATTENTION}"
CONV = f"lora_unet_{CONVOLUTION}"


class Shifted(AdapterKind):
    """Adds the square of the multiplier times a number to each row."""

    name = "Shift"
    suffixes = ("shift", "shift.extra")
    asked: list[AdapterContext]

    def __init__(self, act: Callable[[AdapterContext], Any] | None = None) -> None:
        self.asked = []
        self._act = act

    def fits(self, shape: tuple[int, ...], tensors: Any) -> bool:
        return bool(tensors["shift"] == shape[:1])

    def change(self, context: AdapterContext) -> Tensor:
        self.asked.append(context)
        if self._act is not None:
            answer: Tensor = self._act(context)
            return answer
        rows = context.tensors["shift"].reshape(-1, *[1] * (context.weight.dim() - 1))
        shifted: Tensor = (rows * context.multiplier**2).expand(context.weight.shape)
        return shifted


def registry_of(kind: AdapterKind) -> AdapterRegistry:
    @hookimpl
    def register_adapters() -> list[AdapterKind]:
        return [kind]

    plugins = Plugins(())
    plugins.register(SimpleNamespace(register_adapters=register_adapters), "mine")
    registry = AdapterRegistry(plugins, is_known_suffix)
    assert plugins.failures == ()
    return registry


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return loaded(write_tiny_model(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture(scope="module")
def in_8_bits(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return loaded(write_tiny_model(tmp_path_factory.mktemp("models") / "tiny"))


def rows_of(model: LoadedModel, path: str) -> int:
    return len(model.unet.get_submodule(path).weight)


def shifts(model: LoadedModel, size: float = 1.0) -> dict[str, Tensor]:
    linear = rows_of(model, "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q")
    convolution = rows_of(model, "down_blocks.0.resnets.0.conv1")
    return {
        f"{LINEAR}.shift": random(linear) * size,
        f"{LINEAR}.alpha": torch.tensor(2.0),
        f"{LINEAR}.shift.extra": torch.arange(3),
        f"{CONV}.shift": random(convolution, seed=5) * size,
    }


def adapter(tmp_path: Path, kind: AdapterKind, tensors: dict[str, Tensor], name: str = "a") -> Adapter:
    save_file(tensors, tmp_path / f"{name}.safetensors", {"said": "so"})
    return read_adapter(tmp_path / f"{name}.safetensors", registry_of(kind))


def test_weights_get_what_the_extension_says_and_are_put_back(model: LoadedModel, tmp_path: Path) -> None:
    kind = Shifted()
    tensors = shifts(model)
    one = adapter(tmp_path, kind, tensors)
    assert (one.made_for, one.plugins, one.unknown) == ("Shift", frozenset({"mine"}), ())
    before, weight = bits(model), model.unet.get_submodule("down_blocks.0.resnets.0.conv1").weight
    was = weight.detach().clone()
    with applied(model, [AdapterUse(one, unet=-0.5)]) as session:
        assert session.fitted(one).unplaced == ()
        added = (tensors[f"{CONV}.shift"] * 0.25).reshape(-1, 1, 1, 1).expand(was.shape)
        torch.testing.assert_close(weight.detach(), was + added)
        assert len(differing(model, before)) == 2
    assert differing(model, before) == set()
    linear = next(context for context in kind.asked if context.module == LINEAR)
    assert set(linear.tensors) == {"shift", "alpha", "shift.extra"}
    assert linear.tensors["shift.extra"].dtype == torch.int64 and linear.tensors["alpha"].dtype == torch.float32
    assert (linear.multiplier, linear.metadata) == (-0.5, {"said": "so"})


def test_several_add_up_from_the_checkpoints_own_weight(model: LoadedModel, tmp_path: Path) -> None:
    kind = Shifted()
    weight = model.unet.get_submodule("down_blocks.0.resnets.0.conv1").weight
    first = adapter(tmp_path, kind, shifts(model))
    lora = written(tmp_path / "lora.safetensors", lora_for(CONV, weight))
    before, was = bits(model), weight.detach().clone()
    with applied(model, [AdapterUse(lora)]):
        by_lora = weight.detach() - was
    with AdapterSession(model) as session:
        session.set([AdapterUse(lora), AdapterUse(first)])
        added = shifts(model)[f"{CONV}.shift"].reshape(-1, 1, 1, 1)
        torch.testing.assert_close(weight.detach(), was + by_lora + added)
        assert torch.equal(kind.asked[-1].weight, was) or torch.equal(kind.asked[0].weight, was)
        session.set([AdapterUse(lora)])  # a range of steps that ends
        torch.testing.assert_close(weight.detach(), was + by_lora)
    assert differing(model, before) == set()


def test_8_bit_weights_keep_their_bits(in_8_bits: LoadedModel, tmp_path: Path) -> None:
    model, path = in_8_bits, "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    one = adapter(tmp_path, Shifted(), {f"{LINEAR}.shift": shifts(model)[f"{LINEAR}.shift"]})
    module = model.unet.get_submodule(path)
    x = random(2, module.in_features)
    with torch.inference_mode():
        usual = module(x)
        stored = module.weight.data.to(torch.float8_e4m3fn)
        module.weight.data = stored
        module.forward = lambda x: torch.nn.functional.linear(x, module.weight.float(), module.bias)
        plain = module(x)
        with applied(model, [AdapterUse(one)]):
            changed = module(x)
            assert torch.equal(module.weight.view(torch.uint8), stored.view(torch.uint8))
        added = torch.nn.functional.linear(x, shifts(model)[f"{LINEAR}.shift"][:, None].expand(module.weight.shape))
        torch.testing.assert_close(changed, plain + added)
        assert torch.equal(module(x), plain) and not torch.equal(plain, usual)


def scribbling(context: AdapterContext) -> Tensor:
    context.weight.zero_()
    context.tensors["shift"].zero_()
    return torch.ones_like(context.weight)


def test_code_that_writes_into_what_it_is_given_changes_nothing_else(model: LoadedModel, tmp_path: Path) -> None:
    one, before = adapter(tmp_path, Shifted(scribbling), shifts(model)), bits(model)
    weight = model.unet.get_submodule("down_blocks.0.resnets.0.conv1").weight
    was = weight.detach().clone()
    with applied(model, [AdapterUse(one)]):
        torch.testing.assert_close(weight.detach(), was + 1)
    assert differing(model, before) == set()
    (change,) = one.changes[CONV].weight
    assert isinstance(change, BroughtChange) and float(change.tensors["shift"].abs().sum()) > 0


def ending(context: AdapterContext) -> Tensor:
    raise SystemExit("away")


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (ending, "SystemExit: away"),
        (lambda context: context.tensors["gone"], "KeyError: 'gone'"),
        (lambda context: 3, "it gave int in the place of a tensor"),
        (lambda context: context.weight[:1], "it gave a tensor of (1, "),
    ],
)
def test_one_that_fails_is_named_and_leaves_the_model_as_it_was(
    act: Callable[[AdapterContext], Any], problem: str, model: LoadedModel, tmp_path: Path
) -> None:
    one, before = adapter(tmp_path, Shifted(act), shifts(model)), bits(model)
    told = f"Adapters of the kind 'Shift' of the extension mine failed ({problem}"
    with pytest.raises(PluginFailed, match=re.escape(told)), AdapterSession(model) as session:
        session.set([AdapterUse(one)])
    assert differing(model, before) == set()


def test_one_of_another_model_is_refused_before_anything_is_changed(model: LoadedModel, tmp_path: Path) -> None:
    one = adapter(tmp_path, Shifted(), {**shifts(model), f"{CONV}.shift": torch.zeros(7)})
    with (
        pytest.raises(UnsupportedModel, match="it is a Shift of other sizes, and the model"),
        applied(model, [AdapterUse(one)]),
    ):
        pass


def test_without_the_extension_the_file_is_none(model: LoadedModel, tmp_path: Path) -> None:
    save_file(shifts(model), tmp_path / "a.safetensors")
    with pytest.raises(UnsupportedModel, match="a.safetensors cannot be used as a LoRA"):
        read_adapter(tmp_path / "a.safetensors")
