"""Use cases of scripts: which there are, what they may choose from, checking, running."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from modules.diffusion.names import LATENT_UPSCALE_MODES
from modules.errors import PluginFailed
from modules.gallery.inputs import InputPictures
from modules.hooks import SCRIPT_KEY, Available, PluginFailure, Plugins, Script, ScriptRegistry, Section, read_arguments
from modules.hooks.sampling_registry import SamplingRegistry
from modules.schema.requests import AnyResolved, Request, Resolved, Task
from modules.services.blaming import blaming
from modules.services.drafting import ChangeRequest, Draft
from modules.services.models import ModelService
from modules.services.script_running import ScriptRun
from modules.services.styles import StyleService
from modules.services.vaes import VaeService
from modules.upscaling.registry import UpscalerRegistry


class ScriptService:
    """The scripts of all plugins."""

    def __init__(
        self,
        plugins: Plugins,
        models: ModelService,
        vaes: VaeService,
        styles: StyleService,
        upscalers: UpscalerRegistry,
        inputs: InputPictures,
        sampling: SamplingRegistry,
        sections_of: Callable[[Task], Sequence[Section]] = lambda task: (),
    ) -> None:
        """`sections_of` tells the sections that a task has at this moment."""
        self.registry = ScriptRegistry(plugins)
        self.plugins = plugins
        self._models = models
        self._vaes = vaes
        self._styles = styles
        self._upscalers = upscalers
        self._inputs = inputs
        self._sampling = sampling
        self._sections_of = sections_of

    @property
    def failures(self) -> tuple[PluginFailure, ...]:
        """The plugins that were left out, and why."""
        return self.plugins.failures

    def all(self, task: Task) -> list[Script]:
        """The scripts that a task can be run with."""
        return [self.registry.find(name, task) for name in self.registry.names(task)]

    def available(self, task: Task) -> Available:
        """What scripts may choose from at this moment."""
        upscalers = tuple(entry.name for entry in self._upscalers.all())
        names = self._sampling.names
        return Available(
            task=task,
            samplers=names.sampler_names,
            schedules=names.schedule_names,
            models=tuple(checkpoint.name for checkpoint in self._models.all()),
            vaes=self._vaes.names(),
            upscalers=upscalers,
            hires_upscalers=(*LATENT_UPSCALE_MODES, *upscalers),
            styles=tuple(listed.style.name for listed in self._styles.list_styles() if listed.style is not None),
            sections=tuple(self._sections_of(task)),
        )

    def of_infotext(self, parameters: Mapping[str, str], task: Task) -> tuple[Script, dict[str, Any]] | None:
        """The script that made a grid, and the arguments that its infotext names; None where it names no script.

        Raises InvalidRequest for a script that is not there or does not run with the task, and for an argument that
        it cannot use.
        """
        if SCRIPT_KEY not in parameters:
            return None
        script = self.registry.find(parameters[SCRIPT_KEY], task)
        with self._blaming(script):
            given = script.arguments_of(parameters)
            arguments = read_arguments(script.arguments, given, self.available(task))
        return script, {name: arguments[name] for name in given}

    def prepared(self, resolved: AnyResolved, request: Request, context: ChangeRequest) -> AnyResolved:
        """A resolved request with everything that its script was given, complete and checked; others as they are.

        `request` is what it was before, which tells the seeds that were drawn. Raises UserError.
        """
        if resolved.script_name is None:
            return resolved
        script = self._script(resolved)
        drawn = [name for name in ("seed", "subseed") if getattr(request, name) == -1]
        available = self.available(resolved.task)
        with self._blaming(script):
            arguments = read_arguments(script.arguments, resolved.script_args, available, drawn=drawn)
            script.check(without_script(resolved), arguments, Draft(available, context, self._inputs.size))
        return resolved.model_copy(update={"script_name": script.name, "script_args": arguments})

    def run(self, request: Resolved, run: ScriptRun) -> None:
        """Run the script that a request names. Raises as painting does, and PluginFailed."""
        script = self._script(request)
        with self._blaming(script, run):
            arguments = read_arguments(script.arguments, request.script_args, run.available)
            script.run(without_script(request), arguments, run)

    def plugin_of(self, request: Resolved) -> str:
        """The plugin of the script that a request names. Raises InvalidRequest where it is not there."""
        return self.registry.plugin_of(self._script(request))

    def _blaming(self, script: Script, run: ScriptRun | None = None) -> AbstractContextManager[None]:
        plugin = self.registry.plugin_of(script)
        return blaming(
            plugin,
            script.name,
            lambda error: PluginFailed(
                f"Script {script.name!r} of the plugin {plugin} failed ({type(error).__name__}: {error}). "
                "Paint without it, or tell whoever wrote it."
            ),
            lambda error: run is not None and error is run.fault,
        )

    def _script(self, request: Resolved) -> Script:
        return self.registry.find(str(request.script_name), request.task)


def without_script(request: AnyResolved) -> AnyResolved:
    """The plain request that a script is run on."""
    return request.model_copy(update={"script_name": None, "script_args": {}})
