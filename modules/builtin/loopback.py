"""Loopback: img2img again and again, each time from what came out the time before."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from modules.builtin.cells import as_far_as_made, check_grid, tile
from modules.hooks import (
    Arguments,
    Choice,
    Drafting,
    InvalidRequest,
    Number,
    Resolved,
    Script,
    ScriptContext,
    grid,
    hookimpl,
)

_MARGINS = ("outpaint_left", "outpaint_right", "outpaint_top", "outpaint_bottom")
CURVES = ("Aggressive", "Linear", "Lazy")


def strength_of(loop: int, loops: int, first: float, last: float, curve: str) -> float:
    """The denoising strength of a loop, counted from 0: from `first` to `last`, fast or slowly at the beginning."""
    progress = loop / (loops - 1) if loops > 1 else 0.0
    if curve == "Aggressive":
        progress = math.sin(progress * math.pi / 2)
    elif curve == "Lazy":
        progress = 1 - math.cos(progress * math.pi / 2)
    return round(min(max(first + (last - first) * progress, 0.0), 1.0), 6)


class Loopback(Script):
    """A1111's script of that name."""

    name = "Loopback"
    help = "img2img again and again, each time from what came out the time before"
    tasks = ("img2img",)
    arguments = (
        Number(name="loops", label="Loops", key="Loopback loops", default=4, minimum=1, maximum=100, whole=True),
        Number(
            name="final_denoising_strength",
            label="Final denoising strength",
            help="the first loop has the denoising strength of the request",
            key="Loopback final denoising strength",
            default=0.5,
            minimum=0,
            maximum=1,
            step=0.01,
        ),
        Choice(
            name="denoising_curve",
            label="Denoising strength curve",
            help="Aggressive gets to the final strength early, Lazy late",
            key="Loopback denoising curve",
            choices=CURVES,
            default="Linear",
        ),
    )

    def check(self, base: Resolved, arguments: Arguments, context: Drafting) -> None:
        if getattr(base, "mask_from_alpha", False):
            label = context.available.fields["mask_from_alpha"].label
            remedy = "Send the mask as a picture of its own."
            raise InvalidRequest(label, True, "cannot be looped: what comes out is not transparent", remedy)
        if upscaler := getattr(base, "sd_upscale_upscaler", None):
            label = context.available.fields["sd_upscale_upscaler"].label
            raise InvalidRequest(label, upscaler, "cannot be looped: each loop would enlarge", "Switch it off.")
        if getattr(base, "mask", None) and (side := next((name for name in _MARGINS if getattr(base, name)), None)):
            remedy = "Leave the mask out, or the margins."
            problem = "cannot be looped with a mask, which would lie elsewhere in what comes out"
            raise InvalidRequest(context.available.fields[side].label, getattr(base, side), problem, remedy)
        each = base.picture_count // len(_inputs(base)) * arguments["loops"]
        loops = [_request(base, arguments, context, loop=0, chain=0, picture=one) for one in _inputs(base)]
        check_grid(loops * each, self.name, context)

    def run(self, base: Resolved, arguments: Arguments, context: ScriptContext) -> None:
        loops = arguments["loops"]
        chains = base.picture_count // len(_inputs(base))
        context.plan(base.picture_count * loops, base.picture_count * loops * base.steps)
        pictures: list[np.ndarray | None] = []
        with context.until_interrupted():
            for number, (picture, chain) in enumerate(itertools.product(_inputs(base), range(chains)), 1):
                begins_with = picture
                for loop in range(loops):
                    context.stage(f"Picture {number} of {base.picture_count}, loop {loop + 1} of {loops}")
                    request = _request(base, arguments, context, loop=loop, chain=chain, picture=begins_with)
                    (result,) = context.paint(request)
                    pictures.append(tile([result]))
                    if not result.is_skipped and loop + 1 < loops:  # a loop that was skipped changes nothing
                        begins_with = context.keep(result.pixels)
        cells = as_far_as_made(pictures, base.picture_count * loops)
        if len(cells) > 1:
            context.stage("Drawing the grid")
            context.save_grid(grid(cells, loops), self.parameters(arguments))


def _inputs(base: Resolved) -> tuple[str, ...]:
    inputs: tuple[str, ...] = base.model_dump(include={"init_images"})["init_images"]
    return inputs


def _request(
    base: Resolved, arguments: Arguments, context: Drafting, *, loop: int, chain: int, picture: str
) -> Resolved:
    """What one loop paints. Seeds go on from loop to loop, and from chain to chain of the same input."""
    loops = arguments["loops"]
    first = base.model_dump(include={"denoising_strength"})["denoising_strength"]
    fields: dict[str, Any] = {
        "init_images": (picture,),
        "batch_count": 1,
        "batch_size": 1,
        "seed": base.seed + chain * loops + loop,
        "denoising_strength": strength_of(
            loop, loops, first, arguments["final_denoising_strength"], arguments["denoising_curve"]
        ),
    }
    if loop > 0:  # the picture has its size by then
        fields |= {"scale_by": 0, "width": base.width, "height": base.height, **dict.fromkeys(_MARGINS, 0)}
    return context.changed(base, fields)


@hookimpl
def register_scripts() -> list[Script]:
    """The loops."""
    return [Loopback()]
