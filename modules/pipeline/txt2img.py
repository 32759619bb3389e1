"""txt2img: a prompt becomes pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from modules.checkpoints.loaded import LoadedModel
from modules.diffusion.guidance import ClassifierFreeGuidance, GuidedDenoiser
from modules.diffusion.noise import BatchNoise, noise_source
from modules.diffusion.samplers import SAMPLERS, SamplerOptions, StepReport, finished_latents
from modules.diffusion.schedules import sigmas_for
from modules.pipeline.conditioning import encode_prompts
from modules.pipeline.watcher import Watcher
from modules.schema.requests import ResolvedTxt2Img


@dataclass(frozen=True)
class PaintedPicture:
    """Picture `index` of a request; `pixels` is (height, width, 3), uint8."""

    index: int
    pixels: np.ndarray


def txt2img(
    request: ResolvedTxt2Img, model: LoadedModel, watcher: Watcher, *, finished: frozenset[int] = frozenset()
) -> Iterator[PaintedPicture]:
    """Paint every picture of a request but those whose indices are `finished`, batch by batch.

    Raises NumbersOverflowed, and whatever the watcher raises to stop it.
    """
    with torch.inference_mode():
        # 1. The words become conditioning.
        watcher.stage("Reading the prompt")
        conditioning = encode_prompts(model, request.prompt, request.negative_prompt, clip_skip=request.clip_skip)

        # 2. The model becomes a denoiser that follows them.
        denoiser = GuidedDenoiser(
            model.predict,
            model.levels,
            model.prediction_type,
            positive=conditioning.positive,
            negative=conditioning.negative,
            guidance=ClassifierFreeGuidance(request.cfg_scale),
        )

        # 3. The schedule says which noise levels are visited.
        sigmas = sigmas_for(request.scheduler, request.steps, model.levels)
        sampler = SAMPLERS[request.sampler_name]
        batches = _missing_batches(request, finished)

        for number, indices in enumerate(batches):
            # 4. Every picture starts from its own noise.
            noise = BatchNoise(
                [noise_source(request.rng, request.seed_of(index), model.device) for index in indices],
                _latent_shape(request, model),
                model.device,
            )
            x = noise.next() * sampler.start_scale(float(sigmas[0]))

            # 5. The sampler takes the noise away, step by step.
            def report(now: StepReport, number: int = number) -> None:
                watcher.step(
                    number * now.steps + now.step, len(batches) * now.steps, lambda: model.preview(now.denoised)
                )

            x = sampler.run(denoiser, x, sigmas, noise=noise.next, callback=report, options=SamplerOptions())
            latents = finished_latents(x, float(sigmas[-1]))

            # 6. Latents become pixels, one picture at a time: a batch must not change a picture.
            for place, index in enumerate(indices):
                yield PaintedPicture(index, model.decode(latents[place : place + 1])[0])


def _missing_batches(request: ResolvedTxt2Img, finished: frozenset[int]) -> list[list[int]]:
    """The indices still to be painted, at most batch_size together, in order."""
    missing = [index for index in range(request.picture_count) if index not in finished]
    return [missing[at : at + request.batch_size] for at in range(0, len(missing), request.batch_size)]


def _latent_shape(request: ResolvedTxt2Img, model: LoadedModel) -> tuple[int, int, int]:
    factor = model.pixels_per_latent
    return (model.latent_channels, request.height // factor, request.width // factor)
