"""The second pass of txt2img (hires fix): what it is asked, and how the first one's result becomes larger."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Literal

import numpy as np
import torch

from modules.diffusion.latent_resizing import resized_latents
from modules.diffusion.names import LATENT_UPSCALE_MODES, SamplingNames
from modules.imaging.flattening import flattened
from modules.imaging.resizing import just_resize
from modules.imaging.sides import covering_sides
from modules.pipeline.input_conditioning import channels_without_picture
from modules.pipeline.progress import Progress
from modules.pipeline.resources import Resources
from modules.pipeline.sampling_run import SamplingRun, check_latents
from modules.schema.hires_fields import second_pass_sides
from modules.schema.requests import ResolvedTxt2Img


def second_pass_of(request: ResolvedTxt2Img, names: SamplingNames) -> ResolvedTxt2Img:
    """The second pass as a request of its own: what it leaves open is as in the first.

    Raises InvalidRequest for a sampler or schedule that is not known.
    """
    width, height = second_pass_sides(request, request.width, request.height)
    sampler, scheduler = request.sampler_name, request.hr_scheduler or request.scheduler
    if request.hr_sampler_name is not None:
        own = request.hr_scheduler if request.hr_scheduler or request.hr_sampler_name != sampler else request.scheduler
        found, scheduler = names.find_pair(request.hr_sampler_name, own)
        sampler = found.name
    elif request.hr_scheduler is not None:
        scheduler = names.find_pair(sampler, request.hr_scheduler)[1]
    every = range(request.picture_count)
    painted = {
        "prompts": tuple(request.hr_prompt_of(index) or request.prompt_of(index) for index in every),
        "negative_prompts": tuple(
            request.hr_negative_prompt_of(index) or request.negative_prompt_of(index) for index in every
        ),
    }
    other = {
        "model": request.hr_checkpoint_name or request.model,
        "sampler_name": sampler,
        "scheduler": scheduler,
        "steps": request.hr_second_pass_steps or request.steps,
        "cfg_scale": request.cfg_scale if request.hr_cfg_scale is None else request.hr_cfg_scale,
    }
    return request.model_copy(update={**painted, **other, "width": width, "height": height})


def refiner_of(request: ResolvedTxt2Img, of_pass: Literal["first pass", "second pass"]) -> str | None:
    """The checkpoint that takes over in a pass; one pass alone has it whatever it is called."""
    wanted = request.hires_fix_refiner_pass in (of_pass, "both passes")
    return request.refiner_checkpoint if wanted or not request.enable_hr else None


class SecondPass:
    """The second pass of a request: what the first one made is enlarged and painted on."""

    def __init__(
        self, request: ResolvedTxt2Img, first: SamplingRun, resources: Resources, *, refiner: str | None
    ) -> None:
        """Raises InvalidRequest where its model cannot go on with the latents of the first one's."""
        second = second_pass_of(request, resources.sampling.names)
        self.run = SamplingRun(
            second,
            resources,
            strength=request.denoising_strength,
            exact=True,
            first_pass_steps=first.evaluations,
            refiner=refiner,
        )
        self._request = request
        self._first = first.model
        self._resources = resources
        self._width, self._height = second.width, second.height
        if request.hr_upscaler in LATENT_UPSCALE_MODES:
            check_latents(self._first, self.run.model)

    def latents(self, indices: Sequence[int], progress: Progress, enlarged: torch.Tensor) -> torch.Tensor:
        """The finished latents of those pictures, painted over what was enlarged."""
        channels = partial(channels_without_picture, height=self._height, width=self._width)
        return self.run.latents(indices, progress.next_run(self.run.model), enlarged, channels=channels)

    def decoded(self, latents: torch.Tensor) -> list[np.ndarray]:
        """The pictures of the first pass."""
        tell = self._resources.watcher.stage
        return [self._first.decode(row, tell=tell)[0] for row in latents[:, None]]

    def enlarged(self, latents: torch.Tensor, pictures: Sequence[np.ndarray] = ()) -> torch.Tensor:
        """The first pass's latents at the size of the second one, by a latent mode or by an image upscaler.

        `pictures` are the same decoded, where they are so already.
        """
        if self._request.hr_upscaler in LATENT_UPSCALE_MODES:
            return self._resized(latents)
        return torch.cat([self._upscaled(pixels) for pixels in pictures or self.decoded(latents)])

    @cached_property
    def given(self) -> torch.Tensor:
        """The same of the finished picture that takes the place of the first pass, one row."""
        picture = flattened(self._resources.picture(str(self._request.firstpass_image)))
        pixels = just_resize(picture, self._request.width, self._request.height)
        if self._request.hr_upscaler in LATENT_UPSCALE_MODES:
            return self._resized(self._first.encode(pixels[None], tell=self._resources.watcher.stage))
        return self._upscaled(pixels)

    def _resized(self, latents: torch.Tensor) -> torch.Tensor:
        """By a latent mode; where the shape changes, what sticks out is cut off evenly."""
        factor = self._first.pixels_per_latent
        wanted_width, wanted_height = self._width // factor, self._height // factor
        width, height = covering_sides(latents.shape[-1], latents.shape[-2], wanted_width, wanted_height)
        left, top = (width - wanted_width) // 2, (height - wanted_height) // 2
        larger = resized_latents(latents, self._request.hr_upscaler, height=height, width=width)
        return larger[..., top : top + wanted_height, left : left + wanted_width].contiguous()

    def _upscaled(self, pixels: np.ndarray) -> torch.Tensor:
        tell, name = self._resources.watcher.stage, self._request.hr_upscaler
        tell(f"Upscaling with {name}")
        larger = self._resources.upscale(name, pixels, self._width, self._height)
        return self.run.model.encode(larger[None], tell=tell)
