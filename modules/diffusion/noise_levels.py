"""The noise levels (sigmas) that a model was trained on, and the way between a sigma and a timestep."""

from __future__ import annotations

import torch


class NoiseLevels:
    """Sigma of every training timestep, ascending, float64 on the CPU; times in between are log-interpolated."""

    def __init__(self, alphas_cumprod: torch.Tensor) -> None:
        alphas = alphas_cumprod.to("cpu", torch.float64)
        self.sigmas = ((1 - alphas) / alphas).sqrt()
        self._log_sigmas = self.sigmas.log()

    @classmethod
    def scaled_linear(cls, beta_start: float, beta_end: float, steps: int) -> NoiseLevels:
        """Stable Diffusion's betas: linear in their square root."""
        betas = torch.linspace(beta_start**0.5, beta_end**0.5, steps, dtype=torch.float64) ** 2
        return cls(torch.cumprod(1 - betas, dim=0))

    @property
    def sigma_min(self) -> float:
        return float(self.sigmas[0])

    @property
    def sigma_max(self) -> float:
        return float(self.sigmas[-1])

    def sigma_of(self, timestep: torch.Tensor) -> torch.Tensor:
        """Sigmas, float64, at timesteps that may lie between two trained ones."""
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
