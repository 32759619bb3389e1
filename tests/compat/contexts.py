"""What hooks of A1111's extensions are told in tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modules.hooks import (
    AfterGuidance,
    BeforeNetwork,
    BeforePass,
    Plugins,
    ProcessContext,
    Resolved,
    SavedContext,
    SavingContext,
)
from tests.builtin.painter import words
from tests.compat.makers import put_a1111, taken_in

INFOTEXT = "a red house\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 100, Size: 64x64"


def plugin_with(root: Path, code: str, **files: str) -> Plugins:
    """The extension `made`, whose scripts/made.py has that code."""
    put_a1111(root, "made", scripts__made=code, **files)
    plugins = taken_in(root, "made")
    assert plugins.failures == ()
    return plugins


def problem_of(root: Path, code: str) -> str:
    """Why the extension `made` is left out."""
    put_a1111(root, "made", scripts__made=code)
    (failure,) = taken_in(root, "made").failures
    return failure.problem


def called(plugins: Plugins, hook: str, **given: Any) -> Any:
    """What the one extension answers. Raises whatever it raises."""
    (implementation,) = plugins.implementations(hook)
    return implementation(**given)


def saving(request: Resolved | None = None, **fields: Any) -> SavingContext:
    """A picture of 4 x 6 that is about to be saved."""
    pixels = np.full((4, 6, 3), 200, np.uint8)
    usual = {"pixels": pixels, "infotext": INFOTEXT, "number": 0, "job_id": "j", "user": "", "is_grid": False}
    return SavingContext(**{**usual, "request": request or words(), **fields})


def saved(path: Path) -> SavedContext:
    """A picture that was saved."""
    return SavedContext(
        path=path,
        picture_id=1,
        infotext=INFOTEXT,
        request=words(),
        number=0,
        job_id="j",
        user="",
        is_grid=False,
    )


def process(folder: Path, **settings: Any) -> ProcessContext:
    """The server, which begins or ends."""
    return ProcessContext(process="server", folder=folder, settings=settings)


def before_pass(sections: Mapping[str, Any] | None = None, **fields: Any) -> BeforePass:
    """A pass of one picture."""
    return BeforePass(**_of_pass(sections, **fields), latents=torch.zeros(1, 4, 2, 2))


def before_network(sections: Mapping[str, Any] | None = None, **fields: Any) -> BeforeNetwork:
    """The second of three steps."""
    return BeforeNetwork(**_of_pass(sections, **fields), **_AT, latents=torch.arange(16.0).reshape(1, 4, 2, 2))


def after_guidance(negative: torch.Tensor | None, **fields: Any) -> AfterGuidance:
    """The same, with the pictures 1 and `negative` put together with a scale of 7."""
    positive = torch.ones(1, 4, 2, 2)
    guided = positive if negative is None else negative + (positive - negative) * 7
    seen: dict[str, Any] = {
        "latents": torch.zeros(1, 4, 2, 2),
        "positive": positive,
        "negative": negative,
        "denoised": guided,
    }
    return AfterGuidance(**_of_pass(None, **fields), **_AT, **seen)


_AT: dict[str, Any] = {
    "step": 2,
    "steps": 3,
    "evaluation": 1,
    "evaluations": 3,
    "sigma": torch.tensor([2.5], dtype=torch.float64),
}


def _of_pass(sections: Mapping[str, Any] | None, **fields: Any) -> dict[str, Any]:
    request = words(sections={name: {} for name in sections or ()}, **fields)
    return {
        "request": request,
        "kind": "first pass",
        "indices": (0,),
        "sigmas": (14.6, 2.5, 1.0, 0.0),
        "sections": sections or {},
    }
