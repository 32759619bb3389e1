"""Extensions that read what other programs write into pictures."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial

from modules.gallery.foreign.whole_characters import whole_characters
from modules.hooks import MetadataContext, Plugins
from modules.hooks.extension_code import in_time
from modules.hooks.plugins import Implementation
from modules.imaging.picture_heads import PictureHead

SECONDS = 2.0
"""For one picture: a gallery has many."""
_MOST_CHARACTERS = 1_000_000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExtensionReading:
    """What extensions say of a picture."""

    infotext: str = ""
    """"" where none knows it."""
    faults: tuple[tuple[str, str], ...] = ()
    """Which of them failed, and at what."""


class ExtensionReaders:
    """The hook `read_metadata` of all plugins. One that fails stays: somebody may have made the picture for that."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    def __call__(self, head: PictureHead) -> ExtensionReading:
        """What the first of them says that knows a picture."""
        faults: list[tuple[str, str]] = []
        for hook in self._plugins.implementations("read_metadata") if head.texts else ():
            try:
                if infotext := in_time(partial(_answer, hook, head), SECONDS):
                    return ExtensionReading(infotext, tuple(faults))
            except Exception as error:  # others wrote it
                log.warning("The hook read_metadata of the plugin %s failed", hook.plugin, exc_info=True)
                faults.append((hook.plugin, whole_characters(f"{type(error).__name__}: {error}")))
        return ExtensionReading("", tuple(faults))


def _answer(hook: Implementation, head: PictureHead) -> str:
    """Raises what the hook raises, and TypeError and ValueError for an answer that is no infotext."""
    answer = hook(context=MetadataContext(texts=dict(head.texts), width=head.width, height=head.height))
    if answer is None:
        return ""
    if not isinstance(answer, str):
        raise TypeError(f"it returned {type(answer).__name__} instead of a text")
    if len(answer) > _MOST_CHARACTERS:
        raise ValueError(f"it returned {len(answer):,} characters")
    return whole_characters(answer)
