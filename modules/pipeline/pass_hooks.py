"""The hooks of extensions within passes: what they are told, what they give back, and whose fault it is.

Where nobody has a hook nothing here is made, and a pass runs as if there were none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch

from modules.diffusion.guidance.guided_denoiser import GuidanceChanges
from modules.diffusion.guidance.views import Moment
from modules.diffusion.memory import ran_out_of_memory
from modules.diffusion.samplers import AfterStep as SamplerAfterStep
from modules.diffusion.samplers import Callback, StepReport
from modules.errors import PluginFailed
from modules.hooks import AfterGuidance, AfterPass, AfterStep, Arguments, BeforeNetwork, BeforePass, PassKind, Plugins
from modules.hooks import blaming as hooks_blaming
from modules.hooks.plugins import Implementation
from modules.schema.requests import Resolved

OF_PASSES = ("before_pass", "before_network", "after_guidance", "after_step", "after_pass", "patch_network")
SectionsOf = Callable[[str, Resolved], Mapping[str, Arguments]]
"""The arguments of a plugin's sections that a request has, by their names."""


def no_sections(plugin: str, request: Resolved) -> Mapping[str, Arguments]:
    """Where requests have none."""
    return {}


@dataclass(frozen=True)
class PassFacts:
    """What every context of a pass says."""

    request: Resolved
    kind: PassKind
    indices: tuple[int, ...]
    sigmas: tuple[float, ...]


class Participants:
    """Which plugins changed something in the passes of each picture of a request."""

    def __init__(self) -> None:
        self._names: dict[int, set[str]] = {}

    def add(self, plugin: str, indices: Iterable[int]) -> None:
        """A plugin changed something in a pass of those pictures."""
        for index in indices:
            self._names.setdefault(index, set()).add(plugin)

    def of(self, index: int) -> tuple[str, ...]:
        """The plugins that had a part in a picture, by name."""
        return tuple(sorted(self._names.get(index, ())))


class PaintingHooks:
    """The hooks of all plugins that act while pictures are painted."""

    def __init__(self, plugins: Plugins, sections_of: SectionsOf = no_sections) -> None:
        self._plugins = plugins
        self._sections_of = sections_of

    @property
    def is_idle(self) -> bool:
        """Whether nobody has any."""
        return not any(self._plugins.implementations(hook) for hook in OF_PASSES)

    def of_pass(self, facts: PassFacts, participants: Participants) -> PassHooks | None:
        """Those of one pass for one batch, which tells `participants` who changed something; None where there are
        none."""
        if self.is_idle:
            return None
        hooks = {name: self._plugins.implementations(name) for name in OF_PASSES}
        plugins = {one.plugin for implementations in hooks.values() for one in implementations}
        sections = {name: self._sections_of(name, facts.request) for name in plugins}
        return PassHooks(facts, hooks, sections, participants)


