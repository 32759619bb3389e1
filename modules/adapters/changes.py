"""The arithmetic of adapters: what each kind adds to a module's weight.

Every change is what a weight gets at the multiplier 1, in float32 and in the weight's shape; multipliers scale it. What
depends on the weight (DoRA, OFT, ...) is taken from the weight as the checkpoint has it, so that several adapters on
one module add up, in any order. Weights are (out, in) or (out, in, height, width); "rank" is the inner side of a
product.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

Change = TypeVar("Change", bound="WeightChange")


class WeightChange(ABC):
    """What one tensor or product of tensors of an adapter adds to a weight; subclasses are frozen dataclasses."""

    @abstractmethod
    def of_weight(self, weight: Tensor) -> Tensor:
        """What is added at multiplier 1, float32, of the weight's shape; its tensors lie where the weight is.

        Raises ValueError, RuntimeError or IndexError where the shapes do not fit.
        """

    def add_to(self, total: Tensor, weight: Tensor, multiplier: float) -> None:
        """Add to `total`, float32 and contiguous, what a float32 weight of its shape gets."""
        total.add_(self.of_weight(weight), alpha=multiplier)

    def cut(self, rank: int) -> WeightChange:
        """The same with its first `rank` ranks alone; kinds that are not trained for it stay as they are."""
        return self

    def on(self: Change, device: torch.device | str) -> Change:
        """The same in float32 on a device."""
        content = {field.name: _moved(getattr(self, field.name), device) for field in fields(self)}  # type: ignore[arg-type]
        return replace(self, **content)  # type: ignore[type-var]


@dataclass(frozen=True, eq=False)
class LowRank(WeightChange):
    """LoRA and LoCon: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2021).

    `up` is (out, rank), `down` (rank, in) or (rank, in, height, width). With `mid`, (rank, rank, height, width), a
    convolution is the CP decomposition whose outer sides are `up` and `down`.
    """

    up: Tensor
    down: Tensor
    scale: float
    mid: Tensor | None = None

    def of_weight(self, weight: Tensor) -> Tensor:
        return _shaped(self._up_matrix() @ self.down_matrix() * self.scale, weight)

    def add_to(self, total: Tensor, weight: Tensor, multiplier: float) -> None:
        up, down = self._up_matrix(), self.down_matrix()
        _check_sides(len(up), up.shape[0] * down.shape[1], weight)
        total.view(len(total), -1).addmm_(up, down, alpha=multiplier * self.scale)

    def cut(self, rank: int) -> LowRank:
        if self.mid is not None:
            return self
        return replace(self, up=self.up[:, :rank], down=self.down[:rank])

    def down_matrix(self) -> Tensor:
        """(rank, everything that a row of the weight holds)."""
        if self.mid is None:
            return self.down.flatten(1)
        return torch.einsum("mnhw,ni->mihw", self.mid, self.down.flatten(1)).flatten(1)

    def _up_matrix(self) -> Tensor:
        return self.up.flatten(1)


@dataclass(frozen=True, eq=False)
class Hadamard(WeightChange):
    """LoHa: the elementwise product of two low-rank products. Hyeon-Woo et al., "FedPara" (2021).

    Factors are (out, rank) and (rank, in); with a core, (rank, rank, height, width), (rank, out) and (rank, in).
    """

    first: tuple[Tensor, Tensor, Tensor | None]
    second: tuple[Tensor, Tensor, Tensor | None]
    scale: float

    def of_weight(self, weight: Tensor) -> Tensor:
        return _shaped(_product(*self.first) * _product(*self.second) * self.scale, weight)


@dataclass(frozen=True, eq=False)
class Kronecker(WeightChange):
    """LoKr: the Kronecker product of a small matrix and a larger one, each whole or a low-rank product.

    Edalati et al., "KronA: Parameter Efficient Tuning with Kronecker Adapter" (2022). A whole factor is a tuple of one;
    with a core, (rank, rank, height, width), the second's factors are (rank, out) and (rank, in).
    """

    first: tuple[Tensor | None, ...]
    second: tuple[Tensor | None, ...]
    scale: float

    def of_weight(self, weight: Tensor) -> Tensor:
        first, second = (_factor(*each).flatten(1) for each in (self.first, self.second))
        return _shaped(torch.kron(first, second) * self.scale, weight)


@dataclass(frozen=True, eq=False)
class Difference(WeightChange):
    """A difference of the whole weight, or of a normalisation's."""

    difference: Tensor

    def of_weight(self, weight: Tensor) -> Tensor:
        return _shaped(self.difference, weight)


