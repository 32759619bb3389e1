"""Where everything lies. Everything that the program writes is below `data`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
"""The installation: the folder that holds launch.py."""


@dataclass(frozen=True)
class Paths:
    """Resolved folders of one running server.

    The `*_folders` are searched in order; the first is where a person is told to put new files. The checkpoint
    folders end with the one that ships with the program, so that the demo model is found from any data folder.
    """

    data: Path
    models: Path
    checkpoint_folders: tuple[Path, ...]
    vae_folders: tuple[Path, ...]
    lora_folders: tuple[Path, ...]
    embedding_folders: tuple[Path, ...]
    readable_folders: tuple[Path, ...]
    """Folders besides the data folder that a page may have pictures read from."""
    style_files: tuple[Path, ...]
    """The last part of each may hold * and ?; new styles go into the first one without."""

    @property
    def outputs(self) -> Path:
        return self.data / "outputs"

    @property
    def txt2img_pictures(self) -> Path:
        return self.outputs / "txt2img-images"

    @property
    def img2img_pictures(self) -> Path:
        return self.outputs / "img2img-images"

    @property
    def extras_pictures(self) -> Path:
        return self.outputs / "extras-images"

    @property
    def grids(self) -> Path:
        """Pictures that scripts put together of others."""
        return self.outputs / "grids"

    @property
    def input_pictures(self) -> Path:
        """What tasks were given, by the hashes of their pixels."""
        return self.outputs / "init-images"

    @property
    def database(self) -> Path:
        return self.outputs / "atelier.sqlite3"

    @property
    def wildcards_folder(self) -> Path:
        return self.models / "wildcards"

    @property
    def settings_file(self) -> Path:
        return self.data / "config.json"

    @property
    def cache(self) -> Path:
        """Holds only what can be made again: thumbnails, uploads, temporary files."""
        return self.data / "cache"

    @property
    def lock_file(self) -> Path:
        return self.cache / "server.lock"


def resolve_paths(
    *,
    data_dir: Path | None = None,
    models_dir: Path | None = None,
    ckpt_dir: Path | None = None,
    vae_dir: Path | None = None,
    lora_dir: Path | None = None,
    embeddings_dir: Path | None = None,
    styles_files: Sequence[Path] = (),
    readable_folders: Sequence[Path] = (),
) -> Paths:
    """Turn the folders of the command line (None: not given) into absolute ones; creates nothing."""
    data = (data_dir or ROOT).expanduser().resolve()
    models = (models_dir or data / "models").expanduser().resolve()

    def folders(given: Path | None, *usual: Path) -> tuple[Path, ...]:
        first = () if given is None else (given.expanduser().resolve(),)
        return tuple(dict.fromkeys((*first, *usual)))

    return Paths(
        data=data,
        models=models,
        checkpoint_folders=folders(
            ckpt_dir, models / "Stable-diffusion", ROOT.resolve() / "models" / "Stable-diffusion"
        ),
        vae_folders=folders(vae_dir, models / "VAE"),
        lora_folders=folders(lora_dir, models / "Lora"),
        embedding_folders=folders(embeddings_dir, models / "embeddings"),
        readable_folders=tuple(folder.expanduser().resolve() for folder in readable_folders),
        style_files=tuple(data / file.expanduser() for file in styles_files) or (data / "styles.csv",),
    )
