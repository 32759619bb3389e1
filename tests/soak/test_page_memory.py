"""A page that stays open while five hundred pictures are made: what it keeps of them does not grow."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.program import is_ready, serving
from tests.ui.chromium import chromium
from tests.ui.journeys import IDLE, set_number

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

pytestmark = [pytest.mark.slow, pytest.mark.browser]

COUNT = 500
AT_FIRST = 100
EACH = 10
"""Pictures of one job; a job is one press of Generate."""
SIDE = 64
GROWTH = 1.10
log = logging.getLogger(__name__)
_SHOWN = """async (count) => {
  const found = await (await fetch("api/v1/pictures?limit=1")).json();
  const newest = String(found.pictures?.[0]?.id);
  return found.total >= count && document.querySelector("#newest textarea, #newest input")?.value === newest;
}"""


@dataclass(frozen=True)
class Kept:
    """What a page keeps once nothing of it is garbage."""

    heap: float
    nodes: float
    listeners: float


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page, with a form for small pictures."""
    data: Path = tmp_path_factory.mktemp("data")
    with serving(data) as (server, port), chromium() as browser:
        assert is_ready(server)
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(300_000)
        page.goto(f"http://127.0.0.1:{port}")
        page.wait_for_function("document.querySelector('#model input')?.value")
        page.fill("#prompt textarea", "a red house at night")
        for name, value in (("width", SIDE), ("height", SIDE), ("steps", 1), ("batch-count", EACH)):
            set_number(page, name, value)
        yield page


def kept_by(session: CDPSession) -> Kept:
    """The page's memory after its garbage is gone, which takes a round for what waits for finalizers."""
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")["usedSize"]
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return Kept(heap, metrics["Nodes"], metrics["JSEventListeners"])


def test_what_a_page_keeps_does_not_grow_with_the_pictures_that_it_made(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    found: dict[int, Kept] = {}
    for made in range(EACH, COUNT + 1, EACH):
        page.click("#generate")
        page.wait_for_function(_SHOWN, arg=made, polling=200)
        page.wait_for_function(IDLE)
        if made % AT_FIRST == 0:
            found[made] = kept = kept_by(session)
            log.info("%d pictures: %.1f MB, %d nodes, %d listeners", made, kept.heap / 1e6, kept.nodes, kept.listeners)
    first, last = found[AT_FIRST], found[COUNT]
    assert last.heap <= GROWTH * first.heap
    assert last.nodes <= GROWTH * first.nodes
    assert last.listeners <= GROWTH * first.listeners
