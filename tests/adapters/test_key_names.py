"""Names of tensors in files of all trainers."""

from __future__ import annotations

import pytest

from modules.adapters.key_names import split_name
from modules.checkpoints.weights_identity import identify_weights
from modules.checkpoints.weights_kinds import WIDTHS
from tests.checkpoints.weights_files import header_of

KOHYA, PEFT = "lora_unet_mid_block_attentions_0_proj_in", "base_model.model.mid_block.attentions.0.proj_in"


@pytest.mark.parametrize(
    ("name", "module", "part"),
    [
        (f"{KOHYA}.lora_up.weight", KOHYA, "up"),
        (f"{KOHYA}.lora_mid.weight", KOHYA, "mid"),
        (f"{KOHYA}.alpha", KOHYA, "alpha"),
        (f"{KOHYA}.hada_w1_a", KOHYA, "hada_w1_a"),
        (f"{KOHYA}.lokr_t2", KOHYA, "lokr_t2"),
        (f"{KOHYA}.dora_scale", KOHYA, "dora_scale"),
        (f"{KOHYA}.a1.weight", KOHYA, "a1"),
        (f"{KOHYA}.weight", KOHYA, "weight"),
        (f"{PEFT}.lora_A.weight", PEFT, "down"),
        (f"{PEFT}.lora_B.default.weight", PEFT, "up"),
        (f"{PEFT}.lora_B.bias", PEFT, "up_bias"),
        (f"{PEFT}.lora_B.default.bias", PEFT, "up_bias"),
        (f"{PEFT}.lora_magnitude_vector", PEFT, "magnitude"),
        (f"{PEFT}.lora_magnitude_vector.default.weight", PEFT, "magnitude"),
        (f"{PEFT}.oft_R.weight", PEFT, "oft_R"),
        (f"{PEFT}.oft_R.default.weight", PEFT, "oft_R"),
        (f"{KOHYA}.oft_R.weight", KOHYA, "oft_R"),
        (f"{KOHYA}.oft_R.scaled_oft", KOHYA, "scaled_oft"),
        *(
            (f"{PEFT}.{part}{name}", PEFT, part)
            for part in ("ia3_l", "boft_R", "boft_s")
            for name in ("", ".default", ".a.b")
        ),
        ("unet.a.attn1.processor.to_q_lora.down.weight", "unet.a.attn1.processor.to_q", "down"),
        ("unet.a.attn1.to_q.lora.up.weight", "unet.a.attn1.to_q", "up"),
        ("text_encoder.a.mlp.fc1.lora_linear_layer.up.weight", "text_encoder.a.mlp.fc1", "up"),
    ],
)
def test_a_name_is_split_into_module_and_part(name: str, module: str, part: str) -> None:
    assert split_name(name) == (module, part)


@pytest.mark.parametrize(
    "down",
    [
        *(f"{PEFT}.lora_A{name}.weight" for name in ("", ".default", ".style")),
        *(f"unet.x.attn1.to_q.{end}.weight" for end in ("lora.down", "lora_linear_layer.down", "lora_down")),
        "unet.x.attn1.processor.to_q_lora.down.weight",
        f"{KOHYA}.lora_down.weight",
    ],
)
def test_files_of_these_names_are_recognised(down: str) -> None:
    up = down.replace("lora_A", "lora_B").replace("down.weight", "up.weight")
    assert {(split_name(name) or ("", ""))[1] for name in (up, down)} == {"up", "down"}
    assert identify_weights(header_of({up: [8, 4], down: [4, 8]})).kind == "lora"


@pytest.mark.parametrize(
    ("name", "shape", "title"),
    [
        (f"{PEFT}.oft_R.weight", [10, 496], "OFT"),
        (f"{PEFT}.oft_R.default.weight", [10, 496], "OFT"),
        (f"{KOHYA}.oft_R.weight", [10, 496], "OFT"),
        (f"{PEFT}.ia3_l", [320, 1], "(IA)3"),
        (f"{PEFT}.ia3_l.style", [320, 1], "(IA)3"),
        (f"{PEFT}.boft_R", [1, 40, 8, 8], "BOFT"),
        (f"{PEFT}.boft_R.default", [1, 40, 8, 8], "BOFT"),
    ],
)
def test_kinds_of_peft_are_recognised(name: str, shape: list[int], title: str) -> None:
    found = identify_weights(header_of({name: shape}))
    assert (found.kind, found.family, found.title, found.unsupported) == ("lora", None, title, "")


@pytest.mark.parametrize("width", WIDTHS)
def test_kinds_of_peft_tell_their_family_by_the_vectors_that_cross_attention_reads(width: int) -> None:
    block = "base_model.model.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
    for end, shape in (
        ("oft_R.weight", [width // 32, 496]),
        ("oft_R.default.weight", [width // 64, 2016]),
        ("boft_R", [2, width // 8, 8, 8]),
        ("ia3_l", [1, width]),
        ("ia3_l.default", [1, width]),
    ):
        found = identify_weights(header_of({f"{block}.{end}": shape}))
        assert (found.kind, found.family) == ("lora", WIDTHS[width])


@pytest.mark.parametrize("name", ["", "weight", "alpha", "x.oft_R", "double_blocks.0.scale"])
def test_other_names_have_no_module(name: str) -> None:
    assert split_name(name) is None
