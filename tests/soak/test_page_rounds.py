"""A page that goes away and comes back while its job runs: it tells of the job at once, and shows the picture."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.program import is_ready, serving, until
from tests.ui.chromium import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROUNDS = 50
STEPS = 30
SIDE = 128
OFFLINE_SECONDS = 10
PROGRESS_SECONDS = 2.0
"""In which a page that is back has to tell of the job, on a machine that does nothing else."""
PROGRESS_SECONDS_OF_A_BUSY_MACHINE = 60.0
log = logging.getLogger(__name__)
_DESKTOP = {"viewport": {"width": 1440, "height": 900}}
_PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
_WATCH = """(() => {
  if (!location.protocol.startsWith("http")) return;
  const told = () => document.querySelector(".status-text")?.textContent || "";
  const progress = /^(Step \\d+ of \\d+|Finishing)/;
  let before = "";
  addEventListener("load", () => (window.loaded = Date.now()));
  addEventListener("online", () => {
    before = told();
    sessionStorage.setItem("back", Date.now());
  });
  setInterval(() => {
    const since = Number(sessionStorage.getItem("back")) || window.loaded;
    const now = told();
    if (window.toldAfter === undefined && since && now !== before && progress.test(now))
      window.toldAfter = Date.now() - since;
  }, 10);
  addEventListener("offline", () => {
    window.toldAfter = undefined;
    before = null;
    sessionStorage.removeItem("back");
  });
})()"""
"""When a page told of the job first, after it was loaded or was online again; what it told before does not count."""


@dataclass
class Rounds:
    """A server, a browser, and the figures of the rounds."""

    address: str
    browser: Browser
    seconds_of_a_picture: float = 1.0
    seconds_to_open: float = 1.0
    told_after: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """By what happened: the seconds, and the load of the machine in the minute before."""

    def window(self, looks: dict[str, Any]) -> BrowserContext:
        context = self.browser.new_context(**looks)
        context.set_default_timeout(120_000)
        context.add_init_script(_WATCH)
        return context

    def opened(self, context: BrowserContext) -> Page:
        page = context.new_page()
        page.goto(self.address)
        return page

    def first_opened(self, context: BrowserContext) -> Page:
        began = time.monotonic()
        page = self.opened(context)
        page.wait_for_function("document.querySelector('#model input')?.value")
        self.seconds_to_open = time.monotonic() - began
        return page

    def begun(self, page: Page, away: float = 0.0) -> int:
        """A job is under way that lasts until a page that is `away` for so long is back; how many pictures it makes."""
        seconds = away + 6 + 4 * self.seconds_to_open
        count = min(100, max(2, round(seconds / self.seconds_of_a_picture)))
        page.fill("#prompt textarea", "a red house at night")
        for name, value in (("steps", STEPS), ("width", SIDE), ("height", SIDE), ("batch-count", count)):
            page.fill(f"#{name} input[type=number]", str(value))
        page.click("#generate")
        page.wait_for_function("document.querySelector('.status-text').textContent.startsWith('Step')")
        return count

    def told(self, page: Page, kind: str) -> None:
        from playwright.sync_api import Error

        while True:
            try:
                page.wait_for_function("window.toldAfter !== undefined", polling=20)
                seconds = page.evaluate("window.toldAfter") / 1000
                break
            except Error as error:  # a page that lost the server for long loads itself again, and tells once more
                if "navigation" not in str(error):
                    raise
        self.told_after.setdefault(kind, []).append((seconds, os.getloadavg()[0]))

    def figures(self) -> str:
        """How many seconds pages took to tell of the job."""
        told = {kind: [seconds for seconds, _ in some] for kind, some in self.told_after.items()}
        return ", ".join(f"{kind}: median {median(some):.2f}, most {max(some):.2f}" for kind, some in told.items())

    def jobs(self) -> list[dict[str, Any]]:
        listed = httpx.get(f"{self.address}/api/v1/jobs", params={"limit": 500}, timeout=60).json()["jobs"]
        assert isinstance(listed, list)
        return listed

    def ended_once(self, before: int, count: int, *pages: Page) -> None:
        """One job more than `before`, begun once, with each of its pictures once, of which the pages show the last."""
        until(lambda: self.jobs()[0]["state"] not in ("queued", "running"), 300)
        jobs = self.jobs()
        assert len(jobs) == before + 1
        job = httpx.get(f"{self.address}/api/v1/jobs/{jobs[0]['id']}", timeout=60).json()
        assert (job["state"], job["attempts"]) == ("done", 1)
        assert [picture["index"] for picture in job["pictures"]] == list(range(count))
        last = job["pictures"][-1]["infotext"]
        for page in pages:
            page.wait_for_function(
                "last => document.querySelector('#result-parameters textarea')?.value === last", arg=last
            )
            page.wait_for_function("document.querySelector('#result-picture img')?.naturalWidth > 0")
            page.wait_for_function("document.querySelector('.status').dataset.busy === 'no'")


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rounds]:
    """A server that has made its first picture, for whose model it took its time."""
    folder: Path = tmp_path_factory.mktemp("data")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with serving(folder) as (server, port), chromium() as browser:
        assert is_ready(server)
        all_rounds = Rounds(f"http://127.0.0.1:{port}", browser)
        fields = {"prompt": "a star", "steps": STEPS, "width": SIDE, "height": SIDE}
        for _ in range(2):
            began = time.monotonic()
            httpx.post(f"{all_rounds.address}/api/v1/jobs/txt2img", json=fields, timeout=60).raise_for_status()
            until(lambda: all_rounds.jobs()[0]["state"] == "done", 300)
            all_rounds.seconds_of_a_picture = time.monotonic() - began
        yield all_rounds


def reloaded(rounds: Rounds) -> None:
    context, before = rounds.window(_DESKTOP), len(rounds.jobs())
    page = rounds.first_opened(context)
    count = rounds.begun(page)
    page.reload()
    rounds.told(page, "reload")
    rounds.ended_once(before, count, page)
    context.close()


def closed_and_opened(rounds: Rounds) -> None:
    context, before = rounds.window(_DESKTOP), len(rounds.jobs())
    page = rounds.first_opened(context)
    count = rounds.begun(page)
    context.close()
    context = rounds.window(_DESKTOP)
    page = rounds.opened(context)
    rounds.told(page, "closed and opened")
    rounds.ended_once(before, count, page)
    context.close()


def offline(rounds: Rounds) -> None:
    context, before = rounds.window(_DESKTOP), len(rounds.jobs())
    page = rounds.first_opened(context)
    count = rounds.begun(page, OFFLINE_SECONDS)
    context.set_offline(True)
    page.wait_for_timeout(1000 * OFFLINE_SECONDS)
    context.set_offline(False)
    rounds.told(page, "offline")
    rounds.ended_once(before, count, page)
    context.close()


def two_tabs(rounds: Rounds) -> None:
    context, before = rounds.window(_DESKTOP), len(rounds.jobs())
    page = rounds.first_opened(context)
    count = rounds.begun(page)
    second = rounds.opened(context)
    rounds.told(second, "second tab")
    rounds.ended_once(before, count, page, second)
    context.close()


def on_a_phone(rounds: Rounds) -> None:
    context, phone, before = rounds.window(_DESKTOP), rounds.window(_PHONE), len(rounds.jobs())
    page = rounds.first_opened(context)
    count = rounds.begun(page)
    small = rounds.opened(phone)
    rounds.told(small, "phone")
    expect(small.locator(".status-text").first).to_be_visible()
    rounds.ended_once(before, count, page, small)
    assert small.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context.close()
    phone.close()


KINDS: tuple[Callable[[Rounds], None], ...] = (reloaded, closed_and_opened, offline, two_tabs, on_a_phone)


def test_a_page_that_is_back_tells_of_its_job_and_shows_the_picture(rounds: Rounds) -> None:
    """Reloaded, closed and opened, offline for 10 s, in a second tab, on a phone: ten times each."""
    for number in range(ROUNDS):
        KINDS[number % len(KINDS)](rounds)
        log.info("round %d, load %.1f: %s", number + 1, os.getloadavg()[0], rounds.figures())
    assert len(rounds.told_after) == len(KINDS)
    told = [one for some in rounds.told_after.values() for one in some]
    quiet = [seconds for seconds, load in told if load < (os.cpu_count() or 1)]
    assert len(told) == ROUNDS
    assert max(quiet, default=0.0) <= PROGRESS_SECONDS
    assert max(told)[0] <= PROGRESS_SECONDS_OF_A_BUSY_MACHINE
