"""How much there is to do in a job, told from its request: what durations are learnt by."""

from __future__ import annotations

from collections.abc import Callable

from modules.schema.batch_request import ResolvedBatch
from modules.schema.extras_request import ResolvedExtras
from modules.schema.hires_fields import second_pass_sides
from modules.schema.requests import ResolvedImg2Img, ResolvedTxt2Img

AnyJobRequest = ResolvedTxt2Img | ResolvedImg2Img | ResolvedBatch | ResolvedExtras
_MILLION = 1e6


def work_of(request: AnyJobRequest, size_of: Callable[[str], tuple[int, int]]) -> float:
    """Steps times megapixels of all pictures, or the megapixels that Extras begins with; 0.0 where nobody can tell.

    `size_of` gives width and height of a stored input by its id, and raises NotFound.
    """
    if isinstance(request, ResolvedExtras):
        return sum(width * height for width, height in map(size_of, request.images)) / _MILLION
    if isinstance(request, ResolvedBatch):
        return sum(work_of(part.request, size_of) for part in request.parts)
    if request.script_name is not None:
        return 0.0  # a script paints as much as it likes
    steps = float(request.steps)
    if isinstance(request, ResolvedImg2Img) and not request.img2img_fix_steps:
        steps *= request.denoising_strength
    work = max(1.0, steps) * request.width * request.height
    if isinstance(request, ResolvedTxt2Img) and request.enable_hr:
        width, height = second_pass_sides(request, request.width, request.height)
        work += (request.hr_second_pass_steps or request.steps) * width * height
    return work * request.picture_count / _MILLION


def model_of(request: AnyJobRequest) -> str:
    """The checkpoint that a request begins with; empty where it needs none."""
    if isinstance(request, ResolvedExtras):
        return ""
    return request.parts[0].request.model if isinstance(request, ResolvedBatch) else request.model
