"""A1111's always-visible scripts: each is a section of the forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from modules.compat.chance import Chance, source_of
from modules.compat.components import Asked, as_infotexts_have_it
from modules.compat.moments import AFTER, BEFORE, call_after, call_before, processing_of
from modules.compat.processing import Processing
from modules.compat.script_callbacks import Callbacks
from modules.compat.script_states import ScriptState
from modules.compat.scripts import A1111Script
from modules.hooks import PROMPT_FIELDS, Arguments, ChangeContext, ImageContext, Resolved, Section, Switch, Task
from modules.schema.infotext import write_parameters

_FINAL = Switch(
    name="leave_prompts",
    label="Leave the prompts as they are",
    help="only the finished pictures are worked on, as for a picture whose prompts were changed already",
)
"""Of scripts that change both."""


class AlwaysVisibleScript(Section):
    """One of them. What it does is done once for each picture, so that each is the same alone.

    Each time it is done by a copy of the script, so that what one picture leaves in it is not seen by another. Passes
    alone are given the script itself, whose callbacks know it, and which each of them finds as it was at first.
    """

    def __init__(
        self,
        title: str,
        scripts: Mapping[Task, A1111Script],
        asked: Mapping[Task, list[Asked]],
        callbacks: Callbacks,
        is_own: Callable[[str], bool] = lambda key: False,
        key_start: str = "",
        chance: Chance | None = None,
    ) -> None:
        """`callbacks` are the extension's; `is_own` tells the keys of its arguments in infotexts; `key_start` is what
        goes before its other keys there; `chance` is what it draws from."""
        self.name = title
        self.tasks = tuple(scripts)
        merged = {one.argument.name: one.argument for rows in asked.values() for one in rows if one.argument}
        self._scripts = scripts
        self._states = {task: ScriptState(script) for task, script in scripts.items()}
        self._asked = asked
        self._callbacks = callbacks
        self._is_own = is_own
        self._key_start = key_start
        self._chance = chance or Chance()
        self._some = next(iter(scripts.values()))
        does_both = self.changes_requests and self.processes_images
        self.arguments = (*merged.values(), *([_FINAL] if does_both else ()))

    @property
    def changes_requests(self) -> bool:
        return any(self._some.does(name) for name in BEFORE)

    @property
    def processes_images(self) -> bool:
        return any(self._some.does(name) for name in AFTER)

    def carried_out(self, arguments: Arguments) -> Arguments | None:
        if not self.processes_images:
            return None
        return {**arguments, _FINAL.name: True} if self.changes_requests else arguments

    def change_request(self, context: ChangeContext) -> Mapping[str, str] | None:
        if context.arguments.get(_FINAL.name):
            return None
        request = context.request
        p = processing_of(request, [context.index], context.seed)
        with self._alone(p):
            call_before(self._copy(request), p, self._given(request, context.arguments))
        for name, row in (("prompt", p.prompts), ("negative_prompt", p.negative_prompts)):
            if row[0] != getattr(request, name):
                setattr(p, name, row[0])
        changed = p.changes(_refuse_pictures)
        if others := sorted(changed.keys() - set(PROMPT_FIELDS)):
            raise NotImplementedError(f"changing {', '.join(others)} in process is not here: prompts may be changed")
        return changed or None

    def process_image(self, context: ImageContext) -> np.ndarray | None:
        request, given = context.request, self._given(context.request, context.arguments)
        script = self._copy(request)
        p = processing_of(request, [context.index], context.seed)
        with self._alone(p):
            call_before(script, p, given)
            p.prompt, p.negative_prompt = request.prompt_of(context.index), request.negative_prompt_of(context.index)
            p.all_prompts, p.all_negative_prompts = [p.prompt], [p.negative_prompt]
            return call_after(script, p, context.pixels, given)

    def begin_pass(self) -> None:
        """Take out of the scripts what the last pass left in them."""
        for task, script in self._scripts.items():
            self._states[task].put_into(script)

    def prepare_pass(self, request: Resolved, indices: Sequence[int], arguments: Arguments) -> None:
        """Tell the script itself of the pictures that are about to be painted; to be called behind `begin_pass`."""
        script, given = self._scripts[request.task], self._given(request, arguments)
        p = processing_of(request, indices)
        with self._drawing(p):
            call_before(script, p, given)

    def extra_parameters(self, request: Resolved, index: int, arguments: Arguments) -> dict[str, str]:
        """What it adds to a picture's infotext besides its arguments.

        Raises NotImplementedError for a value that A1111 would ask the script for later.
        """
        p = processing_of(request, [index])
        with self._alone(p):
            call_before(self._copy(request), p, self._given(request, arguments))
        return {key: value for key, value in written(p.extra_generation_params).items() if key not in self.keys}

    def arguments_of(self, parameters: Mapping[str, str]) -> dict[str, str]:
        further = self._further(parameters)
        changed: dict[str, Any] = {**parameters, **further}
        for callback in self._callbacks.of("infotext_pasted"):
            callback(write_parameters(parameters), changed)
        possible = (changed.keys() | parameters.keys()) - further.keys()
        touched = {key for key in possible if changed.get(key) != parameters.get(key)}
        if others := sorted(key for key in touched if not (self.explains(key) or self._is_own(key))):
            raise NotImplementedError(f"changing {others[0]!r} in on_infotext_pasted is not here")
        return super().arguments_of({key: str(value) for key, value in changed.items()})

    def _further(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """What the extension added to an infotext besides its arguments, under the names that it gave it itself."""
        start = self._key_start
        own = {key.removeprefix(start): value for key, value in parameters.items() if start and key.startswith(start)}
        return {key: value for key, value in own.items() if key not in parameters and not self._is_own(key)}

    def task_of(self, script: A1111Script) -> Task | None:
        """The task that one of its scripts is for; None for the script of somebody else."""
        return next((task for task, one in self._scripts.items() if one is script), None)

    @contextmanager
    def _alone(self, p: Processing) -> Iterator[None]:
        """While a copy is at work: the callbacks that it gives are of nobody else, and end with it."""
        with self._callbacks.within(self._callbacks.copied()), self._drawing(p):
            yield

    def _drawing(self, p: Processing) -> AbstractContextManager[None]:
        return self._chance.drawing(source_of(self.name, p.all_seeds[0]))

    def _copy(self, request: Resolved) -> A1111Script:
        return self._states[request.task].copy_of_script()

    def _given(self, request: Resolved, arguments: Arguments) -> list[Any]:
        return [one.given(arguments) for one in self._asked[request.task]]


def written(extra: Mapping[str, Any]) -> dict[str, str]:
    """`p.extra_generation_params` of one picture as parameters. Raises NotImplementedError for what is called later."""
    found: dict[str, str] = {}
    for key, value in extra.items():
        one = value[0] if isinstance(value, list) and value else value
        if callable(one):
            raise NotImplementedError(f"a function as p.extra_generation_params[{key!r}] is not here")
        if one is not None and (plain := as_infotexts_have_it(key)):
            found[plain] = str(one)
    return found


def _refuse_pictures(pixels: np.ndarray) -> str:
    raise NotImplementedError("putting a picture into the request in process is not here")
