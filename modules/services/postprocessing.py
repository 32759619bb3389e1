"""Use cases of post-processing steps of extensions: which there are, what they were given, and what they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from modules.errors import InvalidRequest, PluginFailed
from modules.gallery.inputs import InputPictures
from modules.hooks import Available, Plugins, PostprocessingContext, PostprocessingStep, read_arguments
from modules.hooks.argument_groups import nearest_argument, pictures_of, stored_pictures, unknown_argument
from modules.hooks.extension_code import in_time
from modules.hooks.postprocessing import STEPS_KEY, Moment
from modules.hooks.postprocessing_registry import PostprocessingRegistry
from modules.schema.extras_request import AnyExtras, ExtrasRequest
from modules.services.blaming import blaming
from modules.services.sections import checked_picture

if TYPE_CHECKING:
    from modules.pipeline.watcher import Watcher


class PostprocessingService:
    """The steps of all plugins, for requests of Extras."""

    def __init__(self, plugins: Plugins, available: Callable[[], Available], inputs: InputPictures) -> None:
        """`available` tells what there is to choose from."""
        self.registry = PostprocessingRegistry(plugins)
        self.available = available
        self._inputs = inputs

    def all(self) -> list[PostprocessingStep]:
        """Those that can be asked for, in the order in which they are carried out."""
        return self.registry.all()

    def completed(self, request: AnyExtras) -> AnyExtras:
        """A request whose steps have their own names and order, and values for all arguments.

        Raises InvalidRequest, NotFound for a picture, PluginFailed.
        """
        given: dict[str, tuple[PostprocessingStep, Mapping[str, Any]]] = {}
        for name, row in request.postprocessing.items():
            step = self.registry.find(name)
            if step.name in given:
                raise InvalidRequest("Post-processing", step.name, "is named twice", "Name it once.")
            given[step.name] = (step, row)
        complete: dict[str, dict[str, Any]] = {}
        for one in self.all():
            if one.name in given:
                step, asked = given[one.name]
                with self._blaming(step):
                    arguments = in_time(partial(_read, step, asked, self.available()))
                    in_time(partial(step.check, arguments))
                for picture_id in pictures_of(step, arguments):
                    self._inputs.file(picture_id)
                complete[step.name] = arguments
        return request.model_copy(update={"postprocessing": complete})

    def with_files(self, steps: Mapping[str, Mapping[str, Any]], store: Callable[[Path], str]) -> dict[str, Any]:
        """What steps were given on this computer, where files stand for pictures: with what `store` calls these."""
        return {name: stored_pictures(self.registry.find(name), given, store) for name, given in steps.items()}

    def carried_out(
        self, request: ExtrasRequest, moment: Moment, pixels: np.ndarray, watcher: Watcher, device: str
    ) -> tuple[np.ndarray, dict[str, str]]:
        """A picture, (height, width, 3 or 4) uint8, as a request's steps of one moment leave it, and what they did.

        Raises PluginFailed, what a step refuses, and what stops it.
        """
        done: dict[str, str] = {}
        names: list[str] = []
        for step in self.all():
            if step.moment == moment and step.name in request.postprocessing:
                given = request.postprocessing[step.name]
                arguments = {row.name: given.get(row.name, row.initial) for row in step.arguments}
                watcher.stage(step.name)
                context = PostprocessingContext(
                    pixels=pixels.copy(),
                    arguments=arguments,
                    device=device,
                    picture=self._picture,
                    check=watcher.check,
                    stage=watcher.stage,
                )
                with self._blaming(step):
                    changed = step.process(context)
                    pixels = pixels if changed is None else checked_picture(changed)
                    done |= step.parameters(arguments)
                names.append(step.name)
                watcher.check()
        # The names stand first, and no step's own say of what it did takes their place.
        return pixels, {STEPS_KEY: "", **done} | {STEPS_KEY: ", ".join(names)} if names else {}

    def check_there(self, request: ExtrasRequest) -> None:
        """Raise InvalidRequest for a step of a stored request that is not here any more."""
        for name in request.postprocessing:
            self.registry.find(name)

    def _picture(self, picture_id: str) -> np.ndarray:
        return np.array(self._inputs.get(picture_id).convert("RGBA"))

    def _blaming(self, step: PostprocessingStep) -> AbstractContextManager[None]:
        plugin = self.registry.plugin_of(step)
        return blaming(
            plugin,
            step.name,
            lambda error: PluginFailed(
                f"Step {step.name!r} of the plugin {plugin} failed ({type(error).__name__}: {error}). "
                "Switch it off, or tell whoever wrote it."
            ),
        )


def _read(step: PostprocessingStep, given: Mapping[str, Any], available: Available) -> dict[str, Any]:
    if wrong := unknown_argument(step, given):
        raise InvalidRequest("Step argument", wrong, "is not known", nearest_argument(step, wrong))
    return read_arguments(step.arguments, given, available)
