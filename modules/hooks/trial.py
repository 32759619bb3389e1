"""Tries an extension in a process of its own, before anybody's server imports it.

`python -m modules.hooks.trial FOLDER ANSWER` writes into the file ANSWER what is wrong with it, or nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from modules.config.paths import ROOT
from modules.hooks.adapter_registry import AdapterRegistry
from modules.hooks.extension_code import import_extension, prepare_for
from modules.hooks.extension_folders import extension_folder
from modules.hooks.family_registry import FamilyRegistry
from modules.hooks.plugins import Plugins
from modules.hooks.postprocessing_registry import PostprocessingRegistry
from modules.hooks.result_action_registry import ResultActionRegistry
from modules.hooks.route_registry import RouteRegistry
from modules.hooks.sampling_registry import SamplingRegistry
from modules.hooks.script_registry import ScriptRegistry
from modules.hooks.section_registry import SectionRegistry
from modules.hooks.setting_registry import SettingRegistry
from modules.hooks.tab_contributions import tabs_of
from modules.hooks.upscaler_contributions import upscalers_of

SECONDS = 60


def tried(folder: Path) -> str:
    """What goes wrong when an extension is taken in, as a sentence; empty where nothing does."""
    with tempfile.TemporaryDirectory() as place:
        answer = Path(place) / "answer"
        try:
            done = subprocess.run(
                [sys.executable, "-m", "modules.hooks.trial", str(folder), str(answer)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"It does not come back within {SECONDS} seconds."
        if answer.is_file():
            return answer.read_text("utf-8")
        return f"It ends the program that imports it (exit code {done.returncode})."


def main(folder: Path, answer: Path) -> None:
    """Take it in as a server does."""
    plugins = Plugins()
    found = extension_folder(folder)
    prepare_for(found)
    plugins.take_in(folder.name, partial(import_extension, found))
    SettingRegistry(plugins)
    RouteRegistry(plugins)
    ScriptRegistry(plugins)
    SectionRegistry(plugins)
    upscalers_of(plugins)
    SamplingRegistry(plugins)
    tabs_of(plugins)
    PostprocessingRegistry(plugins)
    ResultActionRegistry(plugins)
    AdapterRegistry(plugins)
    FamilyRegistry(plugins)
    answer.write_text(" ".join(failure.problem for failure in plugins.failures), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
