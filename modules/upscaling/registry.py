"""Which upscalers there are: three that are built in, what extensions bring, and files below the upscaler folders.

Names are those infotexts carry: a file's name without its suffix. Looking reads no weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.errors import ModelNotFound

FOLDERS = ("upscalers", "ESRGAN", "RealESRGAN", "SwinIR", "DAT", "HAT", "ScuNET")
"""The folders below `models` in which upscalers lie, by A1111's names; the first is where new ones belong."""

FACE_FOLDERS = ("GFPGAN", "Codeformer")
"""The folders below `models` in which networks that restore or find faces lie, by A1111's names."""

YUNET = "face_detection_yunet_*.onnx"
"""What the files of the network that finds faces are called."""

SUFFIXES = (".safetensors", ".pth", ".pt")

NONE = "None"
LANCZOS = "Lanczos"
NEAREST = "Nearest"
BUILT_IN = (NONE, LANCZOS, NEAREST)

_ALIASES = {
    "R-ESRGAN 4x+": ("RealESRGAN_x4plus",),
    "R-ESRGAN 4x+ Anime6B": ("RealESRGAN_x4plus_anime_6B",),
    "R-ESRGAN 2x+": ("RealESRGAN_x2plus",),
    "R-ESRGAN General 4xV3": ("realesr-general-x4v3",),
    "R-ESRGAN General WDN 4xV3": ("realesr-general-wdn-x4v3",),
    "R-ESRGAN AnimeVideo": ("realesr-animevideov3",),
    "SwinIR 4x": ("SwinIR_4x", "003_realSR_BSRGAN_DFOWMFC_s64w8_SwinIR-L_x4_GAN"),
    "DAT x2": ("DAT_x2",),
    "DAT x3": ("DAT_x3",),
    "DAT x4": ("DAT_x4",),
    "ScuNET GAN": ("ScuNET", "scunet_color_real_gan"),
    "ScuNET PSNR": ("scunet_color_real_psnr",),
}
"""Names that A1111 gives to well-known files, and the names of those files."""


@dataclass(frozen=True)
class UpscalerEntry:
    """An upscaler that can be asked for; without a `path` and a `plugin` it is built in."""

    name: str
    path: Path | None = None
    aliases: tuple[str, ...] = ()
    plugin: str = ""
    """The extension that brings it."""

    @property
    def names(self) -> tuple[str, ...]:
        """Everything it answers to, in lower case."""
        file = () if self.path is None else (self.path.name,)
        return tuple(name.lower() for name in (self.name, *self.aliases, *file))


def upscaler_folders(*models: Path) -> tuple[Path, ...]:
    """The upscaler folders below some `models` folders, each once, in order."""
    return tuple(dict.fromkeys(folder / name for folder in models for name in FOLDERS))


def face_restorers(*models: Path) -> list[UpscalerEntry]:
    """The networks that restore faces below some `models` folders, by name; of two with one name the first."""
    found: dict[str, UpscalerEntry] = {}
    for path in (path for folder in models for name in FACE_FOLDERS for path in model_files(folder / name)):
        found.setdefault(path.stem.lower(), UpscalerEntry(path.stem, path))
    return [entry for _, entry in sorted(found.items())]


def yunet_file(*models: Path) -> Path | None:
    """The network that finds faces below some `models` folders: that of the first folder, the last by name.

    Quantised ones come after whole ones.
    """
    for folder in (folder / name for folder in models for name in FACE_FOLDERS):
        files = [path for path in folder.glob(YUNET) if path.is_file()]
        if files:
            return max(files, key=lambda path: ("int8" not in path.stem, path.name))
    return None


class UpscalerRegistry:
    """The upscalers of some folders. Every question looks at the disk, so that new files are found at once."""

    def __init__(self, folders: Sequence[Path], brought: Callable[[], Sequence[UpscalerEntry]] = tuple) -> None:
        """`brought` tells those that extensions bring."""
        self._folders = tuple(folders)
        self._brought = brought

    @property
    def models(self) -> tuple[Path, ...]:
        """The `models` folders in which the upscaler folders lie."""
        return tuple(dict.fromkeys(folder.parent for folder in self._folders))

    def all(self) -> list[UpscalerEntry]:
        """The built-in ones, those of extensions, then files by name; of two with one name the one that comes first."""
        found: dict[str, UpscalerEntry] = {}
        for path in (path for folder in self._folders for path in model_files(folder)):
            aliases = tuple(alias for alias, stems in _ALIASES.items() if path.stem.lower() in map(str.lower, stems))
            found.setdefault(path.stem.lower(), UpscalerEntry(path.stem, path, aliases))
        others = [*map(UpscalerEntry, BUILT_IN), *self._brought()]
        names = {entry.name.lower() for entry in others}
        return [*others, *(entry for key, entry in sorted(found.items()) if key not in names)]

    def find(self, name: str) -> UpscalerEntry:
        """The upscaler of that name, alias or file name, in any case. Raises ModelNotFound."""
        known = self.all()
        wanted = name.strip().lower()
        for entry in known:
            if wanted in entry.names:
                return entry
        raise ModelNotFound(
            f"Upscaler {name!r} is not here. Choose one of: {', '.join(entry.name for entry in known)}. "
            f"New ones belong into {self._folders[0] if self._folders else 'models/upscalers'}."
        )


def model_files(folder: Path) -> Iterator[Path]:
    """Files below a folder that may hold weights, safetensors before pickles of the same name; none without it."""
    paths = folder.rglob("*") if folder.is_dir() else ()
    yield from sorted(
        (
            path
            for path in paths
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        ),
        key=lambda path: (path.stem.lower(), SUFFIXES.index(path.suffix.lower()), str(path)),
    )
