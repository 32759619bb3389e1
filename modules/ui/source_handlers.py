"""What happens to the pictures that a task begins with: taken in, painted over, turned into fields of a request."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gradio.components import Component
from PIL import Image

from modules.errors import InvalidRequest, UserError
from modules.imaging.reading import MAX_FILE_BYTES, load_input, load_picture
from modules.schema.refusals import LABELS
from modules.services.build import Services
from modules.ui.generation_tab import GenerationTab
from modules.ui.source_panel import (
    INPAINT,
    INPAINT_SKETCH,
    INPAINT_UPLOAD,
    MODES,
    RESIZE_BY,
    RESIZE_TO,
    SKETCH,
    WITH_MASK,
    SourcePanel,
    canvas_value,
)

_PREFIX = "data:image/png;base64,"
_MARGINS = ("outpaint_left", "outpaint_right", "outpaint_top", "outpaint_bottom")
_NO_MASK = "Paint over what should change."
Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class SourceHandlers:
    """Handlers of a tab with sources; `values` are those of the components named as inputs."""

    def __init__(self, services: Services, tab: GenerationTab) -> None:
        if tab.sources is None:
            raise ValueError(f"the tab {tab.task} begins with no pictures")
        self._services = services
        self._tab = tab
        self._panel: SourcePanel = tab.sources

    def take_in(self, values: Values) -> Changes:
        """Store the files that were chosen, dropped or pasted; they take the place of those before."""
        panel = self._panel
        paths = values[panel.files] or []
        if not paths:
            return {}
        try:
            ids = [self._services.inputs.add_file(Path(path)) for path in paths]
        except UserError as error:
            return {panel.files: None, self._tab.notice: str(error)}
        return {panel.files: None, **self.showing(ids, _mask_of(values[panel.canvas]))}

    def take_in_mask(self, values: Values) -> Changes:
        """Store the mask that was chosen, or forget it."""
        panel = self._panel
        path, canvas = values[panel.mask_file], _canvas(values[panel.canvas])
        try:
            mask = self._services.inputs.add_file(Path(path)) if path else None
        except UserError as error:
            return {panel.mask_file: None, self._tab.notice: str(error)}
        return {panel.canvas: {**canvas, "mask_picture": self._entry(mask) if mask else None}}

    def clear(self) -> Changes:
        """Begin with no picture."""
        return {self._panel.canvas: canvas_value([]), self._panel.mask_file: None}

    def showing(self, ids: Iterable[str], mask: str | None = None) -> Changes:
        """Begin with these stored pictures; those that are not here are left out."""
        known = [self._entry(one) for one in ids if self._services.inputs.has(one)]
        there = self._entry(mask) if mask and self._services.inputs.has(mask) else None
        return {self._panel.canvas: canvas_value(known, there)}

    def recalled(self, remembered: Mapping[str, Any]) -> Changes:
        """What a browser kept: the pictures' ids and how they are used."""
        kept, mode = remembered.get("source_pictures"), remembered.get("source_mode")
        ids = kept.get("pictures") if isinstance(kept, Mapping) else None
        mask = kept.get("mask") if isinstance(kept, Mapping) else None
        words = [one for one in ids if isinstance(one, str)] if isinstance(ids, list) else []
        changes = self.showing(words, mask if isinstance(mask, str) else None)
        return {**changes, self._panel.mode: mode} if mode in MODES else changes

    def shown_size(self, values: Values) -> tuple[int, int]:
        """Width and height of the first picture. Raises InvalidRequest where there is none."""
        ids = _ids_of(values[self._panel.canvas])
        if not ids:
            raise InvalidRequest("Input picture", "", "is missing", "Choose the picture to begin with.")
        return self._services.inputs.size(ids[0])

    def composed(self, values: Values) -> dict[str, Any]:
        """The request's pictures and mask as the chosen mode has them. Raises InvalidRequest, NotFound."""
        mode, canvas = values[self._panel.mode], _canvas(values[self._panel.canvas])
        ids = _ids_of(canvas)
        if not ids:
            raise InvalidRequest("Input picture", "", "is missing", "Choose the picture to begin with.")
        if mode == INPAINT_UPLOAD:
            if (mask := _mask_of(canvas)) is None:
                raise InvalidRequest("Mask", "", "is missing", "Choose its file, or paint it in Inpaint.")
            return {"init_images": tuple(ids), "mask": mask}
        if mode in (SKETCH, INPAINT, INPAINT_SKETCH):
            return self._painted(mode, ids[0], canvas)
        return {"init_images": tuple(ids)}

    def irrelevant(self, values: Values) -> set[str]:
        """The fields that do not count: of masks where there is none, and of sizes that were not chosen."""
        form, size = self._tab.form, values[self._tab.size_mode]
        dropped = {"scale_by"} if size == RESIZE_TO else {"width", "height"}
        if size not in (RESIZE_TO, RESIZE_BY):
            dropped.add("scale_by")
        extends = any(str(values[form[name]] or "0") not in ("0", "0.0") for name in _MARGINS)
        if values[self._panel.mode] in WITH_MASK or values[form["mask_from_alpha"]] or extends:
            return dropped
        return dropped | set(self._tab.mask_fields)

    def _painted(self, mode: str, picture_id: str, canvas: Mapping[str, Any]) -> dict[str, Any]:
        """The first picture with what was painted over it, as colours or as a mask."""
        inputs = self._services.inputs
        original = load_picture(inputs.file(picture_id))
        colours = _layer(canvas.get("colours"), original.size) if mode != INPAINT else None
        mask = _layer(canvas.get("mask"), original.size) if mode != SKETCH else None
        covered = mask.getchannel("A") if mask is not None else None
        if colours is None:
            if covered is not None:
                return {"init_images": (picture_id,), "mask": inputs.add(covered.convert("RGB"))}
            if mode == SKETCH:
                return {"init_images": (picture_id,)}
            raise InvalidRequest("Mask", "", "is empty", _NO_MASK)
        painted = Image.alpha_composite(original.convert("RGBA"), colours).convert(original.mode)
        fields: dict[str, Any] = {"init_images": (inputs.add(painted),)}
        return fields if mode == SKETCH else {**fields, "mask": inputs.add_strokes(painted, original, covered)}

    def _entry(self, picture_id: str) -> dict[str, Any]:
        width, height = self._services.inputs.size(picture_id)
        url = f"gradio_api/file={quote(self._services.inputs.file(picture_id).as_posix())}"
        return {"id": picture_id, "url": url, "width": width, "height": height}


