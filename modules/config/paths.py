"""Where everything lies. Everything that the program writes is below `data`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.config.model_folders import FOLDER_KINDS, NAMES, FolderKind, FoldersByKind, adopted_folders

ROOT = Path(__file__).resolve().parent.parent.parent
"""The installation: the folder that holds launch.py."""


@dataclass(frozen=True)
class Paths:
    """Resolved folders of one running server.

    The `*_folders` are searched in order; the first is where a person is told to put new files. Those of checkpoints
    and upscalers end with the ones that ship with the program, so that the demo model is found from any data folder.
    """

    data: Path
    models: Path
    checkpoint_folders: tuple[Path, ...]
    vae_folders: tuple[Path, ...]
    lora_folders: tuple[Path, ...]
    embedding_folders: tuple[Path, ...]
    hypernetwork_folders: tuple[Path, ...]
    controlnet_folders: tuple[Path, ...]
    upscaler_folders: tuple[Path, ...]
    tiny_vae_folders: tuple[Path, ...]
    readable_folders: tuple[Path, ...]
    """Folders besides the data folder that a page may have pictures read from."""
    style_files: tuple[Path, ...]
    """The last part of each may hold * and ?; new styles go into the first one without."""

    @property
    def model_folders(self) -> FoldersByKind:
        """The folders of all kinds of model files."""
        return {
            "checkpoint": self.checkpoint_folders,
            "vae": self.vae_folders,
            "lora": self.lora_folders,
            "embedding": self.embedding_folders,
            "hypernetwork": self.hypernetwork_folders,
            "controlnet": self.controlnet_folders,
            "upscaler": self.upscaler_folders,
            "tiny-vae": self.tiny_vae_folders,
        }

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
    def tags_folder(self) -> Path:
        """Lists of words that are offered while somebody types."""
        return self.data / "tags"

    @property
    def settings_file(self) -> Path:
        return self.data / "config.json"

    @property
    def ui_config_file(self) -> Path:
        """Other defaults and limits of the page's controls."""
        return self.data / "ui-config.json"

    @property
    def extensions(self) -> Path:
        return self.data / "extensions"

    @property
    def extension_states(self) -> Path:
        """Which extensions are switched on."""
        return self.data / "extensions.json"

    @property
    def extension_data(self) -> Path:
        """What extensions keep, a folder for each: what lies in their own folders is not to change."""
        return self.data / "extension-data"

    @property
    def user_style(self) -> Path:
        """Style sheet of the owner's own, loaded behind the page's."""
        return self.data / "user.css"

    @property
    def accounts(self) -> Path:
        return self.data / "accounts"

    @property
    def webhooks(self) -> Path:
        return self.data / "webhooks"

    @property
    def downloads(self) -> Path:
        """What is not whole yet."""
        return self.models / ".downloads"

    @property
    def cache(self) -> Path:
        """Holds only what can be made again: thumbnails, uploads, temporary files."""
        return self.data / "cache"

    @property
    def recordings(self) -> Path:
        """How pictures came to be, where somebody wanted to know."""
        return self.cache / "look_inside"

    @property
    def model_facts(self) -> Path:
        """What was found out about model files."""
        return self.cache / "models.sqlite3"

    @property
    def unfinished_starts(self) -> Path:
        """How many starts in a row ended before anybody could use the server."""
        return self.cache / "unfinished-starts"

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
    hypernetwork_dir: Path | None = None,
    controlnet_dir: Path | None = None,
    vae_approx_dir: Path | None = None,
    upscaler_dirs: Sequence[Path] = (),
    adopted: Sequence[Path] = (),
    styles_files: Sequence[Path] = (),
    readable_folders: Sequence[Path] = (),
) -> Paths:
    """Turn the folders of the command line (None: not given) into absolute ones; creates nothing.

    Raises InvalidSetting for one of `adopted` that is no installation of a known program.
    """
    data = (data_dir or ROOT).expanduser().resolve()
    models = (models_dir or data / "models").expanduser().resolve()
    given: dict[FolderKind, Sequence[Path | None]] = {
        "checkpoint": (ckpt_dir,),
        "vae": (vae_dir,),
        "lora": (lora_dir,),
        "embedding": (embeddings_dir,),
        "hypernetwork": (hypernetwork_dir,),
        "controlnet": (controlnet_dir,),
        "upscaler": upscaler_dirs,
        "tiny-vae": (vae_approx_dir,),
    }
    folders = _folders(given, models, [adopted_folders(one) for one in adopted])
    return Paths(
        data=data,
        models=models,
        checkpoint_folders=folders["checkpoint"],
        vae_folders=folders["vae"],
        lora_folders=folders["lora"],
        embedding_folders=folders["embedding"],
        hypernetwork_folders=folders["hypernetwork"],
        controlnet_folders=folders["controlnet"],
        upscaler_folders=folders["upscaler"],
        tiny_vae_folders=folders["tiny-vae"],
        readable_folders=tuple(folder.expanduser().resolve() for folder in readable_folders),
        style_files=tuple(data / file.expanduser() for file in styles_files) or (data / "styles.csv",),
    )


def _folders(
    given: Mapping[FolderKind, Sequence[Path | None]], models: Path, adopted: Sequence[FoldersByKind]
) -> dict[FolderKind, tuple[Path, ...]]:
    """Of each kind those that were given, those below `models`, adopted ones, and what ships with the program."""
    shipped = ROOT.resolve() / "models"
    found: dict[FolderKind, tuple[Path, ...]] = {}
    for kind in FOLDER_KINDS:
        named = [folder.expanduser().resolve() for folder in given[kind] if folder is not None]
        usual = [models / name for name in NAMES[kind]]
        others = [folder for one in adopted for folder in one.get(kind, ())]
        last = [shipped / name for name in NAMES[kind]] if kind in ("checkpoint", "upscaler") else []
        found[kind] = tuple(dict.fromkeys((*named, *usual, *others, *last)))
    return found
