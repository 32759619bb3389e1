"""A sampler that an extension brings: offered wherever samplers are, by its name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

Tensor = Any
"""A torch.Tensor; extensions are listed before torch is there."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SamplerContext:
    """What a sampler is told, and what it calls while it works.

    Tensors are torch's, all of the shape of the latents and on their device; nothing may write into one that it was
    given. Row i is a picture by itself: what becomes of it may depend on no other row, so that a batch is the same
    pictures as its requests one by one.
    """

    sigmas: tuple[float, ...]
    """The noise levels to visit, falling; one more than there are steps. The last one may be 0, no other one is."""
    denoise: Callable[[Tensor, float], Tensor]
    """`denoise(latents, sigma)`: the picture without noise, as network and guidance see it in latents that have noise
    of the level `sigma`, a number above 0. Stops the run where somebody asked for it, by an exception that is to be let
    through."""
    stepped: Callable[[Tensor, Tensor], Tensor]
    """`latents = stepped(latents, denoised)`: to be called after each step, with the latents at the step's end and the
    picture that was seen in it. It shows progress and preview, asks the extensions that act after steps, and gives the
    latents to go on with."""
    noise: Callable[[], Tensor]
    """`noise()`: fresh noise of variance 1, which follows from the seed of each picture and from nothing else. The
    first one is in the latents already. Noise from anywhere else makes other pictures each time."""
    brownian: Callable[[float, float], Tensor]
    """`brownian(sigma, sigma_next)`: noise of variance 1 from a path over the noise levels, the same path however many
    steps there are. Both levels are within those of the schedule and above 0."""
    eta: float
    """The request's share of fresh noise; the sampler's `usual_eta` where it says none, 0 without one."""
    s_noise: float
    """The request's factor on fresh noise, usually 1. `noise` is without it."""
    trained_sigmas: tuple[float, ...]
    """The noise level of every step that the model was trained on, rising; a thousand with Stable Diffusion."""

    @property
    def steps(self) -> tuple[tuple[float, float], ...]:
        """Where each step begins and where it ends."""
        return tuple(zip(self.sigmas[:-1], self.sigmas[1:], strict=True))


class Sampler(ABC):
    """A way from noise to a picture. Its name is what people choose, and what infotexts call it."""

    name: ClassVar[str]
    """Like no other sampler's, nor like another name that one has, such as "DPM++ 2M Karras"."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """What else it answers to in requests and infotexts."""
    automatic: ClassVar[str] = "Uniform"
    """The schedule that Automatic stands for: one of a list, or of this extension."""
    calls_per_step: ClassVar[int] = 1
    """How often it calls `denoise` in a step; one call less in the last step does no harm. Prompts that change on the
    way, the refiner and guidance that begins late count these calls."""
    usual_eta: ClassVar[float | None] = None
    """The eta that it runs with where a request says none; None: it has none."""

    @abstractmethod
    def sample(self, latents: Tensor, context: SamplerContext) -> Tensor:
        """The latents at the last noise level, made of such at the first one.

        (batch, channels, height, width), x = picture + sigma * noise: noise of the standard deviation
        `context.sigmas[0]`, with the picture to begin with under it where there is one. `context.stepped` is called
        once for each step.
        """
