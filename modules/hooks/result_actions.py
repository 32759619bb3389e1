"""Buttons on finished pictures: what one does with the picture that a person looks at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from modules.hooks.arguments import Argument, Arguments
from modules.schema.requests import Img2ImgRequest, Txt2ImgRequest

ActionAudience = Literal["owner", "user"]
"""Owners of the server; everybody who is logged in. Where nobody logs in, whoever sits before the page is the owner."""
MOST_LETTERS = 40
MOST_SIGNS = 8
"""Of an icon, in code points: one emoji may have several."""
MOST_PICTURES = 64
MOST_REQUESTS = 64
"""Of one answer."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ResultContext:
    """A finished picture whose button was pressed, by somebody who may see it."""

    picture_id: int
    """By which the gallery and the API know it."""
    path: Path
    """Its file, for reading. What is to be another picture is given back as a new one."""
    width: int
    """In pixels."""
    height: int
    """In pixels."""
    infotext: str
    """How it was made; "" where nothing is known of that."""
    parameters: Mapping[str, str]
    """The parameters of the infotext, by their keys; those of a size are in two of them, such as `Size-1`."""
    request: Txt2ImgRequest | Img2ImgRequest | None
    """What makes it again, with the prompts that were painted and its own seed; None where nothing is known of that."""
    arguments: Arguments
    """All values, by the arguments' names."""
    user: str
    """Who pressed it; "" where nobody logs in."""
    folder: Path
    """Where the extension may keep files of its own. It is there, and stays when the extension is removed."""
    pixels: Callable[[], np.ndarray]
    """Reads it: (height, width, 3) or with alpha (height, width, 4), uint8, another copy at each call. Raises
    UnreadablePicture."""
    picture: Callable[[str], np.ndarray]
    """A stored picture by its id (see the argument `Picture`), (height, width, 4) uint8 with alpha."""
    keep: Callable[[np.ndarray], str]
    """Stores (height, width, 3 or 4) uint8 pixels as an input picture; its id, for fields such as `mask`."""
    changed: Callable[[Mapping[str, Any]], Txt2ImgRequest | Img2ImgRequest]
    """`request` with other values in some fields. Raises InvalidRequest, also where nothing is known of it."""
    begin_with: Callable[[Mapping[str, Any]], Img2ImgRequest]
    """A request of img2img with its words and settings that begins with the picture at its size, and other values in
    some fields. Raises InvalidRequest, also where nothing is known of how it was made."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the extension's own settings are, by their names, whenever it looks."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NewPicture:
    """A picture that is saved beside the others, as one of Extras is. The one that it was made of stays."""

    pixels: np.ndarray
    """(height, width, 3 or 4) uint8, of any size up to 16,384 a side."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Further parameters of the infotext, which otherwise is that of the picture it was made of. Their keys are
    written behind the extension's name. A picture without an infotext gets none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ResultAnswer:
    """What is to be done, in any mixture.

    Nothing of it is done where a part cannot be used. Where the queue or the disk has no room for all of it, what was
    done before stays, and the person is told.
    """

    message: str = ""
    """What the person is told, in plain text; "": what was done, in the program's own words."""
    queue: Sequence[Txt2ImgRequest | Img2ImgRequest] = ()
    """Requests that go into the queue, at most 64."""
    form: Txt2ImgRequest | Img2ImgRequest | None = None
    """A request that fills the form of its tab, which comes to the front."""
    pictures: Sequence[NewPicture] = ()
    """Pictures that are saved, at most 64."""


class ResultAction(ABC):
    """A button beside finished pictures, on the tabs that generate, in Extras and in the gallery."""

    name: str
    """By which the API calls it: small letters, digits, - and _, like no other of the extension's."""
    label: str
    """What stands on it, at most 40 letters."""
    help: str = ""
    """What it does, in a few words; shown to who waits with the pointer, and above what it asks for."""
    icon: str = ""
    """A sign before the label, such as one emoji."""
    audience: ActionAudience = "owner"
    """Whom it is for. Whoever may press it presses it on pictures that they may see."""
    needs_parameters: bool = False
    """Whether it is of no use for pictures that say nothing of how they were made."""
    arguments: tuple[Argument, ...] = ()
    """What a person is asked for when the button is pressed, in this order."""

    @abstractmethod
    def act(self, context: ResultContext) -> ResultAnswer | None:
        """What is to be done with the picture; None where everything is done.

        Called in the server, by a thread of its own, and has 60 seconds. A UserError that it raises is told as a
        refusal; any other fault names the extension.
        """
