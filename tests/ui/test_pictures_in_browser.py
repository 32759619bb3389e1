"""What a person does with pictures that are there already, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import expect

from modules.schema.pictures import Picture
from modules.schema.requests import Img2ImgRequest, Txt2ImgRequest
from modules.services.build import Services
from tests.ui.journeys import (
    ALL_IDLE,
    CANVAS,
    FILES,
    begin_with,
    choose,
    generate,
    made_by,
    new_pictures,
    notice,
    open_accordion,
    reload,
    request_behind,
    set_number,
    set_size,
    stroke,
    wait_until,
)
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def pixels(services: Services, picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(services.pictures.file(picture)).convert("RGB"))


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """128 x 128, a gradient with noise: no two neighbouring pixels are alike."""
    path = tmp_path / "photograph.png"
    noise = np.random.default_rng(5).integers(0, 60, (128, 128, 3))
    ramp = np.linspace(0, 180, 128)[None, :, None]
    Image.fromarray((noise + ramp).astype(np.uint8)).save(path)
    return path


def test_a_second_pass_is_switched_on_and_told(page: Page, demo_services: Services) -> None:
    page.fill("#prompt textarea", "a red house at night")
    set_number(page, "steps", 4)
    set_number(page, "width", 64)
    set_number(page, "height", 64)
    open_accordion(page, "hires-fields")
    page.check("#enable-hr input")
    page.get_by_text("from 64 x 64 to 128 x 128").wait_for()
    set_number(page, "hr-scale", 1.5)
    page.get_by_text("from 64 x 64 to 96 x 96").wait_for()
    choose(page, "hr-upscaler", "Lanczos")
    open_accordion(page, "hires-fields")
    page.wait_for_selector("#hires-fields > button > span[data-changed='from 64 x 64 to 96 x 96']")
    (picture,) = made_by(page, demo_services, "#generate")
    request = request_behind(picture)
    assert isinstance(request, Txt2ImgRequest) and request.enable_hr
    assert (request.hr_upscaler, request.hr_scale, picture.width, picture.height) == ("Lanczos", 1.5, 96, 96)


def test_a_picture_is_sent_at_its_own_resolution_and_painted_from(
    page: Page, demo_services: Services, complaints: list[str]
) -> None:
    generate(page, demo_services)
    source = demo_services.pictures.page(0, 1)[0]
    page.click("#result-to-img2img")
    page.wait_for_selector(f"{CANVAS}[data-filled=yes]")
    page.wait_for_function("document.querySelector('#img2img-prompt textarea')?.value === 'a red house at night'")
    expect(page.locator("#img2img-width input[type=number]")).to_have_value("256")
    set_number(page, "img2img-steps", 4)
    set_number(page, "img2img-denoising-strength", 0.5)
    reload(page, complaints)
    page.wait_for_function("document.querySelector('#model input')?.value")
    open_tab(page, "img2img")
    page.wait_for_selector(f"{CANVAS}[data-filled=yes]")
    page.wait_for_function("document.querySelector('#img2img-denoising-strength input')?.value === '0.5'")
    (picture,) = made_by(page, demo_services, "#img2img-generate")
    request = request_behind(picture)
    assert isinstance(request, Img2ImgRequest) and request.denoising_strength == 0.5 and request.mask is None
    sent = Image.open(demo_services.inputs.file(request.init_images[0])).convert("RGB")
    assert np.array_equal(np.asarray(sent), pixels(demo_services, source))
    assert picture.path.startswith("img2img-images/")

    page.wait_for_function(
        "seed => document.querySelector('#img2img-result-parameters textarea')?.value.includes(seed)",
        arg=f"Seed: {picture.seed}",
    )
    page.click(f"{CANVAS} [data-tool=remove]")
    page.wait_for_selector(f"{CANVAS}[data-filled=no]", state="attached")
    page.click("#img2img-result-send")
    page.wait_for_selector(f"{CANVAS}[data-filled=yes]")
    (again,) = made_by(page, demo_services, "#img2img-generate")
    assert again.infotext == picture.infotext
    assert np.array_equal(pixels(demo_services, again), pixels(demo_services, picture))


def test_what_is_not_painted_over_stays_bit_for_bit(page: Page, demo_services: Services, photograph: Path) -> None:
    begin_with(page, photograph, "Inpaint")
    page.fill("#img2img-prompt textarea", "a red star")
    page.click("#img2img-generate")
    assert "Paint over what should change." in notice(page, "#img2img-actions")
    assert demo_services.generate.active_jobs() == []
    stroke(page, 0.3, 0.7, 0.5)
    set_size(page, "img2img-", 128)
    open_accordion(page, "img2img-mask-fields")
    set_number(page, "img2img-mask-blur-x", 0)
    set_number(page, "img2img-mask-blur-y", 0)
    (picture,) = made_by(page, demo_services, "#img2img-generate")
    request = request_behind(picture)
    assert isinstance(request, Img2ImgRequest) and request.mask is not None
    mask = np.asarray(Image.open(demo_services.inputs.file(request.mask)).convert("L"))
    assert mask.shape == (128, 128) and mask[64, 64] == 255 and mask[10, 64] == 0 and mask[64, 5] == 0
    before, after = np.asarray(Image.open(photograph)), pixels(demo_services, picture)
    outside = mask <= 128
    assert 0.02 < 1 - outside.mean() < 0.2
    assert np.array_equal(after[outside], before[outside])
    assert (after[~outside] != before[~outside]).mean() > 0.9

    page.get_by_label("img2img", exact=True).check()
    page.wait_for_selector(f"{CANVAS}[data-mode=img2img]")
    (plain,) = made_by(page, demo_services, "#img2img-generate")
    request = request_behind(plain)
    assert isinstance(request, Img2ImgRequest) and request.mask is None and request.mask_blur_x == 4


def test_strokes_can_be_undone_erased_and_outlive_a_reload(
    page: Page, demo_services: Services, photograph: Path, complaints: list[str]
) -> None:
    begin_with(page, photograph, "Inpaint")
    stroke(page, 0.2, 0.4, 0.3)
    stroke(page, 0.2, 0.8, 0.7)
    page.click(f"{CANVAS} [data-tool=undo]")
    reload(page, complaints)
    page.wait_for_function("document.querySelector('#model input')?.value")
    open_tab(page, "img2img")
    page.wait_for_selector(f"{CANVAS}[data-paints=yes][data-kept=yes]")
    (picture,) = made_by(page, demo_services, "#img2img-generate")
    request = request_behind(picture)
    assert isinstance(request, Img2ImgRequest) and request.mask is not None
    mask = np.asarray(Image.open(demo_services.inputs.file(request.mask)).convert("L"))
    assert mask[38, 38] == 255 and mask[90, 64] == 0
    page.click(f"{CANVAS} [data-tool=eraser]")
    stroke(page, 0.1, 0.6, 0.3)
    page.click("#img2img-generate")
    assert "Paint over what should change." in notice(page, "#img2img-actions")


def test_coloured_strokes_are_painted_in_and_decide_the_mask(
    page: Page, demo_services: Services, photograph: Path
) -> None:
    begin_with(page, photograph, "Inpaint sketch")
    stroke(page, 0.3, 0.7, 0.5)
    (picture,) = made_by(page, demo_services, "#img2img-generate")
    request = request_behind(picture)
    assert isinstance(request, Img2ImgRequest) and request.mask is not None
    painted = np.asarray(Image.open(demo_services.inputs.file(request.init_images[0])).convert("RGB"))
    mask = np.asarray(Image.open(demo_services.inputs.file(request.mask)).convert("L"))
    original = np.asarray(Image.open(photograph))
    assert tuple(painted[64, 64]) == (0xD8, 0x3A, 0x3A)
    assert np.array_equal(mask > 0, (painted != original).any(axis=2))
    assert 0.02 < (mask > 0).mean() < 0.2
    page.get_by_label("Sketch", exact=True).check()
    page.wait_for_selector(f"{CANVAS}[data-mode=Sketch]")
    (sketched,) = made_by(page, demo_services, "#img2img-generate")
    request = request_behind(sketched)
    assert isinstance(request, Img2ImgRequest) and request.mask is None
    assert np.array_equal(
        np.asarray(Image.open(demo_services.inputs.file(request.init_images[0])).convert("RGB")), painted
    )


def test_a_mask_file_counts_for_several_pictures(
    page: Page, demo_services: Services, photograph: Path, tmp_path: Path
) -> None:
    second, mask = tmp_path / "second.png", tmp_path / "mask.png"
    Image.new("RGB", (128, 128), "green").save(second)
    Image.fromarray(np.kron([[0, 255], [0, 0]], np.ones((64, 64))).astype(np.uint8)).save(mask)
    begin_with(page, [photograph, second], "Inpaint upload")
    set_size(page, "img2img-", 128)
    page.get_by_text("the first of 2 pictures").wait_for()
    page.click("#img2img-generate")
    assert "Mask" in notice(page, "#img2img-actions")
    page.set_input_files("#img2img-mask-file input[type=file]", mask)
    page.wait_for_selector(f"{CANVAS}[data-mask=yes]")
    newest, older = made_by(page, demo_services, "#img2img-generate", 2)
    green, noise = pixels(demo_services, newest), pixels(demo_services, older)
    assert np.array_equal(noise[80:], np.asarray(Image.open(photograph))[80:])
    assert (green[80:] == (0, 128, 0)).all() and (green[20:40, 80:] != (0, 128, 0)).any()


def test_a_photograph_is_read_upright_and_gives_its_size(page: Page, demo_services: Services, tmp_path: Path) -> None:
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (300, 100), "blue").save(turned, exif=exif)
    begin_with(page, turned)
    page.get_by_text("100 x 300", exact=True).wait_for()
    page.click("#img2img-take-size")
    page.wait_for_function("document.querySelector('#img2img-height input[type=number]')?.value === '296'")
    expect(page.locator("#img2img-width input[type=number]")).to_have_value("96")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    page.set_input_files(FILES, broken)
    assert "cannot be read" in notice(page, "#img2img-actions")
    page.wait_for_selector(f"{CANVAS}[data-filled=yes]")


def test_one_click_varies_extends_and_enlarges(page: Page, demo_services: Services) -> None:
    set_size(page, "", 128)
    generate(page, demo_services, steps=3)
    first = request_behind(demo_services.pictures.page(0, 1)[0])
    (varied,) = made_by(page, demo_services, "#result-vary-subtle")
    request = request_behind(varied)
    assert (request.seed, request.prompt) == (first.seed, first.prompt) and request.subseed_strength == 0.15
    (wider,) = made_by(page, demo_services, "#result-zoom-out-2")
    request = request_behind(wider)
    assert isinstance(request, Img2ImgRequest) and request.outpaint_left == 64 and request.init_images
    assert (wider.width, wider.height) == (128, 128)
    open_tab(page, "Gallery")
    page.click(".gallery-cell[data-place='1'] .gallery-thumb")
    page.wait_for_selector("#lightbox .told-prompt")
    before = demo_services.pictures.count()
    page.click("#lightbox-pan-right")
    page.get_by_text("right → is queued.").wait_for()  # it goes away by itself
    (panned,) = new_pictures(demo_services, before)
    assert (panned.width, panned.height) == (192, 128)
    wait_until(lambda: not demo_services.generate.active_jobs())
    page.wait_for_function(ALL_IDLE)
    (larger,) = made_by(page, demo_services, "#lightbox-upscale")
    assert (larger.width, larger.height) == (256, 256)
    page.keyboard.press("Escape")
    request = request_behind(larger)
    assert isinstance(request, Txt2ImgRequest) and request.firstpass_image
    open_tab(page, "txt2img")
    page.wait_for_function("document.querySelector('#result-parameters textarea')?.value.includes('First pass')")
    page.click("#result-send")
    line = "from the first pass image, 128 x 128 to 256 x 256"
    page.wait_for_selector(f"#hires-fields > button > span[data-changed='{line}']")
    open_accordion(page, "hires-fields")
    page.wait_for_selector("#firstpass-picture img")
    page.click("#firstpass-remove")
    page.wait_for_selector("#hires-fields > button > span[data-changed='from 128 x 128 to 256 x 256']")
    page.wait_for_selector("#firstpass-picture img", state="detached")


def test_a_plot_is_asked_for_from_the_page(page: Page, demo_services: Services) -> None:
    page.fill("#prompt textarea", "a red house at night")
    set_number(page, "width", 64)
    set_number(page, "height", 64)
    open_accordion(page, "script-fields")
    choose(page, "script-name", "X/Y/Z plot")
    choose(page, "script-x-y-z-plot-x-type", "Steps")
    page.fill("#script-x-y-z-plot-x-values :is(textarea, input)", "1, 2")
    choose(page, "script-x-y-z-plot-y-type", "Emphasis")
    page.click("#script-x-y-z-plot-y-values-all")
    values = "#script-x-y-z-plot-y-values :is(textarea, input)"
    page.wait_for_function("at => document.querySelector(at)?.value.startsWith('Original, No norm')", arg=values)
    page.fill(values, "Original, None")
    newest = made_by(page, demo_services, "#generate", 5)
    grid = newest[0]
    assert grid.path.startswith("grids/") and (grid.width, grid.height) > (128, 128)
    assert {request_behind(picture).steps for picture in newest[1:]} == {1, 2}
    page.wait_for_function("document.querySelector('#result-parameters textarea')?.value.includes('X/Y/Z plot')")
    page.wait_for_selector("#result-picture img")
    choose(page, "script-name", "None")
    page.click("#result-send")
    page.wait_for_function("document.querySelector('#script-name input')?.value === 'X/Y/Z plot'")
    page.wait_for_function("at => document.querySelector(at)?.value === 'Original, None'", arg=values)
    expect(page.locator("#script-x-y-z-plot-x-type input")).to_have_value("Steps")
    (varied,) = made_by(page, demo_services, "#result-vary-subtle")
    assert not varied.path.startswith("grids/")


def test_lines_of_a_file_are_put_in_and_painted(page: Page, demo_services: Services, tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("a red house\na blue boat — ü\n", encoding="utf-8-sig")
    for name, value in (("width", 64), ("height", 64), ("steps", 2)):
        set_number(page, name, value)
    open_accordion(page, "script-fields")
    choose(page, "script-name", "Prompts from file or textbox")
    box = "#script-prompts-from-file-or-textbox-prompt-txt"
    with page.expect_file_chooser() as chooser:
        page.click(f"{box}-file")
    chooser.value.set_files(lines)
    page.wait_for_function("at => document.querySelector(at)?.value.includes('boat')", arg=f"{box} textarea")
    expect(page.locator(f"{box} textarea").first).to_have_value("a red house\na blue boat — ü\n")
    made = made_by(page, demo_services, "#generate", 2)
    assert [request_behind(picture).prompt for picture in made] == ["a blue boat — ü", "a red house"]


@pytest.mark.parametrize("is_stored", [True, False])
def test_an_infotext_of_img2img_goes_to_its_tab_and_says_what_is_missing(
    page: Page, demo_services: Services, tmp_path: Path, photograph: Path, is_stored: bool
) -> None:
    picture_id = demo_services.inputs.add_file(photograph) if is_stored else "f" * 32
    infotext = PngInfo()
    infotext.add_text(
        "parameters",
        "a star\nSteps: 3, Sampler: Euler, Seed: 5, Size: 64x128, Denoising strength: 0.4, "
        f"Init image hash: {picture_id}, Infotext version: 2, Version: Atelier 0.1.0",
    )
    path = tmp_path / "made.png"
    Image.new("RGB", (16, 16)).save(path, pnginfo=infotext)
    open_tab(page, "PNG Info")
    page.set_input_files("#dropped-file input[type=file]", path)
    page.get_by_role("button", name="Send to img2img", exact=True).click()
    page.wait_for_function("document.querySelector('#img2img-prompt textarea')?.value === 'a star'")
    page.wait_for_function("document.querySelector('#img2img-denoising-strength input[type=number]')?.value === '0.4'")
    filled = "yes" if is_stored else "no"
    page.wait_for_selector(f"{CANVAS}[data-filled={filled}]", state="attached")
    if not is_stored:
        sentence = notice(page, "#img2img-actions")
        assert picture_id in sentence and "not stored here" in sentence
        return
    expect(page.locator("#img2img-actions .notice")).to_be_hidden()
    before = demo_services.pictures.count()
    page.press("#img2img-prompt textarea", "Control+Enter")
    picture = new_pictures(demo_services, before)[0]
    request = request_behind(picture)
    assert isinstance(request, Img2ImgRequest) and request.init_images == (picture_id,)
    assert (picture.width, picture.height, request.denoising_strength) == (64, 128, 0.4)
    page.wait_for_function(ALL_IDLE)
