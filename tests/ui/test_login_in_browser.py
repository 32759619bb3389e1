"""The login, the content policy and the queue of the page, as browsers and strangers meet them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from playwright.sync_api import expect

from modules.services.build import Services
from tests.ui.chromium import PATIENCE
from tests.ui.conftest import Complaints
from tests.ui.journeys import new_pictures, wait_until
from tests.ui.serving import serving_page
from tests.ui.tabs import settle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ANN, BOB = ("ann", "annes own words"), ("bob", "bobs own words")
SMALL = {"prompt": "a star", "steps": 1, "width": 64, "height": 64}


@pytest.fixture(scope="module")
def guarded(demo_services: Services) -> Iterator[str]:
    """Address of a server with two users; the first is the owner."""
    users = ",".join(":".join(one) for one in (ANN, BOB))
    with serving_page(demo_services, ["--gradio-auth", users]) as served:
        yield served


@pytest.fixture
def visit(browser: Browser, guarded: str) -> Iterator[Page]:
    """A window of its own before the page to log in on."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{guarded}/?__theme=dark")
    page.wait_for_selector("form")
    yield page
    context.close()


def log_in(page: Page, name: str, password: str) -> None:
    page.fill("[name=name]", name)
    page.fill("[name=password]", password)
    page.click("button")


@pytest.mark.browser
def test_logging_in_and_out(visit: Page) -> None:
    complaints = Complaints()
    visit.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    log_in(visit, "ann", "wrong")
    visit.wait_for_selector("text=This name and password do not belong together.")
    assert len(complaints) == 1 and "401" in complaints.pop()
    log_in(visit, *ANN)
    visit.wait_for_selector("#generate")
    assert "__theme=dark" in visit.url
    visit.wait_for_function("document.querySelector('#model input')?.value")
    assert complaints == []
    visit.click("#log-out")
    visit.wait_for_selector("form [name=password]")
    visit.goto(visit.url.replace("/login", "/"))
    visit.wait_for_selector("form [name=password]")


@pytest.mark.browser
def test_no_script_runs_that_somebody_slipped_in_and_no_tab_needs_one(page: Page, complaints: Complaints) -> None:
    for tab in page.locator("#tabs > div > div > button[role=tab], #tabs button[role=tab]").all():
        if tab.is_visible():
            tab.click()
            settle(page)
    assert complaints == []

    def are_refused() -> bool:
        page.wait_for_timeout(100)
        return len([text for text in complaints if "Content Security Policy" in text]) >= 3

    slip_in = """() => {
        document.title = "quiet";
        const place = document.createElement("div");
        place.innerHTML = '<img src="data:," onerror="document.title = 1"><svg onload="document.title = 2"></svg>';
        document.body.append(place);
        const script = document.createElement("script");
        script.textContent = "document.title = 3";
        document.body.append(script);
        const foreign = new Image();
        foreign.src = "http://203.0.113.1/canary";
    }"""
    page.evaluate(slip_in)
    wait_until(are_refused)
    page.wait_for_timeout(500)
    assert page.title() == "quiet"
    complaints.clear()


def test_a_user_sees_no_job_of_another(guarded: str) -> None:
    with httpx.Client(base_url=f"{guarded}/api/v1", auth=ANN, timeout=60) as ann:
        job = ann.post("/jobs/txt2img", json=SMALL).json()["id"]
        with httpx.Client(base_url=f"{guarded}/api/v1", auth=BOB, timeout=60) as bob:
            assert bob.get(f"/jobs/{job}").status_code == 404
            assert bob.delete(f"/jobs/{job}").status_code == 404
            own = bob.post("/jobs/txt2img", json=SMALL).json()["id"]
            assert bob.get(f"/jobs/{own}").status_code == 200
        assert {ann.get(f"/jobs/{one}").status_code for one in (job, own)} == {200}


