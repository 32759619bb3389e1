"""img2img: pictures become other pictures, wholly or under a mask; inpainting and outpainting are this."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache, partial

import numpy as np
import torch

from modules.checkpoints.loaded import LoadedModel
from modules.diffusion.latent_fills import filled_with_noise, filled_with_nothing
from modules.diffusion.latent_resizing import resized_latents
from modules.diffusion.masked_denoiser import straight_blend
from modules.diffusion.soft_inpainting import SoftInpainting
from modules.imaging.masks import hardened, latent_mask
from modules.pipeline.batches import missing_batches
from modules.pipeline.canvas import Canvas, canvas_of
from modules.pipeline.input_conditioning import InputChannels, channels_of_pixels
from modules.pipeline.models_in_use import with_models_in_use
from modules.pipeline.parts import in_parts
from modules.pipeline.progress import Progress
from modules.pipeline.resources import PaintedPicture, Resources, SideKind, SidePicture
from modules.pipeline.sampling_run import LatentMask, SamplingRun, img2img_run
from modules.pipeline.tiled_upscale import tiled_upscale
from modules.schema.requests import ResolvedImg2Img


def img2img(
    request: ResolvedImg2Img, resources: Resources, *, finished: frozenset[int] = frozenset()
) -> Iterator[PaintedPicture]:
    """Paint every picture of a request but those whose indices are `finished`, batch by batch.

    Raises NotFound for an input that is gone, UserErrors of the models and upscalers it names, NumbersOverflowed, and
    whatever the watcher raises to stop it.
    """
    if request.sd_upscale_upscaler is not None:
        yield from tiled_upscale(request, resources, finished=finished)
        return
    batches = missing_batches(request, finished | resources.watcher.left_out())
    with torch.inference_mode(), with_models_in_use(resources, tiling=request.tiling) as tools:
        # 1. The names of sampler and schedule become the noise levels that the strength leaves.
        run = img2img_run(request, tools)
        progress = Progress(tools, [run.steps] * len(batches))

        @lru_cache(maxsize=1)  # the batches of an input follow one another
        def prepared(picture_id: str) -> tuple[Canvas, torch.Tensor, LatentMask | None]:
            # 2. An input becomes a canvas: extended, masked, brought to size.
            canvas = _canvas(request, tools, picture_id)

            # 3. The canvas becomes latents.
            latents = _encoded(run.model, canvas, tools)
            return canvas, latents, None if canvas.mask is None else _latent_mask(request, canvas.mask, latents)

        def paint(indices: list[int]) -> Iterator[PaintedPicture]:
            canvas, latents, mask = prepared(request.input_of(indices[0]))

            # 4. Noise is added and taken away; what is not masked stays.
            begin = _filled(request, latents, mask, run, indices)
            report, channels = progress.next_run(run.model), partial(_channels, request, canvas)
            painted = run.latents(indices, report, begin, mask=mask, channels=channels)

            # 5. Latents become pixels, and the untouched original is laid around them.
            for row, index in zip(painted[:, None], indices, strict=True):
                pixels = run.model.decode(row, tell=tools.watcher.stage)[0]
                soft = _soft_overlay(mask, row, pixels)
                finished = canvas.finish(pixels, soft)
                plain = partial(canvas.finish, pixels, soft, in_own_colours=True)
                sides = tuple(_sides(tools.sides, canvas, finished, plain))
                yield PaintedPicture(index, finished, sides=sides)

        def unfinished(missing: list[int]) -> Iterator[PaintedPicture]:
            if (latest := progress.latest) is not None:
                canvas, _, mask = prepared(request.input_of(missing[0]))
                for row, index in zip(latest.latents[-len(missing) :, None], missing, strict=True):
                    pixels = latest.model.decode(row)[0]
                    yield PaintedPicture(index, canvas.finish(pixels, _soft_overlay(mask, row, pixels)), latest.words)

        yield from in_parts(batches, paint, tools, progress, runs=[1] * len(batches), unfinished=unfinished)


def _sides(
    wanted: Collection[SideKind], canvas: Canvas, finished: np.ndarray, in_own_colours: Callable[[], np.ndarray]
) -> Iterator[SidePicture]:
    """What is wanted besides a finished picture, as far as its canvas has it."""
    if canvas.correct_colours and "before-color-correction" in wanted:
        yield SidePicture("before-color-correction", in_own_colours())
    if canvas.overlay is None:
        return
    if "mask" in wanted:
        yield SidePicture("mask", np.repeat(canvas.overlay[..., None], 3, axis=2))
    if "mask-composite" in wanted:
        yield SidePicture("mask-composite", np.dstack([finished, canvas.overlay]))


def _canvas(request: ResolvedImg2Img, resources: Resources, picture_id: str) -> Canvas:
    mask = None if request.mask is None else resources.picture(request.mask)
    canvas = canvas_of(request, resources.picture(picture_id), mask)
    if request.inpaints and canvas.mask is None:
        resources.watcher.stage("The mask is blank: the whole picture is painted")
    return canvas


def _encoded(model: LoadedModel, canvas: Canvas, resources: Resources) -> torch.Tensor:
    """Latents (1, channels, height, width) of a canvas, as large as it is painted."""
    latents = model.encode(canvas.begin[None], tell=resources.watcher.stage)
    height, width = (side // model.pixels_per_latent for side in canvas.pixels.shape[:2])
    return resized_latents(latents, "Latent", height=height, width=width)


def _latent_mask(request: ResolvedImg2Img, mask: np.ndarray, latents: torch.Tensor) -> LatentMask:
    """Where the latents may change; `latents` are what stays elsewhere."""
    height, width = latents.shape[-2:]
    small = torch.from_numpy(latent_mask(mask, width, height, soft=_is_soft(request)))[None, None].to(latents.device)
    return LatentMask(latents, small, soft_inpainting_of(request) if request.soft_inpainting else straight_blend)


def _is_soft(request: ResolvedImg2Img) -> bool:
    """Whether a latent may be painted in part."""
    return request.soft_inpainting or not request.mask_round


def soft_inpainting_of(request: ResolvedImg2Img) -> SoftInpainting:
    """The blend that the request's knobs describe."""
    return SoftInpainting(
        schedule_bias=request.soft_inpainting_schedule_bias,
        preservation_strength=request.soft_inpainting_preservation_strength,
        transition_contrast_boost=request.soft_inpainting_transition_contrast_boost,
        mask_influence=request.soft_inpainting_mask_influence,
        difference_threshold=request.soft_inpainting_difference_threshold,
        difference_contrast=request.soft_inpainting_difference_contrast,
    )


