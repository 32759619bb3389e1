"""Windows of headless Chromium on the page, and pictures of what they show."""

from __future__ import annotations

import io
import json
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

PATIENCE = 120_000
QUALITY = 84
MOST_WIDTH = 1280
FLAGS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"]
_RESTING = """async () => {
  await document.fonts.ready;
  const shown = [...document.images].filter((one) => one.checkVisibility() && one.getAttribute("src"));
  const inView = shown.filter((one) => one.getBoundingClientRect().top < innerHeight);
  if (!inView.every((one) => one.complete && one.naturalWidth)) return false;
  await Promise.allSettled(inView.map((one) => one.decode()));
  const moving = document.getAnimations().filter((one) => one.effect?.getTiming().iterations !== Infinity);
  await Promise.allSettled(moving.map((one) => one.finished));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return true;
}"""
_CHOSEN = """title => [...document.querySelectorAll(
  '#tabs > .tab-wrapper :is([role=tab][aria-selected=true], .overflow-dropdown button.selected)'
)].some((one) => one.textContent.trim() === title)"""


@dataclass(frozen=True)
class Look:
    """How a window is set up; windows of the same look are one window."""

    width: int = 1280
    height: int = 860
    theme: str = "light"
    language: str = "en"
    view: str = "expert"
    is_phone: bool = False


PHONE = Look(390, 844, is_phone=True)


class Window:
    """The page in one window."""

    def __init__(self, page: Page, look: Look) -> None:
        self.page = page
        self.look = look

    def tab(self, title: str) -> None:
        """Look at a tab, by its English title, from its top."""
        self.leave()
        self.page.evaluate("title => window.atelier.header.openTab(title)", title)
        shown = self.page.evaluate("title => window.atelier.languages.translated(title) || title", title)
        self.page.wait_for_function(_CHOSEN, arg=shown)
        self.page.evaluate("window.scrollTo(0, 0)")

    def leave(self) -> None:
        """Close dialogs and lists that are open."""
        self.page.evaluate("document.querySelectorAll('dialog[open]').forEach((one) => one.close())")
        self.page.mouse.move(0, 0)

    def find(self, selector: str, **how: Any) -> Locator:
        """The first part of the page that fits and can be seen."""
        found: Locator = self.page.locator(selector, **how)
        return found.locator("visible=true").first

    def press(self, selector: str, **how: Any) -> None:
        """Click or tap."""
        self.find(selector, **how).click()

    def wait(self, condition: str, value: object = None) -> None:
        """Until a JavaScript expression or function is true."""
        self.page.wait_for_function(condition, arg=value)

    def number(self, name: str, value: float) -> None:
        """Write into a number field."""
        self.page.fill(f"#{name} input[type=number]", str(value))

    def open_group(self, name: str) -> None:
        """Open an accordion."""
        if not self.page.locator(f"#{name} > button.open").count():
            self.page.click(f"#{name} > button")
            self.page.wait_for_selector(f"#{name} > button.open")

    def scroll_to(self, selector: str, above: int = 12) -> None:
        """So that this part begins near the upper edge."""
        self.find(selector).evaluate(
            "(one, above) => window.scrollTo(0, one.getBoundingClientRect().top + scrollY - above)", above
        )

    def shoot(self, path: Path, part: str = "", height: int = 0) -> int:
        """Write a picture of the window, its upper `height`, or a part of the page; how many bytes it has."""
        self.page.wait_for_function(_RESTING)
        how: dict[str, Any] = {"animations": "disabled", "caret": "hide"}
        if height:
            how["clip"] = {"x": 0, "y": 0, "width": self.look.width, "height": height}
        taken = self.find(part).screenshot(**how) if part else self.page.screenshot(**how)
        image = Image.open(io.BytesIO(taken)).convert("RGB")
        image.thumbnail((MOST_WIDTH, 4 * MOST_WIDTH))
        image.save(path, quality=QUALITY, method=6)
        return path.stat().st_size


class Windows:
    """All windows of one browser, opened when they are needed."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.opened: dict[Look, Window] = {}
        self.at_the_end = ExitStack()

    def __enter__(self) -> Windows:
        executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if executable is None:
            raise RuntimeError("There is no Chromium on this machine.")
        playwright = self.at_the_end.enter_context(sync_playwright())
        self.browser: Browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        self.at_the_end.callback(self.browser.close)
        return self

    def __exit__(self, *_: object) -> None:
        self.at_the_end.close()

    def open(self, look: Look) -> Window:
        """The window of this look."""
        if look not in self.opened:
            self.opened[look] = Window(self._page(look), look)
        return self.opened[look]

    def _page(self, look: Look) -> Page:
        context = self.browser.new_context(
            viewport={"width": look.width, "height": look.height},
            device_scale_factor=2 if look.is_phone else 1,
            is_mobile=look.is_phone,
            has_touch=look.is_phone,
            locale=look.language,
            color_scheme="dark" if look.theme == "dark" else "light",
        )
        kept = {
            "atelier-tour": "done",
            "atelier-theme": look.theme,
            "atelier-language": look.language,
            "atelier-view": look.view,
        }
        context.add_init_script(
            f"for (const [name, value] of Object.entries({json.dumps(kept)})) localStorage.setItem(name, value);"
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(self.address)
        page.wait_for_function("document.querySelector('#model input')?.value")
        page.wait_for_function("document.querySelector('.status')?.dataset.busy === 'no'")
        return page
