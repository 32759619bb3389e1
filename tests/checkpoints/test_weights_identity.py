"""Files of weights are told apart by names and shapes of their tensors: real layouts, and samples of each format."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.checkpoints.weights_header import BITS, read_header
from modules.checkpoints.weights_identity import WeightsIdentity, identify_weights
from modules.config.paths import ROOT
from tests.checkpoints.weights_files import LAYOUTS, LORA, SD1, SD2, Shapes, header_of, layout

K = "transformer_blocks_0_attn2_to_k"
CLIP_QUERY = "text_model_encoder_layers_0_self_attn_q_proj"


def told(shapes: Shapes, metadata: dict[str, str] | None = None, dtype: str = "F16") -> WeightsIdentity:
    return identify_weights(header_of(shapes, metadata, dtype))


CHECKPOINTS: dict[str, dict[str, Any]] = {
    "sd15": {"family": "sd1", "task": "plain", "prediction_type": "epsilon"},
    "sd15_inpaint": {"family": "sd1", "task": "inpainting", "prediction_type": "epsilon"},
    "sd15_instruct_pix2pix": {"family": "sd1", "task": "pix2pix", "prediction_type": "epsilon"},
    "sd21": {"family": "sd2", "task": "plain", "prediction_type": None},
    "sdxl_base": {"family": "sdxl", "task": "plain", "prediction_type": "epsilon"},
    "sdxl_refiner": {"family": "sdxl-refiner", "task": "plain", "prediction_type": "epsilon"},
}


def test_there_is_a_row_for_every_layout() -> None:
    assert {path.stem for path in LAYOUTS.glob("*.json")} >= {*CHECKPOINTS, "vae_kl_f8"}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_real_checkpoints(name: str) -> None:
    found = told(layout(name))
    assert (found.kind, found.layout, found.unsupported, found.zero_terminal_snr) == ("checkpoint", "ldm", "", False)
    assert {key: getattr(found, key) for key in CHECKPOINTS[name]} == CHECKPOINTS[name]
    assert found.title.endswith(" checkpoint")


def test_real_vae_by_itself_and_out_of_a_checkpoint() -> None:
    inside = {name: shape for name, shape in layout("sd15").items() if name.startswith("first_stage_model.")}
    for shapes in (layout("vae_kl_f8"), inside):
        found = told(shapes)
        assert (found.kind, found.title, found.unsupported, found.layout) == ("vae", "VAE", "", "ldm")


@pytest.mark.parametrize(("name", "family"), [("sd15", "sd1"), ("sd21", "sd2"), ("sdxl_base", "sdxl")])
def test_network_without_text_encoder_is_a_part(name: str, family: str) -> None:
    whole = layout(name)
    for kept in ("model.diffusion_model.", "model."):
        found = told({key.removeprefix(kept): shape for key, shape in whole.items() if key.startswith("model.")})
        assert (found.kind, found.family) == ("part", family)
        assert "without text encoder" in found.unsupported


def test_inpainting_and_edit_variants_of_other_families() -> None:
    for name, family in (("sd21", "sd2"), ("sdxl_base", "sdxl")):
        shapes = layout(name)
        for channels, task in ((9, "inpainting"), (8, "pix2pix")):
            shapes["model.diffusion_model.input_blocks.0.0.weight"][1] = channels
            assert (told(shapes).family, told(shapes).task, told(shapes).unsupported) == (family, task, "")
        shapes["model.diffusion_model.input_blocks.0.0.weight"][1] = 6
        assert told(shapes).unsupported == "Its network takes 6 channels, which is not supported."


@pytest.mark.parametrize(
    "gone", ["middle_block.1", "input_blocks.7.1.transformer_blocks.9", "output_blocks.0.1.transformer_blocks.9"]
)
def test_smaller_variants_of_sdxl_are_refused(gone: str) -> None:
    shapes = {name: shape for name, shape in layout("sdxl_base").items() if gone not in name}
    assert "SSD-1B" in told(shapes).unsupported


PIPELINE = {"unet.conv_in.weight": [320, 4, 3, 3], "unet.down_blocks.0.resnets.0.conv1.weight": [320, 320, 3, 3]}
PROJECTION = "unet.down_blocks.0.attentions.0.proj_in.weight"
TOKENS = "text_model.embeddings.token_embedding.weight"


@pytest.mark.parametrize(
    ("more", "family"),
    [
        ({f"text_encoder.{TOKENS}": [49408, 768], PROJECTION: [320, 320, 1, 1]}, "sd1"),
        ({f"text_encoder.{TOKENS}": [49408, 1024], PROJECTION: [320, 320]}, "sd2"),
        ({f"text_encoder.{TOKENS}": [49408, 768], f"text_encoder_2.{TOKENS}": [49408, 1280]}, "sdxl"),
        ({f"text_encoder_2.{TOKENS}": [49408, 1280]}, "sdxl-refiner"),
    ],
)
def test_pipelines_in_one_file(more: Shapes, family: str) -> None:
    found = told({**PIPELINE, **more, "vae.decoder.conv_in.weight": [512, 4, 3, 3]})
    assert (found.kind, found.family, found.layout, found.unsupported) == ("checkpoint", family, "diffusers", "")


@pytest.mark.parametrize(
    ("shapes", "metadata", "prediction", "zero_snr"),
    [
        (SD1, {}, "epsilon", False),
        (SD2, {}, None, False),
        ({**SD1, "v_pred": [0]}, {}, "v_prediction", False),
        ({**SD1, "v_pred": [0], "ztsnr": [0]}, {}, "v_prediction", True),
        (SD1, {"modelspec.prediction_type": "v"}, "v_prediction", False),
        (SD2, {"modelspec.prediction_type": "epsilon"}, "epsilon", False),
        (SD2, {"ss_base_model_version": "sd_v2_v"}, "v_prediction", False),
        (SD2, {"modelspec.architecture": "stable-diffusion-v2-768-v"}, "v_prediction", False),
        (SD2, {"modelspec.architecture": "stable-diffusion-v2-512"}, "epsilon", False),
        (SD1, {"ss_v_parameterization": "True", "ss_zero_terminal_snr": "True"}, "v_prediction", True),
        (SD1, {"modelspec.prediction_type": "nonsense"}, "epsilon", False),
    ],
)
def test_prediction_is_told_by_marks_and_metadata(
    shapes: Shapes, metadata: dict[str, str], prediction: str | None, zero_snr: bool
) -> None:
    found = told(shapes, metadata)
    assert (found.prediction_type, found.zero_terminal_snr) == (prediction, zero_snr)


OTHERS: dict[str, tuple[str, ...]] = {
    "Flux": ("double_blocks.0.img_attn.norm.key_norm.scale",),
    "Flux 2": ("single_stream_modulation.lin.weight", "double_blocks.0.img_attn.norm.key_norm.scale"),
    "Chroma": ("distilled_guidance_layer.in_proj.bias", "double_blocks.0.img_attn.norm.key_norm.scale"),
    "Stable Diffusion 3": ("joint_blocks.0.context_block.adaLN_modulation.1.bias",),
    "Stable Diffusion 3.5": (
        "joint_blocks.37.x_block.mlp.fc1.weight",
        "joint_blocks.0.context_block.adaLN_modulation.1.bias",
    ),
    "AuraFlow": ("double_layers.0.attn.w1q.weight",),
    "LTX-Video": ("patchify_proj.weight", "adaln_single.linear.weight"),
    "PixArt": ("t_block.1.weight", "y_embedder.y_proj.fc1.weight"),
    "Hunyuan-DiT": ("mlp_t5.0.weight",),
    "Hunyuan Video": (
        "txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias",
        "double_blocks.0.img_attn.qkv.weight",
    ),
    "Qwen-Image": ("transformer_blocks.0.img_mod.1.weight",),
    "Z-Image": ("layers.0.adaLN_modulation.0.weight", "cap_embedder.0.weight"),
    "Lumina": ("cap_embedder.0.weight",),
    "Wan": ("head.modulation", "patch_embedding.weight"),
    "Sana": ("blocks.0.cross_attn.q_linear.weight",),
    "HiDream": ("double_stream_blocks.0.block.adaLN_modulation.1.bias",),
    "Stable Cascade": ("clip_txt_mapper.weight",),
    "Kandinsky": ("add_embedding.image_proj.weight",),
    "Stable Video Diffusion": ("input_blocks.1.0.time_stack.emb_layers.1.bias",),
}


@pytest.mark.parametrize("title", OTHERS)
@pytest.mark.parametrize("wrapping", ["", "model.diffusion_model."])
def test_other_families_are_known_by_name(title: str, wrapping: str) -> None:
    found = told({wrapping + name: [4, 4] for name in OTHERS[title]})
    assert (found.kind, found.title, found.family) == ("checkpoint", f"{title} checkpoint", None)
    assert found.unsupported == f"{title} is not supported yet."


@pytest.mark.parametrize(
    ("base", "more", "title"),
    [
        ("sdxl_base", {"edm_mean": [1, 4, 1, 1], "edm_std": [1, 4, 1, 1]}, "Playground v2.5"),
        ("sdxl_base", {"edm_vpred.sigma_max": [1]}, "CosXL"),
        ("sd21", {"noise_augmentor.betas": [1000]}, "Stable Diffusion 2 unCLIP"),
        ("sd21", {"depth_model.model.pretrained.model.cls_token": [1, 1, 1024]}, "Stable Diffusion 2 depth2img"),
        ("sd15", {"cond_stage_model.roberta.embeddings.word_embeddings.weight": [9, 9]}, "AltDiffusion"),
        ("sd15", {"cc_projection.weight": [768, 772]}, "Zero123"),
    ],
)
def test_relatives_of_stable_diffusion_are_refused(base: str, more: Shapes, title: str) -> None:
    found = told({**layout(base), **more})
    assert (found.kind, found.family, found.unsupported) == ("checkpoint", None, f"{title} is not supported yet.")


def kohya(width: int, kind: str = "lora_down.weight", prefix: str = "lora_unet_down_blocks_1_attentions_0_") -> Shapes:
    return {f"{prefix}{K}.{kind}": [8, width], f"{prefix}{K}.lora_up.weight": [640, 8], f"{prefix}{K}.alpha": []}


NETWORKS: list[tuple[str, Shapes, dict[str, str], str | None, str]] = [
    ("kohya, SD 1", LORA, {}, "sd1", "LoRA"),
    ("kohya, SD 2", kohya(1024), {}, "sd2", "LoRA"),
    ("kohya, SDXL", kohya(2048), {}, "sdxl", "LoRA"),
    ("kohya, SDXL by LDM's names", kohya(2048, prefix="lora_unet_input_blocks_4_1_"), {}, "sdxl", "LoRA"),
    ("kohya, refiner", kohya(1280, prefix="lora_unet_input_blocks_4_1_"), {}, "sdxl-refiner", "LoRA"),
    ("kohya, text encoder of SD 1", {f"lora_te_{CLIP_QUERY}.lora_down.weight": [4, 768]}, {}, "sd1", "LoRA"),
    ("kohya, text encoder of SD 2", {f"lora_te_{CLIP_QUERY}.lora_down.weight": [4, 1024]}, {}, "sd2", "LoRA"),
    ("kohya, second text encoder", {f"lora_te2_{CLIP_QUERY}.lora_down.weight": [4, 1280]}, {}, "sdxl", "LoRA"),
    (
        "diffusers",
        {"unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight": [4, 768]},
        {},
        "sd1",
        "LoRA",
    ),
    (
        "diffusers, the old way",
        {"unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight": [4, 768]},
        {},
        "sd1",
        "LoRA",
    ),
    (
        "diffusers, SDXL, by its depth",
        {"unet.down_blocks.1.attentions.0.transformer_blocks.1.attn1.to_q.lora_A.weight": [4, 640]},
        {},
        "sdxl",
        "LoRA",
    ),
    (
        "peft",
        {
            "base_model.model.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight": [4, 1024],
            "base_model.model.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.lora_B.weight": [320, 4],
        },
        {},
        "sd2",
        "LoRA",
    ),
    (
        "peft, with the adapter's name",
        {"base_model.model.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.default.weight": [4, 768]},
        {},
        "sd1",
        "LoRA",
    ),
    ("OneTrainer", {**kohya(2048), "lora_te1_text_model_x.lora_down.weight": [4, 768]}, {}, "sdxl", "LoRA"),
    ("OneTrainer, DoRA", {**kohya(2048), f"lora_unet_{K}.dora_scale": [1, 2048]}, {}, "sdxl", "DoRA"),
    ("LyCORIS, LoHa", kohya(768, "hada_w1_b"), {}, "sd1", "LoHa"),
    (
        "LyCORIS, LoKr",
        {f"lycoris_down_blocks_1_{K}.lokr_w1": [16, 16], f"lycoris_down_blocks_1_{K}.lokr_w2": [40, 128]},
        {},
        "sdxl",
        "LoKr",
    ),
    (
        "LyCORIS, LoKr in four",
        {
            f"lora_unet_down_blocks_1_{K}.lokr_w1_a": [16, 4],
            f"lora_unet_down_blocks_1_{K}.lokr_w1_b": [4, 16],
            f"lora_unet_down_blocks_1_{K}.lokr_w2_a": [40, 4],
            f"lora_unet_down_blocks_1_{K}.lokr_w2_b": [4, 48],
        },
        {},
        "sd1",
        "LoKr",
    ),
    (
        "LyCORIS, (IA)3",
        {"lora_unet_mid_block_attentions_0_x.weight": [320, 1], "lora_unet_mid_block_attentions_0_x.on_input": []},
        {"ss_base_model_version": "sd_v1"},
        "sd1",
        "(IA)3",
    ),
    (
        "kohya, OFT",
        {"lora_unet_down_blocks_1_attentions_0_transformer_blocks_1_attn1_to_q.oft_blocks": [4, 160, 160]},
        {},
        "sdxl",
        "OFT",
    ),
    ("LyCORIS, full", {f"lora_unet_down_blocks_0_attentions_0_{K}.diff": [320, 768]}, {}, "sd1", "full difference"),
    (
        "LyCORIS, GLoRA",
        {"lora_unet_mid_block_x.a1.weight": [4, 4], "lora_unet_mid_block_x.b1.weight": [4, 4]},
        {"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"},
        "sdxl",
        "GLoRA",
    ),
    (
        "convolutions alone",
        {"lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": [4, 320, 1, 1]},
        {},
        "sd1",
        "LoRA",
    ),
]


@pytest.mark.parametrize(("shapes", "metadata", "family", "algorithm"), [row[1:] for row in NETWORKS],
                         ids=[row[0] for row in NETWORKS])  # fmt: skip
def test_networks(shapes: Shapes, metadata: dict[str, str], family: str | None, algorithm: str) -> None:
    found = told(shapes, metadata)
    assert (found.kind, found.family, found.unsupported) == ("lora", family, "")
    assert found.title.startswith(f"{algorithm} for Stable Diffusion ")


BLOCK = "unet.down_blocks.0.attentions.0.transformer_blocks.0"
LAYER = "text_encoder.text_model.encoder.layers.0.self_attn"


@pytest.mark.parametrize(
    "names",
    [
        [f"{BLOCK}.attn1.to_q.lora_A.weight"],
        [f"{BLOCK}.attn1.to_q.lora_A.weight", f"{BLOCK}.attn2.to_q.lora_A.weight"],
        [f"base_model.model.{BLOCK[5:]}.attn1.to_q.lora_A.my_style.weight"],
        ["unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.lora.down.weight"],
        [f"{BLOCK}.attn1.to_q.lora_linear_layer.down.weight"],
        ["text_encoder.transformer.text_model.encoder.layers.0.mlp.fc1.lora_A.weight"],
        [f"{LAYER}.out_proj.lora_linear_layer.down.weight"],
    ],
)
def test_networks_whose_names_do_not_tell_the_family_are_not_taken_for_another_one(names: list[str]) -> None:
    ups = {"lora_A": "lora_B", ".down.": ".up."}
    pairs = [(name, name.replace(*next((old, new) for old, new in ups.items() if old in name))) for name in names]
    found = told({name: [320, 4] if name == up else [4, 320] for down, up in pairs for name in (down, up)})
    assert (found.kind, found.family, found.title, found.unsupported) == ("lora", None, "LoRA", "")
    told_base = told({name: [4, 320] for name in names}, {"ss_base_model_version": "sd_v1"})
    assert (told_base.family, told_base.unsupported) == ("sd1", "")


@pytest.mark.parametrize("end", ["q_proj.lora_linear_layer", "to_q_lora"])
@pytest.mark.parametrize(("width", "family"), [(768, "sd1"), (1024, "sd2")])
def test_text_encoders_of_the_first_diffusers_tell_their_family(end: str, width: int, family: str) -> None:
    found = told({f"{LAYER}.{end}.up.weight": [width, 4], f"{LAYER}.{end}.down.weight": [4, width]})
    assert (found.kind, found.family, found.unsupported) == ("lora", family, "")


def test_the_old_way_of_diffusers_tells_its_family() -> None:
    found = told({f"{BLOCK}.attn2.to_k.lora_linear_layer.down.weight": [4, 768]})
    assert (found.kind, found.family, found.title) == ("lora", "sd1", "LoRA for Stable Diffusion 1")


@pytest.mark.parametrize(
    ("names", "other"),
    [
        (
            ["lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight", f"lora_te1_{CLIP_QUERY}.lora_down.weight"],
            "Flux",
        ),
        (["transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight", f"{LAYER}.q_proj.lora_A.weight"], "Flux"),
        (
            [
                "transformer.transformer_blocks.0.attn.to_q.lora_A.weight",
                f"{LAYER.replace('encoder.', 'encoder_2.', 1)}.q_proj.lora_A.weight",
            ],
            "a transformer model",
        ),
        (["lora_prior_unet_down_blocks_0_1_attention_attn_to_q.lora_down.weight"], "Stable Cascade"),
        (
            ["down_blocks.0.motion_modules.0.temporal_transformer.proj_in.lora_A.weight"],
            "AnimateDiff",
        ),
    ],
)
def test_networks_of_other_families_are_refused_whatever_text_encoders_they_have(names: list[str], other: str) -> None:
    found = told({name: [4, 768] for name in names})
    assert (found.kind, found.family) == ("lora", None)
    assert found.unsupported == f"It was made for {other}, which is not supported yet."


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("lora_unet_double_blocks_0_img_attn_proj.lora_down.weight", "Flux"),
        ("transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight", "Flux"),
        ("diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight", "Flux"),
        ("lora_unet_joint_blocks_0_x_block_attn_qkv.lora_down.weight", "Stable Diffusion 3"),
        ("transformer.transformer_blocks.0.img_mod.1.lora_A.weight", "Qwen-Image"),
        ("diffusion_model.blocks.0.cross_attn.q.lora_A.weight", "Wan"),
        ("transformer.blocks.0.attn1.to_q.lora_A.weight", "Wan"),
        ("diffusion_model.layers.0.attention.qkv.lora_A.weight", "Lumina or Z-Image"),
        ("transformer.transformer_blocks.0.attn.to_q.lora_A.weight", "a transformer model"),
    ],
)
def test_networks_of_other_families_are_refused_by_name(name: str, other: str) -> None:
    found = told({name: [4, 3072]})
    assert (found.kind, found.family) == ("lora", None)
    assert found.unsupported == f"It was made for {other}, which is not supported yet."


@pytest.mark.parametrize(
    ("shapes", "family"),
    [
        ({"emb_params": [4, 768]}, "sd1"),
        ({"emb_params": [4, 1024]}, "sd2"),
        ({"*": [2, 768]}, "sd1"),
        ({"string_to_param.*": [2, 768]}, "sd1"),
        ({"clip_l": [2, 768], "clip_g": [2, 1280]}, "sdxl"),
        ({"clip_g": [2, 1280]}, "sdxl"),
        ({"<a-cat>": [768]}, "sd1"),
    ],
)
def test_embeddings(shapes: Shapes, family: str) -> None:
    assert (told(shapes).kind, told(shapes).family, told(shapes).unsupported) == ("embedding", family, "")


def test_embedding_for_three_encoders_is_refused() -> None:
    found = told({"clip_l": [2, 768], "clip_g": [2, 1280], "t5xxl": [2, 4096]})
    assert (found.kind, found.unsupported) == ("embedding", "It has vectors for t5xxl, which is not supported yet.")


CONTROL_K = "transformer_blocks.0.attn2.to_k.weight"


@pytest.mark.parametrize(
    ("shapes", "title", "layout_", "family"),
    [
        ({f"control_model.input_blocks.1.1.{CONTROL_K}": [320, 768]}, "ControlNet", "ldm", "sd1"),
        ({"input_hint_block.0.weight": [16, 3, 3, 3], f"input_blocks.1.1.{CONTROL_K}": [320, 1024]},
         "ControlNet", "ldm", "sd2"),
        ({"controlnet_cond_embedding.conv_in.weight": [16, 3, 3, 3], "conv_in.weight": [320, 4, 3, 3],
          f"down_blocks.0.attentions.0.{CONTROL_K}": [320, 768]}, "ControlNet", "diffusers", "sd1"),
        ({"controlnet_cond_embedding.conv_in.weight": [16, 3, 3, 3], "add_embedding.linear_1.weight": [1280, 2816]},
         "ControlNet", "diffusers", "sdxl"),
        ({"body.0.block1.weight": [320, 320, 3, 3], "conv_in.weight": [320, 64, 3, 3]}, "T2I-Adapter", "ldm", "sd1"),
        ({"adapter.body.0.resnets.0.block1.weight": [3, 3, 3, 3], "adapter.conv_in.weight": [320, 768, 3, 3]},
         "T2I-Adapter", "diffusers", "sdxl"),
        ({"lllite_unet_input_blocks_4_1_transformer_blocks_1_attn1_to_q.down.0.weight": [16, 640]},
         "ControlNet-LLLite", "ldm", "sdxl"),
    ],
)  # fmt: skip
def test_controls(shapes: Shapes, title: str, layout_: str, family: str) -> None:
    found = told(shapes)
    assert (found.kind, found.layout, found.family, found.unsupported) == ("controlnet", layout_, family, "")
    assert found.title.startswith(f"{title} for ")


@pytest.mark.parametrize(
    ("shapes", "title"),
    [
        ({"model.0.weight": [64, 3, 3, 3], "model.1.sub.0.RDB1.conv1.0.weight": [32, 64, 3, 3]}, "ESRGAN"),
        ({"conv_first.weight": [64, 3, 3, 3], "RRDB_trunk.0.RDB1.conv1.weight": [32, 64, 3, 3]}, "ESRGAN"),
        ({"params_ema.conv_first.weight": [4, 3, 3, 3], "params_ema.body.0.rdb1.conv1.weight": [3]}, "Real-ESRGAN"),
        ({"layers.0.residual_group.blocks.0.attn.relative_position_bias_table": [225, 6]}, "SwinIR"),
        (
            {
                "layers.0.residual_group.overlap_attn.relative_position_bias_table": [225, 6],
                "layers.0.residual_group.blocks.0.attn.relative_position_bias_table": [225, 6],
            },
            "HAT",
        ),
        ({"before_RG.1.weight": [180], "conv_first.weight": [180, 3, 3, 3]}, "DAT"),
        ({"block_1.c1_r.sk.weight": [48, 48, 1, 1]}, "SPAN"),
    ],
)
def test_upscalers(shapes: Shapes, title: str) -> None:
    assert (told(shapes).kind, told(shapes).title) == ("upscaler", f"{title} upscaler")


def test_shipped_files() -> None:
    shipped = identify_weights(read_header(ROOT / "models" / "upscalers" / "atelier-x2.safetensors"))
    assert (shipped.kind, shipped.title, shipped.unsupported) == ("upscaler", "Compact upscaler", "")
    demo = ROOT / "models" / "Stable-diffusion" / "atelier-demo"
    vae = identify_weights(read_header(demo / "vae" / "diffusion_pytorch_model.safetensors"))
    assert (vae.kind, vae.layout, vae.unsupported) == ("vae", "diffusers", "")
    text = identify_weights(read_header(demo / "text_encoder" / "model.safetensors"))
    assert (text.kind, text.title) == ("part", "a CLIP text encoder")


@pytest.mark.parametrize(
    ("shapes", "kind", "unsupported"),
    [
        ({"1.weight": [64, 4, 3, 3], "3.conv.0.weight": [64, 64, 3, 3]}, "tiny-vae", False),
        ({"0.weight": [64, 3, 3, 3], "1.conv.0.weight": [64, 64, 3, 3], "14.weight": [4, 64, 3, 3]}, "tiny-vae", False),
        ({"encoder.layers.0.weight": [64, 3, 3, 3], "decoder.layers.0.weight": [64, 4, 3, 3]}, "tiny-vae", False),
        ({"taesd_decoder.1.weight": [64, 4, 3, 3]}, "tiny-vae", False),
        ({"decoder.conv_in.weight": [512, 16, 3, 3], "encoder.conv_in.weight": [128, 3, 3, 3]}, "vae", True),
        ({"768.0.linear.0.weight": [1536, 768], "768.1.linear.0.weight": [1536, 768]}, "hypernetwork", False),
        ({"encoder.block.0.layer.0.SelfAttention.q.weight": [4, 4]}, "part", True),
        ({"text_model.embeddings.token_embedding.weight": [4, 4]}, "part", True),
        ({"image_proj.proj.weight": [4, 4], "ip_adapter.1.to_k_ip.weight": [4, 4]}, "controlnet", True),
        ({"some.thing.else": [3]}, "unknown", True),
        ({}, "unknown", True),
    ],
)
def test_other_kinds(shapes: Shapes, kind: str, unsupported: bool) -> None:
    found = told(shapes)
    assert (found.kind, bool(found.unsupported)) == (kind, unsupported)


@pytest.mark.parametrize(
    ("tail", "stored"),
    [("weight.quant_state.bitsandbytes__nf4", "NF4"), ("weight.absmax", "NF4"), ("scale_weight", "FP8"),
     ("qweight", "packed")],
)  # fmt: skip
def test_quantised_files_are_refused(tail: str, stored: str) -> None:
    found = told({**layout("sd15"), f"model.diffusion_model.x.{tail}": [4]})
    assert found.family == "sd1"
    assert stored in found.unsupported


def test_precision_is_that_of_most_numbers() -> None:
    many, few = header_of({"a": [100]}, dtype="BF16"), header_of({"b": [60], "c": [9], "d": [9]}, dtype="F32")
    header = type(many)({**many.tensors, **few.tensors}, {})
    assert identify_weights(header).precision == "BF16"
    assert told(layout("sd15"), dtype="F32").precision == "F32"
    assert told({}).precision == ""


def test_every_file_of_a_layout_is_told_whatever_is_missing() -> None:
    """No order of rows may let a checkpoint be taken for another kind because of an odd tensor."""
    for name, row in CHECKPOINTS.items():
        assert told({**layout(name), "odd.tensor": [1], "lora_like": [4, 4], "body.0.weight": [4, 3, 3, 3]}).kind == (
            "checkpoint"
        ), row


PARTS_OF_NAMES = st.sampled_from(
    [*"ab01", "lora_unet_", "lora_A", "lora_down", "weight", "attn2_to_k", "attn2", "to_k", "hada_w1_b", "lokr_w1",
     "lokr_w2", "clip_l", "clip_g", "emb_params", "model", "diffusion_model", "input_blocks", "transformer_blocks",
     "conv_in", "decoder", "encoder", "controlnet_cond_embedding", "control_model", "unet", "text_encoder", "768", ""]
)  # fmt: skip
NAMES = st.lists(PARTS_OF_NAMES, max_size=8).map(".".join) | st.text(max_size=20)


@given(
    st.dictionaries(NAMES, st.lists(st.integers(0, 4000), max_size=4), max_size=12),
    st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=3),
    st.sampled_from(sorted(BITS)),
)
def test_any_header_gets_an_answer(shapes: dict[str, list[int]], metadata: dict[str, str], dtype: str) -> None:
    found = told(shapes, metadata, dtype)
    assert found.title
    assert found.kind != "unknown" or found.unsupported


def test_shapes_of_any_rank_at_the_places_that_are_asked_for() -> None:
    asked = [*layout("sd15"), *kohya(768), "conv_in.weight", "unet.conv_in.weight", "decoder.conv_in.weight"]
    for rank in range(5):
        shapes = {name: [4] * rank for name in asked}
        assert told(shapes).title
        assert told({name: [4] * rank for name in kohya(768)}).kind == "lora"
