"""Rows of small pictures: each carries the id of its picture, so that a click finds it whatever came since."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import gradio as gr

from modules.config.paths import Paths
from modules.errors import StorageFull, UnreadablePicture
from modules.schema.pictures import Picture
from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.services.pictures import PictureService
from modules.ui.visitors import own_picture


def lay_out_thumbnails(name: str, columns: int, *, label: str, render: bool = True) -> gr.Gallery:
    """An empty grid that opens nothing by itself."""
    return gr.Gallery(
        label=label,
        show_label=False,
        container=False,
        interactive=False,
        allow_preview=False,
        columns=columns,
        fit_columns=False,
        height="auto",
        object_fit="cover",
        buttons=[],
        visible=False,
        render=render,
        elem_id=name,
        elem_classes=["thumbnails"],
    )


def entries(service: PictureService, pictures: Iterable[Picture]) -> list[tuple[str, str]]:
    """Small file and id of each picture; a picture without one (gone, damaged, disk full) is left out."""
    found = []
    for picture in pictures:
        try:
            found.append((str(service.thumbnail(picture)), str(picture.id)))
        except (UnreadablePicture, StorageFull):
            continue
    return found


def clicked_picture(service: PictureService, visitor: Visitor, event: gr.SelectData) -> Picture:
    """The picture whose thumbnail was clicked. Raises NotFound."""
    caption = str(event.value.get("caption") if isinstance(event.value, dict) else "")
    return own_picture(service, visitor, int(caption) if caption.isascii() and caption.isdecimal() else 0)


def shown_file(services: Services, picture: Picture) -> Path:
    """The file to show large: the picture itself where the page may serve it, else its thumbnail."""
    file = services.pictures.file(picture)
    served = any(folder in file.parents for folder in served_folders(services.paths))
    return file if served else services.pictures.thumbnail(picture)


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
