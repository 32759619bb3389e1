"""txt2img: a prompt becomes pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from modules.checkpoints.loaded import LoadedModel
from modules.diffusion.conditioning import TextConditioning
from modules.diffusion.guidance.guided_denoiser import GuidedDenoiser
from modules.diffusion.names import find_sampler
from modules.diffusion.samplers import SAMPLERS, SamplerOptions, StepReport
from modules.pipeline.conditioning import PromptEncoder
from modules.pipeline.guiding import guidance_of
from modules.pipeline.noise_of_images import noise_of_images
from modules.pipeline.scheduling import levels_of, sigmas_of
from modules.pipeline.text_cache import TextCache
from modules.pipeline.watcher import Watcher
from modules.schema.requests import ResolvedTxt2Img


@dataclass(frozen=True)
class PaintedPicture:
    """Picture `index` of a request; `pixels` is (height, width, 3), uint8."""

    index: int
    pixels: np.ndarray


def txt2img(
    request: ResolvedTxt2Img,
    model: LoadedModel,
    watcher: Watcher,
    texts: TextCache,
    *,
    finished: frozenset[int] = frozenset(),
) -> Iterator[PaintedPicture]:
    """Paint every picture of a request but those whose indices are `finished`, batch by batch.

    Raises NumbersOverflowed, and whatever the watcher raises to stop it.
    """
    with torch.inference_mode():
        # 1. The names of sampler and schedule become the noise levels that are visited.
        sampler, recipe = find_sampler(request.sampler_name), SAMPLERS[request.sampler_name]
        levels = levels_of(request, model.levels)
        sigmas = sigmas_of(request, levels, sampler)
        evaluations = request.steps * sampler.calls_per_step
        prompts = PromptEncoder(model, texts, request, evaluations, watcher.check)
        batches = _missing_batches(request, finished)

        def watched(x: torch.Tensor, timestep: torch.Tensor, conditioning: TextConditioning) -> torch.Tensor:
            watcher.check()
            return model.predict(x, timestep, conditioning)

        for number, indices in enumerate(batches):
            # 2. The words become conditioning.
            watcher.stage("Reading the prompt")
            told = prompts.batch([(request.prompt_of(index), request.negative_prompt_of(index)) for index in indices])

            # 3. The model becomes a denoiser that follows them.
            denoiser = GuidedDenoiser(
                watched,
                levels,
                model.prediction_type,
                conditioning=told,
                guidance=guidance_of(request, sampler),
                steps=evaluations,
                counting="evaluations",
                keep_negative=sampler.reads_negative,
            )

            # 4. Every picture starts from its own noise.
            shape = _latent_shape(request, model)
            noise = noise_of_images(
                request,
                indices,
                sigmas,
                shape=shape,
                pixels_per_latent=model.pixels_per_latent,
                device=model.device,
            )
            x = noise() * recipe.start_scale(float(sigmas[0]), sgm=request.sgm_noise_multiplier)

            # 5. The sampler takes the noise away, step by step.
            def report(now: StepReport, number: int = number) -> None:
                watcher.step(
                    number * now.steps + now.step, len(batches) * now.steps, lambda: model.preview(now.denoised)
                )

            options = SamplerOptions(
                eta=request.eta,
                s_noise=request.s_noise,
                s_churn=request.s_churn,
                s_tmin=request.s_tmin,
                s_tmax=request.s_tmax or float("inf"),
                order=request.sampler_order or None,
                unipc_variant=request.uni_pc_variant,
                ge_gamma=request.ge_gamma,
                levels=levels,
            )
            x = recipe.run(denoiser, x, sigmas, noise=noise, callback=report, options=options)
            latents = recipe.finished_latents(x, float(sigmas[-1]))

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
