"""docs/sections.md speaks of every section and argument, and its example does what it says."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from modules.hooks import ImageContext, Plugins, PostprocessingContext, Section, SectionRegistry
from modules.hooks.postprocessing_registry import PostprocessingRegistry
from tests.builtin.painter import words

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "sections.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())


def sections() -> list[Section]:
    registry = SectionRegistry(Plugins())
    return [registry.find(name, "img2img") for name in registry.names("img2img")]


def example(page: str, name: str) -> Section:
    """The one section that an example with the class of that name registers."""
    (code,) = [row for row in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if f"class {name}(" in row]
    names: dict[str, object] = {}
    exec(compile(ast.parse("from modules.hooks import *\n" + code), "an example", "exec"), names)
    plugins = Plugins(())
    plugins.register(SimpleNamespace(register_sections=names["register_sections"]), "example")
    registry = SectionRegistry(plugins)
    assert plugins.failures == ()
    (found,) = registry.names("txt2img")
    return registry.find(found, "txt2img")


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
    result = made(example(PAGE, "Vignette"), np.full((65, 129, 3), 200, np.uint8), strength=50)
    assert result.dtype == np.uint8
    assert [int(result[y, x, 0]) for y, x in ((0, 0), (64, 128), (32, 64), (32, 0))] == [100, 100, 200, 150]


def test_the_example_of_the_page_on_extensions_inverts() -> None:
    page = (DOCS / "extensions.md").read_text(encoding="utf-8")
    section = example(page, "Inverted")
    pixels = np.full((2, 2, 3), 55, np.uint8)
    assert made(section, pixels, red=False)[0, 0].tolist() == [200, 200, 200]
    assert made(section, pixels, red=True)[0, 0].tolist() == [200, 55, 55]


def test_the_example_of_a_step_leaves_few_levels() -> None:
    page = (DOCS / "extensions.md").read_text(encoding="utf-8")
    (code,) = [row for row in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "register_postprocessing" in row]
    names: dict[str, Any] = {}
    exec(compile(ast.parse(code), "an example", "exec"), names)
    plugins = Plugins(())
    plugins.register(SimpleNamespace(register_postprocessing=names["register_postprocessing"]), "example")
    (step,) = PostprocessingRegistry(plugins).all()
    assert plugins.failures == () and (step.name, step.moment) == ("Posterized", "enlarged")
    assert step.parameters({"levels": 8}) == {"Posterized Levels": "8"}
    context = PostprocessingContext(
        pixels=np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3),
        arguments={"levels": 4},
        device="cpu",
        picture=lambda picture_id: np.zeros((1, 1, 4), np.uint8),
        check=lambda: None,
        stage=lambda text: None,
    )
    result = step.process(context)
    assert result is not None and np.unique(result).tolist() == [0, 64, 128, 192]
