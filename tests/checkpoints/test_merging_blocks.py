"""The grammar of amounts for blocks."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.checkpoints.block_weights import BlockWeights
from modules.errors import InvalidRequest
from tests.small_checkpoints import LAYOUTS

NAMES = {
    layout: list(json.loads((LAYOUTS / f"{layout}.json").read_text())["tensors"]) for layout in ("sd15", "sdxl_base")
}
NETWORK = "model.diffusion_model."


def amounts(text: str, layout: str = "sd15", multiplier: float = 0.5) -> dict[str, float]:
    """The amount at the first tensor of every block, by the block's name."""
    weights = BlockWeights(text, NAMES[layout], multiplier)
    blocks = {"input_blocks": "IN", "output_blocks": "OUT"}
    found = {}
    for name in NAMES[layout]:
        part, _, rest = name.removeprefix(NETWORK).partition(".")
        if part in blocks and name.startswith(NETWORK):
            found[f"{blocks[part]}{int(rest.split('.')[0]):02}"] = weights.of(name)
    return found | {"M00": weights.of(NETWORK + "middle_block.0.in_layers.0.bias")}


def test_empty_is_the_multiplier_everywhere() -> None:
    assert set(amounts(" ").values()) == {0.5}


@pytest.mark.parametrize(("layout", "count"), [("sd15", 25), ("sdxl_base", 19)])
@pytest.mark.parametrize("with_base", [False, True])
def test_list_has_a_number_for_each_block(layout: str, count: int, with_base: bool) -> None:
    numbers = [round(place / 100, 2) for place in range(count)]
    text = ",".join(map(str, [0.9] * with_base + numbers))
    found = amounts(text, layout)
    half = (count - 1) // 2
    order = [f"IN{place:02}" for place in range(half)] + ["M00"] + [f"OUT{place:02}" for place in range(half)]
    assert [found[block] for block in order] == numbers
    weights = BlockWeights(text, NAMES[layout], 0.5)
    assert weights.of("first_stage_model.decoder.conv_in.bias") == (0.9 if with_base else 0.5)
    assert weights.of(NETWORK + "time_embed.0.bias") == numbers[0]
    assert weights.of(NETWORK + "out.0.bias") == numbers[-1]


def test_rules_name_blocks_ranges_and_groups() -> None:
    found = amounts("in*=0.1, IN02 - IN04 = 0.3\nMID=0.7, OUT*=1..0, OUT11=2")
    assert [found[f"IN{place:02}"] for place in (0, 1, 2, 4, 5, 11)] == [0.1, 0.1, 0.3, 0.3, 0.1, 0.1]
    assert found["M00"] == 0.7
    assert [round(found[f"OUT{place:02}"], 6) for place in (0, 1, 10, 11)] == [
        1,
        round(1 - 1 / 11, 6),
        round(1 / 11, 6),
        2,
    ]


def test_ranges_go_over_the_middle() -> None:
    found = amounts("UNET=0, IN10-OUT01=0..1")
    assert [found[block] for block in ("IN09", "IN10", "IN11", "M00", "OUT00", "OUT01", "OUT02")] == [
        0, 0, 0.25, 0.5, 0.75, 1, 0
    ]  # fmt: skip


def test_encoders_of_xl_are_told_apart() -> None:
    weights = BlockWeights("TE=0.1, TE2=0.9, VAE=0", NAMES["sdxl_base"], 0.5)
    assert weights.of("conditioner.embedders.0.transformer.text_model.final_layer_norm.bias") == 0.1
    assert weights.of("conditioner.embedders.1.model.ln_final.bias") == 0.9
    assert weights.of("first_stage_model.quant_conv.bias") == 0
    assert weights.of(NETWORK + "label_emb.0.0.bias") == 0.5


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("IN12=1", "names no block"),
        ("IN05-IN02=1", "names no block"),
        ("IN00=x", "is no number"),
        ("IN00=0..", "is no number"),
        ("IN00=1e9", "out of range"),
        ("IN00=inf", "out of range"),
        ("IN00=nan", "is no number"),
        ("0.1,0.2", "are 2 numbers, and this network has 25 blocks"),
        ("__import__('os')=1", "names no block"),
        ("=", "names no block"),
        ("0," * 2000, "longer than"),
    ],
)
def test_other_text_is_refused_in_words(text: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        amounts(text)


def test_network_without_blocks_takes_none() -> None:
    with pytest.raises(InvalidRequest, match="Leave them empty"):
        BlockWeights("IN00=1", ["unet.conv_in.weight"], 0.5)


@given(st.text(alphabet="INOUTMED0123456789-*=.,e \n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = amounts(text)
    except InvalidRequest:
        return
    assert all(-2 <= amount <= 3 for amount in found.values())
