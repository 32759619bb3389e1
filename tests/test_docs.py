"""The documentation: what it links to and shows is there, and every tab of the page has its page in the guide."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest

from modules.config.paths import resolve_paths
from modules.services.build import build_services
from modules.services.options import EngineOptions
from modules.ui.application import build_page
from tools.screenshots.scenes import SCENES

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "docs/guide"
IMAGES = ROOT / "docs/images"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MOST_BYTES = 3 * 2**20
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_TARGET = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def targets(page: Path) -> Iterator[str]:
    """What a page links to or shows, but for other hosts."""
    for found in _TARGET.finditer(_CODE.sub("", page.read_text(encoding="utf-8"))):
        target = found[1] or found[2]
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(page: Path) -> set[str]:
    """The names by which the headings of a page are linked to."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in _HEADING.findall(text)}


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for target in targets(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title!\n[a](#a-title) [b](#gone) [c](gone.md) ![d](gone.png) `[e](code.md)` [f](https://g)\n")
    assert broken(page) == ["#gone", "gone.md", "gone.png"]


def test_what_the_program_names_of_its_documentation_is_there() -> None:
    sources = [
        ROOT / "launch.py",
        ROOT / "webui.py",
        *(ROOT / "modules").rglob("*.py"),
        *(ROOT / "modules").rglob("*.js"),
    ]
    named = {name for source in sources for name in re.findall(r"docs/[\w/]+\.md", source.read_text(encoding="utf-8"))}
    assert "docs/settings.md" in named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_every_tab_has_its_page_in_the_guide(tmp_path: Path) -> None:
    services = build_services(resolve_paths(data_dir=tmp_path), EngineOptions(use_cpu=True))

    async def build() -> gr.Blocks:
        return build_page(services)

    try:
        page = asyncio.run(build())  # outside of a running loop gradio makes some and closes none
    finally:
        services.close()
    titles = [str(block.label) for block in page.blocks.values() if isinstance(block, gr.Tab)]
    assert "txt2img" in titles and len(titles) >= 10
    names = {title: title.lower().replace(" ", "_") for title in titles}
    contents = list(targets(GUIDE / "README.md"))
    assert [title for title, name in names.items() if f"{name}.md" not in contents] == []
    for title, name in names.items():
        first = (GUIDE / f"{name}.md").read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith(f"# {title}"), first


def test_the_guide_lists_all_its_pages() -> None:
    contents = set(targets(GUIDE / "README.md"))
    assert [page.name for page in GUIDE.glob("*.md") if page.name not in contents | {"README.md"}] == []


def test_every_picture_is_shown_somewhere_and_can_be_taken_again() -> None:
    shown = {(page.parent / target).resolve() for page in PAGES for target in targets(page)}
    pictures = sorted(IMAGES.iterdir())
    assert [one.name for one in pictures if one.resolve() not in shown] == []
    assert {one.stem for one in pictures if one.suffix == ".webp"} == {scene.name for scene in SCENES}
    assert sum(one.stat().st_size for one in pictures) < MOST_BYTES
