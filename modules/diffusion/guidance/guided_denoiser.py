"""The denoiser of a batch with its prompts: what a sampler runs on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch

from modules.diffusion.conditioning import BatchConditioning, ConditioningSchedule, ImageConditioning, conditioning_at
from modules.diffusion.denoisers import PredictionType
from modules.diffusion.guidance.plan import Guidance
from modules.diffusion.guidance.rows import ConditionedNetwork, Row, RowDenoiser
from modules.diffusion.guidance.rules import RunMemory
from modules.diffusion.guidance.views import Moment, Views
from modules.diffusion.noise_levels import Levels

Counting = Literal["steps", "evaluations"]


class GuidedDenoiser:
    """denoised = denoiser(x, sigma) of one run: each image of the batch follows its own prompt and negative.

    One object serves one run of a sampler, since guidance may remember earlier evaluations. The caller says which step
    begins with begin_step; what changes from step to step (the conditioning, the intervals, the skips) goes by that.
    With counting "evaluations" every network evaluation counts as a step instead, as A1111 counts: `steps` is then the
    expected number of evaluations, twice the sampler's steps for samplers of second order.

    Images are independent of one another. All images share a sigma; intervals and skips go by the first one's.
    """

    def __init__(
        self,
        network: ConditionedNetwork,
        levels: Levels,
        prediction_type: PredictionType,
        *,
        conditioning: ConditioningSchedule,
        guidance: Guidance,
        steps: int,
        counting: Counting = "steps",
        max_rows: int | None = None,
        keep_negative: bool = False,
    ) -> None:
        """`keep_negative`: the negative is computed in every evaluation, for samplers that read last_negative."""
        self._denoise = RowDenoiser(network, levels, prediction_type, max_rows)
        self._prediction_type = prediction_type
        self._conditioning = conditioning
        self._guidance = guidance
        self._steps = steps
        self._counting = counting
        self._keep_negative = keep_negative
        self._memory = RunMemory()
        self._step = 0
        self._evaluations = 0
        self.last_negative: torch.Tensor | None = None
        """The negatives' denoised pictures of the latest evaluation, of x's shape; None where not all were computed."""

    def begin_step(self, step: int) -> None:
        """Sampler step `step`, counted from 0, begins; a new denoiser is at step 0."""
        self._step = step

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """Raises ValueError where there is not one conditioning per image."""
        moment = Moment(self._step if self._counting == "steps" else self._evaluations, self._steps, float(sigma[0]))
        self._evaluations += 1
        images = conditioning_at(self._conditioning, moment.step)
        if len(images) != len(x):
            raise ValueError(f"There are {len(images)} conditionings for {len(x)} images.")
        guides = self._guidance.guides(moment)
        skips = self._guidance.skips_negative(moment) and not self._keep_negative
        needed = [self._keep_negative or (not skips and (guides or not _adds_up_to_one(image))) for image in images]
        parts, negatives = self._see(x, sigma, images, needed)
        self.last_negative = torch.stack(negatives) if all(needed) else None

        positive = torch.stack([_composed(*seen) for seen in zip(images, parts, negatives, strict=True)])
        if not guides:
            return positive
        negative = torch.stack(negatives) if self.last_negative is None else self.last_negative
        if skips:
            return negative + (positive - negative) * self._guidance.rule.scale
        views = Views(x, sigma, positive, negative, moment, self._prediction_type)
        return self._guidance.combine(views, self._memory)

    def _see(
        self, x: torch.Tensor, sigma: torch.Tensor, images: BatchConditioning, needed: Sequence[bool]
    ) -> tuple[list[list[torch.Tensor]], list[torch.Tensor]]:
        """Each image's parts, and its negative or, where that is not needed, the first part instead; all denoised."""
        rows = [Row(place, part.conditioning) for place, image in enumerate(images) for part in image.positives]
        rows += [Row(place, image.negative) for place, image in enumerate(images) if needed[place]]
        pictures = iter(self._denoise(x, sigma, rows))
        parts = [[next(pictures) for _ in image.positives] for image in images]
        negatives = [next(pictures) if need else seen[0] for need, seen in zip(needed, parts, strict=True)]
        return parts, negatives


def _adds_up_to_one(image: ImageConditioning) -> bool:
    """Whether the negative cancels out where the parts are put together; weights are typed decimals."""
    return math.isclose(image.total_weight, 1, abs_tol=1e-9)


def _composed(image: ImageConditioning, parts: Sequence[torch.Tensor], negative: torch.Tensor) -> torch.Tensor:
    """The parts of one image as one positive."""
    weighted = zip(image.positives, parts, strict=True)
    if len(parts) == 1 and image.positives[0].weight == 1:
        return parts[0]
    if _adds_up_to_one(image):
        return sum((picture * part.weight for part, picture in weighted), torch.zeros_like(negative))
    return sum(((picture - negative) * part.weight for part, picture in weighted), negative)
