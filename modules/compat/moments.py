"""The moments at which A1111 calls an always-visible script, for pictures of one request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from modules.compat.processing import Processed, Processing
from modules.compat.scripts import A1111Script, PostprocessBatchListArgs, PostprocessImageArgs
from modules.hooks import Resolved

if TYPE_CHECKING:
    import torch

BEFORE = ("setup", "before_process", "process", "before_process_batch", "process_batch")
"""What may change prompts, in A1111's order."""
AFTER = ("postprocess_batch", "postprocess_batch_list", "postprocess_image", "postprocess")
"""What gets finished pictures, in A1111's order."""


def processing_of(request: Resolved, indices: Sequence[int], seed: int | None = None) -> Processing:
    """What a script gets as `p` of some pictures of a request, as if there were no others; `seed` is the first's."""
    first = indices[0]
    seeds = [request.seed_of(index) for index in indices]
    if seed is not None:
        seeds[0] = seed
    subseeds = [request.subseed_of(index) for index in indices]
    alone = {"batch_count": 1, "batch_size": len(indices), "seed": seeds[0], "subseed": subseeds[0]}
    p = Processing(request.model_copy(update=alone))
    p.all_seeds, p.all_subseeds = seeds, subseeds
    p.iteration = first
    _begin(p)
    return p


def call_before(script: A1111Script, p: Processing, given: Sequence[Any]) -> None:
    """Everything that a script does before painting. What it makes of the prompts is in `p.prompts`."""
    script.setup(p, *given)
    before = p.prompt, p.negative_prompt
    script.before_process(p, *given)
    if (p.prompt, p.negative_prompt) != before:
        _begin(p)
    script.process(p, *given)
    p.prompts, p.negative_prompts = list(p.all_prompts), list(p.all_negative_prompts)
    p.seeds, p.subseeds = list(p.all_seeds), list(p.all_subseeds)
    batch = {"batch_number": p.iteration, "prompts": p.prompts, "seeds": p.seeds, "subseeds": p.subseeds}
    script.before_process_batch(p, *given, **batch)
    script.process_batch(p, *given, **batch)


def call_after(script: A1111Script, p: Processing, pixels: np.ndarray, given: Sequence[Any]) -> np.ndarray:
    """What a script makes of a finished picture, (height, width, 3 or 4) uint8, by everything that it does with it.

    Raises NotImplementedError where it makes more than one picture of it, or none.
    """
    if script.does("postprocess_batch") or script.does("postprocess_batch_list"):
        pixels = _of_batch(script, p, pixels, given)
    image = Image.fromarray(pixels)
    if script.does("postprocess_image"):
        picture = PostprocessImageArgs(image, 0)
        script.postprocess_image(p, picture, *given)
        image = picture.image
    if script.does("postprocess"):
        processed = Processed(p, [image], seed=p.all_seeds[0], all_prompts=p.all_prompts, all_seeds=p.all_seeds)
        script.postprocess(p, processed, *given)
        image = _only(processed.images, "postprocess")
    return np.asarray(image.convert("RGBA" if image.mode == "RGBA" else "RGB"))


def _begin(p: Processing) -> None:
    p.all_prompts = [p.prompt] * len(p.all_seeds)
    p.all_negative_prompts = [p.negative_prompt] * len(p.all_seeds)


def _of_batch(script: A1111Script, p: Processing, pixels: np.ndarray, given: Sequence[Any]) -> np.ndarray:
    """Pictures as tensors: A1111's scripts change these where they lie, or put others into the list."""
    import torch  # the server, which lists scripts, does without

    images = torch.from_numpy(pixels[..., :3].copy()).permute(2, 0, 1).unsqueeze(0).float() / 255
    script.postprocess_batch(p, *given, images=images, batch_number=p.iteration)
    listed = PostprocessBatchListArgs(list(images))
    script.postprocess_batch_list(p, listed, *given, batch_number=p.iteration)
    made = _as_pixels(_only(listed.images, "postprocess_batch_list"))
    if made.shape[:2] == pixels.shape[:2]:
        return np.dstack([made, pixels[..., 3:]])
    return made


def _as_pixels(image: torch.Tensor) -> np.ndarray:
    made = (image.detach().float().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
    return np.ascontiguousarray(made.numpy())


def _only(images: Sequence[Any], moment: str) -> Any:
    if len(images) != 1:
        raise NotImplementedError(f"making {len(images)} pictures of one in {moment} is not here")
    return images[0]
