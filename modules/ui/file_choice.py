"""The files of a batch: sent by the browser, or lying in a folder of the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.errors import NotAllowed
from modules.imaging.reading import INPUT_SUFFIXES
from modules.services.accounts import Visitor
from modules.services.batches import BatchService
from modules.ui.controls import lay_out_line

FILE_TYPES = sorted(INPUT_SUFFIXES)
"""Of the files that a browser offers to choose."""


@dataclass(frozen=True)
class FileChoice:
    """Both ways to name files; which of them counts, and is shown, is chosen elsewhere."""

    files: gr.File
    folder: gr.Textbox

    def read(
        self, batches: BatchService, values: Mapping[Component, Any], visitor: Visitor, *, of_folder: bool
    ) -> list[Path]:
        """What was chosen, which may be nothing. Raises InvalidRequest for a folder that may not be read.

        Raises NotAllowed, for pictures of everybody lie in the server's folders.
        """
        if not of_folder:
            return [Path(path) for path in values[self.files] or []]
        if not visitor.is_owner:
            raise NotAllowed("Only an owner of this server may read its folders. Upload the pictures instead.")
        folder = str(values[self.folder] or "").strip()
        return batches.files_in(folder) if folder else []


def lay_out_file_choice(name: str, *, label: str, folder_label: str, height: int = 150) -> FileChoice:
    """Both, of which the page's style shows one."""
    files = gr.File(
        label=label,
        file_count="multiple",
        file_types=FILE_TYPES,
        height=height,
        elem_id=f"{name}-files",
        elem_classes=["from-files"],
    )
    with gr.Column(elem_classes=["from-folder"]):
        folder = lay_out_line(
            f"{name}-folder", label=folder_label, value="", placeholder="A path on the computer that runs Atelier"
        )
    return FileChoice(files, folder)
