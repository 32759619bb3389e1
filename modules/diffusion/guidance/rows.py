"""Rows: images with their conditionings through the network, as many at once as may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from modules.diffusion.conditioning import TextConditioning, stacked
from modules.diffusion.denoisers import PredictionType, denoiser_for
from modules.diffusion.memory import ran_out_of_memory
from modules.diffusion.noise_levels import Levels

ConditionedNetwork = Callable[[torch.Tensor, torch.Tensor, TextConditioning], torch.Tensor]
"""prediction = network(scaled x, timestep, conditioning), with as many rows of each."""


@dataclass(frozen=True)
class Row:
    """Image `image` of the batch, as the network is to see it with a conditioning of one row."""

    image: int
    conditioning: TextConditioning
    part: int | None = None
    """Which part of the image's prompt it is; None: it is none of them."""


class RowDenoiser:
    """Denoises rows in as few network calls as `max_rows` (None: no limit) and their lengths allow.

    Rows of different lengths go in separate calls. Where the device's memory does not hold a call's rows, it goes
    on with half as many, for as long as this object lives.
    """

    def __init__(
        self,
        network: ConditionedNetwork,
        levels: Levels,
        prediction_type: PredictionType,
        max_rows: int | None = None,
        tell: Callable[[str], None] | None = None,
        before_call: Callable[[Sequence[Row]], None] | None = None,
    ) -> None:
        """`tell` hears of it where memory asks for fewer rows, `before_call` of the rows of each network call."""
        if max_rows is not None and max_rows < 1:
            raise ValueError(f"max_rows is {max_rows}; a network call needs at least one row.")
        self._network = network
        self._levels = levels
        self._prediction_type = prediction_type
        self._max_rows = max_rows
        self._tell = tell
        self._before_call = before_call

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor, rows: Sequence[Row]) -> list[torch.Tensor]:
        """The denoised picture of each row, without the batch's dimension. Raises torch.OutOfMemoryError."""
        pictures: dict[int, torch.Tensor] = {}
        for places in _of_equal_length(rows):
            while places:
                together = places[: self._max_rows]
                try:
                    denoised = self._call(x, sigma, [rows[place] for place in together])
                except (RuntimeError, MemoryError) as error:
                    if len(together) == 1 or not ran_out_of_memory(error):
                        raise
                    self._max_rows = len(together) // 2
                    if self._tell is not None:
                        self._tell(f"Memory ran out: the network now sees {self._max_rows} at a time, which is slower.")
                    continue
                pictures.update(zip(together, denoised, strict=True))
                places = places[len(together) :]
        return [pictures[place] for place in range(len(rows))]

    def _call(self, x: torch.Tensor, sigma: torch.Tensor, rows: Sequence[Row]) -> torch.Tensor:
        if self._before_call is not None:
            self._before_call(rows)
        conditioning = stacked([row.conditioning for row in rows]).to(x.device)

        def network(scaled: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
            return self._network(scaled, timestep, conditioning)

        denoiser = denoiser_for(self._prediction_type, network, self._levels)
        return denoiser(torch.stack([x[row.image] for row in rows]), torch.stack([sigma[row.image] for row in rows]))


def _of_equal_length(rows: Sequence[Row]) -> Iterator[list[int]]:
    """The places of rows that can go through the network together, in order of first appearance."""
    groups: dict[tuple[torch.Size | None, ...], list[int]] = {}
    for place, row in enumerate(rows):
        told = row.conditioning
        shapes = (told.states.shape, _shape(told.pooled), _shape(told.time_ids), _shape(told.channels))
        groups.setdefault(shapes, []).append(place)
    yield from groups.values()


def _shape(tensor: torch.Tensor | None) -> torch.Size | None:
    return None if tensor is None else tensor.shape
