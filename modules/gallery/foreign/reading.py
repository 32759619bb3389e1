"""The one way from a picture file of any program to an infotext."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modules.gallery.foreign import comfyui, fooocus, invokeai, novelai, plain_programs
from modules.gallery.foreign.extension_readers import ExtensionReaders
from modules.gallery.foreign.foreign_json import object_of, words
from modules.gallery.foreign.whole_characters import whole_characters
from modules.imaging.encoding import PARAMETERS_KEY
from modules.imaging.picture_heads import PictureHead, read_head
from modules.imaging.stealth import stealth_text
from modules.schema.infotext import parse_infotext

_OF_JSON = (fooocus.infotext_of, plain_programs.infotext_of)
_OF_OTHER_KEYS = (
    invokeai.infotext_of,
    novelai.infotext_of,
    plain_programs.infotext_of,
    comfyui.infotext_of,
)


@dataclass(frozen=True)
class ReadPicture:
    """What is known of a picture file; `infotext` is "" where it says nothing of how it was made."""

    width: int
    height: int
    infotext: str
    problem: str
    """Why its pixels cannot be read in full; "" where they can."""
    faults: tuple[tuple[str, str], ...] = ()
    """Which extensions failed while they looked at it, and at what."""


def read_picture(path: Path, readers: ExtensionReaders | None = None) -> ReadPicture:
    """Read the head of a picture; `readers` are asked where nothing else finds parameters in it.

    Raises UnreadablePicture, OSError.
    """
    head = read_head(path)
    infotext = whole_characters(_infotext(path, head))
    if readers is None or parse_infotext(infotext).parameters:
        return ReadPicture(head.width, head.height, infotext, head.problem)
    found = readers(head)
    return ReadPicture(head.width, head.height, found.infotext or infotext, head.problem, found.faults)


def _infotext(path: Path, head: PictureHead) -> str:
    infotext = infotext_of(head.texts)
    if infotext or not head.has_alpha or head.problem:
        return infotext
    hidden = stealth_text(path)
    found = object_of(hidden)
    if not found:
        return infotext_of({PARAMETERS_KEY: hidden}) if hidden else ""
    return infotext_of({name: words(found, name) for name in found})


def infotext_of(texts: Mapping[str, str]) -> str:
    """What the texts of a picture say, by their keys, as an infotext; "" where they say nothing of how it was made."""
    written = texts.get(PARAMETERS_KEY, "")
    if written.lstrip().startswith("{"):
        parted = _parted(texts)
        found = next((text for translate in (*_OF_JSON, *_OF_OTHER_KEYS) if (text := translate(parted))), "")
        return found or written
    if written:
        return fooocus.with_our_names(parse_infotext(written)) or written
    return next((text for translate in _OF_OTHER_KEYS if (text := translate(texts))), "")


def _parted(texts: Mapping[str, str]) -> Mapping[str, str]:
    """Where a file has one place only, programs put what they have several keys for elsewhere into one object."""
    whole = texts[PARAMETERS_KEY]
    found = object_of(whole)
    is_graph = any(isinstance(node, dict) and "class_type" in node for node in found.values())
    inner = {name: text for name in found if (text := words(found, name))}
    return {"Comment": whole, **({"prompt": whole} if is_graph else {}), **inner, **texts}
