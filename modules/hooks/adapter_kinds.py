"""A kind of adapter files that an extension brings, besides those that the program reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from modules.hooks.passes import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class AdapterContext:
    """A weight of a model, and what an adapter file has for it."""

    weight: Tensor
    """As the checkpoint has it, whatever other adapters are in it: (out, in), (out, in, height, width) or (out,),
    float32 or float64; a copy."""
    tensors: Mapping[str, Tensor]
    """All that the file has for the weight's module, by what follows behind the module's name, such as `alpha`; numbers
    in float32, on the weight's device; copies."""
    multiplier: float
    """How much of it is wanted: 0.8 of `<lora:name:0.8>`. It may be negative."""
    module: str
    """What the file calls the module, such as `lora_unet_mid_block_attentions_0_proj_in`."""
    metadata: Mapping[str, str]
    """What the file says of itself."""


class AdapterKind(ABC):
    """A kind of adapter files. They lie in `models/Lora`, and prompts name them as they do LoRAs."""

    name: ClassVar[str]
    """What people call it."""
    suffixes: ClassVar[tuple[str, ...]]
    """What follows behind a module's name in the names of tensors, without the first dot: `vera_d.weight`. One to three
    words with dots between, like no suffix of another kind. A module with one of these is of this kind, with all that
    the file has for it."""

    def fits(self, shape: tuple[int, ...], tensors: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether tensors of these shapes can change a weight of that one; False: the file was made for another model.

        Asked for every weight before any is changed. By default all fit.
        """
        return True

    @abstractmethod
    def change(self, context: AdapterContext) -> Tensor:
        """What is added to a weight, of its shape. The same every time for the same context.

        The program adds it up with what other adapters add, rounds once, and puts the weight back to the bit.
        """
