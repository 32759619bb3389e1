"""A1111's `modules.shared`: what its extensions ask about the job that runs."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from modules.compat.processing import Painting
from modules.compat.surroundings import A1111Module
from modules.diffusion.names import SAMPLER_NAMES
from modules.hooks import Interrupted


class State:
    """What A1111 calls `shared.state`: whether somebody stopped the job, and what is told about it."""

    def __init__(self, painting: Callable[[], Painting]) -> None:
        self._painting = painting
        self._text = ""
        self._count = 0
        self.job = ""
        self.job_no = 0
        self.skipped = False
        """A picture that somebody skips is left out without the script's doing."""

    @property
    def interrupted(self) -> bool:
        """Whether somebody stopped the job; it ends once the script comes back."""
        try:
            self._painting().context.check()
        except Interrupted:
            return True
        return False

    @property
    def job_count(self) -> int:
        """How many requests the script says it will paint."""
        return self._count

    @job_count.setter
    def job_count(self, count: int) -> None:
        self._count = count
        self._painting().context.plan(max(int(count), 1))

    @property
    def textinfo(self) -> str:
        """What the script says it is doing."""
        return self._text

    @textinfo.setter
    def textinfo(self, text: str) -> None:
        self._text = text
        if text:
            self._painting().context.stage(str(text))

    def nextjob(self) -> None:
        """The next of the requests."""
        self.job_no += 1


def shared_module(painting: Callable[[], Painting]) -> A1111Module:
    """The module."""
    return A1111Module("modules.shared", {"state": State(painting)})


def samplers_module() -> A1111Module:
    """`modules.sd_samplers`: the samplers by name."""
    rows = [SimpleNamespace(name=row.name, aliases=[]) for row in SAMPLER_NAMES]
    return A1111Module("modules.sd_samplers", dict.fromkeys(("samplers", "samplers_for_img2img", "all_samplers"), rows))
