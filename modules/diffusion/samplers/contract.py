"""The contract of samplers: what they are given, what they tell, and the run that a sampler's body works with."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch

from modules.diffusion.noise_levels import Levels

Denoiser = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""denoised = denoiser(x, sigma); x is (batch, channels, height, width), sigma (batch,), float64 on the CPU.

A guided denoiser may have an attribute `last_negative`: the denoised picture of the negative prompt of its latest call.
"""
UniPcVariant = Literal["bh1", "bh2", "vary_coeff"]


class Noise(Protocol):
    """Fresh standard normal noise of x's shape. Image i of a batch has noise that does not depend on the others."""

    def __call__(self) -> torch.Tensor:
        """The next noise."""

    def between(self, sigma: float, sigma_next: float) -> torch.Tensor:
        """The increment of a Brownian path over sigma between the two, scaled to variance 1."""


@dataclass(frozen=True)
class StepReport:
    """What a sampler tells after each step: `step` steps (counted from 1) of `steps` are done."""

    step: int
    steps: int
    denoised: torch.Tensor
    """The picture as the network sees it now; x's shape."""


Callback = Callable[[StepReport], None]
AfterStep = Callable[[torch.Tensor, float], torch.Tensor]
"""x = after_step(x, sigma): what a run goes on with after a step, which left x at the noise level sigma."""


@dataclass(frozen=True)
class SamplerOptions:
    """Knobs that some samplers have; modules.diffusion.names says which."""

    eta: float | None = None
    """Share of fresh noise per step; None: the sampler's own (1 for ancestral ones, 0 for DDIM)."""
    s_noise: float = 1.0
    """Factor on fresh noise."""
    s_churn: float = 0.0
    """Noise added before the steps of Euler, Heun and DPM2, as Karras et al. (2022), algorithm 2, have it."""
    s_tmin: float = 0.0
    """Smallest sigma with churn."""
    s_tmax: float = math.inf
    """Largest sigma with churn."""
    order: int | None = None
    """Order of UniPC, LMS, DEIS, IPNDM and SA-Solver; None: the sampler's own."""
    unipc_variant: UniPcVariant = "bh1"
    """The paper's B(h), or coefficients that vary with the steps."""
    ge_gamma: float = 2.0
    """How far Gradient Estimation trusts the change of direction; 1 is Euler."""
    levels: Levels | None = None
    """The model's noise levels, for samplers that reckon in timesteps (TCD, SA-Solver); None: Stable Diffusion's."""
    after_step: AfterStep | None = None
    """Asked after each step; not by DPM adaptive, whose images have steps of their own."""


class Sampler(Protocol):
    """Runs x, noisy at sigmas[0], down to sigmas[-1]. Sigmas descend; only the last one may be 0."""

    def __call__(
        self,
        denoiser: Denoiser,
        x: torch.Tensor,
        sigmas: torch.Tensor,
        *,
        noise: Noise,
        callback: Callback,
        options: SamplerOptions,
    ) -> torch.Tensor: ...


class Run:
    """One run of a sampler: its sigmas as plain numbers, its denoiser and noise, and the steps it has told of."""

    def __init__(
        self, denoiser: Denoiser, sigmas: torch.Tensor, noise: Noise, callback: Callback, options: SamplerOptions
    ) -> None:
        self.denoiser = denoiser
        self.noise = noise
        self.callback = callback
        self.options = options
        self.sigmas: list[float] = sigmas.tolist()
        self.steps = len(self.sigmas) - 1
        self._done = 0

    def pairs(self) -> list[tuple[float, float]]:
        """Where each step starts and where it ends."""
        return list(zip(self.sigmas[:-1], self.sigmas[1:], strict=True))

    def eta(self, usual: float) -> float:
        return usual if self.options.eta is None else self.options.eta

    def see(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        """The picture in x, whose noise has the standard deviation sigma."""
        return self.denoiser(x, torch.full((x.shape[0],), sigma, dtype=torch.float64))

    def negative(self, denoised: torch.Tensor) -> torch.Tensor:
        """The negative prompt's picture of the latest call; `denoised` itself where the denoiser has none."""
        negative: torch.Tensor | None = getattr(self.denoiser, "last_negative", None)
        return denoised if negative is None else negative

    def fresh(self, deviation: float) -> torch.Tensor:
        """Noise of that standard deviation times s_noise."""
        return self.noise() * (deviation * self.options.s_noise)

    def between(self, sigma: float, sigma_next: float, deviation: float) -> torch.Tensor:
        """Brownian noise of that standard deviation times s_noise."""
        return self.noise.between(sigma, sigma_next) * (deviation * self.options.s_noise)

    def tell(self, denoised: torch.Tensor) -> None:
        """One step more is done."""
        self._done += 1
        self.callback(StepReport(self._done, self.steps, denoised))

    def stepped(self, denoised: torch.Tensor, x: torch.Tensor, sigma: float) -> torch.Tensor:
        """One step more is done, which left x at sigma; the x to go on with."""
        self.tell(denoised)
        return self.settled(x, sigma)

    def settled(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        """The x to go on with after steps that were told of already."""
        return x if self.options.after_step is None else self.options.after_step(x, sigma)


def sampler(body: Callable[[Run, torch.Tensor], torch.Tensor]) -> Sampler:
    """Give the body of a sampler the signature of Sampler."""

    @functools.wraps(body)
    def sample(
        denoiser: Denoiser,
        x: torch.Tensor,
        sigmas: torch.Tensor,
        *,
        noise: Noise,
        callback: Callback,
        options: SamplerOptions,
    ) -> torch.Tensor:
        return body(Run(denoiser, sigmas, noise, callback, options), x)

    return sample


@dataclass(frozen=True)
class SamplerRecipe:
    """A sampler function and how it is started."""

    run: Sampler
    variance_preserving: bool = False
    """Whether its x has unit variance in the variance-preserving form at both ends, as DDIM's has."""
    straight: bool = False
    """Whether it only follows dx/dsigma = (x - denoised) / sigma, which holds for flow models too."""

    def start_scale(self, sigma: float, *, sgm: bool = False) -> float:
        """Factor on unit noise for the first sigma: sigma, or sqrt(1 + sigma^2) where the start has unit variance.

        `sgm` asks for the latter of every sampler, as Stability's own code has it. On flow models it is sigma for all.
        """
        return math.sqrt(1 + sigma**2) if self.variance_preserving or sgm else sigma

    def finished_latents(self, x: torch.Tensor, last_sigma: float) -> torch.Tensor:
        """Latents for the VAE: where the variance is preserved, a schedule that ends above 0 leaves x scaled up."""
        return x / math.sqrt(1 + last_sigma**2) if self.variance_preserving else x
