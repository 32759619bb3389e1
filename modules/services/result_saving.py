"""Saves what buttons of extensions make of finished pictures, beside these and as all pictures are saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modules.config.paths import Paths
from modules.config.settings import SettingsStore
from modules.errors import PluginFailed, StorageFull
from modules.gallery.places import file_of
from modules.gallery.store import PictureStore
from modules.hooks import Plugins
from modules.hooks.extension_code import SECONDS
from modules.schema.pictures import Picture
from modules.services.finished_picture import FinishedPicture
from modules.services.picture_files import PictureFiles
from modules.services.saving_hooks import SavingHooks, SettingsOf, with_parameters

BUTTON_KEY = "button"
"""Behind the extension's name: the key in infotexts of the button that changed the picture."""


@dataclass(frozen=True)
class CheckedPicture:
    """A picture that can be saved: (height, width, 3 or 4) uint8, the button it came of, what is said of it."""

    pixels: np.ndarray
    button: str
    parameters: Mapping[str, str]


class ResultSaving:
    """The one way for pictures that no job made. They belong to who asked for them."""

    def __init__(
        self, plugins: Plugins, store: PictureStore, paths: Paths, settings: SettingsStore, settings_of: SettingsOf
    ) -> None:
        self._plugins = plugins
        self._store = store
        self._paths = paths
        self._settings = settings
        self._settings_of = settings_of

    def save(
        self, plugin: str, source: Picture, pictures: Sequence[CheckedPicture], *, user: str
    ) -> tuple[list[Picture], str]:
        """Save what a plugin made of `source`, and say which extension failed meanwhile; "" where none did.

        Raises StorageFull where there is no room for the first one; that there is none for the rest is said, too.
        """
        files = PictureFiles(self._settings.current, user=user)
        hooks = SavingHooks(self._plugins, "", user=user, settings_of=self._settings_of, seconds=SECONDS)
        saved: list[Picture] = []
        for number, one in enumerate(pictures):
            added = {BUTTON_KEY: one.button, **one.parameters} | {BUTTON_KEY: one.button}
            infotext = with_parameters(source.infotext, plugin, added)
            finished = FinishedPicture(number, one.pixels, infotext, source.seed)
            try:
                changed = hooks.before(number, finished, None, is_grid=False)
                saved.append(self._saved(number, changed, files, hooks, user))
            except StorageFull as error:
                if not saved:
                    raise
                return saved, str(error)
        try:
            hooks.tell()
        except PluginFailed as error:
            return saved, str(error)
        return saved, ""

    def _saved(
        self, number: int, finished: FinishedPicture, files: PictureFiles, hooks: SavingHooks, user: str
    ) -> Picture:
        height, width = finished.pixels.shape[:2]
        file = files.of(finished, None, None)
        picture = self._store.save(
            file.content,
            folder=self._paths.extras_pictures,
            width=width,
            height=height,
            seed=finished.seed,
            infotext=finished.infotext,
            job_id=None,
            index=None,
            name=file.name,
            subfolder=file.subfolder,
            user=user,
            stem=file.stem,
            suffix=file.suffix,
        )
        path = file_of(picture, self._paths.outputs)
        files.write_text(finished.infotext, path)
        hooks.after(picture, path, number, None, is_grid=False)
        return picture
