"""Answers that are out of step with what the page asks next: none may get lost, or be taken for what was typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from modules.services.build import Services
from tests.ui.journeys import reload
from tests.ui.tabs import open_tab
from tests.ui.test_form_tools import wait_for_number
from tests.ui.test_models_tab import write_lora_file

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

WITH_A_LATE_END = """(() => {
  const ask = window.fetch;
  let tookIn = () => {};
  window.endings = {areHeld: false, held: 0};
  const endsLate = () => {
    const decoder = new TextDecoder();
    return new TransformStream({
      async transform(part, controller) {
        const text = decoder.decode(part, {stream: true});
        const end = text.includes('close_stream') ? text.lastIndexOf('data:') : text.length;
        if (end) controller.enqueue(new TextEncoder().encode(text.slice(0, end)));
        if (end === text.length) return;
        if (window.endings.areHeld) {
          window.endings.held += 1;
          await new Promise((resolve) => (tookIn = resolve));
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
        controller.enqueue(new TextEncoder().encode(text.slice(end)));
      },
    });
  };
  window.fetch = async (...request) => {
    const address = String(request[0].url ?? request[0]);
    const answer = await ask(...request);
    if (address.includes('queue/join')) tookIn();
    if (!address.includes('queue/data')) return answer;
    return new Response(answer.body.pipeThrough(endsLate()), {headers: answer.headers});
  };
})();"""
"""Has the news that a connection is over come after the next event was taken in, as a network may deliver them."""
ALL_LATE = """(() => {
  const ask = window.fetch;
  const transform = async (part, controller) => {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    controller.enqueue(part);
  };
  window.fetch = async (...request) => {
    const answer = await ask(...request);
    if (!String(request[0].url ?? request[0]).includes('queue/data')) return answer;
    return new Response(answer.body.pipeThrough(new TransformStream({transform})), {headers: answer.headers});
  };
})();"""
"""Has every answer take a second, as from far away."""
LATE_REST = """() => {
  const ends = window.atelier.formsFilled;
  window.atelier.formsFilled = () => void setTimeout(ends, 1500);
}"""
"""Has what follows the filling come long after the values, as a browser with much to do may."""


def test_an_event_is_answered_though_the_connection_ends_just_then(page: Page, complaints: list[str]) -> None:
    page.add_init_script(WITH_A_LATE_END)
    reload(page, complaints)
    page.wait_for_function("document.querySelector('#model input')?.value")
    page.fill("#prompt textarea", "only words")
    expect(page.locator("#prompt-count")).to_contain_text("/75")
    page.wait_for_timeout(1_000)  # nothing is asked any more
    page.evaluate("window.endings.areHeld = true")
    page.get_by_role("button", name="Apply styles").first.click()
    said = page.locator("#txt2img-tab .notice").first
    expect(said).to_contain_text("Choose some from the list first.")
    page.wait_for_function("window.endings.held")
    page.evaluate("window.endings.areHeld = false")
    page.click("#txt2img-paste")
    expect(said).to_contain_text("holds no parameters")


def test_what_the_server_fills_in_can_be_taken_back_however_late_the_browser_rests(page: Page) -> None:
    page.evaluate(LATE_REST)
    page.fill("#prompt textarea", "a house\nSteps: 31, Sampler: Euler, CFG scale: 6, Size: 64x64")
    page.click("#txt2img-paste")
    wait_for_number(page, "steps", "31")
    page.wait_for_selector("#txt2img-undo")
    page.click("#txt2img-undo")
    wait_for_number(page, "steps", "20")


def test_an_answer_that_comes_late_does_not_undo_what_was_chosen_after_it(
    page: Page, demo_services: Services, complaints: list[str]
) -> None:
    folder = demo_services.paths.lora_folders[0]
    folder.mkdir(parents=True, exist_ok=True)
    write_lora_file(folder / "late.safetensors")
    page.add_init_script(ALL_LATE)
    reload(page, complaints)
    page.wait_for_function("document.querySelector('#model input')?.value")
    open_tab(page, "Models")
    page.wait_for_selector(".model-card[title='atelier-demo']")
    page.wait_for_timeout(2_000)  # nothing is asked any more
    for kind in ("VAEs", "LoRAs"):
        page.locator("#models-kind label", has_text=kind).click()
    page.wait_for_selector(".model-card[title='late']")
    expect(page.locator("#models-kind label", has_text="LoRAs").locator("input")).to_be_checked()


def test_the_badge_is_that_of_the_model_chosen_last_however_late_the_first_is_told(page: Page) -> None:
    held: list[Route] = []
    page.route("**/models/checkpoint/first", lambda route: held.append(route))
    page.route("**/models/checkpoint/second", lambda route: route.fulfill(json={"family": "sdxl", "size": 1}))
    with page.expect_request("**/models/checkpoint/first"):
        page.evaluate("() => { window.first = window.atelier.header.showModel('first'); }")
    page.evaluate("window.atelier.header.showModel('second')")
    badge = page.locator(".model-state").first
    expect(badge).to_have_text("SDXL")
    held[0].fulfill(json={"family": "sd1", "size": 1})
    page.evaluate("window.first")
    expect(badge).to_have_text("SDXL")
