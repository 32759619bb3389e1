"""Batches on the tab img2img: what the handlers make of files and folders, and what a person does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from modules.checkpoints.card import Recommended
from modules.config.paths import resolve_paths
from modules.errors import InvalidRequest
from modules.schema.batch_request import ResolvedBatch
from modules.services.accounts import EVERYBODY
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from modules.ui.batch_handlers import BatchHandlers
from modules.ui.batch_panel import DIRECTORY, UPLOADED
from modules.ui.generation_handlers import GenerationHandlers
from modules.ui.generation_tab import GenerationTab, WhatThereIs, lay_out_generation
from modules.ui.page_state import PageState, lay_out_state
from modules.ui.prompt_panel import WordLists
from modules.ui.source_panel import BATCH
from tests.services.jobs_to_end import drawn_file
from tests.ui.form import laid_out
from tests.ui.journeys import new_pictures, notice, reload, set_number
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Page

INFOTEXT = "a blue boat\nSteps: 3, Sampler: Heun, CFG scale: 4.5, Seed: 77, Size: 64x64"
NAMES = ("one", "two", "three")


def half_mask(path: Path, *, side: int = 64) -> Path:
    """White on the left half, where it is painted anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = np.zeros((side, side), np.uint8)
    shown[:, : side // 2] = 255
    Image.fromarray(shown).save(path)
    return path


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """Services that accept jobs and run none."""
    built = build_services(resolve_paths(data_dir=tmp_path / "data"), EngineOptions())
    yield built
    built.close()


@pytest.fixture
def img2img(services: Services) -> tuple[GenerationTab, PageState]:
    scripts = services.scripts
    words = WordLists([], [])
    there = WhatThereIs(Recommended(), [], words, {"rng": "NV"}, scripts.available("img2img"), scripts.all("img2img"))

    def lay_out() -> tuple[GenerationTab, PageState]:
        model = gr.Dropdown()
        with gr.Tabs() as tabs:
            tab = lay_out_generation("img2img", model, there)
        return tab, lay_out_state(tabs)

    return laid_out(lay_out)


def values_of(tab: GenerationTab, **given: Any) -> dict[Any, Any]:
    """Every value of the tab as it is laid out, with a batch to be made; `given` by the names that are remembered."""
    assert tab.sources is not None
    batch, known = tab.sources.batch, tab.remembered()
    uploads = {batch.files.files: given.pop("files", None), batch.masks.files: given.pop("masks", None)}
    values: dict[Any, Any] = {component: component.value for component in tab.asked()}
    values |= {known["prompt"]: "a red house", known["source_mode"]: BATCH, known["steps"]: 2}
    return {**values, **uploads, **{known[name]: value for name, value in given.items()}}


def queued(services: Services) -> ResolvedBatch:
    """The one batch in the queue."""
    (job,) = services.generate.active_jobs()
    return ResolvedBatch.model_validate_json(job.request)


def test_generate_queues_the_batch_and_says_what_was_left_out(
    services: Services, img2img: tuple[GenerationTab, PageState], tmp_path: Path
) -> None:
    tab, state = img2img
    assert tab.sources is not None
    files = [drawn_file(tmp_path / f"{name}.png", seed=seed) for seed, name in enumerate(NAMES)]
    masks = [half_mask(tmp_path / "masks" / f"{name}.png") for name in ("ONE", "three")]
    values = values_of(tab, files=list(map(str, files)), masks=list(map(str, masks)), mask_blur_x=9)
    changes = GenerationHandlers(services, tab, state).submit(values, EVERYBODY)
    batch = queued(services)
    assert changes[state.submitted] == services.generate.active_jobs()[0].id
    assert changes[tab.notice] == "Picture 'two.png' has no mask of its name."
    assert changes[tab.sources.batch.queued] == "2 of 3 pictures are queued."
    assert [part.name for part in batch.parts] == ["one", "three"]
    assert all(part.request.mask and part.request.mask_blur_x == 9 for part in batch.parts)
    assert batch.folder is None


def submit(services: Services, tab: GenerationTab, values: dict[Any, Any]) -> None:
    batch, _ = BatchHandlers(services, tab).batch(values, EVERYBODY)
    services.generate.submit_batch(batch)


def test_without_masks_their_fields_do_not_count(
    services: Services, img2img: tuple[GenerationTab, PageState], tmp_path: Path
) -> None:
    tab, _ = img2img
    file = drawn_file(tmp_path / "one.png")
    submit(services, tab, values_of(tab, files=[str(file)], mask_blur_x=9, batch_subfolder=" mine "))
    (part,) = queued(services).parts
    assert (part.request.mask, part.request.mask_blur_x) == (None, 4)
    assert queued(services).folder == "mine"


def test_a_folder_of_the_server_and_what_its_pictures_say(
    services: Services, img2img: tuple[GenerationTab, PageState]
) -> None:
    tab, _ = img2img
    folder = services.paths.data / "pictures"
    drawn_file(folder / "boat.png", texts={"parameters": INFOTEXT})
    given = {"batch_origin": DIRECTORY, "batch_folder": f" {folder} ", "batch_take": ["prompt", "seed", "sampler_name"]}
    submit(services, tab, values_of(tab, files=["/not/looked/at.png"], **given))
    (part,) = queued(services).parts
    request = part.request
    assert (request.prompt, request.seed, request.sampler_name) == ("a red house a blue boat", 77, "Heun")
    assert request.steps == 2  # of the form: it was not ticked


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"batch_origin": UPLOADED}, "has no pictures. Choose files"),
        ({"batch_origin": DIRECTORY, "batch_folder": ""}, "has no pictures. Choose files"),
        ({"batch_origin": DIRECTORY, "batch_folder": "/etc"}, "may not be read from here"),
        ({"batch_origin": DIRECTORY, "batch_folder": "\x00"}, "is no folder that can be read"),
        ({"batch_take": ["eta"]}, "cannot be taken from pictures"),
        ({"width": 65}, "Width 65 is not a multiple of 8"),
    ],
)
def test_what_cannot_be_a_batch_is_refused_and_nothing_is_queued(
    services: Services,
    img2img: tuple[GenerationTab, PageState],
    tmp_path: Path,
    given: dict[str, Any],
    sentence: str,
) -> None:
    tab, _ = img2img
    files = None if "batch_origin" in given else [str(drawn_file(tmp_path / "one.png"))]
    with pytest.raises(InvalidRequest, match=sentence):
        submit(services, tab, values_of(tab, files=files, **given))
    assert services.generate.active_jobs() == []


