"""Plugins and their scripts: what is wrong with one does not hurt the others."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modules.hooks import BUILTIN, InvalidRequest, Plugins, Script, ScriptRegistry, Switch, hookimpl


class Named(Script):
    """A script that does nothing."""

    def __init__(self, name: Any, tasks: Any = ("txt2img",), arguments: Any = ()) -> None:
        self.name, self.tasks, self.arguments = name, tasks, arguments

    def run(self, base: Any, arguments: Any, context: Any) -> None:
        """Nothing."""


class Contributing:
    """A plugin that answers with `answer`, or fails."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    @hookimpl
    def register_scripts(self) -> Any:
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer


def registered(**plugins: Any) -> tuple[Plugins, ScriptRegistry]:
    known = Plugins(())
    for name, plugin in plugins.items():
        known.register(plugin, name)
    return known, ScriptRegistry(known)


def test_the_shipped_scripts_are_there() -> None:
    plugins = Plugins()
    scripts = ScriptRegistry(plugins)
    assert plugins.names == BUILTIN and not plugins.failures
    assert scripts.names("txt2img") == ("Prompt matrix", "Prompts from file or textbox", "X/Y/Z plot")
    assert scripts.names("img2img") == (*scripts.names("txt2img"), "Loopback")


def test_every_module_of_builtin_that_has_hooks_is_shipped() -> None:
    folder = Path(sys.modules["modules.hooks"].__file__ or "").parent.parent / "builtin"
    with_hooks = [path.stem for path in folder.glob("*.py") if "@hookimpl" in path.read_text(encoding="utf-8")]
    assert sorted(f"modules.builtin.{name}" for name in with_hooks) == sorted(BUILTIN)


def test_every_argument_of_the_shipped_scripts_has_its_words() -> None:
    scripts = ScriptRegistry(Plugins())
    for name in scripts.names("img2img"):
        script = scripts.find(name, "img2img")
        keys = [row.key for row in script.arguments if row.key]
        assert script.help and len(set(keys)) == len(keys)
        assert all(row.label and row.name.isidentifier() for row in script.arguments)


def test_a_script_is_found_in_any_case_and_refused_in_words() -> None:
    scripts = ScriptRegistry(Plugins())
    found = scripts.find("x/y/z  PLOT", "txt2img")
    assert (found.name, scripts.plugin_of(found)) == ("X/Y/Z plot", "modules.builtin.xyz_plot")
    with pytest.raises(InvalidRequest, match="Script 'XYZ plot' is not known. Nearest: X/Y/Z plot."):
        scripts.find("XYZ plot", "txt2img")
    with pytest.raises(InvalidRequest, match="Script 'loopback' does not run with txt2img. Use img2img."):
        scripts.find("loopback", "txt2img")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (ZeroDivisionError("no"), "ZeroDivisionError: no"),
        (SystemExit(3), "SystemExit: 3"),
        (7, "register_scripts returned int instead of a list"),
        ([7], "register_scripts returned int, which is no Script with a name"),
        ([Named(None)], "register_scripts returned Named, which is no Script with a name"),
        ([Named("good  one")], "there is a script 'good  one' already"),
        ([Named("a"), Named("A")], "there is a script 'A' already"),
        ([Named("a", arguments=(Switch(name="x", label="X"),) * 2)], "two arguments of 'a' have the same name"),
    ],
)
def test_a_plugin_that_fails_is_named_and_the_others_stay(answer: Any, problem: str) -> None:
    plugins, scripts = registered(
        first=Contributing([Named("Good one")]), bad=Contributing(answer), last=Contributing([Named("z")])
    )
    assert [str(failure) for failure in plugins.failures] == [f"bad is left out: {problem}"]
    assert plugins.names == ("first", "last")
    assert scripts.names("txt2img") == ("Good one", "z")


def test_a_plugin_that_cannot_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"broken_one": "x = (", "leaving_one": "raise SystemExit", "sound_one": ""}.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins = Plugins(("broken_one", "missing_one", "leaving_one", "sound_one"))
    assert [failure.plugin for failure in plugins.failures] == ["broken_one", "missing_one", "leaving_one"]
    assert "SyntaxError" in plugins.failures[0].problem and "No module named" in plugins.failures[1].problem
    assert plugins.names == ("sound_one",)


def test_a_signal_that_asks_for_the_end_is_no_fault_of_a_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """It raises SystemExit in whatever the main thread does."""
    before = signal.signal(signal.SIGTERM, lambda *given: sys.exit(0))
    try:
        plugins = Plugins(())

        def slow() -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)

        with pytest.raises(SystemExit):
            plugins.take_in("slow", slow)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert plugins.failures == ()


def test_a_hook_that_does_not_exist_is_named() -> None:
    @hookimpl
    def register_scriptz() -> list[Script]:
        return []

    @hookimpl
    def register_scripts(unknown: int) -> list[Script]:
        return []

    plugins, scripts = registered(
        misspelt=SimpleNamespace(register_scriptz=register_scriptz),
        greedy=SimpleNamespace(register_scripts=register_scripts),
        sound=Contributing([Named("a")]),
    )
    assert [failure.plugin for failure in plugins.failures] == ["misspelt", "greedy"]
    assert "register_scriptz" in plugins.failures[0].problem and "unknown" in plugins.failures[1].problem
    assert scripts.names("txt2img") == ("a",)


def test_a_name_is_taken_once() -> None:
    plugins, scripts = registered(one=Contributing([Named("a")]))
    plugins.register(Contributing([Named("b")]), "one")
    assert plugins.names == ("one",)
    assert plugins.failures[0].problem == "there is a plugin of that name already"
    assert scripts.names("txt2img") == ("a",)
