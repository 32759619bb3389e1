"""An A1111 extension as a plugin: its scripts are found, and each becomes one of ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modules.compat.always_visible import AlwaysVisibleScript, written
from modules.compat.app import routes_of
from modules.compat.chance import Chance, source_of
from modules.compat.components import Asked, as_infotexts_have_it, asked_by, in_a_form
from modules.compat.gradio_of_a1111 import GradioOfA1111
from modules.compat.images import images_module
from modules.compat.options import OptionInfo, Options
from modules.compat.passes import ScriptsInPasses
from modules.compat.processing import Painting, processing_module
from modules.compat.program import program_modules
from modules.compat.saving import after_saving, before_saving, index_of
from modules.compat.script_callbacks import Callbacks
from modules.compat.script_states import ScriptState
from modules.compat.scripts import ALWAYS_VISIBLE, A1111Script, scripts_module
from modules.compat.shared import State, samplers_module, shared_module
from modules.compat.surroundings import Surroundings
from modules.compat.tabs import tabs_of
from modules.compat.ui_components import ui_components_module
from modules.hooks import (
    Argument,
    Arguments,
    ProcessContext,
    Resolved,
    Route,
    SavedContext,
    SavingChange,
    SavingContext,
    Script,
    ScriptContext,
    Section,
    Tab,
    Task,
    hookimpl,
)
from modules.hooks.argument_groups import MAX_NAME
from modules.services.saving_hooks import key_start

_TASKS: tuple[tuple[Task, bool], ...] = (("txt2img", False), ("img2img", True))


class A1111Plugin:
    """What one extension adds."""

    def __init__(self, folder: Path, package: str) -> None:
        self._painting: Painting | None = None
        self._extension = folder.name
        self._callbacks = Callbacks(folder.name)
        self._key_start = key_start(folder.name)
        self._options = Options()
        self._chance = Chance()
        self._state = State(lambda: self._painting)

        class ScriptOfThisExtension(A1111Script):
            """By which its own scripts are told from those that it only imports."""

        self._script_class = ScriptOfThisExtension
        templates: dict[str, OptionInfo] = {}
        given = (
            scripts_module(folder, ScriptOfThisExtension, lambda: str(folder)),
            processing_module(lambda p: self._current().process(p)),
            images_module(self._current),
            shared_module(self._state, self._options, templates),
            samplers_module(),
            self._callbacks.module(),
            ui_components_module(),
            *program_modules(folder),
            GradioOfA1111("gradio"),
            self._chance.module(),
        )
        self._surroundings = Surroundings(folder, package, {one.__name__: one for one in given})
        try:
            classes = list(self._classes(folder))
            self._call("ui_settings")
            self._options.read(templates)
            self._call("before_ui")
            self._made = [self._made_of(one) for one in classes]
        except BaseException:
            self._surroundings.close()
            raise
        self._passes = ScriptsInPasses(folder.name, self._sections(), self._callbacks, self._state, self._chance)
        if self._passes.are_wanted:  # where nobody has a hook, a pass runs as if there were none
            self.before_pass = self._passes.before_pass
            self.before_network = self._passes.before_network
            self.after_guidance = self._passes.after_guidance

    @hookimpl
    def register_scripts(self) -> Sequence[Script]:
        """Its selectable scripts."""
        return [one for one in self._made if isinstance(one, Script)]

    @hookimpl
    def register_sections(self) -> Sequence[Section]:
        """Its always-visible scripts."""
        return self._sections()

    @hookimpl
    def register_settings(self) -> Sequence[Argument]:
        """What it added to `shared.opts`."""
        return list(self._options.arguments())

    @hookimpl
    def register_routes(self) -> Sequence[Route]:
        """What it added to the application."""
        return routes_of(self._callbacks.of("app_started"))

    @hookimpl
    def register_tabs(self) -> Sequence[Tab]:
        """Its tabs, laid out anew for each page."""
        return tabs_of(self._callbacks.of("ui_tabs"))

    @hookimpl
    def start(self, context: ProcessContext) -> None:
        """From now on `shared.opts` has the values that are set."""
        self._options.use(context.settings)

    @hookimpl
    def stop(self, context: ProcessContext) -> None:
        """What it wants done before it goes."""
        self._call("before_reload")
        self._call("script_unloaded")

    @hookimpl
    def before_saving(self, context: SavingContext) -> SavingChange | None:
        """Its callbacks before a picture is saved, and its parameters in the infotext."""
        with self._saving(context, "before"):
            return before_saving(context, self._callbacks.of("before_image_saved"), self._parameters(context))

    @hookimpl
    def after_saving(self, context: SavedContext) -> None:
        """Its callbacks once a picture is saved."""
        with self._saving(context, "after"):
            after_saving(context, self._callbacks.of("image_saved"))

    @contextmanager
    def painting(self, painting: Painting) -> Iterator[None]:
        """While a script of it runs, `process_images` paints with this."""
        self._painting = painting
        source = source_of(painting.processing.seed)
        try:
            with self._callbacks.within(self._callbacks.copied()), self._chance.drawing(source):
                yield
        finally:
            self._painting = None

    @contextmanager
    def _saving(self, context: SavingContext | SavedContext, moment: str) -> Iterator[None]:
        """While a picture is saved, which leaves no callbacks behind."""
        request = context.request
        seed = context.infotext if request is None else request.seed_of(index_of(request, context))
        source = source_of(self._extension, moment, seed)
        with self._callbacks.within(self._passes.callbacks_of(request)), self._chance.drawing(source):
            yield

    def _current(self) -> Painting:
        if self._painting is None:
            raise RuntimeError("painting was asked for outside of a script's run")
        return self._painting

    def _call(self, kind: str) -> None:
        for callback in self._callbacks.of(kind):
            callback()

    def _sections(self) -> list[AlwaysVisibleScript]:
        return [one for one in self._made if isinstance(one, AlwaysVisibleScript)]

    def _explains(self, key: str) -> bool:
        return any(one.explains(key) for one in self._sections())

    def _parameters(self, context: SavingContext) -> dict[str, str]:
        """What its scripts add to the infotext of a picture."""
        request = context.request
        if request is None or context.is_grid:
            return {}
        found = written(self._painting.parameters_of(request)) if self._painting is not None else {}
        for section in self._sections():
            if section.name in request.sections and section.changes_requests:
                arguments = {row.name: row.initial for row in section.arguments} | dict(request.sections[section.name])
                found |= section.extra_parameters(request, index_of(request, context), arguments)
        return found

    def _classes(self, folder: Path) -> Iterator[type[A1111Script]]:
        for file in sorted((folder / "scripts").glob("*.py")):
            module = self._surroundings.run_file(file)
            for value in list(vars(module).values()):
                if (
                    isinstance(value, type)
                    and issubclass(value, self._script_class)
                    and value is not self._script_class
                ):
                    if value.__module__ == module.__name__:
                        yield value

    def _made_of(self, script_class: type[A1111Script]) -> Script | Section:
        made = {task: script_class() for task, _ in _TASKS}
        title = made["txt2img"].title()
        name = as_infotexts_have_it(title)[:MAX_NAME]
        asked: dict[Task, list[Asked]] = {}
        scripts: dict[Task, A1111Script] = {}
        is_always_visible = False
        for task, is_img2img in _TASKS:
            script = made[task]
            script.is_txt2img, script.is_img2img = not is_img2img, is_img2img
            if shown := script.show(is_img2img):
                script.alwayson = is_always_visible = shown is ALWAYS_VISIBLE
                scripts[task] = script
                components = _components(script, is_img2img)
                asked[task] = asked_by(components, name, _infotext_keys(script))
        if is_always_visible:
            if missing := script_class.missing():
                raise NotImplementedError(f"its script {title!r} has {missing[0]}, which is not here")
            return AlwaysVisibleScript(
                name, scripts, asked, self._callbacks, self._explains, self._key_start, self._chance
            )
        return SelectableScript(self, title, scripts, asked)


class SelectableScript(Script):
    """A script of A1111's list of scripts."""

    def __init__(
        self,
        plugin: A1111Plugin,
        title: str,
        scripts: dict[Task, A1111Script],
        asked: dict[Task, list[Asked]],
    ) -> None:
        self.name = title
        self.tasks = tuple(scripts)
        merged = {one.argument.name: one.argument for rows in asked.values() for one in rows if one.argument}
        self.arguments = tuple(merged.values())
        self._plugin = plugin
        self._scripts = scripts
        self._states = {task: ScriptState(script) for task, script in scripts.items()}
        self._asked = asked

    def run(self, base: Resolved, arguments: Arguments, context: ScriptContext) -> None:
        painting = Painting(base, context)
        given = [one.given(arguments) for one in self._asked[base.task]]
        with self._plugin.painting(painting):
            self._states[base.task].put_into(self._scripts[base.task])  # without what the last run left
            returned = self._scripts[base.task].run(painting.processing, *given)
            if returned is None:
                returned = painting.process(painting.processing)
        painting.save(returned)
        context.check()  # a script that saw the interrupt came back early


def plugin_of(folder: Path, package: str) -> A1111Plugin:
    """The plugin that an extension's folder makes. Raises whatever its code raises."""
    return A1111Plugin(folder, package)


def _components(script: A1111Script, is_img2img: bool) -> list[Any]:
    return list(in_a_form(lambda: script.ui(is_img2img)) or [])


def _infotext_keys(script: A1111Script) -> dict[int, str]:
    """By the identities of components, the names that a script gives them in infotexts."""
    rows = script.infotext_fields or ()
    return {id(row[0]): as_infotexts_have_it(row[1]) for row in rows if len(row) > 1 and isinstance(row[1], str)}
