"""The Queue tab, and what a person sees and does while jobs run, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from modules.schema.jobs import Job, NewJob
from modules.schema.requests import Txt2ImgRequest
from modules.services.build import Services
from tests.ui.conftest import Complaints
from tests.ui.journeys import IDLE, fits_into, wait_until
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.browser

PROMPTS = ["a red house", "a yellow fish", "a blue boat", "a pink flower"]
TITLES = "[...document.querySelectorAll('.queue-waiting .job-title')].map((one) => one.textContent)"
PAST = "[...document.querySelectorAll('.queue-past .job-title')].map((one) => one.textContent)"
HIDE = "Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })"
MESSAGES = """() => {
  window.messages = [];
  window.Notification = class extends EventTarget {
    static permission = "granted";
    static requestPermission = async () => "granted";
    constructor(title, options) { super(); window.messages.push(options.body); }
    close() {}
  };
}"""


@pytest.fixture(scope="module")
def desk(browser: Browser, address: str) -> Iterator[Page]:
    """One page for all that is done at a desk: opening one takes seconds."""
    complaints: list[str] = []
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(address)
    page.wait_for_function("document.querySelector('#model input')?.value")
    yield page
    page.context.close()
    assert complaints == []


@pytest.fixture
def resting(demo_services: Services) -> Iterator[Services]:
    """Services whose queue is paused and holds one job for each of PROMPTS."""
    generate = demo_services.generate
    generate.pause()
    for prompt in PROMPTS:
        generate.submit(Txt2ImgRequest(prompt=prompt, steps=2, width=64, height=64))
    yield demo_services
    generate.cancel_all(None)
    generate.resume()
    wait_until(lambda: not generate.active_jobs(), 120)


def open_queue(page: Page) -> None:
    open_tab(page, "Queue")
    page.locator(".queue-view").first.click()


def waiting(services: Services) -> list[Job]:
    return services.generate.active_jobs()


def asked(services: Services) -> list[str]:
    """The prompts of the waiting jobs, in the order in which they will begin."""
    return [Txt2ImgRequest.model_validate_json(job.asked).prompt for job in waiting(services)]


def listed(page: Page, prompts: list[str], what: str = TITLES) -> None:
    """Wait until the page lists these."""
    page.wait_for_function(f"wanted => JSON.stringify({what}) === JSON.stringify(wanted)", arg=prompts)


def row(page: Page, prompt: str, kind: str = "job-waiting") -> str:
    return f".{kind}:has(.job-title:text-is('{prompt}'))"


def press(page: Page, prompt: str, label: str) -> None:
    page.locator(row(page, prompt)).get_by_role("button", name=label, exact=True).click()


def choose(page: Page, entry: str) -> None:
    page.locator(".floating.menu").get_by_text(entry, exact=True).click()


def drag(page: Page, prompt: str, onto: str) -> None:
    """By the handle of one job to behind another."""
    grip, target = (page.locator(f"{row(page, one)} .job-grip").bounding_box() for one in (prompt, onto))
    assert grip and target
    page.mouse.move(grip["x"] + 8, grip["y"] + grip["height"] / 2)
    page.mouse.down()
    page.mouse.move(grip["x"] + 8, grip["y"] + 60, steps=3)
    page.mouse.move(target["x"] + 8, target["y"] + target["height"] - 2, steps=5)
    page.mouse.up()


def test_the_order_is_changed_by_keys_and_by_dragging(desk: Page, resting: Services) -> None:
    page = desk
    house, fish, boat, flower = PROMPTS
    open_queue(page)
    listed(page, PROMPTS)
    expect(page.locator(".queue-banner").first).to_be_visible()
    up = page.locator(row(page, boat)).get_by_role("button", name="Move up", exact=True)
    up.focus()
    page.keyboard.press("Enter")
    listed(page, [house, boat, fish, flower])
    page.keyboard.press("Enter")  # the button that was pressed has kept the focus
    listed(page, [boat, house, fish, flower])
    assert asked(resting) == [boat, house, fish, flower]
    press(page, flower, "Move to the top")
    listed(page, [flower, boat, house, fish])
    press(page, flower, "Move down")
    listed(page, [boat, flower, house, fish])
    drag(page, boat, house)
    listed(page, [flower, house, boat, fish])
    wait_until(lambda: asked(resting) == [flower, house, boat, fish])
    page.locator(".queue-said", has_text="place 3 of 4").wait_for(state="attached")


def test_what_a_job_is_made_to_do_while_it_waits(desk: Page, resting: Services) -> None:
    page = desk
    house, fish, boat, flower = PROMPTS
    open_queue(page)
    listed(page, PROMPTS)
    expect(page.locator(f"{row(page, house)} .job-facts").first).to_contain_text("64 x 64")
    press(page, house, "Pause")
    listed(page, [fish, boat, flower, house])  # what is paused stands behind
    press(page, house, "Resume")
    listed(page, PROMPTS)
    press(page, flower, "More about this job")
    choose(page, "High priority")
    listed(page, [flower, house, fish, boat])
    press(page, fish, "More about this job")
    choose(page, "Generate forever")
    page.wait_for_selector(f"{row(page, fish)} .job-mark:text-is('Forever')")
    assert [job.repeats for job in waiting(resting)] == [False, False, True, False]
    page.get_by_role("button", name="Stop generating forever").click()
    page.wait_for_selector(f"{row(page, fish)} .job-mark", state="detached")
    press(page, boat, "More about this job")
    choose(page, "Queue the same once more")
    listed(page, [flower, house, fish, boat, boat])
    press(page, flower, "Cancel")
    listed(page, [house, fish, boat, boat])
    page.get_by_role("button", name="Cancel all", exact=True).click()
    assert len(waiting(resting)) == 4  # it asks first
    page.get_by_role("button", name="Press again to cancel").click()
    page.wait_for_selector(".queue[data-empty=yes]")
    assert waiting(resting) == []


def test_jobs_run_and_stand_in_the_history(desk: Page, resting: Services) -> None:
    page = desk
    house, fish, *_ = PROMPTS
    refused = NewJob(kind="txt2img", request="{}", asked='{"prompt": "a broken thing"}')
    resting.generate._queue.refuse(refused, "Model 'unheard' is not here. Choose another one.")
    for job in waiting(resting)[2:]:
        resting.generate.interrupt(job.id)
    open_queue(page)
    listed(page, [house, fish])
    page.get_by_role("button", name="Resume the queue").click()
    page.wait_for_selector(".job-running")
    page.wait_for_selector(".queue[data-empty=yes]")
    wait_until(lambda: not waiting(resting))
    page.get_by_role("button", name="History").click()
    page.get_by_role("button", name="Done", exact=True).click()
    page.wait_for_function(f"({PAST}).slice(0, 2).join() === '{fish},{house}'")
    assert re.match(r"Done after .* · \d\d:\d\d", page.locator(".queue-past .job-outcome").first.inner_text())
    page.locator(".queue-past .job-cover").first.click()
    page.wait_for_selector("dialog[open] img")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")
    page.get_by_role("button", name="Failed", exact=True).click()
    page.wait_for_function(f"{PAST}.length === 1")
    page.click(".queue-past .job-outcome")
    expect(page.locator(".job-why").first).to_have_text("Model 'unheard' is not here. Choose another one.")
    page.keyboard.press("Escape")
    resting.generate.pause()
    held: list[Route] = []
    page.route("**/jobs?state=cancelled*", lambda route: held.append(route))
    with page.expect_request("**/jobs?state=cancelled*"):
        page.get_by_role("button", name="Cancelled", exact=True).click()
    page.click(".queue-past .job-outcome")  # still there, and of use, until the others come
    expect(page.locator(".job-why").first).to_have_text("Model 'unheard' is not here. Choose another one.")
    page.keyboard.press("Escape")
    held[0].continue_()
    page.unroute("**/jobs?state=cancelled*")
    page.wait_for_selector(".queue-past .job-over[data-state=failed]", state="detached")
    cancelled = page.locator(".queue-past .job-over[data-state=cancelled]")
    cancelled.get_by_role("button", name="Retry").first.click()
    wait_until(lambda: len(waiting(resting)) == 1)
    page.get_by_role("button", name="Clear the list").click()
    page.wait_for_selector(".queue[data-past=none]")
    page.get_by_role("button", name="Show what was cleared").click()
    page.wait_for_function(f"{PAST}.length >= 2")


def test_thousands_of_jobs_put_few_rows_into_the_page(desk: Page, resting: Services) -> None:
    page = desk
    first = waiting(resting)[0]
    queue = resting.generate._queue
    with resting.database.transaction() as connection:
        connection.executemany(
            "INSERT INTO jobs (id, kind, state, request, created, model, work, place) "
            "VALUES (?, 'txt2img', 'queued', ?, 1e9, ?, 1.0, ?)",
            [(f"{number:016x}", first.request, first.model, (number + 1000) << 32) for number in range(2000)],
        )
    assert len(queue.standing()) == 2004
    open_queue(page)
    page.wait_for_function("document.querySelector('.queue-list')?.getBoundingClientRect().height > 100000")
    page.evaluate("window.scrollTo(0, document.querySelector('.queue-list').getBoundingClientRect().height)")
    page.wait_for_selector(".job-waiting[aria-posinset='2000']")
    assert page.locator(".job-waiting").count() < 40
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_selector(".job-waiting[aria-posinset='1']")


def test_the_menu_of_generate(desk: Page, resting: Services) -> None:
    page = desk
    resting.generate.cancel_all(None)
    open_tab(page, "txt2img")
    page.fill("#prompt textarea", "a castle")
    page.locator("#generate").click(button="right")
    page.get_by_role("menuitem", name="Generate forever", exact=True).click()
    page.get_by_role("button", name="Generating forever").click()
    wait_until(lambda: [job.repeats for job in waiting(resting)] == [False])
    page.click("#actions .generate-more")
    page.get_by_label("How many times").fill("3")
    page.get_by_role("menuitem", name="Generate several times").click()
    page.get_by_text("3 more waiting in the queue").wait_for()
    page.fill("#prompt textarea", "a boat")
    page.click("#actions .generate-more")
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement.className === 'generate-more'")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # the first entry has the focus
    wait_until(lambda: asked(resting) == ["a boat", *["a castle"] * 4])
    page.get_by_text("4 more waiting in the queue").click()
    listed(page, ["a boat", *["a castle"] * 4])
    page.wait_for_selector("#queue-tab-button[data-count='5']")
    open_tab(page, "img2img")
    page.locator("#img2img-generate + .generate-more").wait_for()


def test_the_title_counts_and_the_end_is_told(desk: Page, demo_services: Services) -> None:
    page = desk
    open_tab(page, "txt2img")
    page.evaluate(MESSAGES)
    page.click("#status .status-bell")
    page.get_by_label("Notify me when my jobs are done").check()
    page.keyboard.press("Escape")
    expect(page.locator("#status .status-bell")).to_have_attribute("data-on", "yes")
    page.evaluate(HIDE)
    page.evaluate(
        "() => { window.titles = new Set(); new MutationObserver(() => window.titles.add(document.title))"
        ".observe(document.querySelector('title'), { childList: true }); }"
    )
    demo_services.generate.submit(Txt2ImgRequest(prompt="a fish", steps=30))
    page.wait_for_function("document.title === '✓ Atelier'")
    page.wait_for_function("window.messages.length === 1")
    assert page.evaluate("window.messages") == ["Your picture is ready."]
    assert any(re.fullmatch(r"\d+ % · Atelier", title) for title in page.evaluate("[...window.titles]"))
    page.wait_for_function(IDLE)
    told = re.compile(r"^Done after .* s · atelier-demo · .* GB of .*memory in use$")
    page.locator("#status .status-told").filter(has_text=told).wait_for()


def test_on_a_narrow_phone_jobs_are_dragged_by_touch(
    browser: Browser, address: str, resting: Services, complaints: Complaints
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    page.wait_for_function("document.querySelector('#model input')?.value")
    open_queue(page)
    listed(page, PROMPTS)
    fits_into(page, 360)
    small = page.evaluate(
        "[...document.querySelectorAll('.queue button')].filter((one) => one.checkVisibility())"
        ".map((one) => [one.className, one.getBoundingClientRect()])"
        ".filter(([name, box]) => box.height < 36 || box.width < 36 || box.right > 360).map(([name]) => name)"
    )
    assert small == []
    touched = touching(page)
    page.locator(row(page, PROMPTS[0])).evaluate("one => one.scrollIntoView({ block: 'center' })")
    grip, target = (page.locator(f"{row(page, PROMPTS[at])} .job-grip").bounding_box() for at in (0, 1))
    assert grip and target
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
    touched("touchStart", x, y)
    for step in range(1, 6):
        touched("touchMove", x, y + step * (target["y"] + target["height"] - y) / 5)
    touched("touchEnd", 0, 0)
    wait_until(lambda: asked(resting)[:2] == [PROMPTS[1], PROMPTS[0]])
    listed(page, [PROMPTS[1], PROMPTS[0], *PROMPTS[2:]])
    context.close()
    assert complaints == []


def touching(page: Page) -> Callable[[str, float, float], None]:
    session = page.context.new_cdp_session(page)

    def touch(kind: str, x: float, y: float) -> None:
        points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    return touch
