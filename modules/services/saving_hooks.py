"""Asks extensions about pictures that are being saved; none can lose one, and what fails is told at the job's end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from modules.errors import PluginFailed
from modules.hooks import Plugins, SavedContext, SavingChange, SavingContext
from modules.hooks.argument_groups import infotext_key
from modules.hooks.extension_code import TookTooLong, fault_of, in_time
from modules.hooks.plugins import Implementation, short_name
from modules.schema.infotext import parse_infotext, write_parameters
from modules.schema.pictures import Picture
from modules.schema.requests import Resolved
from modules.services.finished_picture import FinishedPicture

SettingsOf = Callable[[str], Mapping[str, Any]]
"""The settings of a plugin's own, by their names."""

log = logging.getLogger(__name__)


class SavingHooks:
    """The hooks `before_saving` and `after_saving` for the pictures of one job."""

    def __init__(
        self,
        plugins: Plugins,
        job_id: str,
        *,
        user: str = "",
        settings_of: SettingsOf = lambda plugin: {},
        seconds: float | None = None,
    ) -> None:
        """`seconds` is how long each may take; None: as long as it likes."""
        self._plugins = plugins
        self._settings_of = settings_of
        self._seconds = seconds
        self._job_id = job_id
        self._user = user
        self._faults: dict[tuple[str, str], str] = {}
        self._given_up: set[tuple[str, str]] = set()

    def before(
        self, number: int, picture: FinishedPicture, request: Resolved | None, *, is_grid: bool
    ) -> FinishedPicture:
        """The picture as it is to be saved; as it was before an extension that fails."""
        for call in self._plugins.implementations("before_saving"):
            context = SavingContext(
                pixels=picture.pixels.copy(),
                infotext=picture.infotext,
                request=request,
                number=number,
                job_id=self._job_id,
                user=self._user,
                is_grid=is_grid,
                settings=self._settings_of(call.plugin),
            )
            changed = partial(_changed, picture, call, context)
            picture = self._tried(call.plugin, "before_saving", changed) or picture
        return picture

    def after(self, saved: Picture, path: Path, number: int, request: Resolved | None, *, is_grid: bool) -> None:
        """Tell of a picture that is there."""
        for call in self._plugins.implementations("after_saving"):
            context = SavedContext(
                path=path,
                picture_id=saved.id,
                infotext=saved.infotext,
                request=request,
                number=number,
                job_id=self._job_id,
                user=self._user,
                is_grid=is_grid,
                settings=self._settings_of(call.plugin),
            )
            self._tried(call.plugin, "after_saving", partial(call, context=context))

    def tell(self) -> None:
        """Raise PluginFailed where any of them failed; to be called once everything is saved."""
        for (plugin, hook), problem in self._faults.items():
            raise PluginFailed(
                f"Hook {hook!r} of the plugin {plugin} failed ({problem}). "
                "The pictures are saved, as they were without it. Switch it off, or tell whoever wrote it."
            )

    def _tried(self, plugin: str, hook: str, call: Callable[[], Any]) -> Any:
        if (plugin, hook) in self._given_up:
            return None
        try:
            return in_time(call, self._seconds)
        except TookTooLong as error:
            self._given_up.add((plugin, hook))  # it would take as long with each of a hundred pictures
            log.warning("The hook %s of the plugin %s did not come back", hook, plugin)
            self._faults.setdefault((plugin, hook), fault_of(error))
            return None
        except Exception as error:  # others wrote it
            if (plugin, hook) not in self._faults:
                log.warning("The hook %s of the plugin %s failed", hook, plugin, exc_info=True)
            self._faults.setdefault((plugin, hook), fault_of(error))
            return None


def _changed(picture: FinishedPicture, call: Implementation, context: SavingContext) -> FinishedPicture | None:
    """Raises what the hook raises, and TypeError and ValueError for an answer that is no picture."""
    change = call(context=context)
    if change is None:
        return None
    if not isinstance(change, SavingChange):
        raise TypeError(f"it returned {type(change).__name__} instead of a SavingChange")
    pixels = picture.pixels if change.pixels is None else _picture(change.pixels)
    return replace(picture, pixels=pixels, infotext=with_parameters(picture.infotext, call.plugin, change.parameters))


def _picture(pixels: np.ndarray) -> np.ndarray:
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        raise TypeError("its pixels are no array of uint8")
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or 0 in pixels.shape:
        raise ValueError(f"its pixels have the shape {pixels.shape} instead of (height, width, 3 or 4)")
    return np.ascontiguousarray(pixels)


def with_parameters(infotext: str, plugin: str, parameters: Mapping[str, str]) -> str:
    """An infotext with what a plugin adds to it, under keys of its own; one without parameters as it is."""
    known = parse_infotext(infotext).parameters if parameters else {}
    if not known:
        return infotext
    own = {infotext_key(f"{key_start(plugin)}{key}"): value for key, value in parameters.items()}
    for key in own.keys() & known.keys():  # the same was done to the picture before
        infotext = infotext.replace(f", {write_parameters({key: known[key]})}", "", 1)
    return f"{infotext}, {write_parameters(own)}"


def key_start(plugin: str) -> str:
    """What the keys begin with that an extension adds to infotexts."""
    return f"{infotext_key(short_name(plugin)) or 'Extension'} "