class PassHooks:
    """The hooks of one pass. It is the `GuidanceChanges` of the pass's denoisers.

    Each hook sees what the one before it made. Every method raises PluginFailed, which names the extension, for one
    that fails or gives back what is no tensor of the right shape.
    """

    def __init__(
        self,
        facts: PassFacts,
        hooks: Mapping[str, tuple[Implementation, ...]],
        sections: Mapping[str, Mapping[str, Arguments]],
        participants: Participants,
    ) -> None:
        self._facts = facts
        self._hooks = hooks
        self._sections = sections
        self._participants = participants
        self._done = 0

    @property
    def guidance_changes(self) -> GuidanceChanges | None:
        """This, where anybody wants to see evaluations."""
        return self if self._hooks["before_network"] or self._hooks["after_guidance"] else None

    @property
    def patches(self) -> tuple[Implementation, ...]:
        """The hooks that give patches of networks."""
        return self._hooks["patch_network"]

    @property
    def after_step(self) -> SamplerAfterStep | None:
        """What a sampler asks after each step, where anybody wants to see those."""
        return self._after_step if self._hooks["after_step"] else None

    def counting(self, report: Callback) -> Callback:
        """The callback of a sampler, which keeps count of the steps that are done."""

        def both(now: StepReport) -> None:
            self._done = now.step
            report(now)

        return both

    def begun(self, x: torch.Tensor) -> torch.Tensor:
        """What the sampler begins with."""
        return self._changed("before_pass", x, lambda now, told: BeforePass(**told, latents=now))

    def finished(self, latents: torch.Tensor) -> torch.Tensor:
        """What the pass gives."""
        return self._changed("after_pass", latents, lambda now, told: AfterPass(**told, latents=now))

    def before_network(self, x: torch.Tensor, sigma: torch.Tensor, moment: Moment) -> torch.Tensor:
        """See GuidanceChanges."""
        at = self._at(moment, sigma)
        return self._changed("before_network", x, lambda now, told: BeforeNetwork(**told, **at, latents=now))

    def after_guidance(
        self,
        guided: torch.Tensor,
        positive: torch.Tensor,
        negative: torch.Tensor | None,
        x: torch.Tensor,
        sigma: torch.Tensor,
        moment: Moment,
    ) -> torch.Tensor:
        """See GuidanceChanges."""
        seen = {**self._at(moment, sigma), "latents": x, "positive": positive, "negative": negative}
        return self._changed("after_guidance", guided, lambda now, told: AfterGuidance(**told, **seen, denoised=now))

    def _after_step(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        at: dict[str, Any] = {"step": self._done, "steps": self._steps, "sigma": sigma}
        return self._changed("after_step", x, lambda now, told: AfterStep(**told, **at, latents=now))

    @property
    def _steps(self) -> int:
        return len(self._facts.sigmas) - 1

    def _at(self, moment: Moment, sigma: torch.Tensor) -> dict[str, Any]:
        step = min(self._done + 1, self._steps)  # a sampler may ask once more after its last step
        counted = {"step": step, "steps": self._steps, "evaluation": moment.step, "evaluations": moment.steps}
        return {**counted, "sigma": sigma}

    def _changed(
        self, hook: str, tensor: torch.Tensor, context: Callable[[torch.Tensor, dict[str, Any]], object]
    ) -> torch.Tensor:
        """What a tensor is after all plugins have seen it in `context`."""
        for implementation in self._hooks[hook]:
            answer = called(implementation, context(tensor, self.told(implementation.plugin)))
            if answer is not None:
                tensor = _of_shape(answer, tensor, implementation)
                self.took_part(implementation.plugin)
        return tensor

    def took_part(self, plugin: str) -> None:
        """A plugin changed something of the pass's pictures."""
        self._participants.add(plugin, self._facts.indices)

    def told(self, plugin: str) -> dict[str, Any]:
        """What every context of the pass says to a plugin."""
        return {**vars(self._facts), "sections": self._sections[plugin]}


def called(implementation: Implementation, context: object) -> Any:
    """The answer of a hook. Raises as `guarded` does."""
    with guarded(implementation):
        return implementation(context=context)


def guarded(implementation: Implementation, passed: BaseException | None = None) -> AbstractContextManager[None]:
    """Raises as `blaming` does, for a hook."""
    return blaming(lambda error: failed(implementation, f"{type(error).__name__}: {error}"), passed)


def blaming(
    fault: Callable[[BaseException], PluginFailed], passed: BaseException | None = None
) -> AbstractContextManager[None]:
    """Raises `fault`, made of the error, where the code of an extension fails within it.

    What is no fault of the code's goes through: that somebody stopped the job, a refusal in words, too little memory,
    with less in which it may do, and `passed`, which it was given.
    """
    return hooks_blaming.blaming(fault, lambda error: error is passed or ran_out_of_memory(error))


def failed(implementation: Implementation, problem: str) -> PluginFailed:
    """The refusal to go on with a plugin's hook."""
    return PluginFailed(
        f"Hook {implementation.hook!r} of the extension {implementation.plugin} failed ({problem}). "
        "Switch the extension off, or tell whoever wrote it."
    )


def _of_shape(answer: object, tensor: torch.Tensor, implementation: Implementation) -> torch.Tensor:
    if not isinstance(answer, torch.Tensor):
        raise failed(implementation, f"it gave {type(answer).__name__} in the place of a tensor")
    if answer.shape != tensor.shape:
        raise failed(implementation, f"it gave a tensor of {tuple(answer.shape)} in the place of {tuple(tensor.shape)}")
    return answer.to(tensor)
