"""What keeps somebody out of a page, as axe sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Page

_GRAVE = ("serious", "critical")
_AT_REST = """() => document.getAnimations().every(
  (one) => one.playState !== 'running' || one.effect.getComputedTiming().endTime === Infinity
)"""
_RULES = {
    "resultTypes": ["violations"],  # of what is in order it describes one place each, not thousands
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]},
}


def grave_faults(page: Page, within: str | None = None) -> list[str]:
    """What axe finds that keeps somebody out, of the whole page or within one part of it."""
    page.wait_for_function(_AT_REST)  # what is fading in has little contrast yet
    found: dict[str, Any] = Axe().run(page, context=within, options=_RULES).response
    return [
        f"{fault['impact']}: {fault['help']}: {[node['html'][:160] for node in fault['nodes'][:4]]}"
        for fault in found["violations"]
        if fault["impact"] in _GRAVE
    ]
