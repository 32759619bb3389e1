"""Extras are checked at birth like pictures, and refuse in sentences."""

from __future__ import annotations

from typing import Any

import pytest

from modules.errors import InvalidRequest
from modules.schema.extras_request import ExtrasRequest

PICTURE = "0123456789abcdef" * 2


def request(**fields: Any) -> ExtrasRequest:
    return ExtrasRequest.of({"images": [PICTURE], **fields})


def test_everything_is_off_at_first() -> None:
    asked = request()
    assert (asked.upscaler_1, asked.upscaler_2, asked.flipped_copies) == (None, None, ())
    assert (asked.gfpgan_visibility, asked.codeformer_visibility, asked.extras_upscaler_2_visibility) == (0, 0, 0)
    assert not (asked.split_oversized or asked.focal_crop or asked.auto_sized_crop or asked.accept_noncommercial)


def test_it_is_stored_and_read_back() -> None:
    asked = request(upscaler_1="Lanczos", flipped_copies=["both"], resize_mode=1, upscaling_resize_w=300)
    assert ExtrasRequest.model_validate_json(asked.model_dump_json()) == asked


@pytest.mark.parametrize(
    ("field", "value", "held"),
    [
        ("resize_mode", 0, "Scale by"),
        ("resize_mode", "scale by", "Scale by"),
        ("upscaler_1", "None", None),
        ("upscaler_2", "Nearest", "Nearest"),
        ("upscaling_resize", "2.5", 2.5),
        ("upscaling_resize_w", -1, 0),
        ("upscaling_resize_w", 333, 333),
        ("crop_objective", 1, "Minimize error"),
        ("flipped_copies", ["Both", "horizontal", "both"], ("both", "horizontal")),
        ("flipped_copies", [1], ("vertical",)),
    ],
)
def test_values_are_read_as_clients_send_them(field: str, value: object, held: object) -> None:
    assert getattr(request(**{field: value}), field) == held


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"images": []}, "Input picture '' is missing. Choose the picture to begin with."),
        (
            {"images": ["photo.png"]},
            "Input picture 'photo.png' is no stored picture. "
            "Send the picture first, and name it by the id that it got.",
        ),
        ({"resize_mode": 2}, "Resize mode 2 is not known. Choose one of 'Scale by' or 'Scale to'."),
        ({"resize_mode": 1}, "Upscale to '0x0' names no side. Give a width, a height, or both."),
        ({"upscaling_resize": 0.5}, "Upscale by 0.5 is too small. The least is 1."),
        ({"upscaling_resize": 9}, "Upscale by 9 is too large. The most is 8."),
        ({"upscaling_resize_h": 20_000}, "Upscale to height 20000 is too large. The most is 16384."),
        ({"upscaler_1": ""}, "Upscaler 1 '' is empty. Leave it out or name one."),
        ({"codeformer_weight": 1.5}, "CodeFormer weight 1.5 is too large. The most is 1."),
        ({"overlap_ratio": 0.95}, "Split image overlap ratio 0.95 is too large. The most is 0.9."),
        ({"crop_width": 32}, "Width of the pieces 32 is too small. The least is 64."),
        ({"min_side": 800}, "Sides of an auto-sized crop '800 to 768' leave no room. Swap the two."),
        ({"min_area": 500_000}, "Area of an auto-sized crop '500000 to 409600' leaves no room. Swap the two."),
        (
            {"flipped_copies": ["up"]},
            "Create flipped copies 'up' is not known. Choose one of 'horizontal', 'vertical' or 'both'.",
        ),
        (
            {"flipped_copies": "both"},
            "Create flipped copies 'both' is not a list. Give a list, which may have one entry.",
        ),
        ({"upscale": 2}, "upscale 2 is no field of this request. Nearest: upscaler_2, upscaler_1, upscale_first."),
        ({"steps": 20}, "Steps 20 is no field of this request. Steps belongs to another task: leave it out."),
    ],
)
def test_refusal_names_field_value_and_remedy(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        request(**fields)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("given", "sides"),
    [((600, 0), (600, 300)), ((0, 600), (1200, 600)), ((500, 500), (500, 500)), ((1, 0), (1, 1))],
)
def test_the_side_that_is_not_given_keeps_the_shape(given: tuple[int, int], sides: tuple[int, int]) -> None:
    asked = request(resize_mode="Scale to", upscaling_resize_w=given[0], upscaling_resize_h=given[1])
    assert asked.wanted_sides(400, 200) == sides
