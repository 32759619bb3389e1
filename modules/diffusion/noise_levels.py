"""The noise levels (sigmas) that a model was trained on, and the way between a sigma and a timestep."""

from __future__ import annotations

import math
from typing import Protocol

import torch

_LAST_ALPHA_OF_ZERO_SNR = 4.8973451890853435e-08  # not 0, where sigma would be infinite; 4518.76 is what is in use

_LEAST_HALF, _LARGEST_HALF_BELOW_ONE = 2.0**-24, 1 - 2.0**-11
_NUDGE = 1e-9  # too little to be a step of its own


class Levels(Protocol):
    """What schedules, samplers and denoisers know of a model's noise. Sigmas and timesteps are float64 on the CPU."""

    @property
    def sigmas(self) -> torch.Tensor:
        """Sigma of every training step, ascending, (steps,)."""

    @property
    def sigma_min(self) -> float: ...

    @property
    def sigma_max(self) -> float: ...

    @property
    def sigma_limit(self) -> float:
        """No sigma above it means anything to the model."""

    def sigma_of(self, timestep: torch.Tensor) -> torch.Tensor:
        """Sigmas at timesteps as the network is told them; any shape."""

    def timestep_of(self, sigma: torch.Tensor) -> torch.Tensor:
        """What the network is told for these sigmas; the inverse of sigma_of."""

    def evenly_spaced(self, largest: float, smallest: float, count: int) -> torch.Tensor:
        """`count` sigmas from the largest to the smallest, evenly spaced in the training steps, (count,)."""


class NoiseLevels:
    """Levels of a model that adds sigma times noise to a picture (epsilon and v prediction).

    A timestep is the index of a training step; between two of them sigma is log-interpolated.
    """

    sigma_limit = math.inf

    def __init__(self, alphas_cumprod: torch.Tensor) -> None:
        self._alphas = alphas_cumprod.to("cpu", torch.float64)
        self.sigmas = ((1 - self._alphas) / self._alphas).sqrt()
        self._log_sigmas = self.sigmas.log()

    @classmethod
    def scaled_linear(cls, beta_start: float, beta_end: float, steps: int) -> NoiseLevels:
        """Stable Diffusion's betas: linear in their square root."""
        betas = torch.linspace(beta_start**0.5, beta_end**0.5, steps, dtype=torch.float64) ** 2
        return cls(torch.cumprod(1 - betas, dim=0))

    def in_half_precision(self) -> NoiseLevels:
        """The same levels with every alpha rounded to float16, as A1111 had them before 1.8.

        They stay between 0 and 1 and go on descending, where rounding would end or repeat them.
        """
        rounded = self._alphas.half().double().clamp(_LEAST_HALF, _LARGEST_HALF_BELOW_ONE).tolist()
        alphas = rounded[:1]
        for alpha in rounded[1:]:
            alphas.append(min(alpha, alphas[-1] * (1 - _NUDGE)))
        return NoiseLevels(torch.tensor(alphas, dtype=torch.float64))

    def with_zero_terminal_snr(self) -> NoiseLevels:
        """The same levels stretched until nothing of the picture is left at the last one; the first one stays.

        Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed" (2023), algorithm 1. Levels that
        are stretched already come back as they are.
        """
        if float(self._alphas[-1]) == _LAST_ALPHA_OF_ZERO_SNR:
            return self
        roots = self._alphas.sqrt()
        stretched = (roots - roots[-1]) * (roots[0] / (roots[0] - roots[-1]))
        alphas = stretched**2
        alphas[-1] = _LAST_ALPHA_OF_ZERO_SNR
        return NoiseLevels(alphas)

    @property
    def sigma_min(self) -> float:
        return float(self.sigmas[0])

    @property
    def sigma_max(self) -> float:
        return float(self.sigmas[-1])

    def sigma_of(self, timestep: torch.Tensor) -> torch.Tensor:
        """Sigmas, float64, at timesteps that may lie between two trained ones; clamped at both ends."""
        time = timestep.to("cpu", torch.float64).clamp(0, len(self.sigmas) - 1)
        below = time.floor().long()
        above = time.ceil().long()
        share = time - below
        return ((1 - share) * self._log_sigmas[below] + share * self._log_sigmas[above]).exp()

    def timestep_of(self, sigma: torch.Tensor) -> torch.Tensor:
        """Timesteps, float64, at which the model sees these sigmas; the inverse of sigma_of, clamped at both ends."""
        log_sigma = sigma.to("cpu", torch.float64).log()
        below = (torch.searchsorted(self._log_sigmas, log_sigma, right=True) - 1).clamp(0, len(self.sigmas) - 2)
        low, high = self._log_sigmas[below], self._log_sigmas[below + 1]
        share = ((log_sigma - low) / (high - low)).clamp(0, 1)
        return below + share

    def evenly_spaced(self, largest: float, smallest: float, count: int) -> torch.Tensor:
        """`count` sigmas at evenly spaced timesteps, float64, (count,); both ends clamped to the trained levels."""
        first, last = self.timestep_of(torch.tensor([largest, smallest], dtype=torch.float64)).tolist()
        return self.sigma_of(torch.linspace(first, last, count, dtype=torch.float64))


class FlowLevels:
    """Levels of a flow model: x is (1 - sigma) picture + sigma noise, sigma from 0 to 1.

    `shift` moves the training steps towards noise (Esser et al., "Scaling Rectified Flow Transformers", 2024, equation
    23): a step at time t has sigma = shift t / (1 + (shift - 1) t). The network is told `multiplier` times sigma.
    Raises ValueError for a shift that is not above 0.
    """

    sigma_limit = 1.0

    def __init__(self, shift: float = 1.0, *, steps: int = 1000, multiplier: float = 1000.0) -> None:
        if not (math.isfinite(shift) and shift > 0):
            raise ValueError(f"The shift of a flow model is a number above 0, not {shift}.")
        self.shift = shift
        self._multiplier = multiplier
        self.sigmas = self._shifted(torch.arange(1, steps + 1, dtype=torch.float64) / steps)

    @property
    def sigma_min(self) -> float:
        return float(self.sigmas[0])

    @property
    def sigma_max(self) -> float:
        return float(self.sigmas[-1])

    def sigma_of(self, timestep: torch.Tensor) -> torch.Tensor:
        """Sigmas, float64, that the network is told as these timesteps."""
        return timestep.to("cpu", torch.float64) / self._multiplier

    def timestep_of(self, sigma: torch.Tensor) -> torch.Tensor:
        """What the network is told for these sigmas, float64."""
        return sigma.to("cpu", torch.float64) * self._multiplier

    def evenly_spaced(self, largest: float, smallest: float, count: int) -> torch.Tensor:
        """`count` sigmas, float64, (count,), evenly spaced in time before the shift."""
        first, last = (sigma / (self.shift - (self.shift - 1) * sigma) for sigma in (largest, smallest))
        return self._shifted(torch.linspace(first, last, count, dtype=torch.float64))

    def _shifted(self, time: torch.Tensor) -> torch.Tensor:
        return self.shift * time / (1 + (self.shift - 1) * time)
