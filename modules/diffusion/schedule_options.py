"""What a person may change of a schedule. Free of torch, so that it can be checked before torch is imported."""

from __future__ import annotations

from dataclasses import dataclass

from modules.errors import InvalidRequest

STANDSTILL = 1e-6
"""A step shorter than this share of its sigma is none."""

_SIGMA_BOUNDS = (1e-6, 1e6)
_RHO_BOUNDS = (0.1, 100.0)
_BETA_BOUNDS = (0.01, 10.0)
_MOST_CUSTOM_SIGMAS = 1001


@dataclass(frozen=True)
class ScheduleOptions:
    """What a person may change of a schedule. Raises InvalidRequest for values that make no schedule."""

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

    def __post_init__(self) -> None:
        _check_number("Schedule min sigma", self.sigma_min, _SIGMA_BOUNDS)
        _check_number("Schedule max sigma", self.sigma_max, _SIGMA_BOUNDS)
        _check_number("Schedule rho", self.rho, _RHO_BOUNDS)
        _check_number("Beta schedule alpha", self.beta_alpha, _BETA_BOUNDS)
        _check_number("Beta schedule beta", self.beta_beta, _BETA_BOUNDS)
        _check_custom(self.custom)


def parse_custom_sigmas(text: str) -> tuple[float, ...]:
    """Numbers with commas, semicolons, spaces or line breaks between them, for ScheduleOptions.custom.

    Raises InvalidRequest for a word that is no number; an empty text is an empty tuple.
    """
    sigmas = []
    for word in text.replace(",", " ").replace(";", " ").split():
        try:
            sigmas.append(float(word))
        except ValueError:
            raise InvalidRequest(
                "Custom sigmas", word, "is no number", "Write numbers such as 14.6, 3.2, 0.8, 0."
            ) from None
    return tuple(sigmas)


def _check_number(field: str, value: float | None, bounds: tuple[float, float]) -> None:
    least, most = bounds
    if value is not None and not least <= value <= most:  # a NaN is not between
        raise InvalidRequest(field, value, "is out of range", f"Choose a number from {least:g} to {most:g}.")


def _check_custom(sigmas: tuple[float, ...]) -> None:
    if not sigmas:
        return
    if len(sigmas) < 2:
        raise InvalidRequest("Number of custom sigmas", len(sigmas), "is too small", "The least is 2.")
    if len(sigmas) > _MOST_CUSTOM_SIGMAS:
        remedy = f"The most is {_MOST_CUSTOM_SIGMAS:,}."
        raise InvalidRequest("Number of custom sigmas", len(sigmas), "is too large", remedy)
    least, most = _SIGMA_BOUNDS
    last = len(sigmas) - 1
    for place, sigma in enumerate(sigmas):
        if not (least <= sigma <= most or (place == last and sigma == 0)):
            remedy = f"Choose numbers from {least:g} to {most:g}; the last one may be 0."
            raise InvalidRequest("Custom sigmas", sigma, "is out of range", remedy)
        if place and not sigma < sigmas[place - 1] * (1 - STANDSTILL):
            problem = f"is not below the number before it ({sigmas[place - 1]:g})"
            raise InvalidRequest(
                "Custom sigmas", sigma, problem, "Type the largest first, each below the one before it."
            )
