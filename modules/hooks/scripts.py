"""A script: several requests made of one, in the place of one plain run.

A script's `run` is an ordinary function that asks for pictures and gets them. The engine numbers what is asked for:
when a job is run again after a crash, the script runs again from its start and is given the pictures that are stored,
without their being painted. So a script need not care for that, but has to be deterministic: it asks for the same
pictures in the same order whenever it gets the same base and arguments. Time, chance and files have no place in it.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from modules.hooks.arguments import Argument, Arguments, arguments_of_infotext, infotext_parameters
from modules.hooks.available import Available
from modules.schema.requests import Resolved, Task

SCRIPT_KEY = "Script"
"""The key of a script's name in infotexts."""
_RANDOM_SEEDS = 2**32


@dataclass(frozen=True)
class PaintedResult:
    """A picture of a request. `pixels` are (height, width, 3) uint8; `index` is its 0-based place in the request."""

    pixels: np.ndarray
    infotext: str
    index: int
    is_skipped: bool = False
    """Whether somebody left it out; then it is white, and has no infotext."""


class Drafting(Protocol):
    """Makes requests of others, without painting them."""

    @property
    def available(self) -> Available:
        """What there is to choose from."""

    def changed(self, request: Resolved, fields: Mapping[str, Any]) -> Resolved:
        """The request with other values in some fields, ready to be painted.

        Prompts, styles and wildcards count as they were typed (see `typed`), and are carried out anew. A new sampler
        gets its own schedule where the old one had its own, unless `fields` name one. Raises InvalidRequest, or
        another UserError for a name that is not there.
        """

    def input_size(self, picture_id: str) -> tuple[int, int]:
        """Width and height in pixels of an input picture. Raises NotFound."""


class ScriptContext(Drafting, Protocol):
    """What a script can do while it runs. Every method may raise Interrupted; let it through."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the extension's own settings are, by their names, whenever it looks.

        A run that is taken up after a crash may meet others than before it: what decides about pictures belongs into
        the arguments.
        """

    def paint(self, request: Resolved, *, shown: bool = True) -> list[PaintedResult]:
        """The pictures of a request, painted and stored, or found stored. With `shown` off they are no results of
        the job, only parts of one."""

    def until_interrupted(self) -> AbstractContextManager[None]:
        """Around painting. An interrupt ends it, and the script goes on behind it to put together what there is; the
        job ends all the same. Raises Interrupted where nothing is there, or no time for that."""

    def save_grid(self, pixels: np.ndarray, parameters: Mapping[str, str], *, request: Resolved | None = None) -> None:
        """Store a picture that was put together of others, (height, width, 3) uint8.

        Its infotext is that of the first picture of `request`, by default the base, with `parameters` added.
        """

    def keep(self, pixels: np.ndarray) -> str:
        """Store (height, width, 3) uint8 pixels as an input picture; its id, for `init_images`. The same pixels have
        the same id."""

    def input_pixels(self, picture_id: str) -> np.ndarray:
        """An input picture as (height, width, 3) uint8. Raises NotFound, UnreadablePicture."""

    def check(self) -> None:
        """Stop here if somebody asked for it."""

    def stage(self, text: str) -> None:
        """Tell what is being done, in a few words."""

    def plan(self, cells: int, steps: int | None = None) -> None:
        """Tell how many requests will be painted, and how many steps that is if it is known."""


class Script(ABC):
    """A way to run one request several times. Its name is what people choose, and what infotexts call it."""

    name: str
    """Like no other script's."""
    help: str = ""
    """What it does, in a few words that begin with a verb."""
    tasks: tuple[Task, ...] = ("txt2img", "img2img")
    """Those that it runs with."""
    arguments: tuple[Argument, ...] = ()
    """What a person is asked for, in the order of the page."""

    def check(  # noqa: B027  a script that accepts everything need not say so
        self, base: Resolved, arguments: Arguments, context: Drafting
    ) -> None:
        """Refuse what cannot be run, before the job is accepted. Raises UserError. By default all is accepted."""

    @abstractmethod
    def run(self, base: Resolved, arguments: Arguments, context: ScriptContext) -> None:
        """Paint. `arguments` are complete and of their types; `base` is a plain request that names no script."""

    def parameters(self, arguments: Arguments) -> dict[str, str]:
        """What the infotext of a grid says of the script: its name and the arguments that are set."""
        return {SCRIPT_KEY: self.name, **infotext_parameters(self.arguments, arguments)}

    def arguments_of(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """The arguments that the infotext of a grid names, as texts for `read_arguments`."""
        return arguments_of_infotext(self.arguments, parameters)

    def explains(self, key: str) -> bool:
        """Whether a key of an infotext is one that `parameters` writes."""
        plain = key[:-2] if key.endswith(("-1", "-2")) else key  # a value like 512x768 was taken apart
        return key == SCRIPT_KEY or any(row.key in (key, plain) for row in self.arguments if row.key)


def drawn_seed(*place: object) -> int:
    """A seed that depends on nothing but `place`: where a script wants chance, it has to be the same every time."""
    digest = hashlib.sha256("/".join(map(str, place)).encode()).digest()
    return int.from_bytes(digest[:8], "big") % _RANDOM_SEEDS
