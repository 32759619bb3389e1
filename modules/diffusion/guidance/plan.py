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
    5. Otherwise the rule combines positive and negative. Models that edit a picture add (image scale - 1) times what
       the picture changes in the negative, so that plain classifier-free guidance becomes equation 3 of Brooks et al.,
       "InstructPix2Pix" (2023): none + image scale * (negative - none) + scale * (positive - negative), where the
       network sees neither words nor picture for `none`.
    6. The corrections amend that one after the other, in the order in which they stand.

    A rule's memory is touched in 5 only. For models that edit, 3 asks for the image scale to be 1 too.
    """

    rule: GuidanceRule
    corrections: tuple[Correction, ...] = ()
    intervals: tuple[GuidanceInterval, ...] = ()
    skips: tuple[NegativeSkip, ...] = ()
    image_scale: float = 1.0
    """How closely a model that edits a picture keeps to it ("Image CFG scale")."""

    def guides(self, moment: Moment, *, edits: bool = False) -> bool:
        """Whether the negative pushes the picture away at this moment; `edits`: or the lack of the given picture."""
        scaled = self.rule.scale != 1 or (edits and self.image_scale != 1)
        return scaled and all(interval.covers(moment) for interval in self.intervals)

    def skips_negative(self, moment: Moment) -> bool:
        """Whether the negative is left out at this moment."""
        return any(skip.skips(moment) for skip in self.skips)

    def combine(self, views: Views, memory: RunMemory) -> torch.Tensor:
        """The rule's answer, amended: points 5 and 6."""
        guided = self.rule.combine(views, memory)
        if views.without_picture is not None:
            guided = guided + (views.negative - views.without_picture) * (self.image_scale - 1)
        for correction in self.corrections:
            guided = correction.correct(guided, views)
        return guided
