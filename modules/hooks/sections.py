"""A section: a named group of arguments in the forms of the generation tabs, and what it does with their values.

A request names the sections that are on. A section's values stand in the infotext of each picture and come back from
there. So what a section does follows from the request, its arguments and the seed of the picture alone: time, chance
and files have no place in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from modules.hooks.argument_groups import ArgumentGroup
from modules.hooks.arguments import Arguments
from modules.hooks.scripts import Drafting
from modules.hooks.section_layouts import SectionLayout
from modules.schema.requests import Resolved, Task

SECTIONS_KEY = "Sections"
"""The key of the names of the sections in infotexts."""
PROMPT_FIELDS = ("prompt", "negative_prompt", "hr_prompt", "hr_negative_prompt")
"""The fields that a section may change: what was typed in them is kept."""
MAX_PROCESSED_SIDE = 16_384
"""Of a picture that a section returns, in pixels."""


@dataclass(frozen=True)
class ChangeContext:
    """What a section is told that may change the prompts of a picture."""

    request: Resolved
    """Complete but for its prompts: those are as they were typed, styles and wildcards still to be carried out, with
    what sections before this one changed. `hr_prompt` is empty where the second pass has the first one's."""
    arguments: Arguments
    """All values, by the arguments' names."""
    index: int
    """The picture's 0-based place in the request."""
    seed: int
    """The picture's seed. Chance has to follow from it (see `drawn_seed`), so that a picture is the same alone and
    among others."""


@dataclass(frozen=True)
class ImageContext:
    """What a section is told that may change a finished picture."""

    pixels: np.ndarray
    """The picture, (height, width, 3) or with alpha (height, width, 4), uint8; a copy that may be written to."""
    request: Resolved
    """What was painted."""
    arguments: Arguments
    """All values, by the arguments' names."""
    index: int
    """The picture's 0-based place in the request."""
    seed: int
    """The picture's seed."""
    picture: Callable[[str], np.ndarray]
    """A stored picture by its id (see the argument `Picture`), (height, width, 4) uint8 with alpha."""


class Section(ArgumentGroup):
    """A group of arguments in the generation tabs. Its name is what people, requests and infotexts call it."""

    tasks: tuple[Task, ...] = ("txt2img", "img2img")
    """Those that have it."""

    def build(self, context: SectionLayout) -> None:
        """Lay out the section with gradio in the place of the program's layout, and bind events between its components.

        By default the program does it alone. Its switch is always the program's, and so is what is placed nowhere here.
        Called while the page is laid out, once for each task; it has 20 seconds. Where it fails its error is shown in
        the section, above the program's layout. Its events answer everybody who may use the form.
        """

    def check(self, request: Resolved, arguments: Arguments, context: Drafting) -> None:
        """Refuse what cannot be done, before the job is accepted. Raises UserError. By default all is accepted.

        `request` is what would be painted; requests that `context` makes of it have no sections.
        """

    def change_request(self, context: ChangeContext) -> Mapping[str, str] | None:
        """Other prompts for one picture, by the names in PROMPT_FIELDS; None changes nothing.

        Called once for each picture when the request is accepted, before styles and wildcards are carried out. The
        typed prompts are kept in the infotext.
        """
        return None

    def process_image(self, context: ImageContext) -> np.ndarray | None:
        """Another picture in the place of a finished one, before it is saved; None leaves it.

        (height, width, 3) or (height, width, 4), uint8, of any size up to MAX_PROCESSED_SIDE. Called in the worker.
        """
        return None

    def carried_out(self, arguments: Arguments) -> Arguments | None:
        """The arguments for painting a request again whose prompts this section has changed already; None: it is off.

        A section that changes requests and does something else besides says here how only that is done.
        """
        return None if self.changes_requests else arguments

    @property
    def has_layout(self) -> bool:
        """Whether it lays itself out."""
        return type(self).build is not Section.build

    @property
    def changes_requests(self) -> bool:
        """Whether it has something to do with prompts."""
        return type(self).change_request is not Section.change_request

    @property
    def processes_images(self) -> bool:
        """Whether it has something to do with finished pictures."""
        return type(self).process_image is not Section.process_image
