"""A1111's scripts while pictures are painted: they are told of each pass, and their callbacks see its evaluations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from modules.compat.always_visible import AlwaysVisibleScript
from modules.compat.chance import Chance, source_of
from modules.compat.guidance_callbacks import after_guidance, before_network
from modules.compat.script_callbacks import Callbacks, Found
from modules.compat.scripts import A1111Script
from modules.compat.shared import State
from modules.hooks import AfterGuidance, BeforeNetwork, BeforePass, PassContext, Resolved, hookimpl

_OF_PASSES = ("cfg_denoiser", "cfg_denoised", "cfg_after_cfg")


class ScriptsInPasses:
    """What one extension does in passes. Where it has sections and none of them is on, it does nothing."""

    def __init__(
        self,
        extension: str,
        sections: Iterable[AlwaysVisibleScript],
        callbacks: Callbacks,
        state: State,
        chance: Chance,
    ) -> None:
        self._extension = extension
        self._sections = {one.name: one for one in sections}
        self._callbacks = callbacks
        self._found = callbacks.copied()
        """Those that hold for the pass."""
        self._state = state
        self._chance = chance
        self._source = source_of(extension)
        """What callbacks draw from in the pass."""

    @property
    def are_wanted(self) -> bool:
        """Whether there may be something to do."""
        scripts = any(one.changes_requests for one in self._sections.values())
        return scripts or any(self._callbacks.of(kind) for kind in _OF_PASSES)

    @hookimpl
    def before_pass(self, context: BeforePass) -> None:
        """Its scripts are told, who so know what callbacks are to do; nothing of the last pass is left."""
        self._state.sampling_step, self._state.sampling_steps = 0, len(context.sigmas) - 1
        for section in self._sections.values():
            section.begin_pass()
        self._found = self._callbacks.copied()
        self._source = source_of(self._extension, context.kind, context.request.seed_of(context.indices[0]))
        with self._in_pass():
            for name, arguments in context.sections.items():
                self._sections[name].prepare_pass(context.request, context.indices, arguments)

    @hookimpl
    def before_network(self, context: BeforeNetwork) -> Any:
        """on_cfg_denoiser."""
        self._state.sampling_step = context.step - 1
        called = self._called("cfg_denoiser", context)
        with self._in_pass():
            return before_network(context, called) if called else None

    @hookimpl
    def after_guidance(self, context: AfterGuidance) -> Any:
        """on_cfg_denoised and on_cfg_after_cfg."""
        denoised, after_cfg = self._called("cfg_denoised", context), self._called("cfg_after_cfg", context)
        with self._in_pass():
            return after_guidance(context, denoised, after_cfg)

    def callbacks_of(self, request: Resolved | None) -> Found:
        """Those for saving a picture: with what its last pass added, where a section of the extension is on for it."""
        if request is None or not self._sections.keys() & request.sections.keys():
            return self._callbacks.copied()
        return {kind: list(known) for kind, known in self._found.items()}

    @contextmanager
    def _in_pass(self) -> Iterator[None]:
        with self._callbacks.within(self._found), self._chance.drawing(self._source):
            yield

    def _called(self, kind: str, context: PassContext) -> list[Callable[[Any], object]]:
        """The callbacks of a kind; without those of scripts that the request has nothing to do with."""
        if self._sections and not context.sections:
            return []
        return [one for one in self._found.get(kind, ()) if not self._is_of_another(one, context)]

    def _is_of_another(self, callback: Callable[[Any], object], context: PassContext) -> bool:
        script = getattr(callback, "__self__", None)
        if not isinstance(script, A1111Script):
            return False
        tasks = {name: task for name, one in self._sections.items() if (task := one.task_of(script))}
        return bool(tasks) and not any(tasks.get(name) == context.request.task for name in context.sections)
