"""What each kind of adapter adds, against dense arithmetic that is written out here; and laws."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from modules.adapters.change_reading import ModuleChange, Scaling, module_change
from modules.adapters.changes import InputRotation
from tests.adapters.networks import random

OUT, IN, RANK, SIDE = 12, 8, 3, 3
LINEAR, CONV = (OUT, IN), (OUT, IN, SIDE, SIDE)
ALPHA = 1.5
Shape = tuple[int, ...]
Tensors = dict[str, Tensor]


def changed(tensors: Mapping[str, Tensor], weight: Tensor, multiplier: float = 1.0) -> Tensor:
    """What the product makes of a weight."""
    change, left = module_change("x", tensors, Scaling())
    assert not left
    return _with(change, weight, multiplier)


def _with(change: ModuleChange, weight: Tensor, multiplier: float) -> Tensor:
    total = weight.clone()
    for one in change.weight:
        one.on("cpu").add_to(total, weight, multiplier)
    return total


def lora(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    up, down = random(OUT, RANK), random(RANK, *shape[1:])
    flat = torch.stack([sum(up[row, r] * down[r] for r in range(RANK)) for row in range(OUT)])  # type: ignore[misc]
    tensors = {"up": up.reshape(OUT, RANK, *[1] * (len(shape) - 2)), "down": down, "alpha": torch.tensor(ALPHA)}
    return tensors, lambda weight: weight + flat * ALPHA / RANK


def locon_with_core(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    up, mid, down = random(OUT, RANK, 1, 1), random(RANK, RANK, *shape[2:]), random(RANK, IN, 1, 1)
    delta = torch.zeros(shape)
    for y, x in itertools.product(range(SIDE), repeat=2):
        delta[:, :, y, x] = up[:, :, 0, 0] @ mid[:, :, y, x] @ down[:, :, 0, 0]
    tensors = {"up": up, "mid": mid, "down": down, "alpha": torch.tensor(ALPHA)}
    return tensors, lambda weight: weight + delta * ALPHA / RANK


def loha(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    inner = math.prod(shape[1:])
    a1, b1, a2, b2 = (
        random(OUT, RANK),
        random(RANK, inner),
        random(OUT, RANK, seed=1),
        random(RANK, inner, seed=1),
    )
    delta = torch.zeros(OUT, inner)
    for row, column in itertools.product(range(OUT), range(inner)):
        delta[row, column] = (a1[row] @ b1[:, column]) * (a2[row] @ b2[:, column])
    tensors = {"hada_w1_a": a1, "hada_w1_b": b1, "hada_w2_a": a2, "hada_w2_b": b2, "alpha": torch.tensor(ALPHA)}
    return tensors, lambda weight: weight + delta.reshape(shape) * ALPHA / RANK


def loha_with_core(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    tensors: Tensors = {"alpha": torch.tensor(ALPHA)}
    products = []
    for number in (1, 2):
        core = random(RANK, RANK, *shape[2:], seed=number)
        a, b = random(RANK, OUT, seed=number), random(RANK, IN, seed=number)
        tensors |= {f"hada_t{number}": core, f"hada_w{number}_a": a, f"hada_w{number}_b": b}
        delta = torch.zeros(shape)
        for y, x in itertools.product(range(SIDE), repeat=2):
            delta[:, :, y, x] = a.T @ core[:, :, y, x] @ b
        products.append(delta)
    return tensors, lambda weight: weight + products[0] * products[1] * ALPHA / RANK


def _kronecker(first: Tensor, second: Tensor, shape: Shape) -> Tensor:
    """Block by block: block (i, j) of the channels is first[i, j] times second."""
    delta = torch.zeros(shape)
    height, width = second.shape[:2]
    for row, column in itertools.product(range(first.shape[0]), range(first.shape[1])):
        block = first[row, column] * second
        delta[row * height : (row + 1) * height, column * width : (column + 1) * width] = block
    return delta


def lokr_whole(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    first, second = random(3, 2), random(OUT // 3, IN // 2, *shape[2:])
    delta = _kronecker(first, second, shape)  # two whole factors have no rank, so alpha says nothing
    return {"lokr_w1": first, "lokr_w2": second, "alpha": torch.tensor(ALPHA)}, lambda weight: weight + delta


def lokr_products(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    first_a, first_b = random(3, RANK), random(RANK, 2)
    second_a, second_b = random(OUT // 3, RANK), random(RANK, IN // 2 * math.prod(shape[2:]))
    second = (second_a @ second_b).reshape(OUT // 3, IN // 2, *shape[2:])
    delta = _kronecker(first_a @ first_b, second, shape) * ALPHA / RANK
    tensors = {"lokr_w1_a": first_a, "lokr_w1_b": first_b, "lokr_w2_a": second_a, "lokr_w2_b": second_b}
    return {**tensors, "alpha": torch.tensor(ALPHA)}, lambda weight: weight + delta


def lokr_with_core(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    first, core = random(3, 2), random(RANK, RANK, *shape[2:])
    a, b = random(RANK, OUT // 3), random(RANK, IN // 2)
    second = torch.zeros(OUT // 3, IN // 2, *shape[2:])
    for y, x in itertools.product(range(SIDE), repeat=2):
        second[:, :, y, x] = a.T @ core[:, :, y, x] @ b
    delta = _kronecker(first, second, shape) * ALPHA / RANK
    tensors = {"lokr_w1": first, "lokr_t2": core, "lokr_w2_a": a, "lokr_w2_b": b, "alpha": torch.tensor(ALPHA)}
    return tensors, lambda weight: weight + delta


def difference(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    delta = random(*shape)
    return {"diff": delta}, lambda weight: weight + delta


def ia3_inputs(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    share = random(IN)

    def expected(weight: Tensor) -> Tensor:
        return torch.stack([weight[:, column] * (1 + share[column]) for column in range(IN)], dim=1)

    return {"weight": share, "on_input": torch.tensor(True)}, expected


def ia3_outputs(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    share = random(OUT)

    def expected(weight: Tensor) -> Tensor:
        return torch.stack([weight[row] * (1 + share[row]) for row in range(OUT)])

    return {"weight": share[:, None], "on_input": torch.tensor(False)}, expected


def dora_of_inputs(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    tensors, plain = lora(shape)
    magnitude = random(IN).abs() + 0.1

    def expected(weight: Tensor) -> Tensor:
        whole = plain(weight)
        columns = [whole[:, at] / whole[:, at].square().sum().sqrt() * magnitude[at] for at in range(IN)]
        return torch.stack(columns, dim=1)

    return {**tensors, "dora_scale": magnitude.reshape(1, IN, *[1] * (len(shape) - 2))}, expected


def dora_of_outputs(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    tensors, plain = lora(shape)
    magnitude = random(OUT).abs() + 0.1

    def expected(weight: Tensor) -> Tensor:
        whole = plain(weight)
        return torch.stack([row / row.square().sum().sqrt() * length for row, length in zip(whole, magnitude)])  # noqa: B905

    return {**tensors, "dora_scale": magnitude.reshape(OUT, *[1] * (len(shape) - 1))}, expected


def dora_of_peft(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    """peft gives a convolution's lengths, of its outputs, a shape that looks like that of inputs."""
    tensors, expected = dora_of_outputs(shape)
    magnitude = tensors.pop("dora_scale").flatten()
    return {**tensors, "magnitude": magnitude.reshape(1, OUT, 1, 1) if len(shape) > 2 else magnitude}, expected


