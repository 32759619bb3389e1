"""The latents of the latest first pass: requests that differ in their second one alone share it."""

from __future__ import annotations

from collections.abc import Hashable

import torch

from modules.schema.hires_fields import HiresFields
from modules.schema.requests import ResolvedTxt2Img

_OF_THE_SECOND = {
    *HiresFields.model_fields,
    "hr_prompts",
    "hr_negative_prompts",
    "hr_template",
    "hr_negative_template",
    "script_name",
    "script_args",
}
"""Fields that change nothing in a first pass."""


class FirstPassMemory:
    """Keeps one batch of latents: cells of a grid that change the second pass follow one another."""

    def __init__(self) -> None:
        self._key: object = None
        self._latents: torch.Tensor | None = None

    def get(self, request: ResolvedTxt2Img, weights: Hashable, indices: list[int]) -> torch.Tensor | None:
        """The latents of those pictures of a request's first pass, if they are the ones that are kept."""
        return self._latents if self._key == _key(request, weights, indices) else None

    def keep(
        self,
        request: ResolvedTxt2Img,
        weights: Hashable,
        indices: list[int],
        latents: torch.Tensor,
    ) -> None:
        """Keep them in the place of those before."""
        self._key, self._latents = _key(request, weights, indices), latents


def _key(request: ResolvedTxt2Img, weights: Hashable, indices: list[int]) -> object:
    return request.model_dump_json(exclude=_OF_THE_SECOND), weights, tuple(indices)
