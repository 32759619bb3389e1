"""The kinds of model files, and the folders in which installations keep them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import yaml  # type: ignore[import-untyped]

from modules.errors import InvalidSetting

FolderKind = Literal["checkpoint", "vae", "lora", "embedding", "hypernetwork", "controlnet", "upscaler", "tiny-vae"]
FOLDER_KINDS: tuple[FolderKind, ...] = get_args(FolderKind)
FoldersByKind = Mapping[FolderKind, tuple[Path, ...]]

NAMES: Mapping[FolderKind, tuple[str, ...]] = {
    "checkpoint": ("Stable-diffusion",),
    "vae": ("VAE",),
    "lora": ("Lora", "LyCORIS"),
    "embedding": ("embeddings",),
    "hypernetwork": ("hypernetworks",),
    "controlnet": ("ControlNet",),
    "upscaler": ("upscalers", "ESRGAN", "RealESRGAN", "SwinIR", "DAT", "HAT", "ScuNET"),
    "tiny-vae": ("VAE-approx",),
}
"""Below a folder `models`, by A1111's names; new files belong into the first one."""

_A1111 = {kind: tuple(f"models/{name}" for name in names) for kind, names in NAMES.items()} | {
    "embedding": ("embeddings", "models/embeddings"),
    "controlnet": ("models/ControlNet", "extensions/sd-webui-controlnet/models"),
}
_COMFYUI: dict[FolderKind, tuple[str, ...]] = {
    "checkpoint": ("checkpoints",),
    "vae": ("vae",),
    "lora": ("loras",),
    "embedding": ("embeddings",),
    "hypernetwork": ("hypernetworks",),
    "controlnet": ("controlnet", "t2i_adapter"),
    "upscaler": ("upscale_models",),
    "tiny-vae": ("vae_approx",),
}
"""ComfyUI's names, below its folder `models` and in its list of further folders."""
_PLACES = ("", "webui", "stable-diffusion-webui", "ComfyUI")
"""Where below the folder that people name an installation may lie: packages for Windows put it one level down."""
_FURTHER = "extra_model_paths.yaml"
_MOST_BYTES = 1 << 16


def adopted_folders(installation: Path) -> FoldersByKind:
    """The folders of an A1111, Forge or ComfyUI installation that are there; nothing is written.

    Raises InvalidSetting for a folder that is none of these.
    """
    given = installation.expanduser().resolve()
    for root in (given / place for place in _PLACES):
        if (root / "models" / "Stable-diffusion").is_dir():
            return _existing({kind: [root / name for name in names] for kind, names in _A1111.items()})
        if (root / "models" / "checkpoints").is_dir():
            own = {kind: [root / "models" / name for name in names] for kind, names in _COMFYUI.items()}
            further = _further_folders(root / _FURTHER)
            return _existing({kind: [*folders, *further.get(kind, ())] for kind, folders in own.items()})
    raise InvalidSetting(
        f"--adopt {installation} is no installation of A1111, Forge or ComfyUI: it holds neither "
        "models/Stable-diffusion nor models/checkpoints. Name the folder that holds `models`."
    )


def _existing(folders: Mapping[FolderKind, Sequence[Path]]) -> FoldersByKind:
    return {kind: tuple(dict.fromkeys(one for one in ones if one.is_dir())) for kind, ones in folders.items()}


def _further_folders(file: Path) -> dict[FolderKind, list[Path]]:
    """What ComfyUI's list of further folders names. Raises InvalidSetting for a list that cannot be read."""
    if not file.is_file():
        return {}
    try:
        with file.open("rb") as opened:
            content = yaml.safe_load(opened.read(_MOST_BYTES))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise InvalidSetting(f"{file} cannot be read: {error}. Mend it, or move it away.") from error
    kinds = {name: kind for kind, names in _COMFYUI.items() for name in names}
    found: dict[FolderKind, list[Path]] = {}
    for section in content.values() if isinstance(content, dict) else ():
        for name, folder in _lines(section, file.parent):
            if name in kinds:
                found.setdefault(kinds[name], []).append(folder)
    return found


def _lines(section: Any, root: Path) -> Iterator[tuple[str, Path]]:
    """Names and folders of one program in the list; a name may have several folders, one on each line."""
    if not isinstance(section, dict):
        return
    base = root / os.path.expandvars(Path(str(section.get("base_path") or "")).expanduser())
    for name, value in section.items():
        if isinstance(name, str) and isinstance(value, str):
            yield from ((name, (base / line.strip()).resolve()) for line in value.splitlines() if line.strip())