def _rotation(block: Tensor) -> Tensor:
    skew, identity = block - block.T, torch.eye(len(block))
    solved: Tensor = torch.linalg.solve((identity - skew).T, (identity + skew).T)
    return solved.T


def oft(shape: Shape, alpha: float = 0.0, rescaled: bool = False) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    blocks = random(3, 4, 4) * 0.3
    factors = random(OUT).abs() + 0.5
    skew = blocks - blocks.transpose(1, 2)
    cut = min(1.0, alpha * OUT / float(skew.norm())) if alpha else 1.0

    def expected(weight: Tensor) -> Tensor:
        whole = torch.zeros(OUT, OUT)
        for at, block in enumerate(blocks):
            whole[4 * at : 4 * at + 4, 4 * at : 4 * at + 4] = _rotation(block * cut)
        turned = (whole.T @ weight.flatten(1)).reshape(shape)
        return turned * factors.reshape([OUT] + [1] * (len(shape) - 1)) if rescaled else turned

    tensors = {"oft_blocks": blocks, "alpha": torch.tensor(alpha)}
    return {**tensors, "rescale": factors[:, None]} if rescaled else tensors, expected


def coft(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    return oft(shape, alpha=0.05)


def oft_rescaled(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    return oft(shape, rescaled=True)


def oft_as_rotations(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    tensors, expected = oft(shape)
    return {"oft_diag": torch.stack([_rotation(block) for block in tensors["oft_blocks"]])}, expected


def oft_as_distances(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    tensors, expected = oft_as_rotations(shape)
    return {"oft_diag": tensors["oft_diag"] - torch.eye(4)}, expected


def boft(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    """Rotation `i` mixes pairs of rows that lie 2 ** i apart, in blocks of 2."""
    blocks = random(2, OUT // 2, 2, 2) * 0.3

    def expected(weight: Tensor) -> Tensor:
        rows = weight.flatten(1)
        for step in range(2):
            apart = 2**step
            firsts = [at for at in range(OUT) if at % (2 * apart) < apart]
            whole = torch.zeros(OUT, OUT)
            for block, first in zip(blocks[step], firsts, strict=True):
                pair = [first, first + apart]
                for row, column in itertools.product(range(2), repeat=2):
                    whole[pair[row], pair[column]] = _rotation(block)[row, column]
            rows = whole @ rows
        return rows.reshape(shape)

    return {"oft_blocks": blocks, "alpha": torch.tensor(0.0)}, expected


def glora(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    a1, a2 = random(RANK, IN), random(IN, RANK)
    b1, b2 = random(RANK, math.prod(shape[1:])), random(OUT, RANK)
    tensors = {"a1": a1, "a2": a2, "b1": b1, "b2": b2, "alpha": torch.tensor(ALPHA)}
    return tensors, _glora_expected(a2 @ a1, b2 @ b1, shape)


def glora_of_newer_files(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    a1, a2 = random(IN, RANK), random(RANK, IN)
    b1, b2 = random(OUT, RANK), random(RANK, math.prod(shape[1:]))
    tensors = {"a1": a1, "a2": a2, "b1": b1, "b2": b2, "alpha": torch.tensor(ALPHA)}
    return tensors, _glora_expected(a1 @ a2, b1 @ b2, shape)


def _glora_expected(on_weight: Tensor, added: Tensor, shape: Shape) -> Callable[[Tensor], Tensor]:
    def expected(weight: Tensor) -> Tensor:
        through = weight.flatten(2) if len(shape) > 2 else weight[..., None]
        turned = torch.stack([through[..., at] @ on_weight for at in range(through.shape[-1])], dim=-1)
        return weight + (turned.reshape(shape) + added.reshape(shape)) * ALPHA / RANK

    return expected


def ia3_of_peft_outputs(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    tensors, expected = ia3_outputs(shape)
    factors = tensors["weight"] + 1
    return {"ia3_l": factors if len(shape) == 2 else factors.reshape(1, OUT, 1, 1)}, expected


def ia3_of_peft_inputs(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    tensors, expected = ia3_inputs(shape)
    return {"ia3_l": (tensors["weight"] + 1).reshape(1, IN, *[1] * (len(shape) - 2))}, expected


def oft_of_peft(shape: Shape, scaled: bool = False) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    """Blocks of four, and so six numbers above each diagonal."""
    packed = random(math.prod(shape[1:]) // 4, 6) * 0.2
    tensors = {"oft_R": packed, **({"scaled_oft": torch.tensor(1)} if scaled else {})}

    def expected(weight: Tensor) -> Tensor:
        return (weight.flatten(1) @ _of_packed(packed / math.sqrt(6) if scaled else packed).T).reshape(shape)

    return tensors, expected


def oft_of_peft_scaled(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    return oft_of_peft(shape, scaled=True)


def oft_of_peft_shared(shape: Shape) -> tuple[Tensors, Callable[[Tensor], Tensor]]:
    packed = random(1, 6) * 0.2
    whole = _of_packed(packed.repeat(math.prod(shape[1:]) // 4, 1))
    return {"oft_R": packed}, lambda weight: (weight.flatten(1) @ whole.T).reshape(shape)


def _of_packed(packed: Tensor) -> Tensor:
    """The rotation of all numbers of a row, by peft's series for Cayley's transform."""
    blocks = []
    for a, b, c, d, e, f in packed.tolist():
        skew = torch.tensor([[0, a, b, c], [-a, 0, d, e], [-b, -d, 0, f], [-c, -e, -f, 0]])
        powers = [torch.linalg.matrix_power(skew, exponent) for exponent in range(5)]
        blocks.append(powers[0] + 2 * (powers[1] + powers[2] + powers[3]) + powers[4])
    return torch.block_diag(*blocks)  # type: ignore[no-any-return, no-untyped-call]


BOTH = [
    *(lora, loha, lokr_whole, lokr_products, difference, ia3_inputs, ia3_outputs, glora, glora_of_newer_files),
    *(dora_of_inputs, dora_of_outputs, dora_of_peft, oft, coft, oft_rescaled, oft_as_rotations, oft_as_distances, boft),
    *(ia3_of_peft_outputs, ia3_of_peft_inputs, oft_of_peft, oft_of_peft_scaled, oft_of_peft_shared),
]
CONVOLUTIONS = [locon_with_core, loha_with_core, lokr_with_core]
CASES = [*itertools.product(BOTH, (LINEAR, CONV)), *itertools.product(CONVOLUTIONS, (CONV,))]
ADDITIVE = [lora, loha, lokr_whole, lokr_products, difference]
Kind = Callable[[Shape], tuple[Tensors, Callable[[Tensor], Tensor]]]


@pytest.mark.parametrize(("kind", "shape"), CASES, ids=[f"{kind.__name__}-{len(shape)}d" for kind, shape in CASES])
def test_a_kind_is_what_its_dense_arithmetic_says(kind: Kind, shape: Shape) -> None:
    weight = random(*shape, seed=9)
    tensors, expected = kind(shape)
    torch.testing.assert_close(changed(tensors, weight), expected(weight), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(expected(weight), weight)


@pytest.mark.parametrize("kind", [oft, coft, oft_as_rotations, boft])
def test_rotations_keep_the_length_of_every_column(kind: Kind) -> None:
    weight = random(*LINEAR, seed=9)
    turned = changed(kind(LINEAR)[0], weight)
    torch.testing.assert_close(turned.norm(dim=0), weight.norm(dim=0), rtol=1e-5, atol=1e-5)


def test_onetrainer_rotates_convolutions_the_other_way() -> None:
    tensors, _ = oft_of_peft(CONV)
    weight = random(*CONV, seed=9)
    change, _ = module_change("lora_unet_x", tensors, Scaling())
    expected = (weight.flatten(1) @ _of_packed(tensors["oft_R"])).reshape(CONV)
    torch.testing.assert_close(_with(change, weight, 1.0), expected, rtol=1e-4, atol=1e-4)
    matrix = random(*LINEAR, seed=9)
    tensors, rotated = oft_of_peft(LINEAR)
    change, _ = module_change("lora_unet_x", tensors, Scaling())
    torch.testing.assert_close(_with(change, matrix, 1.0), rotated(matrix), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("numbers", [0, 2, 4, 7])
def test_blocks_that_cannot_be_packed_so_are_refused(numbers: int) -> None:
    with pytest.raises(ValueError, match=f"into {numbers} numbers"):
        module_change("x", {"oft_R": random(2, numbers)}, Scaling())


@given(size=st.integers(2, 3000))
def test_the_size_of_a_block_is_told_by_how_many_numbers_it_is_packed_into(size: int) -> None:
    assert InputRotation.block_size(size * (size - 1) // 2) == size


@pytest.mark.parametrize(("shape", "changes_bias"), [((OUT, 1), True), ((1, IN), False), ((1, OUT, 1, 1), True)])
def test_ia3_of_peft_changes_a_bias_with_the_outputs(shape: Shape, changes_bias: bool) -> None:
    factors, bias = random(*shape), random(OUT, seed=2)
    change, _ = module_change("x", {"ia3_l": factors}, Scaling())
    assert change.bias is not None
    changed_bias = bias + change.bias.of_weight(bias)
    torch.testing.assert_close(changed_bias, bias * factors.flatten() if changes_bias else bias)


@given(case=st.sampled_from(CASES), multiplier=st.floats(-2, 2, width=32))
def test_every_kind_is_linear_in_its_multiplier_and_nothing_at_0(case: tuple[Kind, Shape], multiplier: float) -> None:
    kind, shape = case
    weight = random(*shape, seed=9)
    tensors, expected = kind(shape)
    scaled = weight + (expected(weight) - weight) * multiplier
    torch.testing.assert_close(changed(tensors, weight, multiplier), scaled, rtol=1e-4, atol=1e-3)
    assert torch.equal(changed(tensors, weight, 0.0), weight)


@given(
    first=st.sampled_from(ADDITIVE),
    second=st.sampled_from(ADDITIVE),
    strengths=st.tuples(st.floats(-2, 2, width=32), st.floats(-2, 2, width=32)),
)
def test_additive_kinds_commute(first: Kind, second: Kind, strengths: tuple[float, float]) -> None:
    weight = random(*LINEAR, seed=9)
    one, other = first(LINEAR)[0], second(LINEAR)[0]
    there = changed(other, changed(one, weight, strengths[0]), strengths[1])
    back = changed(one, changed(other, weight, strengths[1]), strengths[0])
    torch.testing.assert_close(there, back, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rank", [1, 2, 3, 9])
def test_a_lora_is_cut_to_its_first_ranks_and_keeps_its_scale(rank: int) -> None:
    tensors, _ = lora(LINEAR)
    change, _ = module_change("x", tensors, Scaling())
    expected = tensors["up"][:, :rank] @ tensors["down"][:rank] * ALPHA / RANK
    torch.testing.assert_close(_with(change.cut(rank), torch.zeros(LINEAR), 1.0), expected)


def test_without_alpha_a_product_is_not_scaled() -> None:
    tensors, _ = lora(LINEAR)
    del tensors["alpha"]
    torch.testing.assert_close(changed(tensors, torch.zeros(LINEAR)), tensors["up"] @ tensors["down"])


@pytest.mark.parametrize(
    ("metadata", "module", "scale"),
    [
        ({"ss_network_args": '{"rs_lora": "True"}'}, "lora_unet_x", 6 / 2),
        ({"ss_network_args": '{"rs_lora": "False"}'}, "lora_unet_x", 6 / 4),
        ({"ss_network_args": "no JSON"}, "lora_unet_x", 6 / 4),
        ({"lora_adapter_metadata": '{"unet.use_rslora": true}'}, "unet.x", 6 / 2),
        ({"lora_adapter_metadata": '{"unet.use_rslora": true}'}, "text_encoder.x", 6 / 4),
    ],
)
def test_rank_stabilisation_is_told_by_metadata(metadata: dict[str, str], module: str, scale: float) -> None:
    assert Scaling.told_by(metadata).of(module, 4, 6.0) == scale


def test_alpha_may_stand_in_metadata_for_a_part_and_for_single_modules() -> None:
    told = '{"unet.lora_alpha": 8, "unet.r": 4, "unet.alpha_pattern": {"to_k": 2}, "text_encoder.lora_alpha": 1}'
    scaling = Scaling.told_by({"lora_adapter_metadata": told})
    assert [scaling.of(name, 4, None) for name in ("unet.a.to_q", "unet.a.to_k", "text_encoder.b")] == [2, 0.5, 0.25]
    assert scaling.of("unet.a.to_q", 4, 4.0) == 1  # the file's own number counts


def test_biases_and_normalisations_are_differences() -> None:
    weight, bias = random(OUT), random(OUT, seed=2)
    change, left = module_change("x", {"w_norm": weight, "b_norm": bias}, Scaling())
    assert not left
    assert torch.equal(_with(change, torch.zeros(OUT), 1.0), weight)
    assert change.bias is not None
    assert torch.equal(change.bias.of_weight(torch.zeros(OUT)), bias)


def test_parts_that_belong_to_nothing_are_told() -> None:
    _, left = module_change("x", {"up": random(4, 2), "lokr_w1": random(2, 2)}, Scaling())
    assert left == {"up", "lokr_w1"}
