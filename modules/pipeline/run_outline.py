"""What the passes of a request would do at each step, told without its model in memory and by the same rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from modules.checkpoints.loading import NoiseFacts
from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.diffusion.guidance.views import Moment
from modules.diffusion.names import SamplerName
from modules.diffusion.refining import SwitchPoint
from modules.hooks.sampling_registry import BUILT_IN_SAMPLING, BroughtSampling
from modules.pipeline.brought_schedules import schedules_of
from modules.pipeline.conditioning import PromptSteps
from modules.pipeline.guiding import guidance_of
from modules.pipeline.hires import refiner_of, second_pass_of
from modules.pipeline.prompt_outline import PromptOutline, ShownPart, counted_names
from modules.pipeline.scheduling import RunSchedule, run_schedule
from modules.prompt.schedule import index_at
from modules.schema.requests import Resolved, ResolvedTxt2Img

_LARGE = ("sdxl", "sdxl-refiner")
_OWN_STEPS = ("DPM fast", "DPM adaptive", "Restart")
"""Samplers that visit other sigmas than those of the schedule."""


@dataclass(frozen=True)
class Start:
    """How a pass on a given picture begins; see `run_schedule`."""

    strength: float
    exact: bool


@dataclass(frozen=True)
class PassOutline:
    """One pass. What is listed by steps has an entry for each."""

    is_second: bool
    model: str
    prediction: str
    sampler: str
    scheduler: str
    calls_per_step: int
    own_steps: bool
    """Whether the sampler takes the schedule as a range and chooses steps of its own."""
    skipped: tuple[float, ...]
    """Sigmas of the schedule before the first step: of these the given picture is the answer."""
    sigmas: tuple[float, ...]
    """Where each step begins, and where the last one ends."""
    timesteps: tuple[float, ...]
    """What the network is told at the beginning of each step."""
    guided: tuple[bool, ...]
    """Whether the negative prompt pushes the picture away."""
    negative_left_out: tuple[bool, ...]
    """Whether the network does not look at the negative prompt, although there is guidance."""
    refiner_from: int | None
    """The first step, from 1, that begins with the refiner; None: none does."""
    refiner: str | None
    changes: tuple[int, ...]
    """The steps, from 1, that begin with another text than the one before."""


@dataclass(frozen=True)
class PassWords:
    """What the text encoders are given in one pass."""

    is_second: bool
    steps: int
    prompt: tuple[ShownPart, ...]
    negative: tuple[ShownPart, ...]


@dataclass(frozen=True)
class _Pass:
    request: Resolved
    facts: NoiseFacts
    sampler: SamplerName
    schedule: RunSchedule
    refiner: str | None
    first_pass_evaluations: int | None = None

    @property
    def steps(self) -> int:
        return len(self.schedule.run) - 1

    @property
    def evaluations(self) -> list[int]:
        """Which call of the network begins each step."""
        return [step * self.sampler.calls_per_step for step in range(self.steps)]

    @property
    def prompt_steps(self) -> PromptSteps:
        return PromptSteps(self.request.steps * self.sampler.calls_per_step, after=self.first_pass_evaluations)

    def words(self, tokenizer: PromptTokenizer, lengths: Mapping[str, int]) -> PassWords:
        names = counted_names(tokenizer, lengths)
        outline = PromptOutline(tokenizer, self.request, lengths, names, self.prompt_steps, self.evaluations)
        return PassWords(
            self.first_pass_evaluations is not None,
            self.steps,
            tuple(outline.prompt(self.request.prompt_of(0))),
            tuple(outline.negative(self.request.negative_prompt_of(0))),
        )

    def outline(self, changes: tuple[int, ...]) -> PassOutline:
        run, skips, guides = self.schedule.run, [], []
        guidance = guidance_of(self.request, self.sampler)
        for evaluation, sigma in zip(self.evaluations, run[:-1].tolist(), strict=True):
            moment = Moment(evaluation, self.steps * self.sampler.calls_per_step, sigma)
            guides.append(guidance.guides(moment))
            skips.append(guides[-1] and guidance.skips_negative(moment) and not self.sampler.reads_negative)
        return PassOutline(
            is_second=self.first_pass_evaluations is not None,
            model=self.request.model,
            prediction=self.facts.prediction_type,
            sampler=self.sampler.name,
            scheduler=self.request.scheduler,
            calls_per_step=self.sampler.calls_per_step,
            own_steps=self.sampler.name in _OWN_STEPS,
            skipped=_before(self.schedule),
            sigmas=tuple(run.tolist()),
            timesteps=tuple(self.schedule.levels.timestep_of(run[:-1]).tolist()) if self.steps else (),
            guided=tuple(guides),
            negative_left_out=tuple(skips),
            refiner_from=self._refiner_from() if self.refiner else None,
            refiner=self.refiner,
            changes=changes,
        )

    def _refiner_from(self) -> int | None:
        request, levels = self.request, self.schedule.levels
        switch = SwitchPoint(request.refiner_switch_at, by_steps=request.refiner_switch_by_sample_steps)
        calls = self.steps * self.sampler.calls_per_step
        places = zip(self.evaluations, self.schedule.run[:-1].tolist(), strict=True)
        reached = (at for at, (call, sigma) in enumerate(places, 1) if switch.reached(sigma, levels, call, calls))
        return next(reached, None)


class RunOutline:
    """The passes of a request, of which nothing is run."""

    def __init__(
        self,
        request: ResolvedTxt2Img,
        facts: Mapping[str, NoiseFacts],
        start: Start | None = None,
        sampling: BroughtSampling = BUILT_IN_SAMPLING,
    ) -> None:
        """`facts` are those of the request's checkpoints, by their names; `start`: of one that begins with a picture.

        Raises InvalidRequest where a schedule cannot be made, and PluginFailed where an extension's fails.
        """
        first = _pass(request, facts, sampling, start, refiner_of(request, "first pass"))
        self._passes = [first] if not (request.enable_hr and request.firstpass_image) else []
        if request.enable_hr:
            begins = Start(request.denoising_strength, exact=True)
            evaluations = request.steps * first.sampler.calls_per_step
            second, refiner = second_pass_of(request, sampling.names), refiner_of(request, "second pass")
            self._passes.append(_pass(second, facts, sampling, begins, refiner, evaluations))

    def passes(self) -> list[PassOutline]:
        """Where each step is, and what acts there."""
        return [one.outline(_changes(one)) for one in self._passes]

    def words(self, tokenizer: PromptTokenizer, lengths: Mapping[str, int]) -> list[PassWords]:
        """What the prompts are; `lengths` says of how many vectors the embeddings in them are, by their names.

        Raises InvalidRequest for prompts that are too long to be shown.
        """
        return [one.words(tokenizer, lengths) for one in self._passes]


def models_of(request: ResolvedTxt2Img) -> list[str]:
    """The checkpoints that the passes of a request begin with."""
    second = request.hr_checkpoint_name if request.enable_hr else None
    return list(dict.fromkeys(name for name in (request.model, second) if name))


def _pass(
    request: Resolved,
    facts: Mapping[str, NoiseFacts],
    sampling: BroughtSampling,
    start: Start | None,
    refiner: str | None,
    first_pass_evaluations: int | None = None,
) -> _Pass:
    known, sampler = facts[request.model], sampling.names.find_sampler(request.sampler_name)
    schedule = run_schedule(
        request,
        known.levels,
        sampler,
        strength=None if start is None else start.strength,
        exact=start is not None and start.exact,
        large=known.family in _LARGE,
        others=schedules_of(sampling),
    )
    return _Pass(request, known, sampler, schedule, refiner, first_pass_evaluations)


def _changes(one: _Pass) -> tuple[int, ...]:
    """At which steps a text changes; texts are told apart by how they are written, without a tokenizer."""
    texts = [one.request.prompt_of(0), one.request.negative_prompt_of(0)]
    schedules = [one.prompt_steps.schedule(text, old_timelines=one.request.old_prompt_timelines) for text in texts]
    held = [tuple(texts[index_at(texts, at)].text for texts in schedules) for at in one.evaluations]
    return tuple(step for step in range(2, len(held) + 1) if held[step - 1] != held[step - 2])


def _before(schedule: RunSchedule) -> tuple[float, ...]:
    begin = float(schedule.run[0])
    above: torch.Tensor = schedule.whole[schedule.whole > begin * (1 + 1e-9)]
    return tuple(above.tolist())
