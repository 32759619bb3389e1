"""txt2img: a prompt becomes pictures, in one pass or two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch

from modules.checkpoints.precision import stored_in_eight_bits
from modules.pipeline.batches import missing_batches
from modules.pipeline.hires import SecondPass, refiner_of
from modules.pipeline.input_conditioning import channels_without_picture
from modules.pipeline.models_in_use import with_models_in_use
from modules.pipeline.parts import in_parts
from modules.pipeline.progress import Progress
from modules.pipeline.resources import PaintedPicture, Resources, SidePicture
from modules.pipeline.sampling_run import SamplingRun
from modules.schema.requests import ResolvedTxt2Img


def txt2img(
    request: ResolvedTxt2Img, resources: Resources, *, finished: frozenset[int] = frozenset()
) -> Iterator[PaintedPicture]:
    """Paint every picture of a request but those whose indices are `finished`, batch by batch.

    Raises UserErrors of the models and upscalers it names, NumbersOverflowed, and whatever the watcher raises to stop
    it.
    """
    batches = missing_batches(request, finished | resources.watcher.left_out())
    with torch.inference_mode(), with_models_in_use(resources, tiling=request.tiling) as tools:
        # 1. The names of sampler and schedule become the noise levels that are visited.
        first = SamplingRun(request, tools, refiner=refiner_of(request, "first pass"))
        second = (
            SecondPass(request, first, tools, refiner=refiner_of(request, "second pass")) if request.enable_hr else None
        )
        runs = _runs(request, first, second)
        progress = Progress(tools, [run.steps for _ in batches for run in runs])

        def paint(indices: list[int]) -> Iterator[PaintedPicture]:
            # 2. Noise becomes latents; a second pass enlarges them, or a finished picture, and paints on.
            before: list[np.ndarray] = []
            if second is None:
                latents = _first_pass(request, first, indices, progress)
            elif request.firstpass_image is None:
                latents = _shared_first_pass(request, first, indices, progress, tools)
                before = second.decoded(latents) if "before-highres-fix" in tools.sides else []
                latents = second.latents(indices, progress, second.enlarged(latents, before))
            else:
                latents = second.latents(indices, progress, second.given.expand(len(indices), -1, -1, -1))

            # 3. Latents become pixels, one picture at a time: a batch must not change a picture.
            for place, (row, index) in enumerate(zip(latents[:, None], indices, strict=True)):
                sides = tuple(SidePicture("before-highres-fix", pixels) for pixels in before[place : place + 1])
                pixels = runs[-1].model.decode(row, tell=tools.watcher.stage)[0]
                yield PaintedPicture(index, pixels, sides=sides)

        unfinished = partial(_unfinished, progress)
        yield from in_parts(batches, paint, tools, progress, runs=[len(runs)] * len(batches), unfinished=unfinished)


def _unfinished(progress: Progress, missing: list[int]) -> Iterator[PaintedPicture]:
    """The last pictures of a batch as its latest step saw them."""
    if progress.latest is not None:
        for row, index in zip(progress.latest.latents[-len(missing) :, None], missing, strict=True):
            yield PaintedPicture(index, progress.latest.model.decode(row)[0], progress.latest.words)


def _runs(request: ResolvedTxt2Img, first: SamplingRun, second: SecondPass | None) -> list[SamplingRun]:
    """The passes of one batch."""
    if second is None:
        return [first]
    return [second.run] if request.firstpass_image else [first, second.run]


def _first_pass(request: ResolvedTxt2Img, run: SamplingRun, indices: Sequence[int], progress: Progress) -> torch.Tensor:
    factor = run.model.pixels_per_latent
    return run.latents(
        indices,
        progress.next_run(run.model),
        (request.height // factor, request.width // factor),
        channels=partial(channels_without_picture, height=request.height, width=request.width),
    )


def _shared_first_pass(
    request: ResolvedTxt2Img, run: SamplingRun, indices: list[int], progress: Progress, tools: Resources
) -> torch.Tensor:
    """The first pass, or its latents where the request before differed in its second pass alone."""
    hooked = run.brought_by or (tools.hooks is not None and not tools.hooks.is_idle)
    if hooked or refiner_of(request, "first pass") is not None:
        return _first_pass(
            request, run, indices, progress
        )  # what extensions do, and a refiner's weights, are not known
    networks = tuple(
        tools.networks.key_of(request.prompt_of(index), request.negative_prompt_of(index)) for index in indices
    )
    place = (request, (run.model.fingerprint, stored_in_eight_bits(run.model.unet), networks), indices)
    # What was painted before can no longer be recorded; painted anew it is the same.
    latents = tools.first_passes.get(*place) if tools.recorder is None else None
    if latents is None:
        latents = _first_pass(request, run, indices, progress)
        if not any(map(tools.participants.of, indices)):  # else nobody would note them where it is not painted
            tools.first_passes.keep(*place, latents)
    else:
        progress.skip_run()
    return latents
