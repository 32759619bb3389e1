"""Conditioning: what a network is told beside the noisy picture, as plain data.

TextConditioning       one encoded text, or several of equal length, a row each
WeightedConditioning   one part of a composable prompt
ImageConditioning      everything about one image of a batch at one step
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True, eq=False)
class TextConditioning:
    """Encoded texts; compared by identity, since tensors have no single equality."""

    states: torch.Tensor
    """(rows, tokens, width): one vector per token."""
    pooled: torch.Tensor | None = None
    """(rows, width of the pooled output): one vector per text, for models that want one."""
    time_ids: torch.Tensor | None = None
    """(rows, numbers): sizes and the like, for models that want them; see size_ids and aesthetic_ids."""
    channels: torch.Tensor | None = None
    """(rows, channels, height, width): what stands beside x, for networks with more input channels than latents have;
    see input_channels."""

    @property
    def tokens(self) -> int:
        return int(self.states.shape[1])

    def to(self, device: torch.device) -> TextConditioning:
        """The same on a device."""
        pooled = None if self.pooled is None else self.pooled.to(device)
        time_ids = None if self.time_ids is None else self.time_ids.to(device)
        channels = None if self.channels is None else self.channels.to(device)
        return TextConditioning(self.states.to(device), pooled, time_ids, channels)

    def zeroed(self) -> TextConditioning:
        """The same with zeros for the text, as SDXL was trained for an empty prompt; sizes and channels stay."""
        pooled = None if self.pooled is None else torch.zeros_like(self.pooled)
        return replace(self, states=torch.zeros_like(self.states), pooled=pooled)

    def with_time_ids(self, time_ids: torch.Tensor | None) -> TextConditioning:
        """The same text with other sizes, (rows, numbers)."""
        return replace(self, time_ids=time_ids)

    def with_channels(self, channels: torch.Tensor | None) -> TextConditioning:
        """The same text with other channels beside x, (rows, channels, height, width)."""
        return replace(self, channels=channels)


@dataclass(frozen=True)
class WeightedConditioning:
    """One part of a composable prompt; its weight may be negative."""

    conditioning: TextConditioning
    weight: float = 1.0


@dataclass(frozen=True)
class ImageConditioning:
    """The parts of an image's prompt (at least one, of one row each) and its negative (one row)."""

    positives: tuple[WeightedConditioning, ...]
    negative: TextConditioning
    without_picture: TextConditioning | None = None
    """The negative with zeros for the given picture's channels (one row), for models that edit pictures."""

    def __post_init__(self) -> None:
        if not self.positives:
            raise ValueError("An image needs at least one positive conditioning.")

    @property
    def total_weight(self) -> float:
        return sum(part.weight for part in self.positives)


BatchConditioning = Sequence[ImageConditioning]
"""One entry per image of the batch."""
ConditioningSchedule = Callable[[int], BatchConditioning] | Sequence[BatchConditioning]
"""The batch's conditioning at a step counted from 0; of a sequence, the last entry serves all later steps."""


def conditioning_at(schedule: ConditioningSchedule, step: int) -> BatchConditioning:
    """What a schedule says at a step."""
    return schedule(step) if callable(schedule) else schedule[min(step, len(schedule) - 1)]


def stacked(rows: Sequence[TextConditioning]) -> TextConditioning:
    """Texts of equal length as one, row by row.

    Raises ValueError where only some have a pooled vector, sizes or channels.
    """
    return TextConditioning(
        torch.cat([row.states for row in rows]),
        _all_or_none("pooled", [row.pooled for row in rows]),
        _all_or_none("time_ids", [row.time_ids for row in rows]),
        _all_or_none("channels", [row.channels for row in rows]),
    )


def side_by_side(first: TextConditioning, second: TextConditioning) -> TextConditioning:
    """One text from two encoders: their vectors joined token by token, all else of the second.

    So SDXL reads CLIP-L and CLIP-G (Podell et al., "SDXL", 2023, section 2.1). Both need the same number of tokens.
    """
    return replace(second, states=torch.cat([first.states, second.states], dim=-1))


def size_ids(
    height: int, width: int, *, crop: tuple[int, int] = (0, 0), target: tuple[int, int] | None = None
) -> torch.Tensor:
    """SDXL's sizes, (1, 6): original height and width, crop's top and left, target height and width, in pixels.

    Podell et al., "SDXL" (2023), section 2.2; without a target it is the original size.
    """
    return torch.tensor([[height, width, *crop, *(target or (height, width))]], dtype=torch.float32)


def aesthetic_ids(height: int, width: int, score: float, *, crop: tuple[int, int] = (0, 0)) -> torch.Tensor:
    """The sizes of SDXL's refiner, (1, 5): original height and width, crop's top and left, aesthetic score.

    The score is usually 6.0 for a prompt and 2.5 for a negative.
    """
    return torch.tensor([[height, width, *crop, score]], dtype=torch.float32)


def _all_or_none(name: str, tensors: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    present = [tensor for tensor in tensors if tensor is not None]
    if not present:
        return None
    if len(present) != len(tensors):
        raise ValueError(f"Only {len(present)} of {len(tensors)} conditionings have {name}.")
    return torch.cat(present)