def called(
    client: httpx.Client, name: str, given: dict[str, Any], session: str, event: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What a handler of the page answers; `given` are values of components by their element ids.

    `name` is its own, or the element id of what calls it; `event` is what that told.
    """
    config = client.get("/config").json()
    ids = {one["id"]: one["props"].get("elem_id") for one in config["components"]}
    handler = next(
        one
        for one in config["dependencies"]
        if one["api_name"] == name or (one["backend_fn"] and name in [ids.get(target) for target, _ in one["targets"]])
    )
    data = [given.get(ids[number]) for number in handler["inputs"]]
    body = {"data": data, "fn_index": handler["id"], "session_hash": session, "event_data": event}
    client.post("/gradio_api/queue/join", json=body).raise_for_status()
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as lines:
        messages = (json.loads(line[6:]) for line in lines.iter_lines() if line.startswith("data: "))
        answer: dict[str, Any] = next(one for one in messages if one["msg"] == "process_completed")
    assert answer["success"] is True
    return answer


def people(address: str) -> tuple[httpx.Client, httpx.Client]:
    """The owner and another."""
    ann, bob = (httpx.Client(base_url=address, auth=one, timeout=60) for one in (ANN, BOB))
    return ann, bob


def test_what_is_asked_for_on_the_page_belongs_to_who_asks(guarded: str, demo_services: Services) -> None:
    generate = demo_services.generate
    values = {"prompt": "a star", "steps": 1, "width": 64, "height": 64}
    ann, bob = people(guarded)
    with ann, bob:
        made = {}
        for name, client in (("ann", ann), ("bob", bob)):
            called(client, "submit", values, f"asking-{name}")
            (job, *_) = generate.jobs(user=name, limit=1)
            assert generate.wait(job.id, 60).state == "done"
            (made[name],) = demo_services.pictures.of_job(job.id)
        assert {name: picture.user for name, picture in made.items()} == {"ann": "ann", "bob": "bob"}
        for handler, key in (("remix", "vary-subtle"), ("send", "img2img")):
            told = json.dumps(called(bob, handler, {}, f"bob-{handler}", {"id": str(made["ann"].id), "key": key}))
            assert "is no longer there" in told and generate.active_jobs() == []
        told = json.dumps(called(bob, "interrupt", {"running": made["ann"].job_id}, "bob-stopping"))
        assert f"Job '{made['ann'].job_id}' does not exist." in told
        told = json.dumps(called(ann, "interrupt", {"running": made["bob"].job_id}, "ann-stopping"))
        assert "does not exist" not in told
        for asking, whose, status in ((bob, "ann", 404), (bob, "bob", 200), (ann, "bob", 200), (ann, "ann", 200)):
            for file in (demo_services.pictures.file(made[whose]), demo_services.pictures.thumbnail(made[whose])):
                assert asking.get(f"/gradio_api/file={file}").status_code == status, (whose, file)


def test_who_is_no_owner_is_refused_where_the_server_would_change(guarded: str, demo_services: Services) -> None:
    before = demo_services.styles.list_styles()
    ann, bob = people(guarded)
    with ann, bob:
        for handler in ("save_style", "start_listed", "save"):
            told = json.dumps(called(bob, handler, {"style-name": "mine", "prompt": "a star"}, f"refused-{handler}"))
            assert "Only an owner of this server may do that." in told, handler
        assert demo_services.styles.list_styles() == before
        demo_services.settings.change(sd_model_checkpoint="")
        called(bob, "select", {"model": "atelier-demo"}, "bob-choosing")
        assert demo_services.settings.current.sd_model_checkpoint == ""
        called(ann, "select", {"model": "atelier-demo"}, "ann-choosing")
        assert demo_services.settings.current.sd_model_checkpoint == "atelier-demo"


@pytest.mark.browser
def test_two_people_each_with_a_page_of_their_own(
    browser: Browser, guarded: str, demo_services: Services, visit: Page
) -> None:
    with httpx.Client(base_url=f"{guarded}/api/v1", auth=ANN, timeout=60) as ann:
        job = ann.post("/jobs/txt2img", json=SMALL).json()["id"]
    assert demo_services.generate.wait(job, 60).state == "done"
    (foreign,) = demo_services.pictures.of_job(job)
    complaints = Complaints()
    visit.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    log_in(visit, *BOB)
    visit.wait_for_selector("#generate")
    visit.wait_for_function("document.querySelector('#model input')?.value")
    visit.fill("#prompt textarea", "a red house")
    for side in ("width", "height"):
        visit.fill(f"#{side} input[type=number]", "64")
    before = demo_services.pictures.count()
    visit.click("#generate")
    new_pictures(demo_services, before)
    visit.wait_for_selector("#recent [aria-pressed='true']", state="attached")
    chosen = visit.get_attribute("#recent [aria-pressed='true']", "data-id") or ""
    assert demo_services.pictures.get(int(chosen)).user == "bob"
    visit.wait_for_function("document.querySelector('#result-picture img')?.naturalWidth")
    while demo_services.generate.active_jobs():  # the gallery shows what was there when it was opened
        visit.wait_for_timeout(100)
    visit.click("button[role=tab]:has-text('Gallery')")
    visit.wait_for_selector("#gallery-thumbnails img")
    count = demo_services.pictures.count("bob")
    visit.wait_for_selector(f"#gallery-position:has-text('{count} pictures')")
    visit.wait_for_function("[...document.querySelectorAll('#gallery-thumbnails img')].every(one => one.naturalWidth)")
    visit.click("button[role=tab]:has-text('Models')")
    visit.wait_for_selector("#models-grid .model-card")
    expect(visit.locator("#downloads")).to_have_count(0)
    visit.click("#merge-tab-button")
    visit.click("#merge")
    visit.wait_for_selector("text=Only an owner of this server may do that.")
    assert complaints == []
    file = demo_services.pictures.file(foreign)
    assert visit.evaluate("async (path) => (await fetch(path)).status", f"/gradio_api/file={file}") == 404


def test_gradios_routes_are_behind_the_login(guarded: str) -> None:
    paths = (
        "/",
        "/config",
        "/theme.css",
        "/gradio_api/app_id",
        "/gradio_api/heartbeat/x",
        "/gradio_api/queue/data?session_hash=x",
    )
    assert {httpx.get(guarded + path, timeout=60).status_code for path in paths} == {401}
    assert httpx.post(f"{guarded}/gradio_api/upload", files={"files": b"x"}, timeout=60).status_code == 401
    assert httpx.get(f"{guarded}/config", auth=BOB, timeout=60).status_code == 200
    assert httpx.get(f"{guarded}/gradio_api/info", auth=ANN, timeout=60).status_code == 404


@pytest.mark.browser
def test_a_page_that_lost_the_server_is_there_again_when_the_server_is(page: Page, complaints: Complaints) -> None:
    page.fill("#prompt textarea", "a red house")
    page.evaluate("window.isLost = true")
    page.context.set_offline(True)
    page.click("#generate")
    page.get_by_text("Connection to the server was lost").first.wait_for()
    page.context.set_offline(False)
    page.wait_for_function("!window.isLost && document.querySelector('#model input')?.value")
    page.fill("#prompt textarea", "")
    page.click("#generate")
    page.wait_for_function("document.querySelector('#result-picture img')?.naturalWidth")
    assert complaints
    complaints.clear()
