"""The documentation speaks of every hook, script, argument and axis."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import SimpleNamespace

from pluggy import PluginManager

from modules.builtin.axes import A1111_AXES
from modules.hooks import Drawn, Plugins, Script, ScriptRegistry, specs
from tests.builtin.painter import run, words

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "scripts.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())


def scripts() -> list[Script]:
    registry = ScriptRegistry(Plugins())
    return [registry.find(name, "img2img") for name in registry.names("img2img")]


def test_every_hook_is_documented_and_tested() -> None:
    manager = PluginManager(specs.PROJECT)
    manager.add_hookspecs(specs)
    hooks = [name for name in vars(manager.hook) if not name.startswith("_")]
    pages = PAGE + (DOCS / "extensions.md").read_text(encoding="utf-8")
    assert len(hooks) > 5
    assert [name for name in hooks if f"`{name}`" not in pages and f"def {name}(" not in pages] == []
    tests = [path.read_text(encoding="utf-8") for path in DOCS.parent.joinpath("tests").rglob("*.py")]
    assert [name for name in hooks if not any(f"def {name}(" in text for text in tests)] == []


def test_every_script_has_its_section() -> None:
    assert all(f"\n## {script.name}\n" in PAGE for script in scripts())


def test_every_argument_is_named() -> None:
    labels = {row.label for script in scripts() for row in script.arguments if not isinstance(row, Drawn)}
    assert [label for label in sorted(labels) if f"**{label}**" not in WORDS] == []


def test_every_axis_of_a1111_is_named() -> None:
    table = PAGE.split("### Axes")[1].split("### ")[0]
    assert [label for label in A1111_AXES if not re.search(rf"[|,] {re.escape(label)}[ ,]", table)] == []


def test_the_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(ast.parse(code), "docs/scripts.md", "exec"), names)
    example = names["Ladder"]
    assert isinstance(example, type) and issubclass(example, Script)
    plugins = Plugins(())
    plugins.register(SimpleNamespace(register_scripts=names["register_scripts"]), "example")
    script = ScriptRegistry(plugins).find("step ladder", "txt2img")
    painter = run(script, words(), most=20)
    assert [row.steps for row in painter.painted] == [10, 20]
    assert painter.grids[0][1] == {"Script": "Step ladder", "Most steps": "20"}
