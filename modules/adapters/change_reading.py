"""Makes the changes of one module out of the tensors that an adapter file has for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from modules.adapters.changes import (
    ButterflyInputRotation,
    ButterflyRotation,
    Decomposed,
    Difference,
    Generalized,
    Hadamard,
    InputRotation,
    Kronecker,
    LowRank,
    Rescaling,
    Rotation,
    WeightChange,
)
from modules.adapters.metadata_text import is_true, json_object
from modules.adapters.peft_settings import PeftSettings


@dataclass(frozen=True, eq=False)
class ModuleChange:
    """What a module gets at multiplier 1: changes of its weight, which add up, and one of its bias."""

    weight: tuple[WeightChange, ...] = ()
    bias: WeightChange | None = None

    def cut(self, rank: int | None) -> ModuleChange:
        """The same with the first `rank` ranks alone; None: all."""
        return self if rank is None else ModuleChange(tuple(one.cut(rank) for one in self.weight), self.bias)


@dataclass(frozen=True)
class Scaling:
    """How the strength that a network was trained with is told: alpha by rank, or by the root of the rank (rs-LoRA,
    Kalajdzievski 2023).

    `alphas` are those that metadata tell, by the first word of a module's name and by ends of names.
    """

    rank_stabilised: frozenset[str] = frozenset()
    """First words of the names of modules that are rank stabilised; "" for all."""
    alphas: Mapping[str, float] = field(default_factory=dict)
    alphas_by_end: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def told_by(cls, metadata: Mapping[str, str]) -> Scaling:
        """From kohya's network arguments, and from the configuration that diffusers writes."""
        stabilised = {""} if is_true(json_object(metadata.get("ss_network_args", "")).get("rs_lora")) else set()
        alphas: dict[str, float] = {}
        by_end: dict[str, float] = {}
        for name, value in json_object(metadata.get("lora_adapter_metadata", "")).items():
            part, _, setting = name.rpartition(".")
            if setting == "use_rslora" and is_true(value):
                stabilised.add(part)
            elif setting == "lora_alpha" and isinstance(value, (int, float)):
                alphas[part] = _float(value)
            elif setting == "alpha_pattern" and isinstance(value, dict):
                by_end.update({end: _float(one) for end, one in value.items() if isinstance(one, (int, float))})
        return cls(frozenset(stabilised), alphas, by_end)

    def of(self, module: str, rank: int, alpha: float | None) -> float:
        """What a product of that rank is multiplied by; `alpha` is the file's own for the module.

        Raises ValueError for a rank of zero and for an alpha that is not finite.
        """
        part = module.partition(".")[0]
        if alpha is None:
            ends = (value for end, value in self.alphas_by_end.items() if module.endswith(f".{end}"))
            alpha = next(ends, self.alphas.get(part, self.alphas.get("")))
        if not rank:
            raise ValueError("its rank is zero")
        if alpha is None:
            return 1.0
        if not math.isfinite(alpha):
            raise ValueError(f"its alpha is {alpha}")
        is_stabilised = bool(self.rank_stabilised & {part, ""})
        return alpha / (math.sqrt(rank) if is_stabilised else rank)


def module_change(
    module: str, tensors: Mapping[str, Tensor], scaling: Scaling, settings: PeftSettings | None = None
) -> tuple[ModuleChange, frozenset[str]]:
    """The change of a module, and the parts of its tensors that belong to none.

    `tensors` are those of the module by their parts, as `key_names.split_name` names them. Raises ValueError,
    IndexError or RuntimeError where shapes contradict each other, and ValueError where rank or alpha mean nothing.
    """
    left = dict(tensors)
    alpha = _number(left.pop("alpha", None))

    def scale(rank: int) -> float:
        return scaling.of(module, rank, alpha)

    if alpha is not None and not math.isfinite(alpha):
        raise ValueError(f"its alpha is {alpha}")
    settings = settings or PeftSettings()
    biases: list[WeightChange] = [Difference(left.pop(part).flatten()) for part in ("diff_b", "b_norm") if part in left]
    if left.keys() >= {"up_bias", "up", "down"}:
        biases.append(Difference(left.pop("up_bias").flatten() * scale(left["down"].shape[0])))
    found = [change for read in (_low_rank, _hadamard, _kronecker, _generalized) if (change := read(left, scale))]
    found += _rotations(left, alpha or 0.0)
    if "oft_R" in left:
        found.append(_input_rotation(module, left, settings))
    if "boft_R" in left:
        found.append(ButterflyInputRotation(left.pop("boft_R"), left.pop("boft_s", None)))
    found += [Difference(left.pop(part)) for part in ("diff", "w_norm") if part in left]
    if left.keys() >= {"weight", "on_input"}:
        found.append(Rescaling(left.pop("weight"), bool(_number(left.pop("on_input")))))
    if "ia3_l" in left:
        rescaling = _rescaling_of_peft(left.pop("ia3_l"), settings.is_feedforward(module))
        found.append(rescaling)
        biases.append(rescaling)
    if found:
        found[0] = _decomposed(found[0], left)
    return ModuleChange(tuple(found), biases[0] if biases else None), frozenset(left)


