"""The Gallery tab and what it opens, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import expect

from modules.gallery.search import PictureSearch
from modules.services.build import Services
from tests.ui.accessibility import grave_faults
from tests.ui.chromium import PATIENCE
from tests.ui.journeys import fits_into, reload, wait_until
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

pytestmark = pytest.mark.browser

TABS = "#tabs > .tab-wrapper :is(.tab-container:not(.visually-hidden), .overflow-dropdown) button"
COLOURS = ("red", "green", "blue", "white")
COUNT = 60
LIGHTBOX = "#lightbox[open]"
SHOWN = "text => document.querySelector('{}')?.textContent === text"
STYLE = "document.querySelector('.lightbox-stage img').getAttribute('style')"


@pytest.fixture(scope="module", autouse=True)
def pictures(demo_services: Services) -> None:
    """Pictures of another day, one of which is broken; every fourth is of a boat."""
    folder = demo_services.paths.txt2img_pictures / "2024-05-01"
    folder.mkdir(parents=True)
    for number in range(COUNT):
        colour = COLOURS[number % 4]
        thing = "boat" if number % 4 == 1 else "house"
        infotext = PngInfo()
        infotext.add_text(
            "parameters",
            f"a {colour} {thing}, <b>bold</b> {number}\nNegative prompt: rain\n"
            f"Steps: 20, Sampler: Euler, Seed: {number}, Size: 64x48, Model: {'first' if number < 20 else 'second'}",
        )
        Image.new("RGB", (64, 48), colour).save(folder / f"{number:02}.png", pnginfo=infotext)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    demo_services.pictures.refresh()


def found(services: Services, **wanted: Any) -> list[int]:
    return [one.id for one in services.pictures.search(PictureSearch(**wanted), 500).pictures]


def cell(page: Page, place: int) -> Locator:
    return page.locator(f".gallery-cell[data-place='{place}'] .gallery-thumb")


def listed(page: Page, count: str) -> None:
    page.wait_for_function(SHOWN.format("#gallery-position"), arg=count)


def stands_at(page: Page, position: str) -> None:
    page.wait_for_function(SHOWN.format(".lightbox-position"), arg=position)


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_looking_for_pictures_marking_and_collecting_them(
    page: Page, demo_services: Services, complaints: list[str]
) -> None:
    total = demo_services.pictures.count()
    everything = f"{total} pictures"
    open_tab(page, "Gallery")
    listed(page, everything)
    page.fill(".gallery-words", "boat -white")
    listed(page, "15 pictures")
    page.click(".gallery-filter-button")
    page.wait_for_selector("select[aria-label=Model] option[value=second]", state="attached")
    page.select_option("select[aria-label=Model]", "second")
    listed(page, "10 pictures")
    reload(page, complaints)
    page.wait_for_function("document.querySelector('#model input')?.value")
    open_tab(page, "Gallery")
    listed(page, "10 pictures")
    expect(page.locator(".gallery-words").first).to_have_value("boat -white")
    page.get_by_role("button", name="Clear all filters").click()
    listed(page, everything)

    cell(page, 0).focus()
    press(page, "ArrowRight", "f", "4")
    wait_until(lambda: found(demo_services, favourite=True, rating=4))
    assert found(demo_services, favourite=True) == [found(demo_services)[1]]
    cell(page, 2).click(modifiers=["Control"])
    cell(page, 5).click(modifiers=["Shift"])
    expect(page.locator(".gallery-count").first).to_have_text("4 chosen")
    assert grave_faults(page) == []
    page.get_by_role("button", name="Add to an album").click()
    page.get_by_role("button", name="New album …").click()
    page.get_by_role("textbox", name="Name").fill("Houses <b>")
    press(page, "Enter")
    page.locator(".side-row", has_text="Houses <b>").locator(".side-count").get_by_text("4").wait_for()
    press(page, "Escape")
    cell(page, 7).drag_to(page.locator(".side-row", has_text="Houses <b>"))
    page.locator(".side-row", has_text="Houses <b>").locator(".side-count").get_by_text("5").wait_for()
    page.locator(".side-row", has_text="Houses <b>").click()
    listed(page, "5 pictures")

    page.get_by_role("button", name="Choose all", exact=True).click()
    page.get_by_role("button", name="Put into the bin").click()
    page.get_by_text("This album is empty").wait_for()
    assert demo_services.pictures.count() == total - 5
    page.get_by_role("button", name="Undo").click()
    listed(page, "5 pictures")
    assert demo_services.pictures.count() == total
    cell(page, 0).click(modifiers=["Control"])
    page.get_by_role("button", name="Put into the bin").click()
    listed(page, "4 pictures")
    page.locator(".side-row", has_text="Bin").click()
    listed(page, "1 picture")
    (binned,) = found(demo_services, bin=True)
    file = demo_services.pictures.file(demo_services.pictures.get(binned))
    assert file.is_file()
    page.get_by_role("button", name="Empty the bin").click()
    page.locator("dialog").get_by_role("button", name="Empty the bin").click()
    page.get_by_text("Pictures that you put into the bin wait here").wait_for()
    assert not file.exists()
    page.locator(".side-row", has_text="All pictures").click()
    listed(page, f"{total - 1} pictures")


def test_a_picture_on_the_whole_screen_and_two_compared(page: Page, demo_services: Services) -> None:
    total = demo_services.pictures.count()
    open_tab(page, "Gallery")
    listed(page, f"{total} pictures")
    place = page.locator(".lightbox-position")
    cell(page, 1).click()
    page.wait_for_selector(f"{LIGHTBOX} .told-prompt")
    expect(place).to_have_text(f"2 of {total}")
    press(page, "ArrowRight", "End", "Home", "ArrowRight", "ArrowRight")
    stands_at(page, f"3 of {total}")
    third = found(demo_services)[2]
    words = demo_services.pictures.get(third).infotext.split("\n")[0]
    page.locator(f"{LIGHTBOX} .told-prompt", has_text=words).wait_for()
    assert "<b>" in words and grave_faults(page) == []
    press(page, "f", "5")
    wait_until(lambda: found(demo_services, rating=5, favourite=True) == [third])
    held: list[Route] = []
    page.route("**/pictures/change", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/pictures/change"):
        press(page, "4")
    press(page, "0")
    page.wait_for_timeout(300)  # what is pressed second must not come first
    with page.expect_response(lambda answer: (answer.request.post_data_json or {}).get("rating") == 0):
        held[0].continue_()
    page.unroute("**/pictures/change")
    assert third not in found(demo_services, rating=1)

    fits = page.get_attribute(".lightbox-stage img", "style")
    page.mouse.move(500, 400)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"style => {STYLE} !== style", arg=fits)
    press(page, "z")
    page.wait_for_function(f"style => {STYLE} === style", arg=fits)
    press(page, "t")
    expect(page.locator(".zoom-tiles")).to_be_visible()
    press(page, "t")
    with page.expect_download() as downloaded:
        press(page, "d")
    assert downloaded.value.suggested_filename == Path(demo_services.pictures.get(third).path).name
    press(page, "Delete")
    wait_until(lambda: found(demo_services, bin=True) == [third])
    stands_at(page, f"3 of {total - 1}")
    page.get_by_role("button", name="Undo").click()
    wait_until(lambda: found(demo_services, bin=True) == [])
    press(page, "Escape")
    page.wait_for_selector("#lightbox", state="hidden")
    page.wait_for_function("document.activeElement.closest('.gallery-cell')")

    cell(page, 1).click(modifiers=["Control"])
    cell(page, 2).click(modifiers=["Control"])
    page.get_by_role("button", name="Compare the two chosen pictures").click()
    rows = page.locator(".compare-table tbody th")
    page.locator(".compare-table th", has_text="Seed").wait_for()
    expect(rows).to_have_text(["Prompt", "Seed"])
    before = page.get_attribute(".compare-line", "style")
    press(page, "ArrowLeft")
    expect(page.locator(".compare-line").first).not_to_have_attribute("style", before)
    page.mouse.move(500, 300)
    page.mouse.wheel(0, -300)
    first, second = page.eval_on_selector_all("#compare .zoom-layer", "all => all.map((one) => one.style.transform)")
    assert first == second
    assert grave_faults(page) == []
    press(page, "Escape")
    press(page, "Escape")
    page.wait_for_selector(".gallery-actions", state="hidden")
    page.fill(".gallery-words", "broken")
    listed(page, "1 picture")
    cell(page, 0).click()
    page.locator(".lightbox-problem").wait_for()


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_function("document.querySelector('#model input')?.value")
    yield page
    context.close()


def touch(page: Page, selector: str, *way: tuple[int, int]) -> None:
    """One finger that goes along a way from the middle of something."""
    page.evaluate(
        """([selector, way]) => {
          const one = document.querySelector(selector);
          const box = one.getBoundingClientRect();
          const tell = (name, [x, y]) => one.dispatchEvent(new PointerEvent(name, {
            bubbles: true, pointerId: 1, pointerType: "touch", clientX: box.x + box.width / 2 + x,
            clientY: box.y + box.height / 2 + y,
          }));
          one.setPointerCapture = () => undefined; // of a finger that is there
          tell("pointerdown", [0, 0]);
          for (const place of way) tell("pointermove", place);
          if (way.length) tell("pointerup", way.at(-1));
        }""",
        [selector, [list(place) for place in way]],
    )


def test_fingers_walk_leave_and_choose_on_a_phone(phone: Page, demo_services: Services) -> None:
    total = demo_services.pictures.count()
    # The menu of the tabs closes when the page finds room for one more: it is not waited for.
    phone.locator(TABS, has_text="Gallery").first.dispatch_event("click")
    listed(phone, f"{total} pictures")
    phone.wait_for_selector(".gallery-cell[data-place='3'] img")
    cell(phone, 3).tap()
    phone.wait_for_selector(f"{LIGHTBOX}[data-loaded]")
    touch(phone, ".lightbox-stage", (-60, 0), (-120, 4))
    stands_at(phone, f"5 of {total}")
    phone.tap("#lightbox [aria-label='Parameters (I)']")
    phone.wait_for_selector(f"{LIGHTBOX} .told-prompt")
    fits_into(phone, 360)
    small = phone.eval_on_selector_all(
        "#lightbox button, .gallery-bar button",
        "all => all.filter((one) => one.offsetParent && Math.min(one.offsetWidth, one.offsetHeight) < 36)"
        ".map((one) => one.outerHTML)",
    )
    assert small == []
    touch(phone, ".lightbox-stage", (0, 60), (4, 140))
    phone.wait_for_selector("#lightbox", state="hidden")
    touch(phone, ".gallery-cell[data-place='2'] .gallery-thumb")
    phone.get_by_text("1 chosen").wait_for()
    fits_into(phone, 360)
