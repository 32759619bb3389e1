"""A step of post-processing: something that Extras does with finished pictures, of an extension's making."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from modules.hooks.argument_groups import ArgumentGroup
from modules.hooks.arguments import Arguments

Moment = Literal["first", "enlarged", "last"]
"""Before everything else; when the picture is enlarged and its faces are restored; when it is cut and mirrored, for
each of the pictures that it became."""

STEPS_KEY = "Postprocess steps"
"""The key of the names of the steps in what results say of how they were made."""
_OF_EXTRAS = (
    "gfpgan visibility",
    "codeformer visibility",
    "codeformer weight",
    "split oversized",
    "focal crop",
    "auto-sized crop",
    "flipped copy",
)


def is_of_extras(key: str) -> bool:
    """Whether a key in what results say is one of what Extras itself does, and so no step's."""
    return key.lower() in _OF_EXTRAS or key.lower().startswith("postprocess ")


@dataclass(frozen=True, kw_only=True, eq=False)
class PostprocessingContext:
    """A picture in Extras that is to be changed, and what a step may ask while it works."""

    pixels: np.ndarray
    """The picture, (height, width, 3) or with alpha (height, width, 4), uint8; a copy that may be written to."""
    arguments: Arguments
    """All values, by the arguments' names."""
    device: str
    """Where networks compute, as torch names it, such as "cuda:0" or "cpu"."""
    picture: Callable[[str], np.ndarray]
    """A stored picture by its id (see the argument `Picture`), (height, width, 4) uint8 with alpha."""
    check: Callable[[], None]
    """To be called now and then: stops here if somebody asked for it, by Interrupted, which is to be let through."""
    stage: Callable[[str], None]
    """Tells what is being done, in a few words."""


class PostprocessingStep(ArgumentGroup):
    """A step. Its name is what people choose, and what the results say. At one moment steps go by `order`."""

    moment: Moment = "last"
    """When it is its turn: "first"; "enlarged", before anything is cut; or "last", for each result."""
    order: float = 0
    """Steps of one moment go from the smallest to the largest; of two alike the one that was there first."""

    def check(self, arguments: Arguments) -> None:
        """Refuse what cannot be done, before the job is accepted. Raises UserError. By default all is accepted."""

    @abstractmethod
    def process(self, context: PostprocessingContext) -> np.ndarray | None:
        """Another picture, (height, width, 3 or 4) uint8 of at most 16,384 pixels a side; None leaves it.

        The same every time for the same pixels and arguments. Called in the worker.
        """
