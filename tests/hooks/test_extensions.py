"""Folders of extensions: nothing runs that nobody switched on, and what is wrong with one hurts no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from importlib.metadata import version
from pathlib import Path

import pytest

from modules.config.paths import ROOT
from modules.errors import BrokenExtension
from modules.hooks import Plugins, ScriptRegistry
from modules.hooks.extension_code import TookTooLong, import_extension, in_time
from modules.hooks.extension_folders import MOST_BYTES, MOST_FILES, extension_folders
from modules.hooks.extensions import unmet
from modules.hooks.trial import tried
from tests.builtin.painter import run as run_script
from tests.builtin.painter import words
from tests.hooks.extension_makers import extensions_of, found, put_extension, script_code

TORCH = version("torch")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "extensions"
    folder.mkdir()
    return folder


def started(root: Path) -> tuple[Plugins, tuple[str, ...]]:
    """What a start takes in of a folder, and the scripts that come of it."""
    plugins = Plugins(())
    extensions_of(root).load_into(plugins)
    return plugins, ScriptRegistry(plugins).names("txt2img")


def switch_on(root: Path, *names: str) -> None:
    for name in names:
        extensions = extensions_of(root)
        extensions.enable(found(extensions, name))


def test_nothing_runs_that_nobody_switched_on(root: Path) -> None:
    put_extension(root, "sea", f"open({str(root / 'ran')!r}, 'w')\n" + script_code("Sea"))
    plugins, scripts = started(root)
    assert not (root / "ran").exists() and scripts == () and plugins.failures == ()
    assert [(one.name, one.decision, one.problem) for one in extensions_of(root).all()] == [("sea", "off", "")]


def test_what_is_switched_on_is_at_work_after_the_next_start_and_not_when_it_is_off_again(root: Path) -> None:
    put_extension(root, "deep-sea", "from .waves import TITLE\n" + script_code("Sea"))
    (root / "deep-sea" / "deep_sea" / "waves.py").write_text("TITLE = 'Sea'\n")
    switch_on(root, "deep-sea")
    plugins, scripts = started(root)
    assert plugins.names == ("deep-sea",) and scripts == ("Sea",)
    extensions = extensions_of(root)
    extensions.disable(found(extensions, "deep-sea"))
    assert started(root)[1] == ()


@pytest.mark.parametrize("change", ["other code", "further file", "renamed file", "manifest"])
def test_other_files_than_those_that_were_switched_on_do_not_run(root: Path, change: str) -> None:
    folder = put_extension(root, "sea", script_code("Sea"))
    (folder / "notes.txt").write_text("quiet")
    switch_on(root, "sea")
    code = folder / "sea" / "__init__.py"
    if change == "other code":
        code.write_text(code.read_text().replace("Sea", "See"))
    elif change == "further file":
        (folder / "sea" / "more.py").write_text("")
    elif change == "renamed file":
        (folder / "notes.txt").rename(folder / "others.txt")
    else:
        (folder / "extension.toml").write_text((folder / "extension.toml").read_text() + 'author = "other"\n')
    plugins, scripts = started(root)
    extension = found(extensions_of(root), "sea")
    assert scripts == () and plugins.names == ()
    assert extension.decision == "changed" and extension.problem.startswith("Its files are not those")
    switch_on(root, "sea")
    assert started(root)[0].names == ("sea",)


def test_compiled_files_that_nobody_looked_at_do_not_run(root: Path) -> None:
    folder = put_extension(root, "sea", "from . import waves\n" + script_code("Sea"))
    waves = folder / "sea" / "waves.py"
    waves.write_text(f"open({str(root / 'evil')!r}, 'w')\n")
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(folder)], check=True)
    stamp = waves.stat()
    waves.write_text("#" * (stamp.st_size - 1) + "\n")
    os.utime(waves, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    switch_on(root, "sea")
    assert started(root)[1] == ("Sea",)
    assert not (root / "evil").exists()


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("x = (", "SyntaxError"),
        ("import not_here_at_all", "ModuleNotFoundError: No module named 'not_here_at_all'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import os\nos._exit(7)", "It ends the program that imports it (exit code 7)."),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "(exit code -9)"),
        ("from modules.hooks import hookimpl\n@hookimpl\ndef register_tabz(): ...", "register_tabz"),
        ("from modules.hooks import hookimpl\n@hookimpl\ndef register_scripts():\n    return 7", "returned int"),
        ("from modules.hooks import hookimpl\n@hookimpl\ndef register_scripts():\n    1 / 0", "ZeroDivisionError"),
        ("from modules.hooks import hookimpl\n@hookimpl\ndef register_adapters():\n    return 5", "returned int"),
        (
            "from modules.hooks import hookimpl\n@hookimpl\ndef register_model_families():\n    return 5",
            "returned int",
        ),
    ],
)
def test_what_fails_is_refused_before_a_server_has_seen_it(root: Path, code: str, problem: str) -> None:
    put_extension(root, "sea", code)
    with pytest.raises(BrokenExtension) as refused:
        switch_on(root, "sea")
    assert str(refused.value).startswith("Extension 'sea' cannot be switched on. ")
    assert problem in str(refused.value)
    assert found(extensions_of(root), "sea").decision == "off"


def test_an_import_that_does_not_come_back_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modules.hooks.trial.SECONDS", 5)
    folder = put_extension(root, "sea", "while True: pass")
    assert tried(folder) == "It does not come back within 5 seconds."


def test_one_that_fails_at_a_start_is_left_out_alone(root: Path) -> None:
    """It was good when it was switched on, and the world has changed."""
    broken = f"if __import__('pathlib').Path({str(root.parent / 'bad')!r}).exists(): raise OSError('no drive')\n"
    put_extension(root, "lake", broken + script_code("Lake"))
    put_extension(root, "sea", script_code("Sea"))
    switch_on(root, "lake", "sea")
    (root.parent / "bad").touch()
    plugins, scripts = started(root)
    assert [str(one) for one in plugins.failures] == ["lake is left out: OSError: no drive"]
    assert plugins.names == ("sea",) and scripts == ("Sea",)


def test_one_that_hangs_at_a_start_is_left_out_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = f"while __import__('pathlib').Path({str(root.parent / 'bad')!r}).exists(): pass\n"
    put_extension(root, "lake", hanging + script_code("Lake"))
    put_extension(root, "sea", script_code("Sea"))
    switch_on(root, "lake", "sea")
    (root.parent / "bad").touch()
    monkeypatch.setattr("modules.hooks.plugins.in_time", lambda call, seconds: in_time(call, 3.0))
    plugins, scripts = started(root)
    assert [one.plugin for one in plugins.failures] == ["lake"] and scripts == ("Sea",)
    assert "took longer than 3 seconds" in plugins.failures[0].problem


def test_a_call_that_catches_everything_is_ended_all_the_same() -> None:
    caught = []

    def stubborn() -> None:
        for _ in range(3):
            try:
                while True:
                    pass
            except BaseException as error:  # noqa: BLE001  as others' code may
                caught.append(error)

    with pytest.raises(TookTooLong, match="longer than 0.3 seconds"):
        in_time(stubborn, 0.3)
    for thread in threading.enumerate():
        if thread.name == "extension":
            thread.join(60)
            assert not thread.is_alive()


def test_two_scripts_of_one_name_leave_the_second_extension_out(root: Path) -> None:
    for name in ("lake", "sea"):
        put_extension(root, name, script_code("Water"))
    switch_on(root, "lake", "sea")
    plugins, scripts = started(root)
    assert scripts == ("Water",)
    assert [str(one) for one in plugins.failures] == ["sea is left out: there is a script 'Water' already"]


def test_a_package_cannot_take_the_place_of_another(root: Path) -> None:
    put_extension(root, "torch", "from modules.hooks import Script\n" + script_code("Torch"))
    put_extension(root, "modules", script_code("Modules"))
    before = sys.modules.get("torch")
    switch_on(root, "torch", "modules")
    plugins, scripts = started(root)
    assert set(scripts) == {"Torch", "Modules"} and plugins.failures == ()
    assert sys.modules.get("torch") is before and sys.modules["modules"].__path__ == [str(ROOT / "modules")]


@pytest.mark.parametrize(
    ("requirement", "problem"),
    [
        ("torch<2", f"It needs torch<2, but the program has torch=={TORCH}."),
        ("not-here-at-all>=3", "It needs not-here-at-all>=3, which is not installed here."),
        ("torch>=2", ""),
        ("not-here-at-all; python_version < '3'", ""),
    ],
)
def test_what_it_needs_is_compared_with_what_is_here(root: Path, requirement: str, problem: str) -> None:
    put_extension(root, "sea", script_code("Sea"), requirements=f'["{requirement}"]')
    manifest = found(extensions_of(root), "sea").folder.manifest
    assert manifest is not None and unmet(manifest) == problem
    if problem:
        with pytest.raises(BrokenExtension, match="cannot be switched on"):
            switch_on(root, "sea")


def test_one_for_other_hooks_is_refused(root: Path) -> None:
    put_extension(root, "sea", script_code("Sea"), hooks='">=2"')
    with pytest.raises(BrokenExtension, match="written for version >=2 of the hooks; this program has version 1"):
        switch_on(root, "sea")


def test_folders_that_cannot_be_used_say_why(root: Path) -> None:
    (root / "empty").mkdir()
    (root / ".hidden").mkdir()
    (put_extension(root, "hollow") / "hollow" / "__init__.py").unlink()
    put_extension(root, "linked", script_code("Linked"))
    (root / "linked" / "secrets").symlink_to("/etc")
    problems = {one.name: one.problem for one in extension_folders(root)}
    assert list(problems) == ["empty", "hollow", "linked"]
    assert "no extension.toml" in problems["empty"] and "no package 'hollow'" in problems["hollow"]
    with pytest.raises(BrokenExtension, match="secrets in its folder is a link"):
        switch_on(root, "linked")


def test_a_folder_that_is_too_much_is_refused(root: Path) -> None:
    folder = put_extension(root, "large", script_code("Large"))
    with (folder / "model.bin").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    put_extension(root, "many", script_code("Many"))
    for number in range(MOST_FILES):
        (root / "many" / f"{number}").touch()
    for name in ("large", "many"):
        with pytest.raises(BrokenExtension, match="more than 5,000 files or 200 MB"):
            switch_on(root, name)


def test_decisions_that_cannot_be_read_switch_nothing_on(root: Path) -> None:
    put_extension(root, "sea", script_code("Sea"))
    switch_on(root, "sea")
    states = root.parent / "extensions.json"
    good = states.read_text()
    assert json.loads(good)["extensions"]["sea"]["is_enabled"]
    states.write_text(good[:-5])
    assert started(root)[1] == ()
    switch_on(root, "sea")
    assert started(root)[1] == ("Sea",)
    assert (root.parent / "extensions.json.previous").read_text() == good[:-5]


AUDIT = """
import sys
seen = []
sys.addaudithook(lambda event, given: seen.append(event) if event in {
    "socket.connect", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.getaddrinfo"} else None)
from pathlib import Path
from modules.hooks import Plugins
from tests.hooks.extension_makers import extensions_of
plugins = Plugins()
extensions_of(Path(sys.argv[1])).load_into(plugins)
print(len(plugins.names), seen)
"""


def test_a_start_calls_no_program_and_no_network(root: Path) -> None:
    for number in range(3):
        put_extension(root, f"sea{number}", script_code(f"Sea {number}"), requirements='["numpy"]')
    switch_on(root, "sea0", "sea1")
    answer = subprocess.run(
        [sys.executable, "-c", AUDIT, str(root)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout == "8 []\n"


def test_the_example_travels_from_seed_to_seed(root: Path) -> None:
    extensions = extensions_of(ROOT / "extensions")
    (example,) = extensions.all()
    assert tried(example.folder.path) == ""
    plugins = Plugins(())
    plugins.register(import_extension(example.folder), example.name)
    script = ScriptRegistry(plugins).find("Seed travel", "txt2img")
    painter = run_script(script, words(), destination=9, stops=3)
    assert [(one.subseed, one.subseed_strength) for one in painter.painted] == [(9, 0), (9, 0.5), (9, 1)]
    assert painter.grids[0][0].shape == (64, 3 * 64, 3)
    assert painter.grids[0][1] == {
        "Script": "Seed travel",
        "Seed travel destination": "9",
        "Seed travel stops": "3",
    }
