"""Guidance: one rule, what amends it, and when it acts."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from modules.diffusion.guidance.corrections import Correction
from modules.diffusion.guidance.limits import GuidanceInterval, NegativeSkip
from modules.diffusion.guidance.rules import GuidanceRule, RunMemory
from modules.diffusion.guidance.views import Moment, Views


@dataclass(frozen=True)
class Guidance:
    """Everything that guides a run. The parts act in this order, at every network evaluation:

    1. A skip may leave the negative out: an image's first part stands in for it.
    2. Composable parts become one positive: negative + sum of weight * (part - negative)
       (Liu et al., "Compositional Visual Generation with Composable Diffusion Models", 2022, equation 11).
    3. At scale 1, or at a moment that one of the intervals does not cover, that positive is the answer.
    4. Where the negative was left out, the answer is plain classifier-free guidance, which of one part is that part.
    5. Otherwise the rule combines positive and negative, and the corrections amend its answer one after the other, in
       the order in which they stand.

    A rule's memory is touched in 5 only.
    """

    rule: GuidanceRule
    corrections: tuple[Correction, ...] = ()
    intervals: tuple[GuidanceInterval, ...] = ()
    skips: tuple[NegativeSkip, ...] = ()

    def guides(self, moment: Moment) -> bool:
        """Whether the negative pushes the picture away at this moment."""
        return self.rule.scale != 1 and all(interval.covers(moment) for interval in self.intervals)

    def skips_negative(self, moment: Moment) -> bool:
        """Whether the negative is left out at this moment."""
        return any(skip.skips(moment) for skip in self.skips)

    def combine(self, views: Views, memory: RunMemory) -> torch.Tensor:
        """The rule's answer, amended: point 5."""
        guided = self.rule.combine(views, memory)
        for correction in self.corrections:
            guided = correction.correct(guided, views)
        return guided
