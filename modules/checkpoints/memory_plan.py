"""Where the parts of a model are kept while a job runs: a plan made before the job, from sizes and free memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import psutil
import torch

from modules.checkpoints.identification import Family
from modules.checkpoints.loaded import LoadedModel

MemoryMode = Literal["resident", "balanced", "streamed"]
"""All parts on the device; the one part that works; of the network, the layer that works."""
MemoryWish = Literal["auto", "medvram", "medvram-sdxl", "lowvram"]
"""A1111's flags. "medvram-sdxl" is "medvram" for SDXL and "auto" for the rest."""

_LIVE = 30
"""How many feature maps of the network's first width are alive at once; 26 were counted for SD 1, 16 for SDXL."""
_TILE = 256
"""Side in pixels of the smallest tile that the VAE goes in where memory is short."""
_VAE_MAPS = 6
_MARGIN = 0.9
"""Of free memory that may be planned with: the allocator leaves gaps, and kernels take working memory."""
_WORDS: dict[MemoryMode, str] = {
    "resident": "all parts stay on the device",
    "balanced": "text encoders, network and VAE are on the device in turn",
    "streamed": "the network's layers come to the device one after the other",
}


@dataclass(frozen=True)
class PartSizes:
    """Bytes of the parts of a model."""

    unet: int
    text_encoders: int
    vae: int

    @property
    def all(self) -> int:
        return self.unet + self.text_encoders + self.vae

    @staticmethod
    def of(model: LoadedModel) -> PartSizes:
        """As they are held now."""
        encoders = [encoder.network for encoder in model.text_encoders]
        return PartSizes(_bytes(model.unet), sum(map(_bytes, encoders)), _bytes(model.vae))


@dataclass(frozen=True)
class JobSize:
    """Bytes that a job needs beside the weights, at the worst."""

    sampling: int
    decoding: int
    """With the smallest tiles; where there is more room, larger ones are taken."""

    @staticmethod
    def of(model: LoadedModel, width: int, height: int, batch: int) -> JobSize:
        """For pictures of a size in pixels, `batch` at once, each with its negative prompt."""
        cells = (width // model.pixels_per_latent) * (height // model.pixels_per_latent)
        maps = _LIVE * 2 * batch * cells * int(model.unet.config.block_out_channels[0])
        channels = model.vae.config.block_out_channels
        widest = int(channels[min(1, len(channels) - 1)])
        pixels = min(width * height, _TILE**2)
        return JobSize(maps * model.compute_dtype.itemsize, _VAE_MAPS * widest * pixels * model.vae.dtype.itemsize)


@dataclass(frozen=True)
class DeviceMemory:
    """What a device has; made by hand in tests."""

    free: int
    """Bytes that nobody has; those of the model that the plan is for count as free."""
    of_its_own: bool
    """Whether it is another memory than the computer's, so that moving parts out of it gives room."""

    @staticmethod
    def of(device: torch.device, held: int = 0) -> DeviceMemory:
        """Now, with `held` bytes on it by the model that the plan is for."""
        if device.type != "cuda":
            return DeviceMemory(int(psutil.virtual_memory().available) + held, of_its_own=False)
        free, _ = torch.cuda.mem_get_info(device)
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return DeviceMemory(free + unused + held, of_its_own=True)


@dataclass(frozen=True)
class MemoryPlan:
    """The mode, and a sentence that says why."""

    mode: MemoryMode
    reason: str

    @property
    def words(self) -> str:
        """What the mode does, for people."""
        return f"{self.mode}: {_WORDS[self.mode]}"


def plan_memory(
    parts: PartSizes, job: JobSize, memory: DeviceMemory, family: Family, wish: MemoryWish = "auto"
) -> MemoryPlan:
    """The first mode that fits, or the one that was asked for; where none fits, the one that needs least."""
    if not memory.of_its_own:
        why = "The device computes in the computer's own memory, so that moving parts gives no room"
        return MemoryPlan("resident", f"{why}{'' if wish == 'auto' else f'; --{wish} has no effect'}.")
    if wish == "lowvram":
        return MemoryPlan("streamed", "--lowvram asks for it.")
    if wish == "medvram" or (wish == "medvram-sdxl" and family in ("sdxl", "sdxl-refiner")):
        return MemoryPlan("balanced", f"--{wish} asks for it.")
    usable = int(memory.free * _MARGIN)
    working = max(job.sampling, job.decoding)
    in_turn = max(parts.unet + job.sampling, parts.vae + job.decoding, parts.text_encoders)
    needs = f"{_gib(parts.all)} of weights and {_gib(working)} of work"
    if parts.all + working <= usable:
        return MemoryPlan("resident", f"{needs} fit into {_gib(memory.free)} of free memory.")
    if in_turn <= usable:
        return MemoryPlan(
            "balanced",
            f"{needs} do not fit into {_gib(memory.free)} of free memory at once; one part at a time does "
            f"({_gib(in_turn)}).",
        )
    return MemoryPlan(
        "streamed", f"The largest part alone needs {_gib(in_turn)}; {_gib(memory.free)} of memory are free."
    )


def _bytes(network: Any) -> int:
    return sum(weight.nbytes for weight in (*network.parameters(), *network.buffers()))


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
