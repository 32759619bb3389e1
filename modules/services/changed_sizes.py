"""How large a picture that begins with another one is painted, where a script changes what its size follows from."""

from __future__ import annotations

from collections.abc import Collection

from modules.imaging.sides import stepped
from modules.schema.field_types import MIN_SIDE
from modules.schema.requests import Img2ImgRequest, ResolvedImg2Img
from modules.services.input_sizes import Size, size_for

_MARGINS = ("outpaint_left", "outpaint_right", "outpaint_top", "outpaint_bottom")


def size_follows(before: ResolvedImg2Img, after: ResolvedImg2Img) -> bool:
    """Whether the factor or the margins have changed, and width and height are those of the whole result."""
    if after.sd_upscale_upscaler or (after.inpaint_full_res and after.inpaints):
        return False
    return any(getattr(before, name) != getattr(after, name) for name in ("scale_by", *_MARGINS))


def changed_size(before: ResolvedImg2Img, after: ResolvedImg2Img, inputs: Collection[Size], usual: Size) -> Size:
    """Width and height of the result of `after`, which has other margins or another factor than `before`.

    A size that followed from the input follows again. One that was given keeps its scale where margins change: what
    is added to the input is added to the result. `usual` is the model's own size. Raises InvalidRequest where inputs
    of several sizes would each need another one.
    """
    if before.scale_by or after.scale_by:
        return size_for(_without_size(after), inputs, usual)
    if len(set(inputs)) > 1:
        return before.width, before.height  # it was given, for inputs that are brought to it anyway
    if (before.width, before.height) == size_for(_without_size(before), inputs, usual):
        return size_for(_without_size(after), inputs, usual)
    ((width, height),) = set(inputs)
    across = (width + after.outpaint_left + after.outpaint_right) / (
        width + before.outpaint_left + before.outpaint_right
    )
    down = (height + after.outpaint_top + after.outpaint_bottom) / (
        height + before.outpaint_top + before.outpaint_bottom
    )
    return _side(before.width * across), _side(before.height * down)


def _without_size(request: ResolvedImg2Img) -> Img2ImgRequest:
    """The request as if no size had been given."""
    kept = Img2ImgRequest.model_fields.keys() - {"width", "height"}
    return Img2ImgRequest.of(request.model_dump(include=kept))


def _side(length: float) -> int:
    return max(MIN_SIDE, stepped(round(length)))
