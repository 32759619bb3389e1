"""Patches of networks: what they do to pictures, and that nothing is left of them, whatever they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from modules.errors import Interrupted, PluginFailed
from modules.hooks import NetworkPatch, hookimpl
from modules.pipeline.network_patches import NetworkDamaged
from tests.pipeline.painting import Onlooker, Studio, distance, to_img2img, to_txt2img
from tests.pipeline.test_networks import Files, bits
from tests.tiny_networks import write_lora

Patch = Callable[[NetworkPatch], Any]


def patching(patch: Patch) -> SimpleNamespace:
    """A plugin with that patch."""

    @hookimpl
    def patch_network(context: NetworkPatch) -> Any:
        return patch(context)

    return SimpleNamespace(patch_network=patch_network)


def structure(studio: Studio, name: str = "plain") -> list[Any]:
    """What the modules of a network consist of, in order, by identity."""
    found: list[Any] = []
    for path, module in studio.models[name].unet.named_modules():
        for attribute, value in sorted(vars(module).items(), key=lambda row: row[0]):
            entries = [(key, id(entry)) for key, entry in value.items()] if isinstance(value, dict) else id(value)
            found.append((path, type(module), attribute, entries))
    return found


def first_of(network: Any, kind: type[torch.nn.Module]) -> Any:
    return next(module for module in network.modules() if isinstance(module, kind))


@contextmanager
def tidy(context: NetworkPatch) -> Iterator[None]:
    """Changes what a layer gives, and takes it back itself."""
    layer = first_of(context.network, torch.nn.Linear)
    handle = layer.register_forward_hook(lambda module, given, result: result * 1.5)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def new_forward(context: NetworkPatch) -> Iterator[None]:
    """Replaces a forward, and forgets it."""
    layer = first_of(context.network, torch.nn.Linear)
    before = layer.forward
    layer.forward = lambda x: before(x) * 1.5
    yield


@contextmanager
def new_weights(context: NetworkPatch) -> Iterator[None]:
    """Replaces weights, and forgets them."""
    layer = first_of(context.network, torch.nn.Linear)
    layer.weight = torch.nn.Parameter(layer.weight * 1.5, requires_grad=False)
    yield


@contextmanager
def new_module(context: NetworkPatch) -> Iterator[None]:
    """Takes a block out and puts another one in its place."""
    context.network.conv_in = torch.nn.Sequential(context.network.conv_in, torch.nn.Tanh())
    yield


@contextmanager
def new_processors(context: NetworkPatch) -> Iterator[None]:
    """Replaces how attention is computed, by diffusers' own way."""

    class Half:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __call__(self, attention: Any, states: Any, *given: Any, **named: Any) -> Any:
            return self.inner(attention, states, *given, **named) * 0.5

    for module in context.network.modules():
        if hasattr(module, "processor"):
            module.processor = Half(module.processor)
    yield


@contextmanager
def hooked_and_tagged(context: NetworkPatch) -> Iterator[None]:
    """Leaves hooks, attributes, another class and a missing buffer behind."""
    network = context.network
    network.register_forward_pre_hook(lambda module, given: None)
    network.tagged = {"by": "somebody"}

    class Other(type(network)):  # type: ignore[misc]
        """A class of its own."""

    network.__class__ = Other
    first_of(network, torch.nn.SiLU).inplace = False
    first_of(network, torch.nn.Conv2d).register_forward_hook(lambda module, given, result: result * 1.2)
    yield


PATCHES = [tidy, new_forward, new_weights, new_module, new_processors, hooked_and_tagged]


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.__name__)
@pytest.mark.parametrize("task", [to_txt2img, to_img2img])
def test_a_patch_acts_while_a_pass_paints_and_leaves_no_trace(studio: Studio, patch: Patch, task: Any) -> None:
    plain, was, weights = studio.paint(task())[0], structure(studio), bits(studio, "plain")
    other = studio.with_plugins(sharper=patching(patch)).paint(task())[0]
    assert distance(plain, other) > 2
    assert structure(studio) == was and bits(studio, "plain") == weights
    assert np.array_equal(studio.paint(task())[0], plain)


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.__name__)
def test_nothing_is_left_of_it_when_a_job_is_stopped(studio: Studio, patch: Patch) -> None:
    was, weights = structure(studio), bits(studio, "plain")
    with pytest.raises(Interrupted):
        studio.with_plugins(sharper=patching(patch)).paint(to_txt2img(), Onlooker(stop_at=2))
    assert structure(studio) == was and bits(studio, "plain") == weights


def test_what_it_is_told(studio: Studio) -> None:
    seen: list[NetworkPatch] = []
    request = to_txt2img(steps=4, enable_hr=True, hr_scale=2.0, refiner_checkpoint="other", refiner_switch_at=0.5)
    studio.with_plugins(diary=patching(seen.append)).paint(request)
    assert [(one.kind, one.model, one.family) for one in seen] == [
        ("first pass", "plain", "sd1"),
        ("hires pass", "plain", "sd1"),
        ("hires pass", "other", "sd1"),
    ]
    assert [one.network for one in seen] == [studio.models[one.model].unet for one in seen]


def test_a_refiner_is_patched_too(studio: Studio) -> None:
    request = to_txt2img(refiner_checkpoint="other", refiner_switch_at=0.5)
    was = structure(studio), structure(studio, "other")

    def of_the_refiner(context: NetworkPatch) -> AbstractContextManager[None] | None:
        return new_forward(context) if context.model == "other" else None

    plain = studio.paint(request)[0]
    assert distance(studio.with_plugins(sharper=patching(of_the_refiner)).paint(request)[0], plain) > 0
    assert (structure(studio), structure(studio, "other")) == was