def _canvas(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else canvas_value([])


def _ids_of(value: Any) -> list[str]:
    """The ids of the pictures that a canvas shows."""
    pictures = _canvas(value).get("pictures")
    rows = [one for one in pictures if isinstance(one, Mapping)] if isinstance(pictures, list) else []
    return [str(one.get("id")) for one in rows]


def _mask_of(value: Any) -> str | None:
    mask = _canvas(value).get("mask_picture")
    return str(mask.get("id")) if isinstance(mask, Mapping) else None


def _layer(sent: Any, size: tuple[int, int]) -> Image.Image | None:
    """What was painted, RGBA at the size of the picture; None for nothing. Raises InvalidRequest, UnreadablePicture."""
    if not sent:
        return None
    if not isinstance(sent, str) or not sent.startswith(_PREFIX) or len(sent) > 2 * MAX_FILE_BYTES:
        raise InvalidRequest(LABELS["mask"], str(sent)[:40], "cannot be read", "Paint it again.")
    try:
        content = base64.b64decode(sent.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(LABELS["mask"], sent[:40], "cannot be read", "Paint it again.") from None
    layer = load_input(content, "what was painted").convert("RGBA")
    if layer.size != size:
        layer = layer.resize(size, Image.Resampling.NEAREST)
    return layer if layer.getchannel("A").getbbox() is not None else None
