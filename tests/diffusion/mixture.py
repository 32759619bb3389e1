"""Denoisers with a known answer, and noise for samplers that run on them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch

MEANS, WEIGHTS, DEVIATION = (-1.0, 0.6), (0.35, 0.65), 0.2


def mixture_denoiser(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """The posterior mean of a mixture of two Gaussians, per element, in x = picture + sigma noise.

    D = sum_k w_k (m_k sigma^2 + s^2 x) / (sigma^2 + s^2), w_k proportional to W_k N(x; m_k, sigma^2 + s^2).
    """
    return mixture_denoiser_of(torch.ones_like(sigma), x, sigma)


def mixture_flow_denoiser(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """The same in x = (1 - sigma) picture + sigma noise."""
    return mixture_denoiser_of(1 - sigma, x, sigma)


def mixture_denoiser_of(signal: torch.Tensor, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """The same in x = signal picture + sigma noise; signal and sigma are (batch,)."""
    signal, sigma = (row.to(x).reshape(-1, 1, 1, 1) for row in (signal, sigma))
    variance = sigma**2 + (signal * DEVIATION) ** 2
    parts = [
        weight * torch.exp(-((x - signal * mean) ** 2) / (2 * variance))
        for mean, weight in zip(MEANS, WEIGHTS, strict=True)
    ]
    means = [(mean * sigma**2 + signal * DEVIATION**2 * x) / variance for mean in MEANS]
    return sum((part * mean for part, mean in zip(parts, means, strict=True)), torch.zeros_like(x)) / sum(parts)


def gaussian_denoiser(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """The posterior mean of data that is N(0, 1), in x = picture + sigma noise."""
    return x / (1 + sigma.to(x).reshape(-1, 1, 1, 1) ** 2)


def gaussian_flow_denoiser(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """The same in x = (1 - sigma) picture + sigma noise."""
    sigma = sigma.to(x).reshape(-1, 1, 1, 1)
    return x * (1 - sigma) / ((1 - sigma) ** 2 + sigma**2)


def gaussian_consistency(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Where the probability flow of N(0, 1) ends: what a consistency model answers."""
    return x / (1 + sigma.to(x).reshape(-1, 1, 1, 1) ** 2).sqrt()


class NumberedNoise:
    """The noise of the vectors: the k-th asked for, of either kind, comes from a generator seeded 1000 + k."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._numbers = itertools.count(1000)

    def __call__(self) -> torch.Tensor:
        generator = torch.Generator().manual_seed(next(self._numbers))
        return torch.randn(self._shape, dtype=torch.float64, generator=generator)

    def between(self, sigma: float, sigma_next: float) -> torch.Tensor:
        return self()


class SeededNoise:
    """Noise of a batch, each image from its own generator; increments over intervals are independent of one another."""

    def __init__(self, seeds: Sequence[int], shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._shape = shape
        self._dtype = dtype

    def __call__(self) -> torch.Tensor:
        return torch.stack([torch.randn(self._shape, dtype=self._dtype, generator=row) for row in self._generators])

    def between(self, sigma: float, sigma_next: float) -> torch.Tensor:
        return self()