def test_several_patches_are_in_one_another(studio: Studio) -> None:
    said: list[str] = []

    def saying(word: str) -> Patch:
        @contextmanager
        def patch(context: NetworkPatch) -> Iterator[None]:
            said.append(f"{word} in")
            with new_forward(context):
                yield
            said.append(f"{word} out")

        return patch

    was = structure(studio)
    studio.with_plugins(one=patching(saying("one")), two=patching(saying("two"))).paint(to_txt2img(batch_count=2))
    assert said == ["one in", "two in", "two out", "one out"] * 2
    assert structure(studio) == was


def raised_when_asked(context: NetworkPatch) -> None:
    raise ZeroDivisionError("no")


@contextmanager
def raised_when_entered(context: NetworkPatch) -> Iterator[None]:
    first_of(context.network, torch.nn.Linear).forward = None
    raise ZeroDivisionError("no")
    yield


@contextmanager
def raised_when_left(context: NetworkPatch) -> Iterator[None]:
    first_of(context.network, torch.nn.Linear).register_forward_hook(lambda module, given, result: result)
    yield
    raise ZeroDivisionError("no")


@pytest.mark.parametrize(
    ("patch", "problem"),
    [
        (raised_when_asked, "ZeroDivisionError: no"),
        (raised_when_entered, "ZeroDivisionError: no"),
        (raised_when_left, "ZeroDivisionError: no"),
        (lambda context: 7, "TypeError: it gave int in the place of a context manager"),
    ],
)
def test_one_that_fails_is_named_and_taken_out(studio: Studio, patch: Patch, problem: str) -> None:
    was = structure(studio)
    before = patching(new_forward)
    with pytest.raises(PluginFailed, match="Hook 'patch_network' of the extension sharper failed") as failed:
        studio.with_plugins(before=before, sharper=patching(patch)).paint(to_txt2img())
    assert problem in str(failed.value) and not isinstance(failed.value, NetworkDamaged)
    assert structure(studio) == was


def test_one_that_swallows_a_stop_does_not_keep_it(studio: Studio) -> None:
    class Swallowing:
        def __enter__(self) -> None:
            """Nothing."""

        def __exit__(self, *given: object) -> bool:
            return True

    with pytest.raises(Interrupted):
        swallowing = patching(lambda context: Swallowing())
        studio.with_plugins(sharper=swallowing).paint(to_txt2img(), Onlooker(stop_at=2))


@pytest.mark.parametrize("is_stopped", [False, True])
def test_one_that_writes_into_weights_is_told_of(studio: Studio, is_stopped: bool) -> None:
    @contextmanager
    def careless(context: NetworkPatch) -> Iterator[None]:
        weight = first_of(context.network, torch.nn.Linear).weight
        kept.append((weight, weight.clone()))
        with torch.inference_mode():
            weight.mul_(1.1)
        yield

    kept: list[tuple[torch.Tensor, torch.Tensor]] = []
    watcher = Onlooker(stop_at=2 if is_stopped else None)
    try:
        with pytest.raises(
            NetworkDamaged, match="The extension sharper wrote into the weights of a network instead of"
        ):
            studio.with_plugins(sharper=patching(careless)).paint(to_txt2img(), watcher)
    finally:
        with torch.inference_mode():  # the models are shared by all tests
            for weight, before in kept:
                weight.copy_(before)


def test_one_that_writes_into_weights_and_back_again_does_no_harm(studio: Studio) -> None:
    @contextmanager
    def careful(context: NetworkPatch) -> Iterator[None]:
        weight = first_of(context.network, torch.nn.Linear).weight
        before = weight.clone()
        with torch.inference_mode():
            weight.mul_(1.5)
            yield
            weight.copy_(before)

    weights = bits(studio, "plain")
    plain = studio.paint(to_txt2img())[0]
    assert distance(studio.with_plugins(sharper=patching(careful)).paint(to_txt2img())[0], plain) > 2
    assert bits(studio, "plain") == weights


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.__name__)
def test_loras_and_patches_do_not_hurt_one_another(studio: Studio, tmp_path: Path, patch: Patch) -> None:
    write_lora(tmp_path / "ink.safetensors", studio.models["plain"], seed=1)
    dressed = studio.with_networks(Files(tmp_path))
    request = to_txt2img(prompt="a house<lora:ink:1>", batch_count=2)
    plain, was, weights = dressed.paint(request), structure(studio), bits(studio, "plain")
    other = dressed.with_plugins(sharper=patching(patch)).paint(request)
    assert all(distance(plain[index], other[index]) > 2 for index in plain)
    assert structure(studio) == was and bits(studio, "plain") == weights
    assert all(np.array_equal(plain[index], picture) for index, picture in dressed.paint(request).items())


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_lora_that_comes_within_a_pass(studio: Studio, tmp_path: Path, is_stopped: bool) -> None:
    write_lora(tmp_path / "ink.safetensors", studio.models["plain"], seed=1)
    dressed = studio.with_networks(Files(tmp_path))
    request = to_txt2img(prompt="a house<lora:ink:1:0.5-1>", steps=6)
    was, weights, plain = structure(studio), bits(studio, "plain"), dressed.paint(request)[0]
    patched = dressed.with_plugins(sharper=patching(new_forward))
    if is_stopped:
        patched.interrupted(request, at_step=4)
    else:
        assert distance(patched.paint(request)[0], plain) > 2
    assert structure(studio) == was and bits(studio, "plain") == weights
    assert np.array_equal(dressed.paint(request)[0], plain)
    for patch in (new_weights, new_module):
        with pytest.raises(PluginFailed, match="The extension sharper exchanges parts of the network, which"):
            dressed.with_plugins(sharper=patching(patch)).paint(request)
        assert structure(studio) == was and bits(studio, "plain") == weights
