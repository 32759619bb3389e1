"""What a person may change of a schedule. Free of torch, so that it can be checked before torch is imported."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScheduleOptions:
    """What a person may change of a schedule; within the limits of schema.requests.Options, which has checked them."""

    sigma_min: float | None = None
    """Smallest sigma above 0; None: the model's. Schedules over the model's own steps take no notice of it."""
    sigma_max: float | None = None
    """Largest sigma; None: the model's. Schedules over the model's own steps take no notice of it."""
    rho: float | None = None
    """Curvature of Karras and Polyexponential; None: their own (7 and 1)."""
    beta_alpha: float = 0.6
    """First parameter of Beta's distribution."""
    beta_beta: float = 0.6
    """Second parameter of Beta's distribution."""
    discard_next_to_last: bool = False
    """Make one sigma more and leave out the last but one. Not for Timesteps, Time uniform and Custom."""
    old_karras_range: bool = False
    """Sigmas from 10 down to 0.1 in place of the model's range, as pictures of 2022 have them."""
    custom: tuple[float, ...] = ()
    """The sigmas of Custom, largest first, with or without a 0 at the end."""
