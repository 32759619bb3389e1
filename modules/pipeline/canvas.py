"""The canvas of img2img: from an input picture and a request to the pixels that are painted, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from modules.imaging import masks
from modules.imaging.colour_correction import colour_corrected
from modules.imaging.filling import filled
from modules.imaging.flattening import flattened
from modules.imaging.outpainting import extended
from modules.imaging.regions import Region
from modules.imaging.resizing import RESIZE_MODES, just_resize
from modules.imaging.sides import stepped
from modules.schema.image_fields import ImageFields
from modules.schema.requests import ResolvedImg2Img

LATENT_RESIZE = "Just resize (latent upscale)"
_RESIZE_MODES = {**RESIZE_MODES, LATENT_RESIZE: just_resize}


@dataclass(frozen=True)
class Canvas:
    """Pixels are (height, width, 3), masks (height, width), uint8; 255 is painted anew."""

    pixels: np.ndarray
    """What is painted over, as large as it is painted."""
    mask: np.ndarray | None
    """Blurred, of the same size; None: all is painted."""
    original: np.ndarray
    """What stays where nothing is painted, as large as the result."""
    overlay: np.ndarray | None
    """How much of the new picture shows, as large as the result; None: all."""
    region: Region | None
    """The part of the original that is painted; None: all of it."""
    correct_colours: bool
    begin: np.ndarray
    """What is encoded: the pixels with the masked part filled where that is wanted. Of another size where the latents
    are what is brought to size."""

    def finish(
        self, painted: np.ndarray, soft_overlay: np.ndarray | None = None, *, in_own_colours: bool = False
    ) -> np.ndarray:
        """The result of what was painted: its colours corrected, the untouched original laid around it.

        `soft_overlay` (height, width) uint8, of the painted size, takes more of the new picture away. With
        `in_own_colours` they are not corrected.
        """
        if self.correct_colours and not in_own_colours:
            painted = colour_corrected(painted, self.pixels)
        if soft_overlay is not None:
            painted = masks.composite(painted, self.pixels, soft_overlay)
        if self.overlay is None:
            return painted
        if self.region is None:
            return masks.composite(painted, self.original, self.overlay)
        return self.region.paste_back(painted, self.original, self.overlay)


def canvas_of(request: ResolvedImg2Img, picture: Image.Image, mask: Image.Image | None) -> Canvas:
    """The canvas for one input picture; a mask of another size is brought to the picture's."""
    painted_mask = _mask_of(request, picture, mask)
    pixels = flattened(picture, request.img2img_background_color)
    if request.outpaints:
        extension = extended(pixels, **margins_of(request), feather=request.outpaint_feather)
        pixels, added = extension.pixels, extension.mask
        if painted_mask is not None:
            box = extension.box.slices
            added[box] = np.maximum(added[box], painted_mask)
        painted_mask = added
    if painted_mask is not None and not painted_mask.any():
        painted_mask = None
    if painted_mask is None:
        return _whole(request, pixels)
    return _masked(request, pixels, painted_mask)


def margins_of(request: ImageFields) -> dict[str, int]:
    """What is added around the input, in its pixels."""
    sides = ("left", "top", "right", "bottom")
    return {side: getattr(request, f"outpaint_{side}") for side in sides}


def _mask_of(request: ResolvedImg2Img, picture: Image.Image, mask: Image.Image | None) -> np.ndarray | None:
    """The mask at the picture's size, inverted and blurred as the request says; None where there is none."""
    soft = request.soft_inpainting
    found = []
    if mask is not None:
        found.append(masks.resized(masks.mask_from_picture(mask, soft=soft), picture.width, picture.height))
    if request.mask_from_alpha:
        found.append(masks.mask_from_transparency(picture, soft=soft))
    if not found:
        return None
    joined = np.maximum.reduce(found)
    if request.inpainting_mask_invert:
        joined = masks.inverted(joined)
    blurred = masks.blurred(joined, request.mask_blur_x, request.mask_blur_y)
    # A dot that is blurred away is still a mask: a blank one would have the whole picture painted.
    return blurred if blurred.any() else joined


def _whole(request: ResolvedImg2Img, pixels: np.ndarray) -> Canvas:
    resized = _resized(request, pixels)
    begin = _in_whole_latents(pixels) if request.resize_mode == LATENT_RESIZE else resized
    return Canvas(resized, None, resized, None, None, request.img2img_color_correction, begin)


def _masked(request: ResolvedImg2Img, pixels: np.ndarray, mask: np.ndarray) -> Canvas:
    correct, width, height = request.img2img_color_correction, request.width, request.height
    region = Region.around(mask, width, height, request.inpaint_full_res_padding) if request.inpaint_full_res else None
    if region is not None:
        part, part_mask = region.cut(pixels), region.cut(mask)
        return Canvas(part, part_mask, pixels, mask, region, correct, _begin(request, part, part_mask))
    resized, resized_mask = _resized(request, pixels), _resized(request, mask)
    if request.resize_mode == LATENT_RESIZE:
        begin = _begin(request, _in_whole_latents(pixels), _in_whole_latents(mask))
    else:
        begin = _begin(request, resized, resized_mask)
    return Canvas(resized, resized_mask, resized, masks.overlay_mask(resized_mask), None, correct, begin)


def _begin(request: ResolvedImg2Img, pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return filled(pixels, mask) if request.inpainting_fill == "fill" else pixels


def _resized(request: ResolvedImg2Img, pixels: np.ndarray) -> np.ndarray:
    """A picture or a mask at the size of the result."""
    return _RESIZE_MODES[request.resize_mode](pixels, request.width, request.height)


def _in_whole_latents(pixels: np.ndarray) -> np.ndarray:
    """A picture or a mask at its own size, as nearly as latents have it."""
    height, width = (stepped(side) for side in pixels.shape[:2])
    return just_resize(pixels, width, height)
