"""The Extras tab: what its handlers make of pictures and fields, and what a person does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import pytest
from PIL import Image

from modules.config.extras_words import EXTRAS_WORDS
from modules.config.paths import resolve_paths
from modules.errors import InvalidRequest, ModelNotFound, NotFound
from modules.imaging.reading import read_texts
from modules.schema.extras_request import ExtrasRequest, ResolvedExtras
from modules.services.accounts import EVERYBODY
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from modules.ui.extras_handlers import ExtrasHandlers
from modules.ui.extras_tab import DIRECTORY, SEVERAL, SINGLE, ExtrasTab, lay_out_extras
from modules.ui.page_state import PageState, lay_out_state
from tests.services.jobs_to_end import drawn_file
from tests.ui.form import laid_out
from tests.ui.journeys import choose, generate, new_pictures, notice, open_accordion, reload
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Page

INFOTEXT = "a blue boat\nSteps: 3, Sampler: Heun, CFG scale: 4.5, Seed: 77, Size: 64x48"
FILE = "#extras-file input[type=file]"
IDLE = "[...document.querySelectorAll('.status')].every(one => one.dataset.busy === 'no')"


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """Services that accept jobs and run none."""
    built = build_services(resolve_paths(data_dir=tmp_path / "data"), EngineOptions())
    yield built
    built.close()


@pytest.fixture
def extras(services: Services) -> tuple[ExtrasTab, PageState]:
    def lay_out() -> tuple[ExtrasTab, PageState]:
        with gr.Tabs() as tabs:
            tab = lay_out_extras([one.name for one in services.upscalers.all()], services.postprocessing.all())
        return tab, lay_out_state(tabs)

    return laid_out(lay_out)


@pytest.fixture
def boat(tmp_path: Path) -> Path:
    """64 x 48, with parameters and a note."""
    return drawn_file(tmp_path / "boat.png", height=48, texts={"parameters": INFOTEXT, "note": "keep me"})


def values_of(tab: ExtrasTab, **given: Any) -> dict[Any, Any]:
    """Every value of the tab as it is laid out; `given` by the names that are remembered."""
    known = tab.remembered()
    values: dict[Any, Any] = {component: component.value for component in known.values()}
    values |= {tab.files.files: given.pop("files", None), tab.file: given.pop("file", None)}
    return {**values, **{known[name]: value for name, value in given.items()}}


def queued(services: Services) -> ResolvedExtras:
    """The one request in the queue."""
    (job,) = services.generate.active_jobs()
    return ResolvedExtras.model_validate_json(job.request)


def test_every_field_has_a_control_and_none_is_there_twice(extras: tuple[ExtrasTab, PageState]) -> None:
    tab, _ = extras
    assert ExtrasRequest.model_fields.keys() == EXTRAS_WORDS.keys()
    assert tab.form.keys() == EXTRAS_WORDS.keys() - {"images", "postprocessing"}
    ids = [component.elem_id for component in tab.asked()]
    assert len(set(ids)) == len(ids)
    closed = [name for names in tab.accordions.values() for name in names]
    assert len(set(closed)) == len(closed)


def test_as_it_is_laid_out_the_shipped_upscaler_doubles(
    services: Services, extras: tuple[ExtrasTab, PageState], boat: Path
) -> None:
    tab, state = extras
    handlers = ExtrasHandlers(services, tab, state)
    shown = handlers.take_in(values_of(tab, file=str(boat)))
    assert shown[tab.told] == "64 x 48 pixels" and shown[tab.file] is None
    changes = handlers.submit(values_of(tab, source=shown[tab.source]), EVERYBODY)
    request = queued(services)
    assert changes[state.submitted] == services.generate.active_jobs()[0].id
    assert request.images == (shown[tab.source],)
    others = {"upscaler_1": "atelier-x2", "upscaling_resize": 2.0, "images": request.images}
    assert request == ResolvedExtras.of(others)
    texts = read_texts(services.inputs.file(request.images[0]))
    assert texts == {"parameters": INFOTEXT, "note": "keep me"}


def test_without_the_shipped_upscaler_lanczos_doubles(services: Services) -> None:
    def lay_out() -> ExtrasTab:
        with gr.Tabs():
            return lay_out_extras(["None", "Lanczos", "Nearest"])

    tab = laid_out(lay_out)
    assert (tab.form["upscaler_1"].value, tab.form["upscaler_2"].value) == ("Lanczos", "None")


def test_fields_that_are_switched_off_do_not_count(
    services: Services, extras: tuple[ExtrasTab, PageState], boat: Path
) -> None:
    """Else a forgotten number could refuse what it has no part in."""
    tab, state = extras
    source = services.inputs.add_file(boat)
    forgotten: dict[str, Any] = {"min_side": 800, "max_side": 100, "upscaling_resize_w": -5, "split_threshold": 7}
    handlers = ExtrasHandlers(services, tab, state)
    handlers.submit(values_of(tab, source=source, **forgotten), EVERYBODY)
    assert queued(services).max_side == 768
    with pytest.raises(InvalidRequest, match="leave no room"):
        handlers.submit(values_of(tab, source=source, auto_sized_crop=True, **forgotten), EVERYBODY)
    with pytest.raises(InvalidRequest, match="Upscale to width -5 is too small"):
        handlers.submit(values_of(tab, source=source, resize_mode="Scale to", **forgotten), EVERYBODY)
    with pytest.raises(InvalidRequest, match="Split image threshold 7 is too large"):
        handlers.submit(values_of(tab, source=source, split_oversized=True, **forgotten), EVERYBODY)


def test_a_size_crops_and_copies_are_asked_for(
    services: Services, extras: tuple[ExtrasTab, PageState], boat: Path
) -> None:
    tab, state = extras
    given: dict[str, Any] = {
        "resize_mode": "Scale to",
        "upscaling_resize_w": 200,
        "upscaling_crop": False,
        "upscaler_2": "Nearest",
        "extras_upscaler_2_visibility": 0.25,
        "focal_crop": True,
        "crop_width": 96,
        "flipped_copies": ["horizontal", "both"],
        "accept_noncommercial": True,
    }
    ExtrasHandlers(services, tab, state).submit(
        values_of(tab, source=services.inputs.add_file(boat), **given), EVERYBODY
    )
    request = queued(services).model_dump()
    assert {name: request[name] for name in given} == given | {"flipped_copies": ("horizontal", "both")}


def test_steps_of_extensions_are_asked_for_while_they_are_on(
    services: Services, extras: tuple[ExtrasTab, PageState], boat: Path
) -> None:
    tab, state = extras
    assert list(tab.sections.parts) == ["Border and watermark"]
    picture = services.inputs.add_file(boat)
    place = "section:Border and watermark"
    kept = {"source": picture, place: True, f"{place}/border": 5, f"{place}/picture": picture}
    handlers = ExtrasHandlers(services, tab, state)
    changes = handlers.welcome(kept)
    box = tab.sections.parts["Border and watermark"].pictures["picture"]
    assert changes[tab.remembered()[f"{place}/border"]] == 5
    assert (changes[box.source], changes[box.remove].visible) == (picture, True)
    handlers.submit(values_of(tab, **kept), EVERYBODY)
    given = queued(services).postprocessing["Border and watermark"]
    assert (given["border"], given["picture"], given["opacity"]) == (5, picture, 70)
    services.generate.cancel_all(None)
    handlers.submit(values_of(tab, **{**kept, place: False}), EVERYBODY)
    assert queued(services).postprocessing == {}


def test_files_keep_their_names_and_the_broken_ones_are_told(
    services: Services, extras: tuple[ExtrasTab, PageState], tmp_path: Path, boat: Path
) -> None:
    tab, state = extras
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    values = values_of(tab, mode=SEVERAL, files=[str(boat), str(broken)], subfolder="mine")
    changes = ExtrasHandlers(services, tab, state).submit(values, EVERYBODY)
    request = queued(services)
    assert (request.names, request.folder, len(request.images)) == (("boat",), "mine", 1)
    assert "'broken.png'" in changes[tab.notice]
    assert changes[tab.queued] == "1 of 2 pictures are queued."


def test_a_folder_is_read_only_where_it_is_allowed(
    services: Services, extras: tuple[ExtrasTab, PageState], boat: Path
) -> None:
    tab, state = extras
    handlers = ExtrasHandlers(services, tab, state)
    with pytest.raises(InvalidRequest, match="may not be read from here"):
        handlers.submit(values_of(tab, mode=DIRECTORY, folder=str(boat.parent)), EVERYBODY)
    folder = services.paths.data / "pictures"
    for name in ("b", "a"):
        drawn_file(folder / f"{name}.png")
    handlers.submit(values_of(tab, mode=DIRECTORY, folder=str(folder)), EVERYBODY)
    assert queued(services).names == ("a", "b")


def test_what_is_refused_queues_and_stores_nothing(
    services: Services, extras: tuple[ExtrasTab, PageState], boat: Path
) -> None:
    tab, state = extras
    submit = ExtrasHandlers(services, tab, state).submit
    with pytest.raises(InvalidRequest, match="is missing. Choose the picture"):
        submit(values_of(tab), EVERYBODY)
    with pytest.raises(NotFound):
        submit(values_of(tab, source="0" * 32), EVERYBODY)
    with pytest.raises(InvalidRequest):
        submit(values_of(tab, source="../../settings"), EVERYBODY)
    with pytest.raises(InvalidRequest, match="Upscale by 9.0 is too large|Upscale by 9 is too large"):
        submit(values_of(tab, mode=SEVERAL, files=[str(boat)], upscaling_resize=9), EVERYBODY)
    assert not services.paths.input_pictures.exists()
    with pytest.raises(ModelNotFound, match="'unheard' is not here"):
        submit(values_of(tab, source=services.inputs.add_file(boat), upscaler_1="unheard"), EVERYBODY)
    assert services.generate.active_jobs() == []


def test_an_opened_page_lists_the_upscalers_of_now_and_believes_no_nonsense(
    services: Services, extras: tuple[ExtrasTab, PageState], boat: Path
) -> None:
    tab, state = extras
    new = services.paths.models / "ESRGAN" / "brand-new.safetensors"
    new.parent.mkdir(parents=True)
    new.write_bytes(b"")
    source = services.inputs.add_file(boat)
    welcome = ExtrasHandlers(services, tab, state).welcome
    changes = welcome({"upscaler_1": "brand-new", "upscaler_2": "gone", "source": source, "crop_width": 96})
    first, second = changes[tab.form["upscaler_1"]], changes[tab.form["upscaler_2"]]
    assert "brand-new" in [value for _, value in first.choices]
    assert (first.value, second.value) == ("brand-new", "None")
    assert changes[tab.source] == source and changes[tab.form["crop_width"]] == 96
    odd: dict[str, Any] = {"source": "/etc/passwd", "flipped_copies": "both", "crop_width": {}, "images": ["x"], "a": 1}
    changes = welcome(odd)
    assert changes[tab.source] == "" and changes[tab.picture].visible is False
    assert tab.form["flipped_copies"] not in changes and tab.form["crop_width"] not in changes
    changes = welcome(None)
    assert changes[tab.form["upscaler_1"]].value == "atelier-x2" and tab.source not in changes


def test_a_picture_that_is_sent_goes_there_with_its_words(
    services: Services, extras: tuple[ExtrasTab, PageState], boat: Path
) -> None:
    tab, state = extras
    changes = ExtrasHandlers(services, tab, state).begin_with(boat)
    assert changes[tab.mode] == SINGLE and changes[state.tabs].selected == "extras"
    assert read_texts(services.inputs.file(changes[tab.source]))["note"] == "keep me"


@pytest.mark.browser
def test_a_dropped_picture_is_doubled_and_keeps_its_parameters(
    page: Page, demo_services: Services, boat: Path, complaints: list[str]
) -> None:
    before = demo_services.pictures.count()
    open_tab(page, "Extras")
    page.wait_for_selector(FILE, state="attached")
    page.set_input_files(FILE, boat)
    page.get_by_text("64 x 48 pixels").wait_for()
    reload(page, complaints)
    page.wait_for_function("document.querySelector('#model input')?.value")
    open_tab(page, "Extras")
    page.wait_for_selector("#extras-source-picture img")
    page.click("#extras-generate")
    picture = new_pictures(demo_services, before)[0]
    assert (picture.width, picture.height) == (128, 96)
    assert picture.path.startswith("extras-images/")
    file = demo_services.pictures.file(picture)
    texts = read_texts(file)
    assert texts["parameters"] == INFOTEXT and texts["note"] == "keep me"
    assert "atelier-x2" in texts["postprocessing"]
    page.wait_for_function(
        "text => document.querySelector('#extras-result-parameters textarea')?.value === text", arg=INFOTEXT
    )
    page.wait_for_function(IDLE)
    shown = page.evaluate(
        "(async () => { const one = document.querySelector('#extras-result-picture img');"
        " await one.decode(); return [one.naturalWidth, one.naturalHeight]; })()"
    )
    assert shown == [128, 96]

    page.click("#extras-remove")
    page.wait_for_selector("#extras-source-picture", state="detached")
    page.click("#extras-generate")
    assert "Input picture '' is missing" in notice(page, "#extras-actions")


@pytest.mark.browser
def test_a_result_is_sent_to_extras_and_cut_up_and_mirrored(page: Page, demo_services: Services) -> None:
    infotext = generate(page, demo_services)
    source = demo_services.pictures.page(0, 1)[0]
    page.click("#result-to-extras")
    page.wait_for_selector("#extras-source-picture img")
    page.get_by_text(f"{source.width} x {source.height} pixels").wait_for()
    choose(page, "extras-upscaler-1", "Lanczos")
    open_accordion(page, "extras-flips-fields")
    page.locator("#extras-flipped-copies").get_by_label("horizontal", exact=True).check()
    page.wait_for_selector("#extras-flips-fields > button > span[data-changed='1 changed']")
    before = demo_services.pictures.count()
    page.click("#extras-generate")
    mirrored, plain = new_pictures(demo_services, before, 2)
    pictures = [Image.open(demo_services.pictures.file(one)).convert("RGB") for one in (plain, mirrored)]
    assert pictures[0].size == (2 * source.width, 2 * source.height)
    assert pictures[0].transpose(Image.Transpose.FLIP_LEFT_RIGHT).tobytes() == pictures[1].tobytes()
    assert plain.infotext == mirrored.infotext == infotext

    open_tab(page, "PNG Info")
    page.set_input_files("#dropped-file input[type=file]", demo_services.pictures.file(plain))
    page.click("#info-to-extras")
    page.get_by_text(f"{plain.width} x {plain.height} pixels").wait_for()


@pytest.mark.browser
def test_files_and_an_allowed_folder_keep_their_names_and_a_forbidden_one_is_refused(
    page: Page, demo_services: Services, tmp_path: Path
) -> None:
    files = [drawn_file(tmp_path / f"{name}.png", seed=seed) for seed, name in enumerate(("one", "two"))]
    folder = demo_services.paths.data / "pictures"
    drawn_file(folder / "three.png", seed=3)
    open_tab(page, "Extras")
    page.locator("#extras-source-mode").get_by_label("From directory", exact=True).check()
    box = "#extras-folder textarea, #extras-folder input"
    page.fill(box, "/etc")
    page.click("#extras-generate")
    sentence = notice(page, "#extras-actions")
    assert "Folder '/etc' may not be read from here" in sentence and "--allow-folder" in sentence
    assert demo_services.generate.active_jobs() == []
    page.wait_for_function("!document.querySelector('#extras-queued p')?.textContent")

    before = demo_services.pictures.count()
    page.fill(box, str(folder))
    page.fill("#extras-subfolder textarea, #extras-subfolder input", "larger")
    page.click("#extras-generate")
    page.get_by_text("1 picture is queued.").wait_for()
    page.locator("#extras-source-mode").get_by_label("Batch", exact=True).check()
    page.set_input_files("#extras-files input[type=file]", files)
    page.wait_for_function("document.querySelectorAll('#extras-files tr.file').length === 2")
    page.click("#extras-generate")
    made = new_pictures(demo_services, before, 3)
    assert {one.path for one in made} == {f"extras-images/larger/{name}.png" for name in ("one", "two", "three")}
    assert {(one.width, one.height) for one in made} == {(128, 128)}
