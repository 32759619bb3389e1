"""The denoiser of a batch with its prompts: what a sampler runs on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch

from modules.diffusion.conditioning import BatchConditioning, ConditioningSchedule, ImageConditioning, conditioning_at
from modules.diffusion.denoisers import PredictionType
from modules.diffusion.guidance.plan import Guidance
from modules.diffusion.guidance.rows import ConditionedNetwork, Row, RowDenoiser
from modules.diffusion.guidance.rules import RunMemory
from modules.diffusion.guidance.views import Moment, Views
from modules.diffusion.noise_levels import Levels


class GuidanceOnlooker(Protocol):
    """Is shown each evaluation of a guided denoiser, in this order: begin, before_call (once or more), see, end."""

    def begin(self, evaluation: int) -> None:
        """Evaluation number `evaluation` of the run begins, counted from 0."""

    def before_call(self, rows: Sequence[Row]) -> None:
        """The network is about to see these rows."""

    def see(self, positive: torch.Tensor, negative: torch.Tensor | None) -> None:
        """The batch as the network sees it, denoised; no negative where the network did not look at it."""

    def end(self, guided: torch.Tensor) -> None:
        """What guidance made of it."""


class GuidanceChanges(Protocol):
    """May change what an evaluation of a guided denoiser begins with, and what it gives; all tensors of x's shape."""

    def before_network(self, x: torch.Tensor, sigma: torch.Tensor, moment: Moment) -> torch.Tensor:
        """The x that the network and guidance see; sigma is (batch,)."""

    def after_guidance(
        self,
        guided: torch.Tensor,
        positive: torch.Tensor,
        negative: torch.Tensor | None,
        x: torch.Tensor,
        sigma: torch.Tensor,
        moment: Moment,
    ) -> torch.Tensor:
        """The denoised picture that the sampler gets; no negative where the network did not look at it."""


class GuidedDenoiser:
    """denoised = denoiser(x, sigma) of one run: each image of the batch follows its own prompt and negative.

    One object serves one run of a sampler, since guidance may remember earlier evaluations. What changes during a run
    (the conditioning, the intervals, the skips) goes by the count of evaluations, as in A1111: `steps` is how many are
    expected, twice the sampler's steps for samplers of second order.

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
        evaluations_before: int = 0,
        max_rows: int | None = None,
        keep_negative: bool = False,
        tell: Callable[[str], None] | None = None,
        onlooker: GuidanceOnlooker | None = None,
        changes: GuidanceChanges | None = None,
    ) -> None:
        """`evaluations_before`: how many of the run another denoiser has made already.

        `keep_negative`: the negative is computed in every evaluation, for samplers that read last_negative.
        `tell` hears of it where memory asks for smaller calls of the network. `onlooker` is shown everything, and
        changes nothing.
        """
        before_call = None if onlooker is None else onlooker.before_call
        self._denoise = RowDenoiser(network, levels, prediction_type, max_rows, tell, before_call)
        self._onlooker = onlooker
        self._changes = changes
        self._prediction_type = prediction_type
        self._conditioning = conditioning
        self._guidance = guidance
        self._steps = steps
        self._keep_negative = keep_negative
        self._memory = RunMemory()
        self._evaluations = evaluations_before
        self.last_negative: torch.Tensor | None = None
        """The negatives' denoised pictures of the latest evaluation, of x's shape; None where not all were computed."""

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """Raises ValueError where there is not one conditioning per image."""
        return self._guided(x, sigma) if self._onlooker is None else self._shown(x, sigma, self._onlooker)

    def _shown(self, x: torch.Tensor, sigma: torch.Tensor, onlooker: GuidanceOnlooker) -> torch.Tensor:
        onlooker.begin(self._evaluations)
        guided = self._guided(x, sigma, onlooker)
        onlooker.end(guided)
        return guided

    def _guided(self, x: torch.Tensor, sigma: torch.Tensor, onlooker: GuidanceOnlooker | None = None) -> torch.Tensor:
        moment = Moment(self._evaluations, self._steps, float(sigma[0]))
        self._evaluations += 1
        if self._changes is not None:
            x = self._changes.before_network(x, sigma, moment)
        images = conditioning_at(self._conditioning, moment.step)
        if len(images) != len(x):
            raise ValueError(f"There are {len(images)} conditionings for {len(x)} images.")
        edits = self._guidance.image_scale != 1 and all(image.without_picture is not None for image in images)
        guides = self._guidance.guides(moment, edits=edits)
        skips = self._guidance.skips_negative(moment) and not self._keep_negative
        needed = [self._keep_negative or (not skips and (guides or not _adds_up_to_one(image))) for image in images]
        parts, negatives, bare = self._see(x, sigma, images, needed, without_picture=edits and guides and not skips)
        self.last_negative = torch.stack(negatives) if all(needed) else None

        positive = torch.stack([_composed(*seen) for seen in zip(images, parts, negatives, strict=True)])
        if onlooker is not None:
            onlooker.see(positive, self.last_negative)
        if not guides:
            guided = positive
        else:
            negative = torch.stack(negatives) if self.last_negative is None else self.last_negative
            without = torch.stack(bare) if bare else None
            views = Views(x, sigma, positive, negative, moment, self._prediction_type, without)
            guided = self._combined(views, skips=skips)
        if self._changes is not None:
            guided = self._changes.after_guidance(guided, positive, self.last_negative, x, sigma, moment)
        return guided

    def _combined(self, views: Views, *, skips: bool) -> torch.Tensor:
        if skips:
            return views.negative + (views.positive - views.negative) * self._guidance.rule.scale
        return self._guidance.combine(views, self._memory)

    def _see(
        self,
        x: torch.Tensor,
        sigma: torch.Tensor,
        images: BatchConditioning,
        needed: Sequence[bool],
        *,
        without_picture: bool,
    ) -> tuple[list[list[torch.Tensor]], list[torch.Tensor], list[torch.Tensor]]:
        """What the network sees, denoised: parts, negatives, and negatives `without_picture` where that is asked for.

        Where an image's negative is not needed, its first part stands there instead.
        """
        rows = [
            Row(place, part.conditioning, number)
            for place, image in enumerate(images)
            for number, part in enumerate(image.positives)
        ]
        rows += [Row(place, image.negative) for place, image in enumerate(images) if needed[place]]
        rows += [
            Row(place, image.without_picture)
            for place, image in enumerate(images)
            if without_picture and image.without_picture is not None
        ]
        pictures = iter(self._denoise(x, sigma, rows))
        parts = [[next(pictures) for _ in image.positives] for image in images]
        negatives = [next(pictures) if need else seen[0] for need, seen in zip(needed, parts, strict=True)]
        return parts, negatives, list(pictures)


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
