"""docs/sections.md speaks of every section and argument, and its example does what it says."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from modules.hooks import ImageContext, Plugins, Section, SectionRegistry
from tests.builtin.painter import words

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "sections.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())


def sections() -> list[Section]:
    registry = SectionRegistry(Plugins())
    return [registry.find(name, "img2img") for name in registry.names("img2img")]


def example(page: str) -> Section:
    """The one section that the one example with sections registers."""
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (code,) = [one for one in examples if "def register_sections(" in one]
    names: dict[str, object] = {}
    exec(compile(ast.parse("from modules.hooks import *\n" + code), "an example", "exec"), names)
    plugins = Plugins(())
    plugins.register(SimpleNamespace(register_sections=names["register_sections"]), "example")
    registry = SectionRegistry(plugins)
    assert plugins.failures == ()
    (name,) = registry.names("txt2img")
    return registry.find(name, "txt2img")


def made(section: Section, pixels: np.ndarray, **arguments: object) -> np.ndarray:
    context = ImageContext(pixels.copy(), words(), arguments, 0, 100, lambda picture_id: pixels)
    result = section.process_image(context)
    assert result is not None
    return result


def test_every_section_and_argument_is_named() -> None:
    for section in sections():
        assert f"\n## {section.name}\n" in PAGE
        assert f"| {section.name} | {section.help} |" in PAGE or section.name == "Prompt tools"
        assert [row.label for row in section.arguments if f"**{row.label}**" not in WORDS] == []


def test_the_example_darkens_the_corners() -> None:
    result = made(example(PAGE), np.full((65, 129, 3), 200, np.uint8), strength=50)
    assert result.dtype == np.uint8
    assert [int(result[y, x, 0]) for y, x in ((0, 0), (64, 128), (32, 64), (32, 0))] == [100, 100, 200, 150]


def test_the_example_of_the_page_on_extensions_inverts() -> None:
    page = (DOCS / "extensions.md").read_text(encoding="utf-8")
    section = example(page)
    pixels = np.full((2, 2, 3), 55, np.uint8)
    assert made(section, pixels, red=False)[0, 0].tolist() == [200, 200, 200]
    assert made(section, pixels, red=True)[0, 0].tolist() == [200, 55, 55]
