"""The names of the tensors of a file, made ready for many questions."""

from __future__ import annotations

from collections.abc import Callable

from modules.checkpoints.weights_header import WeightsHeader

_WRAPPINGS = ("", "model.diffusion_model.", "diffusion_model.", "net.", "model.", "params_ema.", "params.", "module.")
"""What may stand before the names of a network: programs wrap it when they save it."""


class TensorNames:
    """Answers whether names, beginnings and endings are there, each in constant time."""

    def __init__(self, header: WeightsHeader) -> None:
        self.tensors = header.tensors
        self.heads: set[str] = set()
        """Everything before a dot in any name, two parts at most: "a" and "a.b" of "a.b.c"."""
        self.tails: set[str] = set()
        """The last part of every name, and its last two."""
        for name in header.tensors:
            parts = name.split(".")
            self.heads.update((parts[0], ".".join(parts[:2])))
            self.tails.update((parts[-1], ".".join(parts[-2:])))

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Of a tensor, whatever its network is wrapped in; None where there is none."""
        for wrapping in _WRAPPINGS:
            if (info := self.tensors.get(wrapping + name)) is not None:
                return info.shape
        return None

    def length(self, name: str, axis: int) -> int | None:
        """Of a tensor along an axis; None where there is none, or it has no such axis."""
        shape = self.shape(name) or ()
        return shape[axis] if -len(shape) <= axis < len(shape) else None

    def width(self, *names: str) -> int | None:
        """The last side of the first of these tensors that is there, such as the length of a token's vector."""
        return next((shape[-1] for name in names if (shape := self.shape(name))), None)


Condition = Callable[[TensorNames], bool]


def has(*names: str) -> Condition:
    """All of these tensors are there, whatever their network is wrapped in."""
    return lambda given: all(given.shape(name) is not None for name in names)


def has_one(*names: str) -> Condition:
    """One of these tensors is there, whatever its network is wrapped in."""
    return lambda given: any(given.shape(name) is not None for name in names)


def begins(*heads: str) -> Condition:
    """Some name begins with one of these, of one part or two."""
    return lambda given: not given.heads.isdisjoint(heads)


def starts(text: str) -> Condition:
    """Some name starts with this text, within its first part."""
    return lambda given: any(head.startswith(text) for head in given.heads)


def ends(*tails: str) -> Condition:
    """Some name ends with one of these, of one part or two."""
    return lambda given: not given.tails.isdisjoint(tails)


def side(name: str, axis: int, *lengths: int) -> Condition:
    """A tensor is there and has one of these lengths along an axis."""
    return lambda given: given.length(name, axis) in lengths


def rank(name: str, count: int) -> Condition:
    """A tensor is there and has that many sides: the weights of a convolution have four, of a matrix two."""
    return lambda given: len(given.shape(name) or ()) == count


def without(condition: Condition) -> Condition:
    """The opposite."""
    return lambda given: not condition(given)
