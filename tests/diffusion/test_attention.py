"""Every kind of attention computes the same; which one is taken; and the memory of the one that works in slices."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0
from hypothesis import given
from hypothesis import strategies as st

from modules.config.paths import ROOT
from modules.config.settings_table import ATTENTION_KINDS
from modules.diffusion import attention
from modules.diffusion.attention import KINDS, AttentionKind, attention_choice, set_attention, why_not

CPU = torch.device("cpu")
CUDA = torch.device("cuda")
HERE: tuple[AttentionKind, ...] = ("sdp", "sdp-no-mem", "sub-quadratic")
"""The kinds that need no package."""


@pytest.fixture
def unet() -> Any:
    torch.manual_seed(0)
    return UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=32,
        attention_head_dim=2,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    ).eval()


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def predicted(unet: Any, **more: Any) -> torch.Tensor:
    with torch.inference_mode():
        return unet(random(2, 4, 12, 8), 500, encoder_hidden_states=random(2, 9, 32), **more).sample  # type: ignore[no-any-return]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("kind", HERE)
def test_all_kinds_compute_the_same(
    unet: Any, kind: AttentionKind, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sliced = partial(attention._in_slices, most=2 * 8 * 10 * 96 * 4)
    monkeypatch.setitem(attention._KERNELS, "sub-quadratic", sliced)
    plain = predicted(unet)
    set_attention(unet, kind, full=full)
    assert torch.allclose(predicted(unet), plain, atol=1e-5)


@pytest.mark.parametrize("kind", HERE)
def test_masked_words_count_nothing(unet: Any, kind: AttentionKind) -> None:
    mask = torch.tensor([[1, 1, 1, 0, 0, 0, 0, 0, 0], [1] * 9], dtype=torch.bool)
    plain = predicted(unet, encoder_attention_mask=mask)
    assert not torch.allclose(plain, predicted(unet), atol=1e-4)
    set_attention(unet, kind, full=True)
    assert torch.allclose(predicted(unet, encoder_attention_mask=mask), plain, atol=1e-5)


def test_a_vae_s_attention_has_a_norm_and_a_residual() -> None:
    torch.manual_seed(0)
    vae: Any = AutoencoderKL(block_out_channels=(8,), norm_num_groups=4).eval()
    with torch.inference_mode():
        plain = vae.decode(random(1, 4, 6, 10)).sample
        set_attention(vae, "sub-quadratic")
        assert torch.allclose(vae.decode(random(1, 4, 6, 10)).sample, plain, atol=1e-5)
    assert type(vae.decoder.mid_block.attentions[0].processor) is not AttnProcessor2_0


def test_kinds_can_be_changed_and_sdp_is_diffusers_own(unet: Any) -> None:
    layer = unet.down_blocks[0].attentions[0].transformer_blocks[0].attn1
    for kind in ("sub-quadratic", "sdp", "sdp-no-mem", "sdp"):
        set_attention(unet, kind)
        assert (type(layer.processor) is AttnProcessor2_0) == (kind == "sdp")


def test_full_attention_computes_in_float32_whatever_the_network_does(unet: Any) -> None:
    seen: list[torch.dtype] = []

    def kernel(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        seen.extend(tensor.dtype for tensor in (query, key, value))
        return attention._sdp(query, key, value, mask)

    layer = unet.half().down_blocks[0].attentions[0].transformer_blocks[0].attn1
    layer.set_processor(attention.AttentionProcessor(kernel, full=True))
    assert layer(random(1, 4, 16).half()).dtype == torch.float16
    assert seen == [torch.float32] * 3


@given(
    positions=st.integers(1, 40),
    keys=st.integers(1, 20),
    most=st.integers(1, 4000),
    masked=st.sampled_from([None, 1, "each"]),
)
def test_slices_are_the_whole(positions: int, keys: int, most: int, masked: int | str | None) -> None:
    query, key, value = random(2, 3, positions, 4), random(2, 3, keys, 4, seed=1), random(2, 3, keys, 5, seed=2)
    mask = None if masked is None else random(2, 1, 1 if masked == 1 else positions, keys, seed=3)
    whole = attention._sdp(query, key, value, mask)
    assert torch.allclose(attention._in_slices(query, key, value, mask, most=most), whole, atol=1e-5)


_PEAK = """
import sys, torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from modules.diffusion.attention import _in_slices, _sdp
query = torch.randn(2, 8, 2048, 8)
kernel = _sdp if sys.argv[1] == "whole" else lambda *given: _in_slices(*given, most=8 << 20)
with sdpa_kernel(SDPBackend.MATH), torch.inference_mode():
    def peak():
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    kernel(query[:, :, :16], query, query, None)
    before = peak()
    kernel(query, query, query, None)
    print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell a process the peak of its parent, or none")
