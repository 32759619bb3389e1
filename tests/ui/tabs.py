"""The tabs of the page, as somebody finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

_CHOSEN = """tab => [...document.querySelectorAll(
  '#tabs > .tab-wrapper :is([role=tab][aria-selected=true], .overflow-dropdown button.selected)'
)].some((one) => one.textContent.trim() === tab)"""
_ARRANGED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""The row of tabs is laid out anew in the frame after it was built, made narrower, or another tab was chosen."""
_SETTLED = """async () => {
  let changed = performance.now();
  const watch = new MutationObserver(() => (changed = performance.now()));
  watch.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  while (performance.now() - changed < 300) await new Promise((done) => setTimeout(done, 20));
  watch.disconnect();
}"""


def tabs_of(page: Page) -> list[str]:
    """The names of the tabs, those included that hide behind the button for more."""
    # gradio measures all of them in a row that is out of sight.
    names: list[str] = page.evaluate(
        "[...document.querySelectorAll('#tabs > .tab-wrapper > .tab-container.visually-hidden button')]"
        ".map((one) => one.textContent.trim())"
    )
    return names


def open_tab(page: Page, name: str) -> None:
    """That tab is looked at, however wide the page is: where it has no room it is in the menu of those."""
    page.evaluate(_ARRANGED)
    tab = page.locator("#tabs > .tab-wrapper").get_by_role("tab", name=name, exact=True)
    if tab.count() and tab.is_visible():
        tab.click()
    else:
        if page.locator("#tabs .overflow-dropdown.hide").count():
            page.click("#tabs .overflow-menu > button")
        page.locator("#tabs .overflow-dropdown").get_by_role("button", name=name, exact=True).click()
    page.wait_for_function(_CHOSEN, arg=name)


def settle(page: Page) -> None:
    """Wait until nothing on the page has changed for a while; its streams stay open, so its network never rests."""
    page.evaluate(_SETTLED)
