"""An A1111 extension as a plugin: its scripts are found, and each becomes one of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from modules.compat.always_visible import AlwaysVisibleScript
from modules.compat.components import Asked, as_infotexts_have_it, asked_by
from modules.compat.gradio_of_a1111 import GradioOfA1111
from modules.compat.images import images_module
from modules.compat.processing import Painting, processing_module
from modules.compat.scripts import ALWAYS_VISIBLE, A1111Script, scripts_module
from modules.compat.shared import samplers_module, shared_module
from modules.compat.surroundings import Surroundings
from modules.hooks import Arguments, Resolved, Script, ScriptContext, Section, Task, hookimpl
from modules.hooks.argument_groups import MAX_NAME

_TASKS: tuple[tuple[Task, bool], ...] = (("txt2img", False), ("img2img", True))


class A1111Plugin:
    """What one extension adds."""

    def __init__(self, folder: Path, package: str) -> None:
        self._painting: Painting | None = None

        class ScriptOfThisExtension(A1111Script):
            """By which its own scripts are told from those that it only imports."""

        self._script_class = ScriptOfThisExtension
        given = (
            scripts_module(folder, ScriptOfThisExtension, lambda: str(folder)),
            processing_module(lambda p: self._current().process(p)),
            images_module(self._current),
            shared_module(self._current),
            samplers_module(),
            GradioOfA1111("gradio"),
        )
        self._surroundings = Surroundings(folder, package, {one.__name__: one for one in given})
        try:
            self._made = [self._made_of(one) for one in self._classes(folder)]
        except BaseException:
            self._surroundings.close()
            raise

    @hookimpl
    def register_scripts(self) -> Sequence[Script]:
        """Its selectable scripts."""
        return [one for one in self._made if isinstance(one, Script)]

    @hookimpl
    def register_sections(self) -> Sequence[Section]:
        """Its always-visible scripts."""
        return [one for one in self._made if isinstance(one, Section)]

    @contextmanager
    def painting(self, painting: Painting) -> Iterator[None]:
        """While a script of it runs, `process_images` paints with this."""
        self._painting = painting
        try:
            yield
        finally:
            self._painting = None

    def _current(self) -> Painting:
        if self._painting is None:
            raise RuntimeError("painting was asked for outside of a script's run")
        return self._painting

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
        title = script_class().title()
        name = as_infotexts_have_it(title)[:MAX_NAME]
        asked: dict[Task, list[Asked]] = {}
        scripts: dict[Task, A1111Script] = {}
        is_always_visible = False
        for task, is_img2img in _TASKS:
            script = script_class()
            script.is_txt2img, script.is_img2img = not is_img2img, is_img2img
            if shown := script.show(is_img2img):
                script.alwayson = is_always_visible = shown is ALWAYS_VISIBLE
                scripts[task] = script
                components = _components(script, is_img2img)
                asked[task] = asked_by(components, name, _infotext_keys(script))
        if is_always_visible:
            if missing := script_class.missing():
                raise NotImplementedError(f"its script {title!r} has {missing[0]}, which is not here")
            return AlwaysVisibleScript(name, scripts, asked)
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
        self._asked = asked

    def run(self, base: Resolved, arguments: Arguments, context: ScriptContext) -> None:
        painting = Painting(base, context)
        given = [one.given(arguments) for one in self._asked[base.task]]
        with self._plugin.painting(painting):
            returned = self._scripts[base.task].run(painting.processing, *given)
            if returned is None:
                returned = painting.process(painting.processing)
        painting.save(returned)
        context.check()  # a script that saw the interrupt came back early


def plugin_of(folder: Path, package: str) -> A1111Plugin:
    """The plugin that an extension's folder makes. Raises whatever its code raises."""
    return A1111Plugin(folder, package)


def _components(script: A1111Script, is_img2img: bool) -> list[Any]:
    async def laid_out() -> Any:
        with gr.Blocks():
            return script.ui(is_img2img)

    return list(asyncio.run(laid_out()) or [])  # outside of a loop gradio opens several, and closes none


def _infotext_keys(script: A1111Script) -> dict[int, str]:
    """By the identities of components, the names that a script gives them in infotexts."""
    rows = script.infotext_fields or ()
    return {id(row[0]): row[1] for row in rows if len(row) > 1 and isinstance(row[1], str)}
