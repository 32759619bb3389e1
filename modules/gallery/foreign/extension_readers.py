"""Extensions that read what other programs write into pictures."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from functools import partial
from threading import Lock

from modules.gallery.foreign.whole_characters import whole_characters
from modules.hooks import MetadataContext, Plugins
from modules.hooks.extension_code import TookTooLong, fault_of, in_time
from modules.hooks.plugins import Implementation
from modules.imaging.picture_heads import PictureHead

SECONDS = 2.0
"""For one picture: a gallery has many."""
GALLERY_TIMEOUTS = 3
"""How often one may take too long before a gallery, which may be about to ask of thousands, asks it no more."""
_MOST_CHARACTERS = 1_000_000
_GIVEN_UP = (
    "the gallery does not ask it about pictures any more until the next start, "
    "since {times} times it took longer than {seconds:g} seconds"
)

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

    def __init__(self, plugins: Plugins, *, most_timeouts: int | None = None) -> None:
        """`most_timeouts`: a plugin that takes too long so often is not asked any more, as long as this is there."""
        self._plugins = plugins
        self._most_timeouts = most_timeouts
        self._timeouts: Counter[str] = Counter()
        self._counting = Lock()

    def __call__(self, head: PictureHead) -> ExtensionReading:
        """What the first of them says that knows a picture."""
        faults: list[tuple[str, str]] = []
        for hook in self._plugins.implementations("read_metadata") if head.texts else ():
            if self._is_given_up(hook.plugin):
                continue
            try:
                if infotext := in_time(partial(_answer, hook, head), SECONDS):
                    return ExtensionReading(infotext, tuple(faults))
            except Exception as error:  # others wrote it
                if isinstance(error, TookTooLong):
                    self._count(hook.plugin)
                log.warning("The hook read_metadata of the plugin %s failed", hook.plugin, exc_info=True)
                faults.append((hook.plugin, whole_characters(fault_of(error))))
        return ExtensionReading("", tuple(faults))

    def _is_given_up(self, plugin: str) -> bool:
        return self._most_timeouts is not None and self._timeouts[plugin] >= self._most_timeouts

    def _count(self, plugin: str) -> None:
        """Count what took too long, and tell of it once that was the last time."""
        with self._counting:  # a gallery reads several files at once
            self._timeouts[plugin] += 1
            if self._timeouts[plugin] == self._most_timeouts:
                self._plugins.take_note(plugin, _GIVEN_UP.format(times=self._most_timeouts, seconds=SECONDS))


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
