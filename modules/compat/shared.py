"""A1111's `modules.shared`: what its extensions ask about the job that runs."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from modules.compat.not_here import NothingOfA1111, PartOfA1111
from modules.compat.options import OptionInfo, Options, options_section
from modules.compat.processing import Painting
from modules.compat.surroundings import A1111Module
from modules.diffusion.names import BUILT_IN_NAMES
from modules.hooks import Interrupted


class State(PartOfA1111):
    """What A1111 calls `shared.state`: whether somebody stopped the job, and what is told about it."""

    a1111_name = "shared.state"

    def __init__(self, painting: Callable[[], Painting | None]) -> None:
        """`painting` is the run of the extension's own script, while there is one."""
        self._painting = painting
        self._text = ""
        self._count = 0
        self.job = ""
        self.job_no = 0
        self.sampling_step = 0
        """The step that the sampler is at, counted from 0."""
        self.sampling_steps = 0
        self.skipped = False
        """A picture that somebody skips is left out without the script's doing."""

    @property
    def interrupted(self) -> bool:
        """Whether somebody stopped the job; it ends once the script comes back."""
        painting = self._painting()
        if painting is None:
            return False  # the program ends a job by itself
        try:
            painting.context.check()
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
        if (painting := self._painting()) is not None:
            painting.context.plan(max(int(count), 1))

    @property
    def textinfo(self) -> str:
        """What the script says it is doing."""
        return self._text

    @textinfo.setter
    def textinfo(self, text: str) -> None:
        self._text = text
        if text and (painting := self._painting()) is not None:
            painting.context.stage(str(text))

    def nextjob(self) -> None:
        """The next of the requests."""
        self.job_no += 1


def shared_module(state: State, options: Options, templates: dict[str, OptionInfo]) -> A1111Module:
    """The module; `templates` are settings that an extension puts there itself."""
    return A1111Module(
        "modules.shared",
        {
            "state": state,
            "opts": options,
            "cmd_opts": NothingOfA1111("shared.cmd_opts"),
            "OptionInfo": OptionInfo,
            "options_section": options_section,
            "hide_dirs": {"visible": True},
            "options_templates": templates,
        },
    )


def samplers_module() -> A1111Module:
    """`modules.sd_samplers`: the samplers of the program by name."""
    rows = [SimpleNamespace(name=name, aliases=[]) for name in BUILT_IN_NAMES.sampler_names]
    return A1111Module("modules.sd_samplers", dict.fromkeys(("samplers", "samplers_for_img2img", "all_samplers"), rows))
