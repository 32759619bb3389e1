"""Which file holds the network that restores faces in a certain way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modules.errors import ModelNotFound, UserError
from modules.upscaling.model_files import architecture
from modules.upscaling.registry import face_restorers

GFPGAN, CODEFORMER = "GFPGAN", "CodeFormer"

_HOMES = {GFPGAN: ("GFPGAN", "GFPGANv1.4.pth"), CODEFORMER: ("Codeformer", "codeformer-v0.1.0.pth")}
"""The folder and the usual file of each."""


def restorer_file(kind: str, models: Sequence[Path]) -> Path:
    """The newest file below some `models` folders whose network is of that architecture: GFPGAN or CODEFORMER.

    What the file is called plays no part. Raises ModelNotFound, or what a damaged file raises where it may have been
    the one.
    """
    paths = [entry.path for entry in face_restorers(*models) if entry.path is not None]
    fault: UserError | None = None
    for path in sorted(paths, key=lambda path: (-path.stat().st_mtime_ns, path)):
        try:
            if architecture(path) == kind:
                return path
        except UserError as error:
            if kind.lower() in path.stem.lower():
                fault = fault or error
    if fault is not None:
        raise fault
    folder, file = _HOMES[kind]
    raise ModelNotFound(
        f"There is no {kind} network here. Put {file}, or another file of that kind, into "
        f"{(models[0] if models else Path('models')) / folder}."
    )
