"""Which of the server's folders the page shows files of."""

from __future__ import annotations

from pathlib import Path

from modules.config.paths import Paths


def served_folders(paths: Paths) -> tuple[Path, ...]:
    """The folders whose files the page serves in place; the database and the settings lie outside of them."""
    return (
        paths.txt2img_pictures,
        paths.img2img_pictures,
        paths.extras_pictures,
        paths.grids,
        paths.input_pictures,
        paths.cache / "thumbnails",
        paths.cache / "model-previews",
    )
