"""What canvases and files become in a request; hostile values are refused in words."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from modules.checkpoints.card import Recommended
from modules.config.paths import resolve_paths
from modules.errors import InvalidRequest, NotFound, UnreadablePicture
from modules.schema.requests import REQUESTS, Img2ImgRequest, Task
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from modules.ui.asking import request_of_words, requested
from modules.ui.first_pass_handlers import FirstPassHandlers
from modules.ui.generation_handlers import GenerationHandlers, sides_like
from modules.ui.generation_tab import GenerationTab, WhatThereIs, lay_out_generation
from modules.ui.page_state import lay_out_state
from modules.ui.prompt_handlers import PromptHandlers
from modules.ui.prompt_panel import WordLists
from modules.ui.request_controls import SWITCHED
from modules.ui.source_handlers import SourceHandlers
from modules.ui.source_panel import (
    BATCH,
    INPAINT,
    INPAINT_SKETCH,
    INPAINT_UPLOAD,
    OWN_SIZE,
    PLAIN,
    RESIZE_BY,
    RESIZE_TO,
    SKETCH,
    canvas_value,
)
from tests.ui.form import laid_out

SIZE = (24, 16)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    built = build_services(resolve_paths(data_dir=tmp_path_factory.mktemp("data")), EngineOptions())
    yield built
    built.close()


@pytest.fixture(scope="module")
def tab(services: Services) -> GenerationTab:
    return tab_of("img2img", services)


def tab_of(task: Task, services: Services) -> GenerationTab:
    scripts = services.scripts
    there = WhatThereIs(Recommended(), [], WordLists([], []), {"rng": "NV"}, scripts.available(task), scripts.all(task))

    def lay_out() -> GenerationTab:
        model = gr.Dropdown()
        with gr.Tabs():
            return lay_out_generation(task, model, there)

    return laid_out(lay_out)


def test_the_lists_offer_what_there_is(services: Services) -> None:
    here = services.scripts.available("txt2img")
    samplers, schedules = (*here.samplers, "Own way"), (*here.schedules, "Own line")
    available = replace(here, samplers=samplers, schedules=schedules)
    there = WhatThereIs(Recommended(), [], WordLists([], []), {"rng": "NV"}, available, [])

    def lay_out() -> GenerationTab:
        model = gr.Dropdown()
        with gr.Tabs():
            return lay_out_generation("txt2img", model, there)

    form = laid_out(lay_out).form
    names = ("sampler_name", "scheduler", "hr_sampler_name", "hr_scheduler")
    offered = {name: [choice for _, choice in form[name].choices] for name in names}
    assert offered["sampler_name"] == [*samplers] and offered["scheduler"] == [*schedules, "Custom"]
    assert offered["hr_sampler_name"][-1] == "Own way" and offered["hr_scheduler"][-1] == "Own line"


def picture_of(services: Services, seed: int = 1) -> str:
    pixels = np.random.default_rng(seed).integers(0, 200, (SIZE[1], SIZE[0], 3))
    return services.inputs.add(Image.fromarray(pixels.astype(np.uint8)))


def layer(*, colour: tuple[int, int, int, int] = (255, 0, 0, 255), size: tuple[int, int] = SIZE, begin: int = 0) -> str:
    """What the browser sends of a stroke over a quarter, the left one unless it begins elsewhere."""
    sheet = Image.new("RGBA", size, (0, 0, 0, 0))
    sheet.paste(colour, (begin, 0, begin + size[0] // 4, size[1]))
    content = io.BytesIO()
    sheet.save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def values_of(tab: GenerationTab, ids: list[str], mode: str = PLAIN, **given: Any) -> dict[Any, Any]:
    """Every value of the tab as it is laid out, with pictures on its canvas."""
    assert tab.sources is not None
    layers = {name: given.pop(name, "") for name in ("mask", "colours")}
    mask = given.pop("mask_picture", None)
    pictures = [{"id": one, "url": "", "width": SIZE[0], "height": SIZE[1]} for one in ids]
    canvas = canvas_value(pictures, {"id": mask} if mask else None) | layers
    values: dict[Any, Any] = {component: component.value for component in tab.asked()}
    known = tab.remembered()
    return {
        **values,
        **{known[name]: value for name, value in given.items()},
        tab.sources.canvas: canvas,
        tab.sources.mode: mode,
    }


def request_of(services: Services, tab: GenerationTab, values: dict[Any, Any]) -> Img2ImgRequest:
    request = requested(services, tab, values)
    assert isinstance(request, Img2ImgRequest)
    return request


def test_all_pictures_are_begun_with_and_no_mask_is_sent(services: Services, tab: GenerationTab) -> None:
    ids = [picture_of(services, seed) for seed in (1, 2)]
    request = request_of(services, tab, values_of(tab, ids, mask=layer(), mask_picture=ids[0], mask_blur_x=9))
    assert request.init_images == tuple(ids)
    assert (request.mask, request.mask_blur_x) == (None, 4)


@pytest.mark.parametrize("given", [{"mask_from_alpha": True}, {"outpaint_left": 8}, {"outpaint_top": "16"}])
def test_settings_of_masks_count_where_another_thing_makes_one(
    services: Services, tab: GenerationTab, given: dict[str, Any]
) -> None:
    values = values_of(tab, [picture_of(services)], mask_blur_x=9, **given)
    assert request_of(services, tab, values).mask_blur_x == 9


def test_a_painted_mask_is_white_where_it_was_painted(services: Services, tab: GenerationTab) -> None:
    picture = picture_of(services)
    values = values_of(tab, [picture, picture_of(services, 2)], INPAINT, mask=layer(), mask_blur_x=9)
    request = request_of(services, tab, values)
    assert request.init_images == (picture,) and request.mask is not None and request.mask_blur_x == 9
    mask = np.asarray(Image.open(services.inputs.file(request.mask)).convert("L"))
    assert (mask[:, :6] == 255).all() and (mask[:, 6:] == 0).all()


def test_a_sketch_is_the_picture_with_its_colours(services: Services, tab: GenerationTab) -> None:
    picture = picture_of(services)
    original = np.asarray(Image.open(services.inputs.file(picture)).convert("RGB"))
    for mode in (SKETCH, INPAINT_SKETCH):
        request = request_of(services, tab, values_of(tab, [picture], mode, colours=layer()))
        painted = np.asarray(Image.open(services.inputs.file(request.init_images[0])).convert("RGB"))
        assert (painted[:, :6] == (255, 0, 0)).all() and np.array_equal(painted[:, 6:], original[:, 6:])
        assert (request.mask is None) == (mode == SKETCH)
    assert request.mask is not None
    mask = np.asarray(Image.open(services.inputs.file(request.mask)).convert("L"))
    assert (mask[:, :6] == 255).all() and (mask[:, 6:] == 0).all()


def test_a_painted_mask_is_joined_to_that_of_the_colours(services: Services, tab: GenerationTab) -> None:
    picture = picture_of(services)
    turned = layer(begin=SIZE[0] - SIZE[0] // 4)
    request = request_of(services, tab, values_of(tab, [picture], INPAINT_SKETCH, colours=layer(), mask=turned))
    assert isinstance(request, Img2ImgRequest) and request.mask is not None and request.init_images != (picture,)
    mask = np.asarray(Image.open(services.inputs.file(request.mask)).convert("L"))
    assert (mask[:, :6] == 255).all() and (mask[:, 6:18] == 0).all() and (mask[:, 18:] == 255).all()
    alone = request_of(services, tab, values_of(tab, [picture], INPAINT_SKETCH, mask=turned))
    assert isinstance(alone, Img2ImgRequest) and alone.init_images == (picture,) and alone.mask is not None


def test_a_sketch_without_strokes_is_the_picture_itself(services: Services, tab: GenerationTab) -> None:
    picture = picture_of(services)
    assert request_of(services, tab, values_of(tab, [picture], SKETCH)).init_images == (picture,)


@pytest.mark.parametrize(
    ("mode", "given", "sentence"),
    [
        (INPAINT, {}, "Mask '' is empty. Paint over what should change."),
        (INPAINT, {"mask": layer(colour=(255, 0, 0, 0))}, "Mask '' is empty. Paint over what should change."),
        (INPAINT_SKETCH, {}, "Mask '' is empty. Paint over what should change."),
        (INPAINT_UPLOAD, {"mask": layer()}, "Mask '' is missing. Choose its file, or paint it in Inpaint."),
        (INPAINT, {"mask": "data:text/html;base64,AAAA"}, "cannot be read. Paint it again."),
        (INPAINT, {"mask": "data:image/png;base64,???"}, "cannot be read. Paint it again."),
        (INPAINT, {"mask": {"path": "/etc/passwd"}}, "cannot be read. Paint it again."),
    ],
)
def test_what_is_no_mask_is_refused_in_words(
    services: Services, tab: GenerationTab, mode: str, given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        requested(services, tab, values_of(tab, [picture_of(services)], mode, **given))
    assert sentence in str(refused.value)


def test_bytes_that_are_no_picture_are_refused(services: Services, tab: GenerationTab) -> None:
    sent = f"data:image/png;base64,{base64.b64encode(b'nothing').decode()}"
    with pytest.raises(UnreadablePicture):
        requested(services, tab, values_of(tab, [picture_of(services)], INPAINT, mask=sent))


@pytest.mark.parametrize("canvas", [None, "", [], {"pictures": "x"}, {"pictures": [1, None]}])
def test_without_a_picture_nothing_is_asked_for(services: Services, tab: GenerationTab, canvas: object) -> None:
    assert tab.sources is not None
    with pytest.raises(InvalidRequest, match="Choose the picture to begin with"):
        requested(services, tab, values_of(tab, []) | {tab.sources.canvas: canvas})


def test_a_picture_that_is_named_and_not_stored_is_refused(services: Services, tab: GenerationTab) -> None:
    with pytest.raises(NotFound):
        requested(services, tab, values_of(tab, ["../../etc/passwd"], SKETCH, colours=layer()))
    with pytest.raises(InvalidRequest):
        requested(services, tab, values_of(tab, ["../../etc/passwd"]))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(RESIZE_TO, (192, 64, 0.0)), (RESIZE_BY, (None, None, 1.5)), (OWN_SIZE, (None, None, 0.0))],
)
def test_one_way_to_size_the_result_is_sent(
    services: Services, tab: GenerationTab, mode: str, expected: tuple[int | None, int | None, float]
) -> None:
    values = values_of(tab, [picture_of(services)], size_mode=mode, width=192, height=64, scale_by=1.5)
    request = request_of(services, tab, values)
    assert (request.width, request.height, request.scale_by) == expected


def test_what_a_browser_kept_is_shown_where_it_is_here(services: Services, tab: GenerationTab) -> None:
    assert tab.sources is not None
    picture, handlers = picture_of(services), SourceHandlers(services, tab)
    kept = {"source_pictures": {"pictures": [picture, "f" * 32, 7], "mask": picture}, "source_mode": INPAINT}
    changes = handlers.recalled(kept)
    canvas = changes[tab.sources.canvas]
    assert [(one["id"], one["width"], one["height"]) for one in canvas["pictures"]] == [(picture, *SIZE)]
    assert canvas["mask_picture"]["id"] == picture and changes[tab.sources.mode] == INPAINT
    for odd in ({}, {"source_pictures": 5}, {"source_pictures": {"pictures": 5, "mask": []}, "source_mode": "x"}):
        assert handlers.recalled(odd) == {tab.sources.canvas: canvas_value([])}


def test_a_file_that_is_no_picture_leaves_what_was_there(
    services: Services, tab: GenerationTab, tmp_path: Path
) -> None:
    assert tab.sources is not None
    (tmp_path / "a.png").write_bytes(b"nothing")
    values = values_of(tab, [picture_of(services)]) | {tab.sources.files: [str(tmp_path / "a.png")]}
    changes = SourceHandlers(services, tab).take_in(values)
    assert "cannot be read" in changes[tab.notice] and tab.sources.canvas not in changes


def test_a_script_gets_what_its_controls_hold(services: Services, tab: GenerationTab) -> None:
    part = tab.script.parts["Loopback"]
    values = values_of(tab, [picture_of(services)], script_name="Loopback")
    values |= {part.controls["loops"]: 3, part.controls["denoising_curve"]: "Lazy"}
    request = request_of(services, tab, values)
    assert request.script_name == "Loopback"
    assert request.script_args == {"loops": 3, "final_denoising_strength": 0.5, "denoising_curve": "Lazy"}
    assert request_of(services, tab, values | {tab.script.choice: ""}).script_args == {}


def test_the_fields_of_a_switch_are_of_its_task_and_counted_once() -> None:
    for switch, fields in SWITCHED.items():
        assert switch not in fields
        assert any({switch, *fields} <= request.model_fields.keys() for request in REQUESTS.values())
    of_prefix = {name for name in Img2ImgRequest.model_fields if name.startswith(("soft_inpainting_", "sd_upscale_"))}
    assert of_prefix - {"sd_upscale_upscaler"} == SWITCHED["soft_inpainting"] | SWITCHED["sd_upscale_upscaler"]


@pytest.mark.parametrize(
    ("switch", "on", "forgotten", "sentence"),
    [
        ("enable_hr", True, {"hr_scale": 99, "denoising_strength": 7}, "Denoising strength 7 is too large"),
        ("enable_hr", True, {"firstpass_image": "nonsense"}, "First pass image"),
        ("refiner_checkpoint", "other", {"refiner_switch_at": 5}, "Refiner switch at 5 is too large"),
    ],
)
def test_what_is_switched_off_refuses_nothing(
    services: Services, switch: str, on: object, forgotten: dict[str, Any], sentence: str
) -> None:
    tab = tab_of("txt2img", services)
    known = tab.remembered()
    values: dict[Any, Any] = {component: component.value for component in tab.asked()}
    values |= {known[name]: value for name, value in forgotten.items()}
    assert requested(services, tab, values) == requested(services, tab, {one: one.value for one in tab.asked()})
    with pytest.raises(InvalidRequest, match=sentence):
        requested(services, tab, values | {known[switch]: on})
    with pytest.raises(InvalidRequest, match=sentence):  # which may switch it on
        requested(services, tab, values | {known["script_name"]: "X/Y/Z plot"})


@pytest.mark.parametrize(
    ("switch", "on", "forgotten", "sentence"),
    [
        ("sd_upscale_upscaler", "Lanczos", {"sd_upscale_by": 99}, "SD upscale factor 99 is too large"),
        ("soft_inpainting", True, {"soft_inpainting_mask_influence": 7}, "Mask influence 7 is too large"),
    ],
)
def test_what_is_switched_off_refuses_no_picture(
    services: Services, tab: GenerationTab, switch: str, on: object, forgotten: dict[str, Any], sentence: str
) -> None:
    values = values_of(tab, [picture_of(services)], INPAINT, mask=layer(), **forgotten)
    assert request_of(services, tab, values).mask is not None
    with pytest.raises(InvalidRequest, match=sentence):
        requested(services, tab, values | {tab.remembered()[switch]: on})


@pytest.mark.parametrize("mode", [PLAIN, BATCH])
def test_prompts_are_shown_of_words_alone(services: Services, tab: GenerationTab, mode: str) -> None:
    given: dict[str, Any] = {"prompt": "a {red|blue} house", "wildcards": True, "seed": "3", "batch_count": 2}
    values = values_of(tab, [], mode, **given, script_name="Loopback", refiner_switch_at=5)
    request = request_of_words(tab, values)
    assert (request.task, request.prompt, request.seed, request.script_name) == ("txt2img", given["prompt"], 3, None)
    shown = PromptHandlers(services, tab).preview(values)[tab.tools.previewed]
    drawn = [services.wildcards.expand(given["prompt"], seed) for seed in (3, 4)]
    assert all(text in shown.value for text in drawn) and "“Loopback” changes them" in shown.info
    assert (
        "Loopback"
        not in PromptHandlers(services, tab).preview(values | {tab.script.choice: ""})[tab.tools.previewed].info
    )


@given(st.integers(1, 16_384), st.integers(1, 16_384))
def test_sides_like_those_of_a_picture_can_be_asked_for(width: int, height: int) -> None:
    wide, high = sides_like(width, height)
    assert Img2ImgRequest.of({"width": wide, "height": high}).width == wide
    if 1 / 60 < width / height < 60:
        # Each side is off by less than a step.
        assert (wide - 8) / (high + 8) < width / height < (wide + 8) / (high - 8)


@pytest.mark.parametrize(
    ("size", "sides"),
    [((512, 768), (512, 768)), ((300, 101), (296, 96)), ((8000, 4000), (4096, 2048)), ((20, 30), (64, 96))],
)
def test_a_picture_keeps_its_size_or_its_shape(size: tuple[int, int], sides: tuple[int, int]) -> None:
    assert sides_like(*size) == sides


def test_a_first_pass_is_shown_removed_and_dropped_where_it_is_not_here(services: Services) -> None:
    tab = tab_of("txt2img", services)
    panel, handlers, picture = tab.first_pass, FirstPassHandlers(services, tab), picture_of(services)
    assert panel is not None and panel.source is tab.form["firstpass_image"]
    shown = handlers.showing(picture)
    assert shown[panel.source] == picture and shown[panel.remove].visible is True
    for gone in (handlers.remove(), handlers.showing("f" * 32), handlers.showing(None), handlers.showing("../x")):
        assert gone[panel.source] == "" and gone[panel.picture].visible is False and gone[panel.remove].visible is False


def test_the_line_of_a_second_pass_names_the_picture_in_place_of_the_first(services: Services) -> None:
    tab = tab_of("txt2img", services)
    assert tab.hires_line is not None
    handlers = GenerationHandlers(services, tab, laid_out(lambda: lay_out_state(gr.Tabs())))
    given: dict[str, Any] = {"enable_hr": True, "width": 64, "height": 96, "firstpass_image": "f" * 32}
    values: dict[Any, Any] = {component: component.value for component in tab.asked()}
    values |= {tab.form[name]: value for name, value in given.items()}
    assert handlers.describe_hires(values)[tab.hires_line] == "from the first pass image, 64 x 96 to 128 x 192"
    values[tab.form["firstpass_image"]] = ""
    assert handlers.describe_hires(values)[tab.hires_line] == "from 64 x 96 to 128 x 192"