def _filled(
    request: ResolvedImg2Img, latents: torch.Tensor, mask: LatentMask | None, run: SamplingRun, indices: Sequence[int]
) -> torch.Tensor:
    """What each picture of a batch begins with: the latents of its canvas, the masked part filled as it is wanted."""
    if mask is not None and request.inpainting_fill == "latent noise":
        return filled_with_noise(latents, mask.mask, run.noise(indices, latents.shape[-2:])())
    if mask is not None and request.inpainting_fill == "latent nothing":
        latents = filled_with_nothing(latents, mask.mask)
    return latents.expand(len(indices), -1, -1, -1)


def _channels(request: ResolvedImg2Img, canvas: Canvas, model: LoadedModel) -> InputChannels | None:
    """What an inpainting or editing model sees of a canvas."""
    mask = canvas.mask if canvas.mask is None or _is_soft(request) else hardened(canvas.mask)
    return channels_of_pixels(model, pixels=canvas.pixels, mask=mask, mask_weight=request.inpainting_mask_weight)


def _soft_overlay(mask: LatentMask | None, painted: torch.Tensor, pixels: np.ndarray) -> np.ndarray | None:
    """How much of the new picture shows after soft inpainting, (height, width) uint8; None for a hard mask."""
    if mask is None or not isinstance(mask.blend, SoftInpainting):
        return None
    share = mask.blend.overlay(mask.original, painted, mask.mask)
    larger = torch.nn.functional.interpolate(share, size=pixels.shape[:2], mode="bilinear")
    overlay: np.ndarray = (larger[0, 0] * 255).round().to(torch.uint8).cpu().numpy()
    return overlay
