"""Well-known models for the first start: where they are, how large, under which licence, and what for."""

from __future__ import annotations

from dataclasses import dataclass

from modules.config.model_folders import FolderKind


@dataclass(frozen=True)
class ListedModel:
    """A model that can be fetched by its id."""

    id: str
    title: str
    repository: str
    file: str
    kind: FolderKind
    megabytes: int
    """About; the server says it exactly."""
    licence: str
    purpose: str
    sha256: str = ""
    """Where it is known for certain; the hub tells it in any case."""
    name: str = ""
    """What the file is called here; "" keeps its name."""


_RAIL = "CreativeML Open RAIL-M"
_RAIL_XL = "CreativeML Open RAIL++-M"

DOWNLOAD_LIST = (
    ListedModel(
        "sd15",
        "Stable Diffusion 1.5",
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "v1-5-pruned-emaonly.safetensors",
        "checkpoint",
        4265,
        _RAIL,
        "Small and quick, 512 x 512; most LoRAs and embeddings there are were made for it.",
        "6ce0161689b3853acaa03779ec93eafe75a02f4ced659bee03f50797806fa2fa",
    ),
    ListedModel(
        "sd15-inpainting",
        "Stable Diffusion 1.5 inpainting",
        "webui/stable-diffusion-inpainting",
        "sd-v1-5-inpainting.safetensors",
        "checkpoint",
        4265,
        _RAIL,
        "Paints masked places over so that they fit what is around them.",
    ),
    ListedModel(
        "sdxl",
        "Stable Diffusion XL 1.0",
        "stabilityai/stable-diffusion-xl-base-1.0",
        "sd_xl_base_1.0.safetensors",
        "checkpoint",
        6938,
        _RAIL_XL,
        "Larger pictures, 1024 x 1024, that keep closer to the prompt; wants 8 GB of memory or more.",
        "31e35c80fc4829d14f90153f4c74cd59c90b779f6afe05a74cd6120b893f7e5b",
    ),
    ListedModel(
        "sdxl-refiner",
        "Stable Diffusion XL 1.0 refiner",
        "stabilityai/stable-diffusion-xl-refiner-1.0",
        "sd_xl_refiner_1.0.safetensors",
        "checkpoint",
        6076,
        _RAIL_XL,
        "Takes over the last steps of a picture of Stable Diffusion XL and sharpens its details.",
        "7440042bbdc8a24813002c09b6b69b64dc90fded4472613437b7f55f9b7d9c5f",
    ),
    ListedModel(
        "sdxl-vae",
        "VAE of Stable Diffusion XL for half precision",
        "madebyollin/sdxl-vae-fp16-fix",
        "sdxl_vae.safetensors",
        "vae",
        335,
        "MIT",
        "Decodes pictures of Stable Diffusion XL without numbers that leave the range of 16 bits.",
        "235745af8d86bf4a4c1b5b4f529868b37019a10f7c0b2e79ad0abca3a22bc6e1",
        "sdxl-vae-fp16-fix.safetensors",
    ),
    ListedModel(
        "sd15-vae",
        "VAE of Stable Diffusion 1, further trained (MSE)",
        "stabilityai/sd-vae-ft-mse-original",
        "vae-ft-mse-840000-ema-pruned.safetensors",
        "vae",
        335,
        "MIT",
        "Cleaner eyes, faces and letters with every checkpoint of Stable Diffusion 1.",
        "735e4c3a447a3255760d7f86845f09f937809baa529c17370d83e4c3758f3c75",
    ),
    ListedModel(
        "sd15-previews",
        "TAESD: previews for Stable Diffusion 1 and 2",
        "madebyollin/taesd",
        "taesd_decoder.safetensors",
        "tiny-vae",
        5,
        "MIT",
        "Live previews that look like the picture, in a hundredth of a VAE's time.",
    ),
    ListedModel(
        "sdxl-previews",
        "TAESD: previews for Stable Diffusion XL",
        "madebyollin/taesdxl",
        "taesdxl_decoder.safetensors",
        "tiny-vae",
        5,
        "MIT",
        "Live previews that look like the picture, in a hundredth of a VAE's time.",
    ),
    ListedModel(
        "upscaler",
        "Real-ESRGAN x4plus",
        "Comfy-Org/Real-ESRGAN_repackaged",
        "RealESRGAN_x4plus.safetensors",
        "upscaler",
        67,
        "BSD-3-Clause",
        "Enlarges photographs and paintings to four times their sides.",
        "37f9a931c215f040aa6d50f711f2cb115f713c46df1d0d6469a8bd7bfe9a60bb",
    ),
)


def listed(id: str) -> ListedModel | None:
    """The entry of that id, in any case; None where there is none."""
    return next((entry for entry in DOWNLOAD_LIST if entry.id == id.strip().lower()), None)
