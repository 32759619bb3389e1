"""The samplers that extensions bring, as those that the program has."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from modules.diffusion.memory import ran_out_of_memory
from modules.diffusion.samplers import SAMPLERS, Callback, Denoiser, Noise, SamplerOptions, SamplerRecipe
from modules.diffusion.samplers.contract import Run
from modules.diffusion.samplers.steps import stable_diffusion_levels
from modules.errors import PluginFailed
from modules.hooks import Sampler, SamplerContext
from modules.hooks.blaming import blaming
from modules.hooks.sampling_registry import BroughtSampling


def recipe_of(name: str, sampling: BroughtSampling) -> SamplerRecipe:
    """The sampler of that name, which there is."""
    if name in sampling.samplers:
        return SamplerRecipe(BroughtSampler(*sampling.samplers[name]))
    return SAMPLERS[name]


class BroughtSampler:
    """One sampler of a plugin (diffusion.samplers.Sampler)."""

    def __init__(self, plugin: str, sampler: Sampler) -> None:
        self._plugin = plugin
        self._sampler = sampler

    def __call__(
        self,
        denoiser: Denoiser,
        x: torch.Tensor,
        sigmas: torch.Tensor,
        *,
        noise: Noise,
        callback: Callback,
        options: SamplerOptions,
    ) -> torch.Tensor:
        """Raises PluginFailed, which names the extension, and whatever the network and those who watch raise."""
        run = _BroughtRun(Run(denoiser, sigmas, noise, callback, options), x)
        with blaming(
            lambda error: self._failed(f"{type(error).__name__}: {error}"),
            lambda error: run.fault is not None or ran_out_of_memory(error),
        ):
            try:
                made = self._sampler.sample(x, run.context(self._sampler.usual_eta))
            finally:
                if run.fault is not None:
                    raise run.fault  # whatever the sampler made of it
        if not isinstance(made, torch.Tensor):
            raise self._failed(f"it gave {type(made).__name__} in the place of a tensor")
        if made.shape != x.shape:
            raise self._failed(f"it gave a tensor of {tuple(made.shape)} in the place of {tuple(x.shape)}")
        if run.done != run.steps:
            raise self._failed(f"it told of {run.done} steps where there are {run.steps}")
        return made.to(x)

    def _failed(self, problem: str) -> PluginFailed:
        return PluginFailed(
            f"Sampler {self._sampler.name!r} of the extension {self._plugin} failed ({problem}). "
            "Choose another one, or tell whoever wrote it."
        )


class _BroughtRun:
    """What a plugin's sampler may call in one run."""

    def __init__(self, run: Run, x: torch.Tensor) -> None:
        self.done = 0
        self.steps = run.steps
        self.fault: BaseException | None = None
        """What the program's own part raised, if it did: the plugin is not to blame for it."""
        self._run = run
        self._x = x

    def context(self, usual_eta: float | None) -> SamplerContext:
        """What the sampler is told."""
        run = self._run
        levels = run.options.levels or stable_diffusion_levels()
        return SamplerContext(
            sigmas=tuple(run.sigmas),
            denoise=self._denoise,
            stepped=self._stepped,
            noise=run.noise,
            brownian=run.noise.between,
            eta=0.0 if usual_eta is None else run.eta(usual_eta),
            s_noise=run.options.s_noise,
            trained_sigmas=tuple(levels.sigmas.tolist()),
        )

    def _denoise(self, latents: torch.Tensor, sigma: float) -> torch.Tensor:
        level = float(sigma)
        if not (math.isfinite(level) and level > 0):
            raise ValueError(f"denoise was asked at the noise level {level:g}")
        x = self._of_shape(latents, "denoise")
        return self._ours(lambda: self._run.see(x, level))

    def _stepped(self, latents: torch.Tensor, denoised: torch.Tensor) -> torch.Tensor:
        if self.done == self.steps:
            raise ValueError(f"stepped was called more often than there are steps, {self.steps}")
        x, seen = self._of_shape(latents, "stepped"), self._of_shape(denoised, "stepped")
        self.done += 1
        return self._ours(lambda: self._run.stepped(seen, x, self._run.sigmas[self.done]))

    def _of_shape(self, tensor: object, call: str) -> torch.Tensor:
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"{call} was given {type(tensor).__name__} in the place of a tensor")
        if tensor.shape != self._x.shape:
            shapes = f"{tuple(tensor.shape)} in the place of {tuple(self._x.shape)}"
            raise ValueError(f"{call} was given a tensor of {shapes}")
        return tensor.to(self._x)

    def _ours(self, call: Callable[[], torch.Tensor]) -> torch.Tensor:
        """What a call into the program gives. Whatever stopped it once stops it for ever."""
        if self.fault is not None:
            raise self.fault
        try:
            return call()
        except BaseException as error:
            self.fault = error
            raise
