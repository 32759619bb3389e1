"""The precision policy: which format for which device and family, and that storing weights in eight bits works."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from modules.checkpoints.device import DeviceFacts, device_facts
from modules.checkpoints.identification import Family
from modules.checkpoints.precision import (
    EightBit,
    Precision,
    PrecisionPlan,
    PrecisionWishes,
    plan_precision,
    store_weights,
    stored_in_eight_bits,
)
from modules.errors import InvalidSetting

PLAIN = DeviceFacts("cpu", "processor")
AMX = DeviceFacts("cpu", "processor", bfloat16="AMX")
TURING = DeviceFacts("cuda", "NVIDIA GeForce RTX 2080")
AMPERE = DeviceFacts("cuda", "NVIDIA GeForce RTX 3090", bfloat16="the card")
NO_HALF = DeviceFacts("cuda", "NVIDIA GeForce GTX 1660", half_fails=True)
APPLE = DeviceFacts("mps", "Apple graphics")


@pytest.mark.parametrize(
    ("device", "family", "words"),
    [
        (PLAIN, "sd1", "float32"),
        (PLAIN, "sdxl", "float32"),
        (AMX, "sd1", "bfloat16"),
        (AMX, "sdxl", "bfloat16"),
        (TURING, "sd1", "float16"),
        (TURING, "sd2", "float16, attention float32"),
        (TURING, "sdxl", "float16, VAE float32"),
        (AMPERE, "sd1", "float16"),
        (AMPERE, "sd2", "bfloat16"),
        (AMPERE, "sdxl", "float16, VAE float32"),
        (AMPERE, "sdxl-refiner", "float16, VAE float32"),
        (NO_HALF, "sd1", "float32"),
        (APPLE, "sd1", "float16"),
    ],
)
def test_what_is_chosen(device: DeviceFacts, family: Family, words: str) -> None:
    plan = plan_precision(PrecisionWishes(), device, family)
    assert plan.words == words
    assert plan.text_encoders == plan.unet
    assert plan.reason.endswith(".")


def test_the_reason_names_what_decided() -> None:
    assert "neither AMX nor AVX512-BF16" in plan_precision(PrecisionWishes(), PLAIN).reason
    assert "in hardware (AMX)" in plan_precision(PrecisionWishes(), AMX).reason
    assert "GTX 1660 gives no numbers" in plan_precision(PrecisionWishes(), NO_HALF).reason
    assert "--precision full" in plan_precision(PrecisionWishes("full"), AMPERE).reason
    assert "SD 2 leaves the range" in plan_precision(PrecisionWishes(), TURING, "sd2").reason


@pytest.mark.parametrize(
    ("precision", "expected"), [("full", torch.float32), ("bfloat16", torch.bfloat16), ("half", torch.float16)]
)
@pytest.mark.parametrize("device", [PLAIN, AMX, AMPERE, NO_HALF, APPLE])
def test_the_command_line_decides(precision: Precision, expected: torch.dtype, device: DeviceFacts) -> None:
    if precision == "half" and device.kind == "cpu":
        with pytest.raises(InvalidSetting, match="--precision half needs a graphics card"):
            plan_precision(PrecisionWishes(precision), device)
        return
    plan = plan_precision(PrecisionWishes(precision), device)
    assert (plan.unet, plan.text_encoders) == (expected, expected)


def test_a_vae_that_is_known_to_fit_is_not_widened() -> None:
    assert plan_precision(PrecisionWishes(), AMPERE, "sdxl", vae_overflows=False).vae == torch.float16
    assert plan_precision(PrecisionWishes(), AMPERE, "sd1", vae_overflows=True).vae == torch.float32
    assert plan_precision(PrecisionWishes("bfloat16"), AMPERE, "sdxl", vae_overflows=True).vae == torch.bfloat16


def test_parts_can_be_forced_to_be_wide() -> None:
    plan = plan_precision(PrecisionWishes(full_vae=True, full_attention=True), AMPERE)
    assert plan.words == "float16, VAE float32, attention float32"
    assert "--no-half-vae" in plan.reason
    assert plan_precision(PrecisionWishes("full", full_vae=True, full_attention=True), AMPERE).words == "float32"


@pytest.mark.parametrize(
    ("eight_bit", "family", "stored"),
    [
        ("Disable", "sdxl", False),
        ("Enable for SDXL", "sd1", False),
        ("Enable for SDXL", "sdxl-refiner", True),
        ("Enable", "sd1", True),
    ],
)
def test_eight_bits_by_family(eight_bit: EightBit, family: Family, stored: bool) -> None:
    plan = plan_precision(PrecisionWishes(eight_bit=eight_bit), AMPERE, family)
    assert (plan.storage is torch.float8_e4m3fn) == stored
    assert ("fp8_storage" in plan.reason) == stored


def _unet() -> Any:
    torch.manual_seed(0)
    return UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=32,
        attention_head_dim=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    ).eval()


@torch.inference_mode()
def test_weights_in_eight_bits_take_a_quarter_and_answer_nearly_the_same() -> None:
    network = _unet()
    generator = torch.Generator().manual_seed(0)
    x, words = (torch.randn(shape, generator=generator) for shape in ((1, 4, 8, 8), (1, 77, 32)))
    before = network(x, 500, encoder_hidden_states=words).sample
    size = sum(weight.nbytes for weight in network.parameters())
    assert not stored_in_eight_bits(network)

    plan = PrecisionPlan(torch.float32, torch.float32, torch.float32, torch.float8_e4m3fn, False, "")
    store_weights(network, plan)
    assert stored_in_eight_bits(network)
    assert network.dtype == torch.float32
    for _ in range(2):  # a step leaves the weights as they were stored
        after = network(x, 500, encoder_hidden_states=words).sample
        assert sum(weight.nbytes for weight in network.parameters()) < 0.27 * size
        assert 0 < float((after - before).norm() / before.norm()) < 0.1


def test_without_a_storage_format_nothing_happens() -> None:
    network = _unet()
    store_weights(network, plan_precision(PrecisionWishes(), PLAIN))
    assert not stored_in_eight_bits(network)


def test_this_processor_has_facts() -> None:
    facts = device_facts(torch.device("cpu"))
    assert facts.kind == "cpu"
    assert facts.bfloat16 in ("", "AMX", "AVX512-BF16")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
def test_this_card_has_facts() -> None:
    facts = device_facts(torch.device("cuda"))
    assert facts.kind == "cuda"
    assert facts.name
    assert plan_precision(PrecisionWishes(), facts).reason
