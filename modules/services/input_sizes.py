"""How large a picture that begins with another one is painted, where the request leaves that open."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from modules.errors import InvalidRequest
from modules.gallery.inputs import InputPictures
from modules.imaging import masks
from modules.imaging.sides import scaled_sides, stepped
from modules.schema.field_types import MAX_SIDE, MIN_SIDE
from modules.schema.requests import Img2ImgRequest

_MOST_AREA = 4
"""Times the area that the model was made for: a photograph of many megapixels is brought down to it."""

Size = tuple[int, int]


def size_for(request: Img2ImgRequest, inputs: Collection[Size], usual: Size, *, blank_mask: bool = False) -> Size:
    """Width and height that are painted at once; `usual` is the model's own size.

    With a blank mask the whole picture is painted, whatever the request says of its masked part. Raises InvalidRequest
    where inputs of several sizes would each need another one, and for a factor where a part is painted.
    """
    width, height = request.width, request.height
    if width and height and not request.scale_by:
        return width, height
    if request.sd_upscale_upscaler:
        _refuse_factor(request, "does not go with SD upscale", "Give the SD upscale factor in its place.")
        return width or usual[0], height or usual[1]
    if request.inpaint_full_res and request.inpaints:
        remedy = "Give width and height in its place, or paint the whole picture."
        _refuse_factor(request, "does not go with only masked, whose result is as large as the input", remedy)
        if not blank_mask:
            return width or usual[0], height or usual[1]
    canvases = {_canvas(request, size) for size in inputs}
    if len(canvases) > 1:
        listed = ", ".join(f"{one[0]}x{one[1]}" for one in sorted(inputs))
        remedy = "Give width and height, or paint them one after the other."
        raise InvalidRequest("Input pictures", listed, "are of several sizes", remedy)
    (canvas,) = canvases
    return _fitting(request, canvas, usual)


def mask_is_blank(request: Img2ImgRequest, inputs: InputPictures) -> bool:
    """Whether only masked parts are to be painted and no input has one. Raises NotFound, UnreadablePicture."""
    if not request.inpaint_full_res or not request.inpaints or request.outpaints:
        return False
    return not any(_masks_anything(request, inputs, one) for one in request.init_images)


def _masks_anything(request: Img2ImgRequest, inputs: InputPictures, picture_id: str) -> bool:
    """As the picture is painted: a mask of another size is brought to the picture's."""
    soft = request.soft_inpainting
    found = []
    if request.mask is not None:
        mask = masks.mask_from_picture(inputs.get(request.mask), soft=soft)
        found.append(masks.resized(mask, *inputs.size(picture_id)))
    if request.mask_from_alpha:
        found.append(masks.mask_from_transparency(inputs.get(picture_id), soft=soft))
    joined = np.maximum.reduce(found)
    return bool((joined < 255).any() if request.inpainting_mask_invert else joined.any())


def _refuse_factor(request: Img2ImgRequest, problem: str, remedy: str) -> None:
    if request.scale_by:
        raise InvalidRequest("Resize by", request.scale_by, problem, remedy)


def _canvas(request: Img2ImgRequest, size: Size) -> Size:
    """The size of an input with what is added around it."""
    width, height = size
    return (
        width + request.outpaint_left + request.outpaint_right,
        height + request.outpaint_top + request.outpaint_bottom,
    )


def _fitting(request: Img2ImgRequest, canvas: Size, usual: Size) -> Size:
    if request.scale_by:
        return _within_limits(scaled_sides(*canvas, request.scale_by))
    if request.width:
        return _within_limits((request.width, _side(canvas[1] * request.width / canvas[0])))
    if request.height:
        return _within_limits((_side(canvas[0] * request.height / canvas[1]), request.height))
    most = _MOST_AREA * usual[0] * usual[1]
    factor = 1.0 if request.outpaints else min(1.0, math.sqrt(most / (canvas[0] * canvas[1])))
    return _within_limits((_side(canvas[0] * factor), _side(canvas[1] * factor)))


def _within_limits(size: Size) -> Size:
    """Raises InvalidRequest for what is too large."""
    if max(size) > MAX_SIDE:
        problem = f"is more than {MAX_SIDE} pixels a side"
        raise InvalidRequest("Size", f"{size[0]}x{size[1]}", problem, "Choose a smaller size or factor.")
    return max(size[0], MIN_SIDE), max(size[1], MIN_SIDE)


def _side(length: float) -> int:
    return max(MIN_SIDE, stepped(round(length)))
