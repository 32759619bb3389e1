"""Sides: the width and height that a picture is brought to."""

from __future__ import annotations

SIDE_STEP = 8


def scaled_sides(width: int, height: int, factor: float, step: int = SIDE_STEP) -> tuple[int, int]:
    """Width and height times `factor`, rounded down to multiples of `step`, at least one step each."""
    return stepped(int(width * factor), step), stepped(int(height * factor), step)


def stepped(side: int, step: int = SIDE_STEP) -> int:
    """A side rounded down to a multiple of `step`, at least one step."""
    return max(step, side // step * step)


def covering_sides(width: int, height: int, target_width: int, target_height: int) -> tuple[int, int]:
    """The smallest size of the picture's shape that covers the target: one side equal, the other at least as long."""
    if target_width * height > target_height * width:
        return target_width, max(target_height, height * target_width // width)
    return max(target_width, width * target_height // height), target_height


def contained_sides(width: int, height: int, target_width: int, target_height: int) -> tuple[int, int]:
    """The largest size of the picture's shape that fits into the target: one side equal, the other at most as long."""
    if target_width * height < target_height * width:
        return target_width, max(1, height * target_width // width)
    return max(1, width * target_height // height), target_height
