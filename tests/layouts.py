"""Random checkpoints in the layouts of real files, full-size or small, and folders of which one file can be made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

LAYOUTS = Path(__file__).parent / "checkpoint_layouts"
_TYPE_NAMES = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32"}
_POOL = 1 << 22

_LINEAR: dict[str, Any] = {"use_linear_projection": True}
_SIZES: dict[str, Any] = {"addition_embed_type": "text_time", "addition_time_embed_dim": 256}
PUBLISHED_UNETS: dict[str, dict[str, Any]] = {
    "sd1": {
        "block_out_channels": [320, 640, 1280, 1280],
        "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
        "attention_head_dim": 8,
        "cross_attention_dim": 768,
    },
    "sd2": {
        **_LINEAR,
        "block_out_channels": [320, 640, 1280, 1280],
        "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
        "attention_head_dim": [5, 10, 20, 20],
        "cross_attention_dim": 1024,
    },
    "sdxl": {
        **_LINEAR,
        **_SIZES,
        "block_out_channels": [320, 640, 1280],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "attention_head_dim": [5, 10, 20],
        "transformer_layers_per_block": [1, 2, 10],
        "cross_attention_dim": 2048,
        "projection_class_embeddings_input_dim": 2816,
    },
    "sdxl-refiner": {
        **_LINEAR,
        **_SIZES,
        "block_out_channels": [384, 768, 1536, 1536],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "attention_head_dim": [6, 12, 24, 24],
        "transformer_layers_per_block": 4,
        "cross_attention_dim": 1280,
        "projection_class_embeddings_input_dim": 2560,
    },
}
"""What the models' publishers give UNet2DConditionModel beside its defaults."""
PUBLISHED_VAE: dict[str, Any] = {
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "latent_channels": 4,
}
_MARKS: dict[str, Any] = {"bos_token_id": 49406, "eos_token_id": 49407}
PUBLISHED_TEXTS: dict[str, dict[str, Any]] = {
    "CLIP ViT-L": {
        **_MARKS,
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "hidden_act": "quick_gelu",
        "projection_dim": 768,
    },
    "OpenCLIP ViT-H": {
        **_MARKS,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 23,
        "num_attention_heads": 16,
        "hidden_act": "gelu",
        "projection_dim": 1024,
    },
    "OpenCLIP ViT-bigG": {
        **_MARKS,
        "hidden_size": 1280,
        "intermediate_size": 5120,
        "num_hidden_layers": 32,
        "num_attention_heads": 20,
        "hidden_act": "gelu",
        "projection_dim": 1280,
    },
}

_HEADS_OF_64 = {"use_linear_projection": True, "attention_head_dim": [1, 2], "block_out_channels": [64, 128]}
_XL = {
    **_HEADS_OF_64,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "transformer_layers_per_block": [1, 2],
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
}
_ATTENTION_FIRST: dict[str, Any] = {
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
}
_UNETS: dict[str, dict[str, Any]] = {
    "sd1": {**_ATTENTION_FIRST, "block_out_channels": [32, 64], "attention_head_dim": 8, "cross_attention_dim": 64},
    "sd2": {**_ATTENTION_FIRST, **_HEADS_OF_64, "cross_attention_dim": 64},
    "sdxl": {**_XL, "cross_attention_dim": 192, "projection_class_embeddings_input_dim": 128 + 6 * 256},
    "sdxl-refiner": {**_XL, "cross_attention_dim": 128, "projection_class_embeddings_input_dim": 128 + 5 * 256},
}
_PIPELINES = {
    "sd1": "StableDiffusionPipeline",
    "sd2": "StableDiffusionPipeline",
    "sdxl": "StableDiffusionXLPipeline",
    "sdxl-refiner": "StableDiffusionXLImg2ImgPipeline",
}