_Scale = Callable[[int], float]


def _low_rank(left: dict[str, Tensor], scale: _Scale) -> WeightChange | None:
    if not left.keys() >= {"up", "down"}:
        return None
    up, down = left.pop("up"), left.pop("down")
    return LowRank(up, down, scale(down.shape[0]), left.pop("mid", None))


def _hadamard(left: dict[str, Tensor], scale: _Scale) -> WeightChange | None:
    if not left.keys() >= {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"}:
        return None
    first, second = (
        (left.pop(f"hada_w{number}_a"), left.pop(f"hada_w{number}_b"), left.pop(f"hada_t{number}", None))
        for number in (1, 2)
    )
    return Hadamard(first, second, scale(first[1].shape[0]))


def _kronecker(left: dict[str, Tensor], scale: _Scale) -> WeightChange | None:
    """Only a factor that is a product has a rank; without one there is nothing to scale by."""
    factors: list[tuple[Tensor | None, ...]] = []
    ranks = []
    for name in ("lokr_w1", "lokr_w2"):
        core = left.get("lokr_t2") if name == "lokr_w2" else None
        if name in left:
            factors.append((left[name],))
        elif left.keys() >= {f"{name}_a", f"{name}_b"}:
            factors.append((left[f"{name}_a"], left[f"{name}_b"], core))
            ranks.append(left[f"{name}_b"].shape[0])
        else:
            return None
    for part in [part for part in left if part.startswith("lokr_")]:
        del left[part]
    return Kronecker(factors[0], factors[1], scale(ranks[0]) if ranks else 1.0)


def _generalized(left: dict[str, Tensor], scale: _Scale) -> WeightChange | None:
    """Files of two generations: (rank, in), (in, rank), (rank, in), (out, rank), and each the other way round."""
    if not left.keys() >= {"a1", "a2", "b1", "b2"}:
        return None
    a1, a2, b1, b2 = (left.pop(part).flatten(1) for part in ("a1", "a2", "b1", "b2"))
    if b2.shape[1] == b1.shape[0] == a1.shape[0] == a2.shape[1]:
        return Generalized((a2, a1), (b2, b1), scale(a1.shape[0]))
    return Generalized((a1, a2), (b1, b2), scale(a2.shape[0]))


def _rotations(left: dict[str, Tensor], limit: float) -> list[WeightChange]:
    if "oft_blocks" in left:
        blocks, rescale = left.pop("oft_blocks"), left.pop("rescale", None)
        kind = ButterflyRotation if blocks.dim() == 4 else Rotation
        return [kind(blocks, limit, rescale)]
    if "oft_diag" in left:
        blocks, rescale = left.pop("oft_diag").float(), left.pop("rescale", None)
        identity = torch.eye(blocks.shape[-1])
        # The oldest files hold how far rotations are from the identity.
        blocks = min((blocks, blocks + identity), key=lambda one: float((one.mT @ one - identity).norm()))
        return [Rotation(blocks, rescale=rescale, are_rotations=True)]
    return []


def _input_rotation(module: str, left: dict[str, Tensor], settings: PeftSettings) -> InputRotation:
    """OneTrainer rotates the weights of convolutions, which peft rotates by their inputs: the other way."""
    packed = left.pop("oft_R").float()
    InputRotation.block_size(packed.shape[1])
    if "scaled_oft" in left:
        del left["scaled_oft"]
        packed = packed / math.sqrt(packed.shape[1])
    terms, limit = settings.series_terms(module), settings.rotation_limit(module)
    return InputRotation(packed, terms, limit, turns_convolutions_back=module.startswith("lora_"))


def _rescaling_of_peft(factors: Tensor, is_feedforward: bool | None) -> Rescaling:
    """(out, 1) or (1, in) for a matrix; a convolution's shape, (1, out or in, 1, 1), need not tell."""
    if factors.dim() == 2:
        is_feedforward = factors.shape[0] == 1
    return Rescaling(factors.float().flatten() - 1, is_feedforward)


def _decomposed(change: WeightChange, left: dict[str, Tensor]) -> WeightChange:
    """LyCORIS tells the axis by the shape, (1, in) or (out, 1); peft's magnitudes always belong to outputs."""
    if "magnitude" in left:
        return Decomposed(change, left.pop("magnitude").flatten(), of_outputs=True)
    if "dora_scale" in left:
        magnitude = left.pop("dora_scale")
        return Decomposed(change, magnitude.flatten(), of_outputs=magnitude.shape[0] == magnitude.numel())
    return change


def _number(tensor: Tensor | None) -> float | None:
    return None if tensor is None else float(tensor.flatten()[0])


def _float(value: float) -> float:
    """Infinite where a whole number is too large for a float."""
    try:
        return float(value)
    except OverflowError:
        return math.inf
