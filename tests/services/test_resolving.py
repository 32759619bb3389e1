"""What a request leaves open is decided, and what it names is found, before its job is queued."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.errors import InvalidRequest, ModelNotFound, NotFound
from modules.gallery.inputs import InputPictures
from modules.pipeline.canvas import canvas_of
from modules.schema.extras_request import ExtrasRequest
from modules.schema.field_types import MAX_SIDE, MIN_SIDE, SIDE_STEP
from modules.schema.requests import Img2ImgRequest, ResolvedImg2Img, ResolvedTxt2Img, Txt2ImgRequest
from modules.services.build import Services
from modules.services.input_sizes import mask_is_blank, size_for
from tests.schema.test_requests import RESOLVED
from tests.services.jobs_to_end import drawing

MODEL_SIZE = (128, 128)
ID = "0" * 32
OUTPAINT = {"outpaint_left": 16, "outpaint_right": 48, "outpaint_top": 8}


def size(*inputs: tuple[int, int], **fields: Any) -> tuple[int, int]:
    return size_for(Img2ImgRequest.of({"init_images": [ID], **fields}), inputs, MODEL_SIZE)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, (96, 160)),
        ({"width": 256, "height": 64}, (256, 64)),
        ({"width": 192}, (192, 320)),
        ({"height": 80}, (64, 80)),  # 48 would be too narrow
        ({"height": 320}, (192, 320)),
        ({"scale_by": 1.5}, (144, 240)),
        ({"scale_by": 1.5, "width": 64, "height": 64}, (144, 240)),
        ({"scale_by": 0.5}, (64, 80)),
        (OUTPAINT, (160, 168)),
        ({**OUTPAINT, "scale_by": 2}, (320, 336)),
        ({**OUTPAINT, "width": 80}, (80, 80)),
    ],
)
def test_size_follows_the_input(fields: dict[str, Any], wanted: tuple[int, int]) -> None:
    assert size((96, 160), **fields) == wanted


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"mask": ID, "inpaint_full_res": True}, MODEL_SIZE),
        ({"mask": ID, "inpaint_full_res": True, "width": 256}, (256, 128)),
        ({"mask": ID}, (512, 256)),
        ({"inpaint_full_res": True}, (512, 256)),  # nothing is masked
        ({"sd_upscale_upscaler": "Lanczos"}, MODEL_SIZE),
    ],
)
def test_what_is_painted_in_parts_has_the_model_s_size(fields: dict[str, Any], wanted: tuple[int, int]) -> None:
    assert size((512, 256), **fields, **({} if wanted != (512, 256) else {"scale_by": 1})) == wanted


@pytest.mark.parametrize(
    ("fields", "wanted"), [({}, (192, 96)), ({"width": 256}, (256, 128)), ({"width": 64, "height": 96}, (64, 96))]
)
def test_a_blank_mask_keeps_the_picture_s_shape(fields: dict[str, Any], wanted: tuple[int, int]) -> None:
    request = Img2ImgRequest.of({"init_images": [ID], "mask": ID, "inpaint_full_res": True, **fields})
    assert size_for(request, {(192, 96)}, MODEL_SIZE, blank_mask=True) == wanted


MASKS = st.sampled_from(["none", "blank", "full", "dot", "grey", "glass", "clear glass", "other size"])


@settings(max_examples=60)
@given(drawn=MASKS, erased=st.booleans(), from_alpha=st.booleans(), invert=st.booleans(), soft=st.booleans())
def test_a_mask_is_blank_where_the_whole_picture_is_painted(
    drawn: str, erased: bool, from_alpha: bool, invert: bool, soft: bool
) -> None:
    """The law: what is said when a request is accepted is what its painting then does."""
    fills = {"blank": 0, "full": 255, "dot": 0, "grey": 100, "other size": 0}
    mask = None if drawn == "none" else Image.new("L", (24, 16), fills.get(drawn, 0)).convert("RGB")
    if mask is not None and drawn == "dot":
        mask.putpixel((5, 5), (255, 255, 255))
    if drawn == "other size":
        mask = Image.new("RGB", (3, 2))
        mask.putpixel((1, 1), (255, 255, 255))
    if "glass" in drawn:
        mask = Image.new("RGBA", (24, 16), (0, 0, 0, 255 if drawn == "glass" else 0))
    picture = drawing(24, 16).convert("RGBA")
    if erased:
        picture.putpixel((3, 3), (0, 0, 0, 0))
    with TemporaryDirectory() as folder:
        inputs = InputPictures(Path(folder))
        fields: dict[str, Any] = {"mask_from_alpha": from_alpha, "inpainting_mask_invert": invert}
        fields |= {"inpaint_full_res": True, "soft_inpainting": soft, "init_images": [inputs.add(picture)]}
        fields |= {} if mask is None else {"mask": inputs.add(mask)}
        request = Img2ImgRequest.of(fields)
        resolved = ResolvedImg2Img.of({**RESOLVED, **fields})
        painted_whole = canvas_of(resolved, picture, mask).mask is None
        assert mask_is_blank(request, inputs) == (painted_whole and request.inpaints)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"sd_upscale_upscaler": "Lanczos"}, "Resize by 2.0 does not go with SD upscale. Give the SD upscale factor"),
        (
            {"mask": ID, "inpaint_full_res": True},
            "Resize by 2.0 does not go with only masked, .* Give width and height",
        ),
        ({"outpaint_left": 8, "inpaint_full_res": True}, "Resize by 2.0 does not go with only masked"),
    ],
)
@pytest.mark.parametrize("given_size", [{}, {"width": 64, "height": 64}])
def test_a_factor_is_refused_where_it_would_mean_nothing(
    fields: dict[str, Any], sentence: str, given_size: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        size((512, 256), **fields, **given_size, scale_by=2)


def test_inputs_of_several_sizes_need_one_that_is_given() -> None:
    sizes = ((96, 160), (160, 96))
    for fields in ({}, {"width": 64}, {"scale_by": 2}):
        with pytest.raises(InvalidRequest, match=r"Input pictures '96x160, 160x96' are of several sizes. Give width"):
            size(*sizes, **fields)
    assert size(*sizes, width=64, height=64) == (64, 64)
    assert size(*sizes, sd_upscale_upscaler="Lanczos") == MODEL_SIZE


def test_a_photograph_is_brought_down_to_what_the_model_can_paint() -> None:
    width, height = size((6000, 4000))
    assert width * height <= 4 * MODEL_SIZE[0] * MODEL_SIZE[1] * 1.05
    assert width / height == pytest.approx(1.5, rel=0.05)
    assert size((6000, 4000), width=768, height=512) == (768, 512)
    with pytest.raises(InvalidRequest, match=r"Size '12000x8000' is more than 4096 pixels a side"):
        size((6000, 4000), scale_by=2)


@given(
    width=st.integers(1, 20_000),
    height=st.integers(1, 20_000),
    fields=st.fixed_dictionaries(
        {},
        optional={
            "width": st.integers(8, 512).map(lambda side: side * SIDE_STEP),
            "height": st.integers(8, 512).map(lambda side: side * SIDE_STEP),
            "scale_by": st.floats(0.05, 8),
            "outpaint_left": st.integers(0, 2048),
        },
    ),
)
def test_any_input_has_a_size_that_can_be_painted_or_is_refused(
    width: int, height: int, fields: dict[str, Any]
) -> None:
    try:
        sides = size((width, height), **fields)
    except InvalidRequest:
        return
    assert all(MIN_SIDE <= side <= MAX_SIDE and side % SIDE_STEP == 0 for side in sides)


def test_names_are_found_in_any_case(idle_services: Services) -> None:
    resolved = idle_services.resolver.resolve(
        Txt2ImgRequest.of(
            {
                "model": "ATELIER-DEMO",
                "hr_checkpoint_name": "Atelier-Demo",
                "refiner_checkpoint": "atelier-DEMO",
                "hr_upscaler": "ATELIER-X2",
                "sampler_name": "euler A",
                "hr_sampler_name": "HEUN",
                "enable_hr": True,
            }
        )
    ).model_dump()
    assert {name: resolved[name] for name in ("model", "hr_checkpoint_name", "refiner_checkpoint")} == {
        "model": "atelier-demo",
        "hr_checkpoint_name": "atelier-demo",
        "refiner_checkpoint": "atelier-demo",
    }
    assert (resolved["hr_upscaler"], resolved["sampler_name"], resolved["hr_sampler_name"]) == (
        "atelier-x2",
        "Euler a",
        "Heun",
    )


@pytest.mark.parametrize(
    ("given", "sampler", "schedule"),
    [
        ({}, None, None),
        ({"hr_sampler_name": "heun"}, "Heun", None),
        ({"hr_sampler_name": "DPM++ 2M Karras"}, "DPM++ 2M", "Karras"),
        ({"hr_sampler_name": "DPM++ 2M Karras", "hr_scheduler": "beta"}, "DPM++ 2M", "Beta"),
        ({"hr_scheduler": "automatic"}, None, "Uniform"),
        ({"hr_scheduler": "sgm uniform"}, None, "SGM Uniform"),
    ],
)
def test_sampler_and_schedule_of_the_second_pass(
    idle_services: Services, given: dict[str, Any], sampler: str | None, schedule: str | None
) -> None:
    request = Txt2ImgRequest.of({"enable_hr": True, "sampler_name": "Euler a", **given})
    resolved = idle_services.resolver.resolve(request)
    changed = idle_services.resolver.changed(resolved, {"steps": 7})
    for one in (resolved, changed):
        assert isinstance(one, ResolvedTxt2Img)
        assert (one.hr_sampler_name, one.hr_scheduler) == (sampler, schedule)


def test_latent_modes_are_found_in_any_case(idle_services: Services) -> None:
    request = Txt2ImgRequest.of({"enable_hr": True, "hr_upscaler": "latent (NEAREST-exact)"})
    assert idle_services.resolver.resolve(request).model_dump()["hr_upscaler"] == "Latent (nearest-exact)"


@pytest.mark.parametrize(
    ("fields", "error", "sentence"),
    [
        ({"enable_hr": True, "hr_upscaler": "nonesuch"}, ModelNotFound, "Upscaler 'nonesuch' is not here"),
        ({"enable_hr": True, "hr_checkpoint_name": "nonesuch"}, ModelNotFound, "Model 'nonesuch' is not here"),
        ({"enable_hr": True, "hr_sampler_name": "Eulr"}, InvalidRequest, "Sampler 'Eulr' is not known. Nearest: Euler"),
        ({"enable_hr": True, "hr_scheduler": "Karas"}, InvalidRequest, "'Karas' is not known. Nearest: Karras"),
        ({"enable_hr": True, "firstpass_image": ID}, NotFound, f"Input picture {ID} is not stored here"),
        ({"refiner_checkpoint": "nonesuch"}, ModelNotFound, "Model 'nonesuch' is not here"),
    ],
)
def test_what_is_not_here_is_refused_before_queueing(
    idle_services: Services, fields: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        idle_services.generate.submit(Txt2ImgRequest.of(fields))
    assert idle_services.generate.active_jobs() == []


@pytest.mark.parametrize(
    ("fields", "error", "sentence"),
    [
        ({"init_images": []}, InvalidRequest, "Input picture '' is missing. Choose the picture to begin with"),
        ({"init_images": [ID]}, NotFound, f"Input picture {ID} is not stored here. Choose the picture again"),
        ({"init_images": [ID], "width": 64, "height": 64}, NotFound, "is not stored here"),
        ({"mask": ID}, NotFound, "is not stored here"),
        ({"sd_upscale_upscaler": "nonesuch"}, ModelNotFound, "Upscaler 'nonesuch' is not here"),
    ],
)
def test_img2img_without_its_pictures_is_refused_before_queueing(
    idle_services: Services, fields: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    picture = idle_services.inputs.add(drawing())
    with pytest.raises(error, match=sentence):
        idle_services.generate.submit(Img2ImgRequest.of({"init_images": [picture], **fields}))
    assert idle_services.generate.active_jobs() == []


def test_extras_are_checked_before_queueing(idle_services: Services) -> None:
    picture = idle_services.inputs.add(drawing())
    with pytest.raises(NotFound, match="is not stored here"):
        idle_services.generate.submit_extras(ExtrasRequest.of({"images": [ID]}))
    with pytest.raises(ModelNotFound, match="Upscaler 'nonesuch' is not here"):
        idle_services.generate.submit_extras(ExtrasRequest.of({"images": [picture], "upscaler_2": "nonesuch"}))
    with pytest.raises(InvalidRequest, match="Input picture '' is missing"):
        idle_services.generate.submit_extras(ExtrasRequest.of({"images": []}))
    assert idle_services.generate.active_jobs() == []
    resolved = idle_services.resolver.resolve_extras(ExtrasRequest.of({"images": [picture], "upscaler_1": "LANCZOS"}))
    assert (resolved.upscaler_1, resolved.upscaler_2) == ("Lanczos", None)


def test_random_seeds_are_drawn_and_others_kept(idle_services: Services) -> None:
    resolve = idle_services.resolver.resolve
    drawn = [resolve(Txt2ImgRequest.of({"seed": -1, "subseed": -1, "subseed_strength": 0.1})) for _ in range(2)]
    assert len({seed for one in drawn for seed in (one.seed, one.subseed)}) == 4
    assert all(0 <= one.seed < 2**32 for one in drawn)
    given = resolve(Txt2ImgRequest.of({"seed": 0, "subseed": 7}))
    assert (given.seed, given.subseed) == (0, 7)


def test_a_changed_sampler_has_its_own_schedule_unless_one_was_chosen(idle_services: Services) -> None:
    resolver = idle_services.resolver
    own = resolver.resolve(Txt2ImgRequest.of({"sampler_name": "DPM++ 2M"}))
    chosen = resolver.resolve(Txt2ImgRequest.of({"sampler_name": "DPM++ 2M", "scheduler": "Exponential"}))
    assert own.scheduler == "Karras"
    assert resolver.changed(own, {"sampler_name": "euler"}).scheduler == "Uniform"
    assert resolver.changed(chosen, {"sampler_name": "Euler"}).scheduler == "Exponential"
    assert resolver.changed(own, {"scheduler": "beta"}).scheduler == "Beta"
    assert resolver.changed(own, {"model": "ATELIER-demo", "steps": 3}) == own.model_copy(update={"steps": 3})
    with pytest.raises(ModelNotFound):
        resolver.changed(own, {"model": "nonesuch"})
    with pytest.raises(InvalidRequest, match="Steps 0"):
        resolver.changed(own, {"steps": 0})


def changed(services: Services, fields: dict[str, Any], changes: dict[str, Any]) -> tuple[int, int]:
    request = services.resolver.resolve(Img2ImgRequest.of({"init_images": [input_of(services)], **fields}))
    found = services.resolver.changed(request, changes)
    return found.width, found.height


def input_of(services: Services) -> str:
    return services.inputs.add(drawing(96, 160))


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({}, {"scale_by": 1.5}),
        ({"scale_by": 1.5}, {"scale_by": 2}),
        ({"scale_by": 1.5}, {"scale_by": 0}),
        ({"scale_by": 2}, OUTPAINT),
        ({}, OUTPAINT),
        ({}, {**OUTPAINT, "scale_by": 0.5}),
        (OUTPAINT, {"outpaint_left": 0}),
        ({"width": 64, "height": 64}, {"scale_by": 1.5}),
        ({}, {"scale_by": 1.5, "steps": 3}),
    ],
)
def test_a_change_of_the_size_is_what_the_same_request_would_have(
    idle_services: Services, fields: dict[str, Any], changes: dict[str, Any]
) -> None:
    single = idle_services.resolver.resolve(
        Img2ImgRequest.of({"init_images": [input_of(idle_services)], **fields, **changes})
    )
    assert changed(idle_services, fields, changes) == (single.width, single.height)


@pytest.mark.parametrize(
    ("fields", "changes", "wanted"),
    [
        ({"width": 192, "height": 320}, {"outpaint_left": 48}, (288, 320)),
        ({"width": 192, "height": 80}, {"outpaint_top": 80}, (192, 120)),
        ({"width": 192, "height": 320}, {"outpaint_left": 48, "width": 64}, (64, 320)),
        ({"scale_by": 2}, {"scale_by": 3, "width": 64, "height": 72}, (64, 72)),
        ({"width": 64, "height": 72}, {"scale_by": 0}, (64, 72)),
        ({"width": 64, "height": 72}, {"steps": 5}, (64, 72)),
        ({"width": 64, "height": 72, "sd_upscale_upscaler": "Lanczos"}, {"scale_by": 2}, (64, 72)),
        ({"width": 64, "height": 72, "inpaint_full_res": True}, {"outpaint_left": 48}, (64, 72)),
    ],
)
def test_a_size_that_was_given_keeps_its_scale(
    idle_services: Services, fields: dict[str, Any], changes: dict[str, Any], wanted: tuple[int, int]
) -> None:
    assert changed(idle_services, fields, changes) == wanted
