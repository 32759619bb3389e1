"""What a running task tells its caller, and how the caller stops it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch


class Watcher(Protocol):
    """Called by the task; each method may raise Interrupted to stop it within the step."""

    def check(self) -> None:
        """Nothing new is to be told; called before each call of a network."""

    def stage(self, text: str) -> None:
        """The task now does something that has no steps."""

    def step(self, done: int, total: int, preview: Callable[[], torch.Tensor]) -> None:
        """`done` of `total` network steps of the whole request are over.

        `preview` gives the batch as it looks now: (batch, height, width, 3), uint8, smaller than the picture.
        """
