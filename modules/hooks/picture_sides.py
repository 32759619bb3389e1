"""How large the pictures of a request will be."""

from __future__ import annotations

from collections.abc import Callable

from modules.imaging.sides import scaled_sides
from modules.schema.hires_fields import second_pass_sides
from modules.schema.requests import Resolved, ResolvedImg2Img, ResolvedTxt2Img

Size = tuple[int, int]


def sides_of(request: Resolved, input_size: Callable[[str], Size]) -> Size:
    """Width and height in pixels of the pictures that a request makes; of inputs of several sizes the largest.

    `input_size` tells the size of an input picture by its id; raises as it does.
    """
    if isinstance(request, ResolvedTxt2Img) and request.enable_hr:
        return second_pass_sides(request, request.width, request.height)
    if isinstance(request, ResolvedImg2Img) and _has_the_size_of_its_input(request):
        sizes = {input_size(one) for one in request.init_images}
        return max((_grown(request, size) for size in sizes), key=lambda size: size[0] * size[1])
    return request.width, request.height


def _has_the_size_of_its_input(request: ResolvedImg2Img) -> bool:
    """Whether width and height are those of a part that is painted, not of the result."""
    return request.sd_upscale_upscaler is not None or (request.inpaint_full_res and request.inpaints)


def _grown(request: ResolvedImg2Img, size: Size) -> Size:
    if request.sd_upscale_upscaler is not None:
        return scaled_sides(*size, request.sd_upscale_by)
    across, down = request.outpaint_left + request.outpaint_right, request.outpaint_top + request.outpaint_bottom
    return size[0] + across, size[1] + down