def test_slices_bound_the_memory() -> None:
    """With a kernel that holds all weights: 2 x 8 x 2048 x 2048 in float32 are 256 MiB, a slice of them 8."""

    def peak(kind: str) -> float:
        done = subprocess.run([sys.executable, "-c", _PEAK, kind], cwd=ROOT, capture_output=True, text=True, check=True)
        return int(done.stdout) / 1024

    assert peak("whole") > 250
    assert peak("slices") < 60


def test_the_setting_s_kinds_are_these() -> None:
    assert ATTENTION_KINDS == KINDS
    assert attention._KERNELS.keys() == set(KINDS)


def test_automatic_is_pytorch_s_own_but_on_apple() -> None:
    assert attention_choice("Automatic", CPU, torch.float32).kind == "sdp"
    assert attention_choice("Automatic", CUDA, torch.float16).kind == "sdp"
    assert attention_choice("Automatic", torch.device("mps"), torch.float16).kind == "sub-quadratic"


@pytest.mark.parametrize("kind", HERE)
def test_what_was_asked_for_is_taken(kind: AttentionKind) -> None:
    choice = attention_choice(kind, CPU, torch.float32)
    assert (choice.kind, choice.reason) == (kind, "It was asked for.")


@pytest.mark.parametrize("kind", ["xformers", "flash", "sage"])
def test_packages_have_nothing_for_processors(kind: AttentionKind) -> None:
    choice = attention_choice(kind, CPU, torch.float32)
    assert choice.kind == "sdp"
    assert choice.reason == f"{kind} was asked for, but {kind} has no kernels for processors."


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The trial's answers are forgotten, and the packages are there."""
    why_not.cache_clear()
    monkeypatch.setattr(attention, "find_spec", lambda name: object())
    return monkeypatch


# A device that torch knows and the library takes for no processor, but where tensors have no numbers.
META = torch.device("meta")


def test_a_package_that_is_not_there(untried: pytest.MonkeyPatch) -> None:
    untried.setattr(attention, "find_spec", lambda name: None)
    assert why_not("sage", META, torch.float16) == "the package sageattention is not installed"


def test_eight_bit_kernels_need_half_precision(untried: pytest.MonkeyPatch) -> None:
    assert why_not("flash", META, torch.float32) == "flash has no kernels for float32"


def test_a_kernel_that_fails_is_not_taken(untried: pytest.MonkeyPatch) -> None:
    def broken(*given: object) -> torch.Tensor:
        raise NotImplementedError("No operator found for this input\nand more")

    untried.setitem(attention._KERNELS, "xformers", broken)
    choice = attention_choice("xformers", META, torch.float16)
    assert choice.kind == "sdp"
    assert choice.reason.endswith("its kernel failed (No operator found for this input).")


def test_a_kernel_is_tried_once_and_compared(untried: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def right(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        calls.append(1)
        return attention._sdp(query, key, value, mask)

    def wrong(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        return right(query, key, value, mask) + 1

    untried.setitem(attention._KERNELS, "flash", right)
    assert attention._trial("flash", CPU, torch.bfloat16) == ""
    untried.setitem(attention._KERNELS, "flash", wrong)
    assert attention._trial("flash", CPU, torch.bfloat16) == "its kernel gave wrong numbers"
    assert len(calls) == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_that_work_on_the_card_compute_the_same(unet: Any, kind: AttentionKind) -> None:
    problem = why_not(kind, CUDA, torch.float16)
    if problem:
        pytest.skip(problem)
    unet = unet.to(CUDA, torch.float16)
    x, words = random(2, 4, 12, 8).to(CUDA, torch.float16), random(2, 9, 32).to(CUDA, torch.float16)
    with torch.inference_mode():
        plain = unet(x, 500, encoder_hidden_states=words).sample
        set_attention(unet, kind)
        near = unet(x, 500, encoder_hidden_states=words).sample
    assert float((near - plain).norm() / plain.norm()) < (0.05 if kind == "sage" else 0.01)
