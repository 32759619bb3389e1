"""The start of a run on a given picture: which steps of a schedule are taken, and how noisy the picture becomes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from modules.diffusion.names import CUSTOM, TIME_UNIFORM, TIMESTEPS
from modules.diffusion.noise_levels import Levels

_LONGEST = 1000
"""Times as many steps as are run: a schedule whose last ones change as good as nothing is long enough."""
_MOST_STRENGTH = 0.999
"""At strength 1 a little of the picture is left, as in existing pictures."""


@dataclass(frozen=True)
class Img2ImgSteps:
    """How many steps a schedule is made for, and how many of its last ones are run."""

    schedule: int
    kept: int
    """0 at strength 0: there is nothing to run, and the latents stay as they are."""


def img2img_steps(steps: int, strength: float, *, exact: bool = False) -> Img2ImgSteps:
    """The steps of a run that changes a picture by `strength`, 0 to 1.

    Usually about strength * steps of them are run, at least one: int(strength * steps) + 1 as A1111 counts. With
    `exact`, and in the second pass of hires fix, the schedule is made so long that `steps` of them are run.
    """
    if strength <= 0:
        return Img2ImgSteps(steps, 0)
    strength = min(strength, _MOST_STRENGTH)
    if exact:
        return Img2ImgSteps(min(int(steps / strength), steps * _LONGEST), steps)
    return Img2ImgSteps(steps, int(strength * steps) + 1)


def tail(sigmas: torch.Tensor, steps: Img2ImgSteps, *, schedule: str, levels: Levels) -> torch.Tensor:
    """The end of a schedule's sigmas that is run: at least one step, or the last sigma alone where none is kept.

    `sigmas` are those of the schedule of that name for `steps.schedule` steps. A schedule that came out shorter than
    asked for, and a person's own list, is cut at the same share of it. Timesteps and Time uniform are counted in
    points, of which A1111 keeps one less than steps; UniPC then spaces its own evenly from the highest of them.
    """
    if steps.kept == 0:
        return sigmas[-1:]
    if schedule == TIMESTEPS:
        return sigmas[-max(steps.kept - 1, 2) :]
    if schedule == TIME_UNIFORM:
        return _time_uniform_tail(steps, levels)
    made = len(sigmas) - 1
    left_out = steps.schedule - steps.kept
    if made < steps.schedule or schedule == CUSTOM:
        left_out = left_out * made // steps.schedule
    return sigmas[min(left_out, made - 1) :]


def noised(
    latents: torch.Tensor,
    noise: torch.Tensor,
    sigma: float,
    *,
    flow: bool = False,
    multiplier: float = 1.0,
    extra: float = 0.0,
) -> torch.Tensor:
    """What a sampler starts from: clean latents at noise level `sigma`, in the x that its denoiser takes.

    picture + sigma noise, for every sampler: the variance-preserving form of DDIM and its like, sqrt(a) picture +
    sqrt(1 - a) noise with a = 1 / (1 + sigma^2), is the same x divided by sqrt(1 + sigma^2), and SamplerRecipe's
    samplers run on the undivided one. A `flow` model has (1 - sigma) picture + sigma noise.

    `multiplier` scales the noise ("Initial noise multiplier for img2img"); `extra` of that noise is in the picture
    beforehand ("Extra noise"), so that the run does not take it all away.
    """
    noise = noise * multiplier
    picture = latents + noise * extra if extra else latents
    return picture * (1 - sigma if flow else 1.0) + noise * sigma


def _time_uniform_tail(steps: Img2ImgSteps, levels: Levels) -> torch.Tensor:
    trained = len(levels.sigmas)
    points = max(steps.kept - 1, 1)
    highest = min((points - 1) * max(trained // steps.schedule, 1) + 1, trained - 1)
    return levels.evenly_spaced(float(levels.sigmas[highest]), levels.sigma_min, points + 1)
