"""Files of extensions in the page: only of those at work, under their own names, and a fault of one is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import FastAPI
from playwright.sync_api import expect
from starlette.testclient import TestClient

from modules.config.paths import resolve_paths
from modules.hooks.extension_files import ExtensionFiles
from modules.services.build import build_services
from modules.services.options import EngineOptions
from modules.ui.extension_page import extension_page_routes
from modules.ui.languages import language_routes
from tests.hooks.extension_makers import extensions_of, found, put_codeless
from tests.hooks.test_extension_files import put_files
from tests.ui.journeys import KEPT
from tests.ui.serving import serving_page
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SEA: dict[str, str | bytes] = {
    "javascript/a.js": "import { tide } from './b.js'; document.documentElement.dataset.sea = `${tide} ${!!atelier}`;",
    "javascript/b.js": "export const tide = 'high'; const atelier = 3;",
    "style.css": "#brand { outline: 3px solid rgb(1, 2, 3); }",
    "locales/de.json": '{"Sea depth": "Meerestiefe", "Generate": "Nicht so"}',
}
DUSK = {"style.css": "#brand { outline: 3px solid rgb(4, 5, 6) !important; }", "wildcards/dusk.txt": "violet dusk\n"}
LAKE: dict[str, str | bytes] = {"javascript/bad.js": "throw new Error('no <b>water</b>');"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with two extensions that are switched on, and one that is not."""
    root: Path = tmp_path_factory.mktemp("data") / "extensions"
    put_files(root, "sea", SEA)
    put_files(root, "lake", LAKE)
    put_files(root, "quiet", {"style.css": "b {}"})
    put_codeless(root, "dusk", DUSK)
    extensions = extensions_of(root)
    for name in ("sea", "lake"):
        extensions.enable(found(extensions, name))
    paths = resolve_paths(data_dir=root.parent)
    with (
        closing(build_services(paths, EngineOptions(use_cpu=True, precision="full"))) as services,
        serving_page(services) as served,
    ):
        services.extensions.may_change = True
        yield served


def test_the_page_names_the_files_of_those_that_are_switched_on(address: str) -> None:
    document = httpx.get(address, timeout=60).text
    assert document.count("extension-files/") == 3
    styles = httpx.get(f"{address}/extension-styles.css", timeout=60)
    assert styles.text.count("@import") == 1 and "extension-files/sea/" in styles.text
    assert styles.headers["content-type"].startswith("text/css") and styles.headers["cache-control"] == "no-cache"
    assert document.index('src="page.js') < document.index("javascript/a.js") < document.index("javascript/b.js")
    assert document.index("extension-styles.css") < document.index("user.css")


def test_texts_of_extensions_are_merged_below_ours(address: str) -> None:
    texts = httpx.get(f"{address}/locales/de.json", timeout=60).json()
    assert texts["Sea depth"] == "Meerestiefe" and texts["Generate"] == "Generieren"
    assert "Sea depth" not in httpx.get(f"{address}/locales/fr.json", timeout=60).json()


def test_of_two_extensions_with_one_text_the_first_counts() -> None:
    application = FastAPI()
    application.include_router(
        language_routes(lambda: [{"de": {"Sea": "Meer", "a": "1"}}, {"de": {"Sea": "See", "b": "2"}}])
    )
    texts = TestClient(application).get("/locales/de.json").json()
    assert (texts["Sea"], texts["a"], texts["b"]) == ("Meer", "1", "2")


def test_files_are_kept_for_ever_under_the_version_of_their_content_alone() -> None:
    files = ExtensionFiles("sea", {"javascript/a.js": b"a()", "style.css": b"b {}"}, {}, None, None)
    application = FastAPI()
    application.include_router(extension_page_routes(lambda: [files]))
    client = TestClient(application)
    place = f"/extension-files/sea/{files.version}"
    script, style = client.get(f"{place}/javascript/a.js"), client.get(f"{place}/style.css")
    assert (script.text, style.text) == ("a()", "b {}")
    assert script.headers["content-type"].startswith("text/javascript")
    assert style.headers["content-type"].startswith("text/css")
    assert "immutable" in script.headers["cache-control"]
    assert client.get("/extension-files/sea/old/style.css").headers["cache-control"] == "no-cache"
    for path in ("sea/__init__.py", "extension.toml", "..%2f..%2fextension.toml", "javascript/", "javascript/none.js"):
        assert client.get(f"{place}/{path}").status_code == 404
    assert client.get(f"/extension-files/lake/{files.version}/style.css").status_code == 404


@pytest.mark.browser
def test_scripts_and_style_are_at_work_and_a_failing_one_is_named(browser: Browser, address: str) -> None:
    with browser.new_context(locale="de-DE") as context:
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.goto(address)
        told = page.locator(".toast-problem")
        expect(told).to_contain_text("Erweiterung lake")
        expect(told).to_contain_text("no <b>water</b>")
        page.wait_for_selector("#generate")
        page.wait_for_function("document.documentElement.dataset.sea === 'high true'")
        expect(page.locator("#brand")).to_have_css("outline-color", "rgb(1, 2, 3)")
        page.wait_for_function("atelier.languages.translated('Sea depth') === 'Meerestiefe'")


@pytest.mark.browser
def test_one_without_code_acts_at_once_and_shows_when_the_page_is_opened_anew(browser: Browser, address: str) -> None:
    with browser.new_context(viewport={"width": 390, "height": 800}) as context:
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.goto(address)
        expect(page.locator("#model input")).not_to_have_value("")
        page.fill("#prompt textarea", "a boat at __dusk__")
        open_tab(page, "Extensions")
        card, anew = page.locator(".extension[data-name=dusk]"), page.get_by_role("button", name="Open the page anew")
        card.get_by_role("button", name="Switch on").click()
        expect(card.get_by_text("At work")).to_be_visible()
        expect(page.get_by_role("button", name="Start the server anew")).to_have_count(0)
        assert "dusk" in httpx.get(f"{address}/api/v1/wildcards", timeout=60).text
        page.evaluate(KEPT)
        with page.expect_event("load"):
            anew.click()
        expect(page.locator("#prompt textarea")).to_have_value("a boat at __dusk__")
        expect(page.locator("#brand")).to_have_css("outline-color", "rgb(4, 5, 6)")
        open_tab(page, "Extensions")
        expect(card.get_by_text("At work")).to_be_visible()
        expect(anew).to_have_count(0)
        card.get_by_role("button", name="Switch off").click()
        expect(card.get_by_text("Off", exact=True)).to_be_visible()
        with page.expect_event("load"):
            anew.click()
        expect(page.locator("#brand")).to_have_css("outline-color", "rgb(1, 2, 3)")
