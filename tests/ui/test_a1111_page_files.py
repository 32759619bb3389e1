"""Scripts and style sheets of A1111's extensions in the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from modules.config.paths import resolve_paths
from modules.services.build import build_services
from modules.services.options import EngineOptions
from tests.compat.kinds import LOCALISATION, THEME
from tests.hooks.extension_makers import extensions_of, found
from tests.ui.chromium import PATIENCE
from tests.ui.serving import serving_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LATE = """
let fallen = 0;
onUiUpdate(() => { document.body.dataset.fallen = ++fallen; throw new Error("one that falls"); });
onUiTabChange(() => { document.body.dataset.tab = get_uiCurrentTab().textContent.trim(); });
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server with a theme, a localization and an extension whose callback fails."""
    root = tmp_path / "extensions"
    folders = {"dusk": THEME, "german": LOCALISATION, "late": {"javascript/late.js": LATE}}
    for name, files in folders.items():
        for path, text in files.items():
            (root / name / path).parent.mkdir(parents=True, exist_ok=True)
            (root / name / path).write_text(text, "utf-8")
    extensions = extensions_of(root)
    for name in folders:
        extensions.enable(found(extensions, name))
    paths = resolve_paths(data_dir=tmp_path)
    with (
        closing(build_services(paths, EngineOptions(use_cpu=True, precision="full"))) as services,
        serving_page(services) as served,
    ):
        yield served


@pytest.mark.browser
def test_a_theme_finds_what_it_asks_for(address: str, browser: Browser) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        body = page.locator("body")
        expect(body).to_have_attribute("data-theme", "dusk")
        page.wait_for_function("getComputedStyle(document.body).getPropertyValue('--mark-of-theme').trim() === '3px'")
        # The other's callback fails: it is told, called no more, and nobody else's is left out for that.
        page.evaluate("document.body.append(document.createElement('i'))")
        page.wait_for_function("Number(document.body.dataset.updates) > 1")
        expect(page.get_by_text("one that falls").first).to_be_visible()
        expect(body).to_have_attribute("data-fallen", "1")
        page.get_by_role("tab", name="Gallery").click()
        expect(body).to_have_attribute("data-tab", "Gallery")
