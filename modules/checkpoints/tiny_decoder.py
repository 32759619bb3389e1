"""Tiny decoders (TAESD): small networks that show what latents look like, for previews.

Source: Ollin Boer Bohan, "Tiny AutoEncoder for Stable Diffusion", github.com/madebyollin/taesd; the network is
diffusers' DecoderTiny. A file holds the layers of one sequence, numbered from the clamp that it begins with
(`taesd_decoder.safetensors`), or diffusers' AutoencoderTiny, of which the decoder is read.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers.models.autoencoders.vae import DecoderTiny
from torch.nn import functional

from modules.checkpoints.identification import Family
from modules.checkpoints.mapped_weights import MappedWeights
from modules.errors import UnsupportedModel

_WIDTH, _BLOCKS = 64, (3, 3, 3, 1)
_MOST_CELLS = 24 * 24
"""Larger latents are shown smaller: so many cost about 2 % of a step of SD 1 at 512 x 512."""
_OF_DIFFUSERS = "decoder.layers."
_NAMES: dict[Family, tuple[str, ...]] = {
    "sd1": ("taesd_decoder", "taesd"),
    "sd2": ("taesd_decoder", "taesd"),
    "sdxl": ("taesdxl_decoder", "taesdxl"),
    "sdxl-refiner": ("taesdxl_decoder", "taesdxl"),
}
"""What decoders of a family's latents are called: the file as A1111 and others name it, and the repository's folder."""


class TinyDecoder:
    """A preview of latents by a tiny decoder, eight pixels per latent cell, or fewer for large ones."""

    def __init__(self, network: DecoderTiny) -> None:
        self.network = network

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        """Pictures (batch, height, width, 3), uint8 on the CPU, of latents as the sampler has them."""
        weight = next(self.network.parameters())
        height, width = latents.shape[-2:]
        if height * width > _MOST_CELLS:
            factor = (_MOST_CELLS / (height * width)) ** 0.5
            size = (max(1, int(height * factor)), max(1, int(width * factor)))
            latents = functional.interpolate(latents.float(), size=size, mode="area")
        with torch.inference_mode():
            pictures: torch.Tensor = self.network(latents.to(weight)).float()
        levels = ((pictures + 1) * 127.5).nan_to_num(0).clamp(0, 255).round()
        return levels.permute(0, 2, 3, 1).to("cpu", torch.uint8)


def find_tiny_decoder(folders: list[Path] | tuple[Path, ...], family: Family) -> Path | None:
    """The file or folder of a family's tiny decoder in some folders (models/VAE-approx); None where there is none."""
    for folder in folders:
        for name in _NAMES[family]:
            if (file := folder / f"{name}.safetensors").is_file():
                return file
            if (inside := folder / name / "diffusion_pytorch_model.safetensors").is_file():
                return inside
    return None


def load_tiny_decoder(path: Path, *, channels: int, device: torch.device, dtype: torch.dtype) -> TinyDecoder:
    """Read a tiny decoder for latents of so many channels.

    Raises UnsupportedModel for a file that is none or is for other latents, BrokenModel for a damaged one, OSError.
    """
    network = DecoderTiny(channels, 3, _BLOCKS, (_WIDTH,) * 4, 2, "relu", "nearest")
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    with MappedWeights(path) as weights:
        names = {ours: name for name in weights if (ours := _name_in_network(name)) is not None}
        given = {ours: weights.header.shape(name) for ours, name in names.items()}
        if given != wanted:
            told = given.get("layers.0.weight")
            found = f"{told[1]} channels" if told and told[0] == _WIDTH and len(told) == 4 else "another network"
            raise UnsupportedModel(
                f"{path.name} is no tiny decoder for latents of {channels} channels: it holds {found}. "
                "Choose the taesd_decoder.safetensors of the model's family."
            )
        network.load_state_dict({ours: weights[name].float() for ours, name in names.items()})
    return TinyDecoder(network.to(device, dtype).eval().requires_grad_(False))


def _name_in_network(name: str) -> str | None:
    """diffusers' name of a tensor of the decoder; None for those of other parts."""
    if name.startswith(_OF_DIFFUSERS):
        return name.removeprefix("decoder.")
    place, _, rest = name.removeprefix("decoder.").partition(".")
    # diffusers counts without the clamp at the beginning.
    return f"layers.{int(place) - 1}.{rest}" if place.isdecimal() and place != "0" else None