def shapes_of(layout: str) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a real file, such as "sd15"."""
    content = json.loads((LAYOUTS / f"{layout}.json").read_bytes())
    return {name: tuple(shape) for name, shape in content["tensors"].items()}


def write_checkpoint(
    path: Path, shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype, *, seed: int = 0, numbers: bool = True
) -> Path:
    """Write a file of random numbers, tensor by tensor, with which a network's answers stay finite and small.

    Without `numbers` they are all zero, and the file takes no room on the disk.
    """
    header: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + torch.Size(shape).numel() * dtype.itemsize
        header[name] = {"dtype": _TYPE_NAMES[dtype], "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in _random(shapes, dtype, seed) if numbers else ():
            file.write(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
        file.truncate(8 + len(text) + end)
    return path


def _random(shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype, seed: int) -> Iterator[torch.Tensor]:
    """Slices of one pool of numbers: drawing billions of their own would take minutes."""
    generator = torch.Generator().manual_seed(seed)
    pool = torch.randn(_POOL, generator=generator)
    for name, shape in shapes.items():
        size = torch.Size(shape)
        start = int(torch.randint(_POOL // 2, (1,), generator=generator))
        count = size.numel()
        numbers = pool[start:].repeat(1 + count // (_POOL // 2))[:count].view(size)
        if len(shape) > 1:
            inputs = 400 if "embedding" in name else size[1:].numel()
            numbers = numbers * (0.5 / inputs**0.5)
        else:
            numbers = numbers * 0.02 + (1.0 if name.endswith(".weight") else 0.0)
        yield numbers.to(dtype)


def write_small_folder(folder: Path, family: str, *, in_channels: int = 4, prediction: str = "epsilon") -> Path:
    """Write a diffusers folder with the proportions of a family (heads, groups, widths of sizes), and few layers."""
    torch.manual_seed(0)
    UNet2DConditionModel(in_channels=in_channels, layers_per_block=2, **_UNETS[family]).save_pretrained(folder / "unet")
    xl = family.startswith("sdxl")
    _small_vae(0.13025 if xl else 0.18215, force_upcast=xl).save_pretrained(folder / "vae")
    if family != "sdxl-refiner":
        depth, act = (23, "gelu") if family == "sd2" else (2, "quick_gelu")
        CLIPTextModel(_small_text(64, depth, act)).save_pretrained(folder / "text_encoder")
    if xl:
        CLIPTextModelWithProjection(_small_text(128, 2, "gelu")).save_pretrained(folder / "text_encoder_2")
    index: dict[str, Any] = {"_class_name": _PIPELINES[family]}
    if family == "sdxl-refiner":
        index |= {
            "text_encoder": [None, None],
            "requires_aesthetics_score": True,
            "force_zeros_for_empty_prompt": False,
        }
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "scheduler").mkdir()
    schedule = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps({**schedule, "prediction_type": prediction}))
    return folder


def write_single_file(folder: Path, path: Path, layout: str) -> Path:
    """Put the networks of a folder into one file: "diffusers" with prefixes, "ldm" under the original names."""
    save_file(single_file_tensors(folder, layout), path)
    return path


def single_file_tensors(folder: Path, layout: str) -> dict[str, torch.Tensor]:
    """The tensors of a folder by their names in one file."""
    found: dict[str, torch.Tensor] = {}
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        for file in (folder / part).glob("*.safetensors"):
            tensors = load_file(file)
            if layout == "diffusers":
                found |= {f"{part}.{name}": tensor for name, tensor in tensors.items()}
            else:
                found |= _original(folder, part, tensors)
    return found


def original_vae(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A diffusers VAE under the original names, as in a file of its own."""
    levels = len({name.split(".")[2] for name in tensors if name.startswith("decoder.up_blocks.")})
    return {_vae_name(name, levels): _as_convolution(name, tensor) for name, tensor in tensors.items()}


def _small_vae(scaling_factor: float, *, force_upcast: bool) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(32, 32, 64, 64),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        scaling_factor=scaling_factor,
        force_upcast=force_upcast,
    )


def _small_text(width: int, depth: int, act: str) -> CLIPTextConfig:
    return CLIPTextConfig(
        hidden_size=width,
        intermediate_size=96,
        num_hidden_layers=depth,
        num_attention_heads=width // 64,
        projection_dim=width,
        hidden_act=act,
        eos_token_id=49407,
    )


