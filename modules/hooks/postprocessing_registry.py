"""The steps of post-processing of all plugins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from modules.errors import InvalidRequest
from modules.hooks.argument_groups import check_group
from modules.hooks.plain_names import nearest_name, plain_name
from modules.hooks.plugins import Plugins
from modules.hooks.postprocessing import Moment, PostprocessingStep, is_of_extras


class PostprocessingRegistry:
    """Steps by name. Of two with the same name the first counts, and the plugin of the other is left out."""

    def __init__(self, plugins: Plugins) -> None:
        self._at_work = plugins
        self._steps: dict[str, tuple[str, PostprocessingStep]] = {}
        for plugin, answer in list(plugins.answers("register_postprocessing")):
            try:
                steps = _checked(answer, {name: step for name, (_, step) in self._steps.items()})
            except ValueError as error:
                plugins.leave_out(plugin, str(error))
            else:
                self._steps |= {name: (plugin, step) for name, step in steps.items()}

    def all(self) -> list[PostprocessingStep]:
        """Those of plugins at work, in the order in which they are carried out."""
        moments = get_args(Moment)
        found = [step for plugin, step in self._steps.values() if not self._at_work.was_left_out(plugin)]
        return sorted(found, key=lambda step: (moments.index(step.moment), step.order))

    def plugin_of(self, step: PostprocessingStep) -> str:
        """The plugin that a step came with, for whoever has to tell that it failed."""
        return self._steps[plain_name(step.name)][0]

    def find(self, name: str) -> PostprocessingStep:
        """The step of that name, in any case. Raises InvalidRequest naming the nearest."""
        plugin, step = self._steps.get(plain_name(name), ("", None))
        if step is None or self._at_work.was_left_out(plugin):
            known = tuple(one.name for one in self.all())
            raise InvalidRequest("Post-processing", name, "is not known", nearest_name(name, known))
        return step


def _checked(answer: object, known: Mapping[str, PostprocessingStep]) -> dict[str, PostprocessingStep]:
    """The steps that a plugin contributes. Raises ValueError."""
    if not isinstance(answer, (list, tuple)):
        raise ValueError(f"register_postprocessing returned {type(answer).__name__} instead of a list")
    found: dict[str, PostprocessingStep] = {}
    for step in answer:
        if not isinstance(step, PostprocessingStep) or not isinstance(getattr(step, "name", None), str):
            problem = f"returned {type(step).__name__}, which is no PostprocessingStep with a name"
            raise ValueError(f"register_postprocessing {problem}")
        if plain_name(step.name) in {**known, **found}:
            raise ValueError(f"there is a step {step.name!r} already")
        if step.moment not in get_args(Moment) or not isinstance(step.order, (int, float)):
            raise ValueError(f"{step.name!r} has no moment or order that there is")
        of_others = {key for one in (*known.values(), *found.values()) for key in one.keys}
        check_group(step, "step", of_others)
        if taken := next(filter(is_of_extras, step.keys), None):
            raise ValueError(f"{taken!r} is a key of what Extras itself does: begin it with another word")
        found[plain_name(step.name)] = step
    return found
