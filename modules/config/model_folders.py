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
    given = _unfolded(str(installation))
    for root in (given / place for place in _PLACES):
        if _is_folder(root / "models" / "Stable-diffusion"):
            return _existing({kind: [root / name for name in names] for kind, names in _A1111.items()})
        if _is_folder(root / "models" / "checkpoints"):
            own = {kind: [root / "models" / name for name in names] for kind, names in _COMFYUI.items()}
            further = _further_folders(root / _FURTHER)
            return _existing({kind: [*folders, *further.get(kind, ())] for kind, folders in own.items()})
    raise InvalidSetting(
        f"--adopt {installation} is no installation of A1111, Forge or ComfyUI: it holds neither "
        "models/Stable-diffusion nor models/checkpoints. Name the folder that holds `models`."
    )


def _existing(folders: Mapping[FolderKind, Sequence[Path]]) -> FoldersByKind:
    return {kind: tuple(dict.fromkeys(filter(_is_folder, ones))) for kind, ones in folders.items()}


def _is_folder(path: Path) -> bool:
    """Whether there is a folder that may be looked at."""
    return os.path.isdir(path)  # noqa: PTH112  Path's own raises where it may not look


def _further_folders(file: Path) -> dict[FolderKind, list[Path]]:
    """What ComfyUI's list of further folders names. Raises InvalidSetting for a list that cannot be read."""
    try:
        if not file.is_file():
            return {}
        with file.open("rb") as opened:
            content = yaml.safe_load(opened.read(_MOST_BYTES))
        found: dict[FolderKind, list[Path]] = {}
        for section in content.values() if isinstance(content, dict) else ():
            for kind, folder in _lines(section, file.parent):
                found.setdefault(kind, []).append(folder)
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise InvalidSetting(f"{file} cannot be read: {error}. Mend it, or move it away.") from error
    return found


def _lines(section: Any, root: Path) -> Iterator[tuple[FolderKind, Path]]:
    """Kinds and folders of one program in the list; a name may have several folders, one on each line.

    Raises ValueError for what cannot be a path.
    """
    if not isinstance(section, dict):
        return
    base = _unfolded(str(section.get("base_path") or ""), root)
    for kind, names in _COMFYUI.items():
        for value in (section.get(name) for name in names):
            lines = value.splitlines() if isinstance(value, str) else ()
            yield from ((kind, _unfolded(line.strip(), base)) for line in lines if line.strip())


def _unfolded(path: str, base: Path | None = None) -> Path:
    """A path as people write it, made whole; relative ones are below `base`. Raises ValueError for a NUL in it.

    The home of somebody who is not known stays as it is written, and so is a folder that is not there.
    """
    told = os.path.expandvars(os.path.expanduser(path))  # noqa: PTH111  Path's own raises for people it does not know
    return Path(os.path.realpath(told if base is None else base / told))
