"""Tabs of extensions on the page: where they stand, whom they answer, and what a failing one leaves behind."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from modules.config.paths import resolve_paths
from modules.hooks import Tab, TabContext, hookimpl
from modules.services.accounts import Visitor
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from modules.ui.application import build_page
from modules.ui.page import Page
from tests.ui.askers import asked_by

OWNER, OTHER = Visitor("ann", is_owner=True), Visitor("bob", is_owner=False)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    built = build_services(resolve_paths(data_dir=tmp_path / "data"), EngineOptions(use_cpu=True))
    yield built
    built.close()


def page_with(services: Services, *tabs: Tab) -> Page:
    """The page with the tabs of an extension."""

    @hookimpl
    def register_tabs() -> list[Tab]:
        return list(tabs)

    services.scripts.plugins.register(SimpleNamespace(register_tabs=register_tabs), "mine")

    async def build() -> Any:
        return build_page(services)

    page: Page = asyncio.run(build())
    assert services.scripts.failures == ()
    return page


def titles(page: Page) -> list[str]:
    return [row["props"]["label"] for row in page.config["components"] if row["type"] == "tabitem"]


def texts(page: Page) -> list[str]:
    return [str(row["props"].get("value")) for row in page.config["components"] if row["type"] == "html"]


def answer(page: Page, event: int, visitor: Visitor | None, *given: Any) -> list[Any]:
    request = asked_by(visitor)
    found = asyncio.run(page.process_api(event, list(given), request=request))
    data: list[Any] = found["data"]
    return data


def letters(context: TabContext) -> None:
    words = gr.Textbox(label="Words of mine")
    count = gr.Number(label="Letters of mine")
    words.submit(len, words, count)


def of_the_documentation() -> Tab:
    page = (Path(__file__).parents[2] / "docs" / "extensions.md").read_text("utf-8")
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "register_tabs" in code]
    names: dict[str, Any] = {}
    exec(compile(code, "docs/extensions.md", "exec"), names)
    (tab,) = names["register_tabs"]()
    assert isinstance(tab, Tab)
    return tab


def test_they_stand_behind_the_others_and_answer_whom_they_are_for(services: Services) -> None:
    page = page_with(services, of_the_documentation(), Tab(title="For owners", build=letters))
    assert titles(page)[-3:] == ["Extensions", "Letters", "For owners"]
    for_all, for_owners = _events(page, len)
    assert answer(page, for_all, OTHER, "boat") == [4]
    assert answer(page, for_owners, OWNER, "house") == [5]
    for visitor in (OTHER, None):
        with pytest.raises(gr.Error, match="Only an owner of this server may do that"):
            answer(page, for_owners, visitor, "house")


def _events(page: Page, function: Callable[..., Any]) -> list[int]:
    """The events that call a function."""
    return [number for number, event in page.fns.items() if event.fn is function]


def broken(context: TabContext) -> None:
    with gr.Row():
        lost = gr.Textbox(label="Lost")
        lost.submit(len, lost, lost)
        raise SystemExit("gone <b>away</b>")


def test_one_that_fails_leaves_its_error_and_nothing_else(services: Services) -> None:
    page = page_with(services, Tab(title="Broken", build=broken), Tab(title="Letters", build=letters, audience="user"))
    assert titles(page)[-2:] == ["Broken", "Letters"]
    (said,) = [text for text in texts(page) if "could not lay out this tab" in text]
    assert said == ("The extension mine could not lay out this tab (SystemExit: gone <b>away</b>).")
    labels = [row["props"].get("label") for row in page.config["components"]]
    assert "Lost" not in labels and labels.count("Words of mine") == 1
    (event,) = _events(page, len)
    assert answer(page, event, OTHER, "boat") == [4]
    known = {row["id"] for row in page.config["components"]}
    assert {target for row in page.config["dependencies"] for target in (*row["inputs"], *row["outputs"])} <= known


def test_settings_and_folder_are_the_extensions(services: Services) -> None:
    told: list[TabContext] = []
    page_with(services, Tab(title="Told", build=told.append))
    assert [(one.folder, dict(one.settings)) for one in told] == [(services.paths.extension_data / "mine", {})]
    assert told[0].folder.is_dir()


def test_each_has_an_id_of_its_own_in_any_language(services: Services) -> None:
    titles_of_them = ("天気", "潮汐", "b c", "b-c")
    page = page_with(services, *(Tab(title=title, build=letters) for title in titles_of_them))
    tabs = [row["props"] for row in page.config["components"] if row["type"] == "tabitem"]
    assert tuple(tab["label"] for tab in tabs[-4:]) == titles_of_them
    assert len({tab["id"] for tab in tabs}) == len({tab["elem_id"] for tab in tabs}) == len(tabs)
    assert all(re.fullmatch("extension-[a-z0-9-]*[a-z0-9]", tab["id"]) for tab in tabs[-4:])
