"""Conditioning is plain data that can be put together row by row and side by side."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from modules.diffusion.conditioning import (
    ImageConditioning,
    TextConditioning,
    WeightedConditioning,
    aesthetic_ids,
    conditioning_at,
    side_by_side,
    size_ids,
    stacked,
)
from tests.diffusion.plain_conditioning import plain_conditioning


def text(value: float, *, tokens: int = 3, pooled: bool = False) -> TextConditioning:
    return TextConditioning(
        torch.full((1, tokens, 2), float(value)), torch.full((1, 4), -float(value)) if pooled else None
    )


def test_conditioning_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        text(1).states = torch.zeros(1, 3, 2)  # type: ignore[misc]


def test_stacked_texts_are_rows() -> None:
    rows = stacked([text(1, pooled=True), text(2, pooled=True)])
    assert rows.states.mean(dim=(1, 2)).tolist() == [1, 2]
    assert rows.pooled is not None
    assert rows.pooled.mean(dim=1).tolist() == [-1, -2]
    assert rows.time_ids is None


def test_texts_with_and_without_a_pooled_vector_are_not_stacked() -> None:
    with pytest.raises(ValueError, match="Only 1 of 2 conditionings have pooled"):
        stacked([text(1, pooled=True), text(2)])


def test_two_encoders_stand_side_by_side() -> None:
    both = side_by_side(text(1), text(2, pooled=True))
    assert both.states[0, 0].tolist() == [1, 1, 2, 2]
    assert both.tokens == 3
    assert both.pooled is not None
    assert both.pooled.tolist() == [[-2] * 4]


def test_zeroed_leaves_sizes_alone() -> None:
    zeroed = text(1, pooled=True).with_time_ids(size_ids(512, 768)).zeroed()
    assert not zeroed.states.any()
    assert zeroed.pooled is not None
    assert not zeroed.pooled.any()
    assert zeroed.time_ids is not None
    assert zeroed.time_ids.tolist() == [[512, 768, 0, 0, 512, 768]]


def test_channels_beside_x_are_rows_and_stay_where_words_are_zeroed() -> None:
    one, two = (text(value).with_channels(torch.full((1, 5, 2, 3), float(value))) for value in (1, 2))
    rows = stacked([one, two.zeroed()])
    assert rows.channels is not None
    assert rows.channels.mean(dim=(1, 2, 3)).tolist() == [1, 2]
    assert one.with_time_ids(size_ids(8, 8)).channels is one.channels
    assert one.with_channels(None).channels is None
    with pytest.raises(ValueError, match="Only 1 of 2 conditionings have channels"):
        stacked([one, text(2)])


def test_conditioning_moves_as_a_whole() -> None:
    whole = text(1, pooled=True).with_time_ids(size_ids(512, 512)).with_channels(torch.zeros(1, 5, 2, 3))
    moved = whole.to(torch.device("meta"))
    assert moved.pooled is not None
    assert moved.time_ids is not None
    assert moved.channels is not None
    tensors = (moved.states, moved.pooled, moved.time_ids, moved.channels)
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert text(1).to(torch.device("cpu")).pooled is None


def test_sizes_are_height_before_width() -> None:
    assert size_ids(512, 768, crop=(8, 16), target=(1024, 1536)).tolist() == [[512, 768, 8, 16, 1024, 1536]]
    assert aesthetic_ids(512, 768, 2.5).tolist() == [[512, 768, 0, 0, 2.5]]


def test_an_image_without_a_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one positive"):
        ImageConditioning((), text(0))


def test_weights_add_up() -> None:
    parts = (WeightedConditioning(text(1), 1.5), WeightedConditioning(text(2), -0.25))
    assert ImageConditioning(parts, text(0)).total_weight == 1.25


def test_a_schedule_is_a_function_or_a_list_whose_last_entry_goes_on() -> None:
    first, second = (plain_conditioning(text(value), text(0), 2) for value in (1, 2))
    assert len(first) == 2
    assert [conditioning_at([first, second], step) for step in range(4)] == [first, second, second, second]
    assert [conditioning_at(lambda step: (first, second)[step % 2], step) for step in range(3)] == [
        first,
        second,
        first,
    ]