def _original(folder: Path, part: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    if part == "unet":
        configuration = json.loads((folder / "unet" / "config.json").read_bytes())
        return {f"model.diffusion_model.{_unet_name(name, configuration)}": tensors[name] for name in tensors}
    if part == "vae":
        return {f"first_stage_model.{name}": tensor for name, tensor in original_vae(tensors).items()}
    plain = {name.removeprefix("text_model."): tensor for name, tensor in tensors.items()}
    has_both = (folder / "text_encoder").is_dir() and (folder / "text_encoder_2").is_dir()
    is_xl = (folder / "text_encoder_2").is_dir()
    place = int(has_both and part == "text_encoder_2")
    prefix = f"conditioner.embedders.{place}." if is_xl else "cond_stage_model."
    if part == "text_encoder" and "encoder.layers.22.layer_norm1.weight" not in plain:
        return {f"{prefix}transformer.text_model.{name}": tensor for name, tensor in plain.items()}
    return {f"{prefix}model.{name}": tensor for name, tensor in _open_clip(plain).items()}


def _open_clip(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """With a last layer of zeros for SD 2, which never reads it."""
    depth = len({name.split(".")[2] for name in tensors if name.startswith("encoder.layers.")})
    told = {
        "token_embedding.weight": tensors["embeddings.token_embedding.weight"],
        "positional_embedding": tensors["embeddings.position_embedding.weight"],
        "ln_final.weight": tensors["final_layer_norm.weight"],
        "ln_final.bias": tensors["final_layer_norm.bias"],
        "logit_scale": torch.tensor(4.6),
    }
    if "text_projection.weight" in tensors:
        told["text_projection"] = tensors["text_projection.weight"].T.contiguous()
    names = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
    names["attn.out_proj"] = "self_attn.out_proj"
    for layer in range(depth):
        ours, theirs = f"encoder.layers.{layer}.", f"transformer.resblocks.{layer}."
        for kind in ("weight", "bias"):
            for new, old in names.items():
                told[f"{theirs}{new}.{kind}"] = tensors[f"{ours}{old}.{kind}"]
            thirds = [tensors[f"{ours}self_attn.{letter}_proj.{kind}"] for letter in "qkv"]
            told[f"{theirs}attn.in_proj_{kind}"] = torch.cat(thirds)
    if depth == 23:
        start = "transformer.resblocks.22."
        last = {name.replace(".22.", ".23."): tensor for name, tensor in told.items() if name.startswith(start)}
        told |= {name: torch.zeros_like(tensor) for name, tensor in last.items()}
    return told


_UNET_HEADS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}


def _unet_name(name: str, configuration: Mapping[str, Any]) -> str:
    head, _, kind = name.rpartition(".")
    if head in _UNET_HEADS:
        return f"{_UNET_HEADS[head]}.{kind}"
    step = int(configuration["layers_per_block"]) + 1
    block, _, rest = name.partition(".")
    if block == "mid_block":
        layer, place, inner = rest.split(".", 2)
        return f"middle_block.1.{inner}" if layer == "attentions" else f"middle_block.{2 * int(place)}.{_resnet(inner)}"
    number, layer, place, inner = rest.split(".", 3)
    first, at = int(number) * step, int(place)
    if block == "down_blocks":
        if layer == "downsamplers":
            return f"input_blocks.{first + step}.0.op.{kind}"
        start = f"input_blocks.{first + 1 + at}"
    elif layer == "upsamplers":
        has_attention = configuration["up_block_types"][int(number)] == "CrossAttnUpBlock2D"
        return f"output_blocks.{first + step - 1}.{2 if has_attention else 1}.conv.{kind}"
    else:
        start = f"output_blocks.{first + at}"
    return f"{start}.1.{inner}" if layer == "attentions" else f"{start}.0.{_resnet(inner)}"


def _resnet(inner: str) -> str:
    layer, _, kind = inner.rpartition(".")
    return f"{_RESNET[layer]}.{kind}"


def _vae_name(name: str, levels: int) -> str:
    side, block, rest = (name.split(".", 2) + ["", ""])[:3]
    if block in ("down_blocks", "up_blocks"):
        number, layer, place, inner = rest.split(".", 3)
        at = number if side == "encoder" else str(levels - 1 - int(number))
        start = f"{side}.{'down' if side == 'encoder' else 'up'}.{at}"
        if layer == "resnets":
            return f"{start}.block.{place}.{inner.replace('conv_shortcut', 'nin_shortcut')}"
        return f"{start}.{'downsample' if side == 'encoder' else 'upsample'}.{inner}"
    if block == "mid_block":
        layer, place, inner = rest.split(".", 2)
        if layer == "resnets":
            return f"{side}.mid.block_{int(place) + 1}.{inner}"
        attention = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
        of, _, kind = inner.rpartition(".")
        return f"{side}.mid.attn_1.{attention[of]}.{kind}"
    return name.replace("conv_norm_out", "norm_out")


def _as_convolution(name: str, tensor: torch.Tensor) -> torch.Tensor:
    return tensor[:, :, None, None] if ".attentions." in name and tensor.ndim == 2 else tensor
