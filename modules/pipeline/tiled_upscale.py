"""Tiled diffusion upscale (SD upscale): a picture enlarged by an upscaler, then painted over tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial

import numpy as np
import torch

from modules.imaging.flattening import flattened
from modules.imaging.sides import scaled_sides
from modules.pipeline.batches import missing_pictures
from modules.pipeline.input_conditioning import channels_of_pixels
from modules.pipeline.models_in_use import with_models_in_use
from modules.pipeline.parts import in_parts
from modules.pipeline.progress import Progress
from modules.pipeline.resources import PaintedPicture, Resources
from modules.pipeline.sampling_run import SamplingRun, img2img_run
from modules.schema.requests import ResolvedImg2Img
from modules.upscaling.tiling import Tiling, in_tiles, stretches


def tiled_upscale(
    request: ResolvedImg2Img, resources: Resources, *, finished: frozenset[int] = frozenset()
) -> Iterator[PaintedPicture]:
    """Paint every picture of a request but those whose indices are `finished`, one after another.

    All tiles of a picture have its seed, so that a picture depends on no batch; they have edges of their own, so that
    there is no tiling of textures. An overlap is at most a third of a tile. A picture that is stopped is never kept:
    tiles of it are missing. Raises as img2img does.
    """
    sides = (request.width, request.height)
    across, down = (Tiling(side, min(request.sd_upscale_overlap, side // 3)) for side in sides)
    indices = missing_pictures(request, finished | resources.watcher.left_out())
    with torch.inference_mode(), with_models_in_use(resources) as tools:
        # 1. The names of sampler and schedule become the noise levels that the strength leaves.
        run = img2img_run(request, tools)
        sizes = {one: _sides(request, tools, one) for one in dict.fromkeys(map(request.input_of, indices))}
        tiles = {one: len(stretches(sides[0], across)) * len(stretches(sides[1], down)) for one, sides in sizes.items()}
        progress = Progress(tools, [run.steps] * sum(tiles[request.input_of(index)] for index in indices))

        @lru_cache(maxsize=1)  # the pictures of an input follow one another
        def upscaled(picture_id: str) -> np.ndarray:
            # 2. The upscaler makes the input large.
            return _upscaled(request, tools, picture_id, *sizes[picture_id])

        def paint(batch: list[int]) -> Iterator[PaintedPicture]:
            # 3. Each tile is painted over, and fades into its neighbours.
            (index,) = batch
            tile = partial(_painted, request, tools, run, progress, index)
            larger = upscaled(request.input_of(index))
            yield PaintedPicture(index, in_tiles(tile, larger, 1, across, _ignore, down=down))

        runs = [tiles[request.input_of(index)] for index in indices]
        yield from in_parts([[index] for index in indices], paint, tools, progress, runs=runs)


def _sides(request: ResolvedImg2Img, resources: Resources, picture_id: str) -> tuple[int, int]:
    return scaled_sides(*resources.picture(picture_id).size, request.sd_upscale_by)


def _upscaled(request: ResolvedImg2Img, resources: Resources, picture_id: str, width: int, height: int) -> np.ndarray:
    resources.watcher.stage(f"Upscaling with {request.sd_upscale_upscaler}")
    pixels = flattened(resources.picture(picture_id), request.img2img_background_color)
    return resources.upscale(str(request.sd_upscale_upscaler), pixels, width, height)


def _painted(
    request: ResolvedImg2Img, resources: Resources, run: SamplingRun, progress: Progress, index: int, tile: np.ndarray
) -> np.ndarray:
    """A tile of picture `index` painted over, float32."""
    tell = resources.watcher.stage
    latents = run.latents(
        [index],
        progress.next_run(run.model),
        run.model.encode(tile[None], tell=tell),
        channels=partial(channels_of_pixels, pixels=tile, mask=None, mask_weight=request.inpainting_mask_weight),
    )
    painted: np.ndarray = run.model.decode(latents, tell=tell)[0].astype(np.float32)
    return painted


def _ignore(_: float) -> None:
    """The steps of the tiles tell how far the work is."""
