"""docs/scripts.md speaks of every script, argument and axis; docs/hooks.md of every hook, each of which is tested."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import SimpleNamespace

from modules.builtin.axes import A1111_AXES
from modules.hooks import Drawn, Plugins, Script, ScriptRegistry
from tests.builtin.painter import run, words
from tools import hooks_page

TESTS = Path(__file__).parent.parent
PAGE = (TESTS.parent / "docs" / "scripts.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())


def scripts() -> list[Script]:
    registry = ScriptRegistry(Plugins())
    return [registry.find(name, "img2img") for name in registry.names("img2img")]


def test_the_page_of_hooks_is_up_to_date() -> None:
    assert hooks_page.PAGE.read_text("utf-8") == hooks_page.page(), "run python -m tools.hooks_page"


def test_every_hook_says_what_it_is_for_and_has_a_test() -> None:
    texts = [path.read_text("utf-8") for path in TESTS.rglob("*.py") if path != Path(__file__)]
    hooks = hooks_page.hooks()
    assert len(hooks) > 5
    for name, hook in hooks.items():
        assert hook.__doc__ and f"\n## {name}\n" in hooks_page.page()
        assert any(re.search(rf"\b{name}\b", text) for text in texts), f"no test names the hook {name}"


def test_every_field_that_a_hook_is_told_has_its_meaning() -> None:
    tables = hooks_page.page().split("## What hooks are told")[1]
    assert (
        "`latents`" in tables
        and "### PostprocessingContext\n" in tables
        and not re.search(r"^\| `\w+` \| .* \|  \|$", tables, re.MULTILINE)
    )


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