def choose_batch(page: Page) -> None:
    open_tab(page, "img2img")
    page.locator("#img2img-source-mode").get_by_label("Batch", exact=True).check()
    page.wait_for_selector("#img2img-batch")


@pytest.mark.browser
def test_three_files_with_masks_give_three_pictures_of_their_names(
    page: Page, demo_services: Services, tmp_path: Path
) -> None:
    before = demo_services.pictures.count()
    files = [drawn_file(tmp_path / f"{name}.png", seed=seed, width=64) for seed, name in enumerate(NAMES)]
    masks = [half_mask(tmp_path / "masks" / f"{name}.png") for name in NAMES]
    choose_batch(page)
    expect(page.locator("#img2img-files")).to_be_hidden()
    expect(page.locator("#img2img-batch-folder")).to_be_hidden()
    page.set_input_files("#img2img-batch-files input[type=file]", files)
    page.wait_for_function("document.querySelectorAll('#img2img-batch-files tr.file').length === 3")
    page.set_input_files("#img2img-batch-mask-files input[type=file]", masks)
    page.wait_for_function("document.querySelectorAll('#img2img-batch-mask-files tr.file').length === 3")
    page.fill("#img2img-prompt textarea", "a red house at night")
    for name, value in (("steps", 4), ("width", 64), ("height", 64)):
        set_number(page, f"img2img-{name}", value)
    page.fill("#img2img-batch-subfolder textarea, #img2img-batch-subfolder input", "mine")
    page.click("#img2img-generate")
    page.get_by_text("3 pictures are queued.").wait_for()
    made = {Path(one.path).stem: one for one in new_pictures(demo_services, before, 3)}
    assert set(made) == set(NAMES)
    for file in files:
        picture = made[file.stem]
        assert picture.path == f"img2img-images/mine/{file.stem}.png"
        result, given = (
            np.asarray(Image.open(one).convert("RGB")).astype(int)
            for one in (demo_services.pictures.file(picture), file)
        )
        # Outside of the mask and its blur the picture is the one that was given, bit for bit; inside it is another.
        assert np.array_equal(result[:, 48:], given[:, 48:])
        assert np.abs(result[:, :24] - given[:, :24]).mean() > 5
    page.wait_for_selector("#img2img-result-picture img")


@pytest.mark.browser
def test_a_forbidden_folder_is_refused_in_words_and_an_allowed_one_is_remembered(
    page: Page, demo_services: Services, complaints: list[str]
) -> None:
    folder = demo_services.paths.data / "pictures"
    drawn_file(folder / "boat.png", texts={"parameters": INFOTEXT})
    choose_batch(page)
    page.get_by_label("From directory", exact=True).locator("visible=true").check()
    box = "#img2img-batch-folder textarea, #img2img-batch-folder input"
    page.fill(box, "/etc")
    page.click("#img2img-generate")
    sentence = notice(page, "#img2img-actions")
    assert "Folder '/etc' may not be read from here" in sentence and "--allow-folder" in sentence
    assert demo_services.generate.active_jobs() == []
    page.fill(box, str(folder))
    for name in ("Prompt", "Seed", "Steps"):
        page.locator("#img2img-batch-take").get_by_label(name, exact=True).check()
    reload(page, complaints)
    page.wait_for_function("document.querySelector('#model input')?.value")
    open_tab(page, "img2img")
    page.wait_for_selector("#img2img-batch-folder")
    expect(page.locator(box).first).to_have_value(str(folder))
    set_number(page, "img2img-width", 64)
    set_number(page, "img2img-height", 64)
    before = demo_services.pictures.count()
    page.click("#img2img-generate")
    infotext = new_pictures(demo_services, before)[0].infotext
    assert infotext.startswith("a blue boat") and "Seed: 77" in infotext and "Steps: 3," in infotext