@dataclass(frozen=True, eq=False)
class Rescaling(WeightChange):
    """(IA)3: rows or columns of the weight times 1 + `share`. Liu et al., "Few-Shot Parameter-Efficient Fine-Tuning is
    Better and Cheaper than In-Context Learning" (2022).

    With `of_inputs` None the weight's shape decides: rows where there are as many. A bias has no columns to change.
    """

    share: Tensor
    of_inputs: bool | None

    def of_weight(self, weight: Tensor) -> Tensor:
        of_inputs = len(weight) != self.share.numel() if self.of_inputs is None else self.of_inputs
        if of_inputs and weight.dim() == 1:
            return torch.zeros_like(weight)
        sides = [1] * weight.dim()
        sides[1 if of_inputs else 0] = self.share.numel()
        return _shaped(weight * self.share.reshape(sides), weight)


@dataclass(frozen=True, eq=False)
class Rotation(WeightChange):
    """OFT: blocks of rows of the weight, rotated. Qiu et al., "Controlling Text-to-Image Diffusion by Orthogonal
    Finetuning" (2023).

    `blocks` is (blocks, size, size): what Cayley's transform makes rotations of, or with `are_rotations` the rotations
    themselves. `limit` is the largest norm that all of them together may have, per row of the weight; 0 for any.
    """

    blocks: Tensor
    limit: float = 0.0
    rescale: Tensor | None = None
    are_rotations: bool = False

    def of_weight(self, weight: Tensor) -> Tensor:
        blocks = self.blocks if self.are_rotations else _cayley(self.blocks, self.limit * len(weight))
        rows = weight.reshape(blocks.shape[0], blocks.shape[1], -1)
        return _rescaled((blocks.transpose(1, 2) @ rows).reshape(weight.shape), self.rescale) - weight


@dataclass(frozen=True, eq=False)
class InputRotation(WeightChange):
    """OFT of peft and OneTrainer: blocks of the numbers that a row of the weight holds, rotated. Qiu et al.,
    "Orthogonal Finetuning Made Scalable" (2025).

    `packed` is (blocks, size * (size - 1) / 2), one block for all or one for each: what stands above the diagonals of
    skew matrices. `terms` and `limit` are as in `PeftSettings`. Convolutions are rotated the other way if so told.
    """

    packed: Tensor
    terms: int
    limit: float = 0.0
    turns_convolutions_back: bool = False

    @staticmethod
    def block_size(numbers: int) -> int:
        """Of blocks that are packed into that many numbers each; raises ValueError where there are no such blocks."""
        size = (1 + math.isqrt(1 + 8 * numbers)) // 2
        if size * (size - 1) // 2 != numbers or not numbers:
            raise ValueError(f"No block is packed into {numbers} numbers.")
        return size

    def of_weight(self, weight: Tensor) -> Tensor:
        size = self.block_size(self.packed.shape[1])
        upper, lower = torch.triu_indices(size, size, 1, device=self.packed.device)
        skew = self.packed.new_zeros(len(self.packed), size, size)
        skew[:, upper, lower] = self.packed
        skew = skew - skew.mT
        if self.limit > 0:
            norms = torch.linalg.matrix_norm(skew, keepdim=True)
            skew = skew * (self.limit / math.sqrt(len(skew)) / norms.clamp(min=1e-30)).clamp(max=1.0)
        rotations = _cayley_series(skew, self.terms) if self.terms else _cayley(skew / -2, 0.0)
        if not (self.turns_convolutions_back and weight.dim() == 4):
            rotations = rotations.mT
        rows = weight.reshape(len(weight), -1, size)
        rotations = rotations.expand(rows.shape[1], size, size)
        return torch.einsum("obi,bij->obj", rows, rotations).reshape(weight.shape) - weight


@dataclass(frozen=True, eq=False)
class ButterflyRotation(WeightChange):
    """BOFT: several rotations in blocks, each of rows that lie twice as far apart. Liu et al., "Parameter-Efficient
    Orthogonal Finetuning via Butterfly Factorization" (2023).

    `blocks` is (rotations, blocks, size, size); `limit` as for `Rotation`.
    """

    blocks: Tensor
    limit: float = 0.0
    rescale: Tensor | None = None

    def of_weight(self, weight: Tensor) -> Tensor:
        rotations = _cayley(self.blocks, self.limit * len(weight))
        size = rotations.shape[-1]
        rows = weight.flatten(1)
        for step, rotation in enumerate(rotations):
            apart = 2**step * size // 2
            mixed = rows.reshape(-1, 2, apart, rows.shape[1]).transpose(1, 2).reshape(-1, size, rows.shape[1])
            rows = (rotation @ mixed).reshape(-1, apart, 2, rows.shape[1]).transpose(1, 2).reshape(rows.shape)
        return _rescaled(rows.reshape(weight.shape), self.rescale) - weight


