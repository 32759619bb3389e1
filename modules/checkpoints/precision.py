"""Precision policy, the one place: in which number format each part of a model is held and computes, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch

from modules.checkpoints.device import DeviceFacts
from modules.checkpoints.identification import Family
from modules.errors import InvalidSetting

Precision = Literal["auto", "full", "half", "bfloat16"]
EightBit = Literal["Disable", "Enable for SDXL", "Enable"]
"""For which models the weights of the network are stored in eight bits; A1111's words."""

_STORAGE = torch.float8_e4m3fn
"""Four bits of exponent and three of mantissa: weights lie near one another, so digits matter more than range."""
_XL: tuple[Family, ...] = ("sdxl", "sdxl-refiner")


@dataclass(frozen=True)
class PrecisionWishes:
    """What a person asks for, on the command line and in the settings."""

    precision: Precision = "auto"
    full_vae: bool = False
    """Whether the VAE is to compute in float32, whatever the rest does."""
    full_attention: bool = False
    """Whether attention is to compute in float32, whatever the rest does."""
    eight_bit: EightBit = "Disable"


@dataclass(frozen=True)
class PrecisionPlan:
    """Number formats of the parts of one model."""

    unet: torch.dtype
    """In which the network computes."""
    text_encoders: torch.dtype
    vae: torch.dtype
    storage: torch.dtype | None
    """In which the network's weights are held between uses; None: as it computes."""
    full_attention: bool
    """Whether the network's attention computes in float32."""
    reason: str
    """A sentence."""

    @property
    def words(self) -> str:
        """The formats, for people: "float16, VAE float32"."""
        parts = [_name(self.unet)]
        if self.vae != self.unet:
            parts.append(f"VAE {_name(self.vae)}")
        if self.storage is not None:
            parts.append(f"weights stored in {_name(self.storage)}")
        if self.full_attention and self.unet != torch.float32:
            parts.append("attention float32")
        return ", ".join(parts)


def plan_precision(
    wishes: PrecisionWishes, device: DeviceFacts, family: Family = "sd1", *, vae_overflows: bool | None = None
) -> PrecisionPlan:
    """The formats for a model of a family on a device.

    `vae_overflows` says whether the VAE leaves the range of float16; None: not known, and then SDXL's is taken to, as
    the original one does. Raises InvalidSetting for float16 on a processor, which has no kernels worth the name.
    """
    compute, reasons = _compute_format(wishes.precision, device, family)
    half = compute == torch.float16
    vae, full_attention = compute, wishes.full_attention
    if wishes.full_vae:
        vae = torch.float32
        if compute != vae:
            reasons.append("The VAE computes in float32 because --no-half-vae asks for it.")
    elif half and (family in _XL if vae_overflows is None else vae_overflows):
        vae = torch.float32
        reasons.append("This VAE leaves the range of float16.")
    if half and family == "sd2" and not full_attention:
        full_attention = True
        reasons.append("Attention of SD 2 leaves the range of float16.")
    storage = _STORAGE if wishes.eight_bit == "Enable" or (wishes.eight_bit != "Disable" and family in _XL) else None
    if storage is not None:
        reasons.append(f"fp8_storage is {wishes.eight_bit!r}.")
    return PrecisionPlan(compute, compute, vae, storage, full_attention, " ".join(reasons))


def _compute_format(wanted: Precision, device: DeviceFacts, family: Family) -> tuple[torch.dtype, list[str]]:
    if wanted != "auto":
        if wanted == "half" and device.kind == "cpu":
            raise InvalidSetting("--precision half needs a graphics card. Use auto, full or bfloat16 on a processor.")
        forced = {"full": torch.float32, "half": torch.float16, "bfloat16": torch.bfloat16}[wanted]
        return forced, [f"--precision {wanted} asks for it."]
    if device.kind == "cpu":
        if device.bfloat16:
            return torch.bfloat16, [f"The processor multiplies bfloat16 in hardware ({device.bfloat16})."]
        return torch.float32, [
            "The processor has no bfloat16 in hardware (neither AMX nor AVX512-BF16), where it would be slower."
        ]
    if device.half_fails:
        return torch.float32, [f"{device.name} gives no numbers in float16."]
    if family == "sd2" and device.bfloat16:
        return torch.bfloat16, ["SD 2 leaves the range of float16, and the card has bfloat16."]
    return torch.float16, [f"{device.name} computes float16 in hardware."]


def store_weights(network: Any, plan: PrecisionPlan) -> None:
    """Hold a diffusers network's weights in the plan's storage format and compute in its own, layer by layer.

    Cannot be undone: the digits are gone. The network's weights must not be changed in place afterwards, and its
    `dtype` says in which format it computes. Normalisations keep their format, as diffusers advises.
    """
    if plan.storage is not None:
        network.enable_layerwise_casting(storage_dtype=plan.storage, compute_dtype=plan.unet)


def stored_in_eight_bits(network: Any) -> bool:
    """Whether `store_weights` was applied to a network, so that adapters must not be merged into its weights."""
    return any(weight.dtype == _STORAGE for weight in network.parameters())


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
