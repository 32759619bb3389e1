"""Smaller modules of A1111's: its folders, telling of errors, reading infotexts."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from modules.compat.surroundings import A1111Module
from modules.schema.infotext import parse_infotext


class PasteField(tuple[Any, ...]):
    """A row of `infotext_fields`, as later versions of A1111 write it."""

    def __new__(cls, component: Any, target: Any, *, api: str | None = None) -> PasteField:
        return super().__new__(cls, (component, target))


def program_modules(folder: Path) -> list[A1111Module]:
    """The modules, for the extension in that folder, which lies in the folder of extensions."""
    extensions = folder.parent
    folders = {"extensions_dir": str(extensions), "data_path": str(extensions.parent)}
    log = logging.getLogger(f"{__name__}.{folder.name}")

    def report(message: str, *, exc_info: bool = False) -> None:
        log.warning("The extension %s says: %s", folder.name, message, exc_info=exc_info)

    def display(error: BaseException, task: str, *, full_traceback: bool = False) -> None:
        log.warning("The extension %s failed in %s", folder.name, task, exc_info=error)

    infotexts = {"parse_generation_parameters": parse_generation_parameters, "PasteField": PasteField}
    return [
        A1111Module("modules.paths", folders),
        A1111Module("modules.paths_internal", folders),
        A1111Module("modules.errors", {"report": report, "display": display}),
        A1111Module("modules.infotext_utils", infotexts),
        A1111Module("modules.generation_parameters_copypaste", infotexts),
    ]


def parse_generation_parameters(text: str) -> dict[str, str]:
    """An infotext's parameters by their names, and its prompts."""
    read = parse_infotext(text)
    return {"Prompt": read.prompt, "Negative prompt": read.negative_prompt, **read.parameters}
