"""Sizes to choose from: shapes of as many pixels as a checkpoint knows, and the sizes its family was made for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import gradio as gr

from modules.checkpoints.card import Card
from modules.checkpoints.identification import Family
from modules.checkpoints.registry import Checkpoint
from modules.schema.requests import MAX_SIDE, MIN_SIDE, SIDE_STEP, Task
from modules.ui.assets import asset
from modules.ui.binding import recommended_values
from modules.ui.request_controls import element_id

SHAPES = ((1, 1), (4, 5), (3, 4), (2, 3), (9, 16), (5, 4), (4, 3), (3, 2), (16, 9))
"""Width to height; upright ones first."""
STEPS = ((1024, 64), (512, 32), (0, SIDE_STEP))
"""What sides are multiples of, by the shorter side: networks halve those of larger pictures several times."""
KNOWS_TIMES, KNOWS_SHARE = 1.75, 0.4
"""How many times the pixels it was made for a checkpoint can still paint, and what share of them is too few."""

Sides = tuple[int, int]

_SD1 = ((512, 512), (512, 640), (512, 768), (576, 704), (640, 512), (768, 512), (704, 576))
_SDXL = (
    *((1024, 1024), (896, 1152), (832, 1216), (768, 1344), (640, 1536)),
    *((1152, 896), (1216, 832), (1344, 768), (1536, 640)),
)
_SIZES: dict[Family, tuple[Sides, ...]] = {"sd1": _SD1, "sd2": _SD1, "sdxl": _SDXL, "sdxl-refiner": _SDXL}
"""What people use a family with; those of SDXL are what it was trained on."""
_BETWEEN: dict[tuple[Family, Sides], Sides] = {("sdxl", (4, 5)): (896, 1088), ("sdxl", (5, 4)): (1088, 896)}
"""Sizes that SDXL was trained on too, for shapes between two of its list."""
_SHAPE_COUNTS, _FAMILIAR = 3.0, 0.04
"""How much a wrong shape weighs against a wrong number of pixels, and what a size of the family's list is let off."""


def lay_out_size_tools(task: Task) -> gr.HTML:
    """Buttons for shapes and sizes, and a drawing of the size that is chosen."""
    return gr.HTML(
        value={"task": task, "facts": None},
        html_template='<div class="size-tools"></div>',
        js_on_load=asset("size_tools.js"),
        elem_id=element_id("size-tools", task),
        elem_classes=["size-tools-box", "bare"],
    )


def size_value(task: Task, checkpoint: Checkpoint) -> dict[str, Any]:
    """What size_tools.js paints for a checkpoint, and the prompts that its card proposes."""
    card = checkpoint.card
    examples = list(card.example_prompts)
    return {"task": task, "facts": size_facts(card, checkpoint.identity.family), "examples": examples}


def size_facts(card: Card, family: Family | None) -> dict[str, Any]:
    """The sizes that suit a checkpoint, the limits beyond which it loses its way, and its usual settings."""
    native = (card.recommended.width, card.recommended.height)
    pixels = native[0] * native[1]
    return {
        "shapes": [
            {"name": f"{width}:{height}", "sides": list(sides_for((width, height), native, family))}
            for width, height in SHAPES
        ],
        "sizes": [list(sides) for sides in known_sizes(native, family)],
        "most": int(pixels * KNOWS_TIMES),
        "least": int(pixels * KNOWS_SHARE),
        "step": SIDE_STEP,
        "ends": [MIN_SIDE, MAX_SIDE],
        "usual": recommended_values(card.recommended),
    }


def known_sizes(native: Sides, family: Family | None) -> list[Sides]:
    """The sizes to offer by name: the checkpoint's own first, then its family's where it is as large as those."""
    listed = _SIZES.get(family, ()) if family else ()
    fitting = [sides for sides in listed if _is_near(sides, native)]
    others = fitting or [sides_for(shape, native, family) for shape in SHAPES]
    return list(dict.fromkeys([native, *others]))


def sides_for(shape: Sides, native: Sides, family: Family | None) -> Sides:
    """The size nearest to a shape (width to height) and to the number of pixels of `native`."""
    pixels = native[0] * native[1]
    listed = [sides for sides in _SIZES.get(family, ()) if _is_near(sides, native)] if family else []
    if family and (family, shape) in _BETWEEN and _is_near(_BETWEEN[family, shape], native):
        return _BETWEEN[family, shape]

    def cost(sides: Sides) -> float:
        wrong_shape = abs(math.log(sides[0] / sides[1] * shape[1] / shape[0]))
        wrong_pixels = abs(math.log(sides[0] * sides[1] / pixels))
        return _SHAPE_COUNTS * wrong_shape + wrong_pixels - _FAMILIAR * (sides in listed)

    return min((*listed, *_candidates(shape, native)), key=cost)


def _candidates(shape: Sides, native: Sides) -> Iterator[Sides]:
    """Sizes around the exact one, in the steps that suit pictures so large."""
    step = next(step for least, step in STEPS if min(native) >= least)
    width = math.sqrt(native[0] * native[1] * shape[0] / shape[1])
    height = width * shape[1] / shape[0]
    smaller = min(1.0, MAX_SIDE / max(width, height))
    larger = max(1.0, MIN_SIDE / min(width, height))
    for columns in _around(width * smaller * larger, step):
        for rows in _around(height * smaller * larger, step):
            yield columns, rows


def _around(side: float, step: int) -> list[int]:
    """Multiples of a step around a side, within the limits."""
    nearest = round(side / step)
    return [times * step for times in range(nearest - 2, nearest + 3) if MIN_SIDE <= times * step <= MAX_SIDE]


def _is_near(sides: Sides, native: Sides) -> bool:
    """Whether a checkpoint of that size paints this one well."""
    return 0.7 <= sides[0] * sides[1] / (native[0] * native[1]) <= KNOWS_TIMES
