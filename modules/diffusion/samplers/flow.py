"""Samplers on flow models, where x is (1 - sigma) picture + sigma noise and sigma goes from 1 to 0."""

from __future__ import annotations

from dataclasses import replace

import torch

from modules.diffusion.samplers.contract import (
    AfterStep,
    Callback,
    Denoiser,
    Noise,
    Sampler,
    SamplerOptions,
    SamplerRecipe,
    StepReport,
)
from modules.diffusion.samplers.steps import moved


def for_flow(recipe: SamplerRecipe) -> Sampler:
    """The same sampler with the same contract for the denoiser of a flow model.

    x / (1 - sigma) is picture plus sigma / (1 - sigma) noise: on that path every sampler can walk, and log sigma is
    then the log of noise over signal that DPM-Solver++ wants. The step that starts at sigma 1, where there is no
    signal, is an Euler step. Samplers that only follow the direction run as they are, without churn.
    """
    return _straight(recipe.run) if recipe.straight else _converted(recipe.run)


class _FlowAsNoised:
    """A flow model's denoiser for x = picture + sigma noise."""

    def __init__(self, denoiser: Denoiser) -> None:
        self._denoiser = denoiser

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        signal = (1 / (1 + sigma)).to(x).reshape(-1, *[1] * (x.dim() - 1))
        return self._denoiser(x * signal, sigma / (1 + sigma))

    @property
    def last_negative(self) -> torch.Tensor | None:
        return getattr(self._denoiser, "last_negative", None)


class _FlowNoise:
    """Noise whose Brownian path goes over the flow model's own sigmas."""

    def __init__(self, noise: Noise) -> None:
        self._noise = noise

    def __call__(self) -> torch.Tensor:
        return self._noise()

    def between(self, sigma: float, sigma_next: float) -> torch.Tensor:
        return self._noise.between(sigma / (1 + sigma), sigma_next / (1 + sigma_next))


def _of_flow(after_step: AfterStep) -> AfterStep:
    """For a sampler that walks on x / (1 - sigma): `after_step` sees x and sigma as the flow model does."""

    def settled(x: torch.Tensor, sigma: float) -> torch.Tensor:
        signal = 1 / (1 + sigma)
        return after_step(x * signal, sigma * signal) / signal

    return settled


def _straight(run: Sampler) -> Sampler:
    def sample(
        denoiser: Denoiser,
        x: torch.Tensor,
        sigmas: torch.Tensor,
        *,
        noise: Noise,
        callback: Callback,
        options: SamplerOptions,
    ) -> torch.Tensor:
        # Churn adds noise without taking signal away, which is not what flow models were trained on.
        return run(denoiser, x, sigmas, noise=noise, callback=callback, options=replace(options, s_churn=0.0))

    return sample


def _converted(run: Sampler) -> Sampler:
    def sample(
        denoiser: Denoiser,
        x: torch.Tensor,
        sigmas: torch.Tensor,
        *,
        noise: Noise,
        callback: Callback,
        options: SamplerOptions,
    ) -> torch.Tensor:
        sigmas = sigmas.to("cpu", torch.float64)
        steps, first = len(sigmas) - 1, 0
        if steps > 0 and sigmas[0] >= 1:
            denoised = denoiser(x, sigmas[:1].expand(x.shape[0]))
            x, first = moved(x, denoised, float(sigmas[0]), float(sigmas[1])), 1
            callback(StepReport(1, steps, denoised))
            x = x if options.after_step is None else options.after_step(x, float(sigmas[1]))
        rest = sigmas[first:]
        if len(rest) < 2:
            return x
        last = float(rest[-1])
        x = run(
            _FlowAsNoised(denoiser),
            x / (1 - float(rest[0])),
            rest / (1 - rest),
            noise=_FlowNoise(noise),
            callback=lambda report: callback(StepReport(report.step + first, steps, report.denoised)),
            options=replace(options, after_step=options.after_step and _of_flow(options.after_step)),
        )
        return x * (1 - last)

    return sample
