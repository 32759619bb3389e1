"""Extras: finished pictures enlarged, their faces restored, cut up and mirrored. No checkpoint is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from modules.errors import InvalidRequest
from modules.hooks.postprocessing import STEPS_KEY, Moment
from modules.imaging.cutting import auto_sized_crop, flipped_copies, focal_crop, split
from modules.pipeline.watcher import Watcher
from modules.schema.extras_request import ExtrasRequest
from modules.upscaling.enlargement import Enlargement
from modules.upscaling.face_detection import FaceDetector
from modules.upscaling.face_models import CODEFORMER, GFPGAN
from modules.upscaling.faces import FaceRestorer
from modules.upscaling.listener import Listener
from modules.upscaling.target import ByFactor, BySize, Target
from modules.upscaling.upscaler import Upscaler


def _no_steps(moment: Moment, pixels: np.ndarray) -> tuple[np.ndarray, Mapping[str, str]]:
    return pixels, {}


@dataclass(frozen=True)
class ExtrasTools:
    """The networks that a chain may ask for."""

    upscaler: Callable[[str], Upscaler]
    """Raises ModelNotFound, UnsupportedModel, BrokenModel, OutOfMemory."""
    face_restorer: Callable[[str], FaceRestorer]
    """Of "GFPGAN" or "CodeFormer". Raises the same, and UnsupportedModel where a licence was not accepted."""
    face_detector: Callable[[], FaceDetector]
    """Raises BrokenModel, BrokenInstallation."""
    steps: Callable[[Moment, np.ndarray], tuple[np.ndarray, Mapping[str, str]]] = _no_steps
    """What the steps of extensions that are on make of a picture at a moment, and parameters that tell of it.
    Raises PluginFailed, and what a step refuses."""


@dataclass(frozen=True)
class ProcessedPicture:
    """`pixels` are (height, width, 3 or 4), uint8; `done` tells what was done, as parameters of an infotext."""

    pixels: np.ndarray
    done: Mapping[str, str]


def process(
    request: ExtrasRequest, pixels: np.ndarray, tools: ExtrasTools, watcher: Watcher, most: int
) -> Iterator[ProcessedPicture]:
    """Every picture that a chain makes of one, (height, width, 3 or 4) uint8.

    Raises InvalidRequest (also where they would be more than `most`), what the tools raise, and whatever the watcher
    raises to stop it.
    """
    done: dict[str, str] = {}
    # 1. The picture is enlarged and its faces are restored, in the order that is wanted; steps of extensions come first
    #    and after that.
    pixels = _extended(tools, "first", pixels, done)
    steps = [_enlarged, _restored] if request.upscale_first else [_restored, _enlarged]
    for step in steps:
        pixels = step(request, pixels, tools, watcher, done)
    pixels = _extended(tools, "enlarged", pixels, done)

    # 2. It is cut up, or cut to what matters.
    parts = _cut(request, ProcessedPicture(pixels, done))
    _check_number(len(parts) * (1 + len(request.flipped_copies)), most)
    for part in parts:
        # 3. Its mirrored copies come after it; steps of extensions finish each.
        for result in _mirrored(request, part):
            said = dict(result.done)
            yield ProcessedPicture(_extended(tools, "last", result.pixels, said), said)


def _extended(tools: ExtrasTools, moment: Moment, pixels: np.ndarray, done: dict[str, str]) -> np.ndarray:
    """What steps of extensions make of it; `done` tells of those of all moments."""
    pixels, said = tools.steps(moment, pixels)
    names = ", ".join(row[STEPS_KEY] for row in (done, said) if STEPS_KEY in row)
    done |= {**said, **({STEPS_KEY: names} if names else {})}
    return pixels


def _enlarged(
    request: ExtrasRequest, pixels: np.ndarray, tools: ExtrasTools, watcher: Watcher, done: dict[str, str]
) -> np.ndarray:
    if request.upscaler_1 is None:
        return pixels
    watcher.stage(f"Upscaling with {request.upscaler_1}")
    second = None if request.upscaler_2 is None else tools.upscaler(request.upscaler_2)
    enlargement = Enlargement(tools.upscaler(request.upscaler_1), second, request.extras_upscaler_2_visibility)
    target = target_of(request, pixels.shape[1], pixels.shape[0])
    if isinstance(target, ByFactor):
        done["Postprocess upscale by"] = f"{target.factor_for(pixels.shape[1], pixels.shape[0]):g}"
    else:
        done["Postprocess upscale to"] = _size(target.width, target.height)
        if target.cut:
            done["Postprocess crop to"] = _size(target.width, target.height)
    done["Postprocess upscaler"] = request.upscaler_1
    if second is not None and request.extras_upscaler_2_visibility:
        done["Postprocess upscaler 2"] = str(request.upscaler_2)
        done["Postprocess upscaler 2 visibility"] = f"{request.extras_upscaler_2_visibility:g}"
    return enlargement.apply(pixels, target, listener=Listener(check=watcher.check, tell=watcher.stage))


def target_of(request: ExtrasRequest, width: int, height: int) -> Target:
    """How large a picture of `width` x `height` is to become."""
    if request.resize_mode == "Scale by":
        return ByFactor(request.upscaling_resize, request.max_side_length)
    return BySize(*request.wanted_sides(width, height), cut=request.upscaling_crop)


def _restored(
    request: ExtrasRequest, pixels: np.ndarray, tools: ExtrasTools, watcher: Watcher, done: dict[str, str]
) -> np.ndarray:
    visibilities = {GFPGAN: request.gfpgan_visibility, CODEFORMER: request.codeformer_visibility}
    wanted = {name: visibility for name, visibility in visibilities.items() if visibility}
    # Every network is there before the work begins.
    restorers = {name: tools.face_restorer(name) for name in wanted}
    if not wanted:
        return pixels
    watcher.stage("Looking for faces")
    faces = tools.face_detector().detect(pixels)
    if not faces:
        watcher.stage("No face was found")
        return pixels
    listener = Listener(check=watcher.check, tell=watcher.stage)
    for name, restorer in restorers.items():
        watcher.stage(f"Restoring faces with {name}")
        fidelity = request.codeformer_weight
        pixels = restorer.restore(pixels, faces, visibility=wanted[name], fidelity=fidelity, listener=listener)
        done[f"{name} visibility"] = f"{wanted[name]:g}"
        if name == CODEFORMER:
            done[f"{name} weight"] = f"{fidelity:g}"
    return pixels


def _cut(request: ExtrasRequest, picture: ProcessedPicture) -> list[ProcessedPicture]:
    width, height = request.crop_width, request.crop_height
    parts = [picture]
    if request.split_oversized:
        parts = _split(request, picture)
    if request.focal_crop:
        parts = [
            _also(part, focal_crop(part.pixels, width, height), "Focal crop", _size(width, height)) for part in parts
        ]
    if request.auto_sized_crop:
        parts = [_auto_sized(request, part) for part in parts]
    return parts


def _split(request: ExtrasRequest, picture: ProcessedPicture) -> list[ProcessedPicture]:
    """A picture that is not long enough stays as it is."""
    width, height = request.crop_width, request.crop_height
    threshold, overlap = request.split_threshold, request.overlap_ratio
    parts = split(picture.pixels, width, height, threshold=threshold, overlap=overlap)
    if len(parts) == 1:
        return [picture]
    return [_also(picture, part, "Split oversized", _size(width, height)) for part in parts]


def _auto_sized(request: ExtrasRequest, picture: ProcessedPicture) -> ProcessedPicture:
    """A picture that no size within the limits suits stays as it is."""
    cropped = auto_sized_crop(
        picture.pixels,
        min_side=request.min_side,
        max_side=request.max_side,
        min_area=request.min_area,
        max_area=request.max_area,
        largest_first=request.crop_objective == "Maximize area",
        threshold=request.crop_threshold,
    )
    if cropped is None:
        return picture
    return _also(picture, cropped, "Auto-sized crop", _size(cropped.shape[1], cropped.shape[0]))


def _check_number(results: int, most: int) -> None:
    if results > most:
        remedy = "Choose larger parts, less overlap or fewer flipped copies."
        raise InvalidRequest("Results of one picture", results, f"are more than {most:,}", remedy)


def _mirrored(request: ExtrasRequest, picture: ProcessedPicture) -> Iterator[ProcessedPicture]:
    """The picture, and its copies in the order in which they are always made."""
    flips = [name for name in ("horizontal", "vertical", "both") if name in request.flipped_copies]
    itself, *copies = flipped_copies(picture.pixels, **dict.fromkeys(flips, True))
    yield ProcessedPicture(itself, picture.done)
    for name, copy in zip(flips, copies, strict=True):
        yield _also(picture, copy, "Flipped copy", name)


def _also(picture: ProcessedPicture, pixels: np.ndarray, key: str, value: str) -> ProcessedPicture:
    """What became of a picture by one thing more."""
    return ProcessedPicture(pixels, {**picture.done, key: value})


def _size(width: int, height: int) -> str:
    return f"{width}x{height}"
