"""Limits: at which moments of a run there is no guidance, and at which the negative is left out.

The two differ for composable prompts. Without guidance the scale is 1, and parts whose weights do not add up to 1
still need the negative. Where the negative is left out, the network never sees it: an image's first part stands in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from modules.diffusion.guidance.views import Moment


class GuidanceInterval(Protocol):
    """Moments at which there is guidance."""

    def covers(self, moment: Moment) -> bool: ...


class NegativeSkip(Protocol):
    """Moments at which the negative is left out."""

    def skips(self, moment: Moment) -> bool: ...


@dataclass(frozen=True)
class SigmaInterval:
    """Guidance where low < sigma <= high.

    Kynkaanniemi et al., "Applying Guidance in a Limited Interval Improves Sample and Distribution Quality" (2024),
    equation 6.
    """

    low: float = 0.0
    high: float = math.inf

    def covers(self, moment: Moment) -> bool:
        return self.low < moment.sigma <= self.high


@dataclass(frozen=True)
class StepInterval:
    """Guidance from the share `start` of the steps on, up to the share `end`; 0 to 1 is all of them."""

    start: float = 0.0
    end: float = 1.0

    def covers(self, moment: Moment) -> bool:
        share = moment.step / moment.steps
        return self.start <= share and (share < self.end or self.end >= 1)


@dataclass(frozen=True)
class NegativeGuidanceMinimumSigma:
    """A1111's NGMS: the negative is left out on every second step while sigma is below a minimum; 0: never.

    With `every_step` it is left out on all steps below the minimum ("NGMS all steps").
    """

    minimum: float
    every_step: bool = False

    def skips(self, moment: Moment) -> bool:
        return moment.sigma < self.minimum and (self.every_step or moment.step % 2 == 1)


@dataclass(frozen=True)
class SkipEarly:
    """A1111's "Skip Early CFG": the negative is left out up to and including this share of the steps; 0: never."""

    share: float

    def skips(self, moment: Moment) -> bool:
        return self.share > 0 and moment.step / moment.steps <= self.share
