"""Tensors that come from elsewhere in the place of our own."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def in_place_of(wanted: Tensor, given: object, fault: Callable[[str], Exception]) -> Tensor:
    """What was given, on the device and in the type of what was wanted, if it is a tensor of that shape.

    Raises what `fault` makes of the words for what it is instead.
    """
    if not isinstance(given, Tensor):
        raise fault(f"{type(given).__name__} in the place of a tensor")
    if given.shape != wanted.shape:
        raise fault(f"a tensor of {tuple(given.shape)} in the place of {tuple(wanted.shape)}")
    return given.to(wanted)