@dataclass(frozen=True, eq=False)
class ButterflyInputRotation(WeightChange):
    """BOFT of peft: the numbers that a row of the weight holds are rotated, then rows are multiplied by `factors`.

    `blocks` is (rotations, blocks, size, size). A rotation mixes halves of blocks that lie twice as far apart as in the
    one before; the first mixes neighbours.
    """

    blocks: Tensor
    factors: Tensor | None = None

    def of_weight(self, weight: Tensor) -> Tensor:
        rotations = _cayley(self.blocks / -2, 0.0)
        count, size = rotations.shape[1:3]
        columns = weight.flatten(1).T
        rows = columns.shape[1]
        for step, rotation in enumerate(rotations):
            sides = (-1, 2, 2**step, size // 2, rows) if step else (count, 1, 1, size, rows)
            mixed = columns.reshape(sides).transpose(1, 2)
            turned = (rotation @ mixed.reshape(count, size, rows)).reshape(mixed.shape)
            columns = turned.transpose(1, 2).reshape(columns.shape)
        return _rescaled(columns.T.reshape(weight.shape), self.factors) - weight


@dataclass(frozen=True, eq=False)
class Generalized(WeightChange):
    """GLoRA: a low-rank matrix, and the weight times another one. Chavan et al., "One-for-All: Generalized LoRA for
    Parameter-Efficient Fine-tuning" (2023).

    `on_weight` and `added` are pairs whose product is (in, in) and (out, in).
    """

    on_weight: tuple[Tensor, Tensor]
    added: tuple[Tensor, Tensor]
    scale: float

    def of_weight(self, weight: Tensor) -> Tensor:
        left, right = self.on_weight
        first, second = self.added
        through = torch.einsum("oi...,ir,rj->oj...", weight, left, right)
        return (_shaped(first @ second, weight) + through) * self.scale


@dataclass(frozen=True, eq=False)
class Decomposed(WeightChange):
    """DoRA: the changed weight, with lengths of its own. Liu et al., "DoRA: Weight-Decomposed Low-Rank Adaptation"
    (2024).

    `magnitude` holds the length of each column of the weight (an input, as in the paper), or with `of_outputs` of each
    row.
    """

    change: WeightChange
    magnitude: Tensor
    of_outputs: bool

    def of_weight(self, weight: Tensor) -> Tensor:
        changed = weight + self.change.of_weight(weight)
        axis = 0 if self.of_outputs else 1
        others = [side for side in range(weight.dim()) if side != axis]
        lengths = torch.linalg.vector_norm(changed, dim=others, keepdim=True) + torch.finfo(torch.float32).eps
        decomposed: Tensor = changed * (self.magnitude.reshape(lengths.shape) / lengths)
        return decomposed - weight

    def cut(self, rank: int) -> Decomposed:
        return replace(self, change=self.change.cut(rank))


def _shaped(change: Tensor, weight: Tensor) -> Tensor:
    """In the weight's shape; what has other rows only happens to have as many numbers."""
    _check_sides(len(change), change.numel(), weight)
    return change.reshape(weight.shape)


def _check_sides(rows: int, numbers: int, weight: Tensor) -> None:
    if rows != len(weight) or numbers != weight.numel():
        raise ValueError(f"A change of {rows} rows and {numbers} numbers does not fit {tuple(weight.shape)}.")


def _product(left: Tensor, right: Tensor, core: Tensor | None) -> Tensor:
    if core is None:
        return left.flatten(1) @ right.flatten(1)
    return torch.einsum("mnhw,mo,ni->oihw", core, left, right).flatten(1)


def _factor(whole_or_left: Tensor | None, right: Tensor | None = None, core: Tensor | None = None) -> Tensor:
    assert whole_or_left is not None
    return whole_or_left if right is None else _product(whole_or_left, right, core)


def _cayley(blocks: Tensor, limit: float) -> Tensor:
    """Rotations (I + Q)(I - Q)^-1 of the skew parts Q of blocks, all of them cut to a norm of `limit`."""
    skew = blocks - blocks.transpose(-1, -2)
    if limit > 0:
        norm = torch.linalg.vector_norm(skew)
        skew = skew * ((norm.clamp(max=limit) + 1e-8) / (norm + 1e-8))
    identity = torch.eye(skew.shape[-1], device=skew.device)
    inverse: Tensor = torch.linalg.inv(identity - skew)
    return (identity + skew) @ inverse


def _cayley_series(skew: Tensor, terms: int) -> Tensor:
    """(I + Q)(I - Q)^-1 as the sum I + 2Q + 2Q^2 + ..., whose last power peft counts once to have it nearer."""
    total = torch.eye(skew.shape[-1], device=skew.device).repeat(len(skew), 1, 1)
    last = terms - 1 if terms < 3 else max(terms - 1, 3)
    power = skew
    for exponent in range(1, last + 1):
        total += power if exponent == last and terms > 2 else 2 * power
        power = power @ skew
    return total


def _rescaled(weight: Tensor, factors: Tensor | None) -> Tensor:
    return weight if factors is None else weight * factors.reshape(-1, *[1] * (weight.dim() - 1))


def _moved(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, torch.float32)
    if isinstance(value, WeightChange):
        return value.on(device)
    return tuple(_moved(one, device) for one in value) if isinstance(value, tuple) else value
