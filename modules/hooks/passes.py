"""What hooks are told of passes: runs of a sampler that make or change the latents of a batch of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from modules.hooks.arguments import Arguments
from modules.schema.requests import Resolved

Tensor = Any
"""A torch.Tensor; extensions are listed before torch is there."""
PassKind = Literal["first pass", "hires pass", "img2img", "tile"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PassContext:
    """One pass: a sampler's run for a batch of pictures. Every context of a pass has these fields.

    Tensors are torch's, and those that the program goes on with: nothing may write into them, and a hook that wants
    another one returns one of the same shape. Row i belongs to picture `indices[i]`. What a hook makes of a row may
    depend on that row and on its context alone, since the same request has to give the same picture, by itself or in a
    batch, whatever was painted before.
    """

    request: Resolved
    """The pass's own. That of a hires pass has its size, steps, sampler, checkpoint and prompts in the fields that
    belong to the first pass elsewhere."""
    kind: PassKind
    """"first pass" (of txt2img, or its only one), "hires pass", "img2img", or "tile" (of SD upscale)."""
    indices: tuple[int, ...]
    """The pictures of the request that the batch is made of, counted from 0."""
    sigmas: tuple[float, ...]
    """The noise levels that the pass visits, descending; one more than it has steps."""
    sections: Mapping[str, Arguments] = field(default_factory=dict)
    """The arguments of this extension's sections that are switched on in the request, by the names of the sections."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BeforePass(PassContext):
    """A pass is about to begin."""

    latents: Tensor
    """What the sampler begins with, noise included: (batch, channels, height, width) at noise level `sigmas[0]`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AfterPass(PassContext):
    """A pass is over."""

    latents: Tensor
    """What it gave, (batch, channels, height, width), ready to be decoded."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation(PassContext):
    """One evaluation of the network, of which samplers of second order have two in a step."""

    step: int
    """The step that it belongs to, counted from 1."""
    steps: int
    """How many steps the pass has."""
    evaluation: int
    """Counted from 0 over the pass."""
    evaluations: int
    """How many are expected; a sampler may ask once more, and DPM adaptive as often as it likes."""
    sigma: Tensor
    """The noise level of each picture, (batch,), float64 on the processor; DPM adaptive alone has several."""
    latents: Tensor
    """The noisy picture x, (batch, channels, height, width): x = picture + sigma * noise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BeforeNetwork(Evaluation):
    """The network is about to look at `latents`, with the prompts and the negative prompts."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AfterGuidance(Evaluation):
    """The network has looked, and guidance has made one picture of what it saw. All tensors have the same shape."""

    denoised: Tensor
    """The picture without noise, as guidance has it."""
    positive: Tensor
    """The same as the network sees it with the prompts alone."""
    negative: Tensor | None
    """The same with the negative prompts; None where the network did not look at them in this evaluation."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AfterStep(PassContext):
    """The sampler has made a step."""

    step: int
    """Which one, counted from 1. DPM fast, whose steps are of up to three evaluations, counts those."""
    steps: int
    """How many the pass has."""
    sigma: float
    """The noise level that the step came to."""
    latents: Tensor
    """The noisy picture at that level, (batch, channels, height, width); the next step begins with it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkPatch(PassContext):
    """A network is about to paint in a pass; with a refiner two do, one after the other."""

    model: str
    """The name of its checkpoint."""
    family: str
    """The checkpoint's, such as "sd1", "sd2", "sdxl" or "sdxl-refiner"."""
    network: Any
    """The network, a torch.nn.Module: diffusers' UNet2DConditionModel. LoRAs are in it already, or come while it
    paints."""
