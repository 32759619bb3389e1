"""Models as a task uses them: seamless where that is wanted, and stopped between any two calls of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import torch

from modules.checkpoints.loaded import LoadedModel
from modules.diffusion.seamless import seamless
from modules.pipeline.resources import Resources

_TILED = ("encoder", "decoder")
"""The parts of a VAE that are called once for each tile."""


@contextmanager
def with_models_in_use(resources: Resources, *, tiling: str = "None") -> Iterator[Resources]:
    """The resources; until the end of the context every model that they give asks the watcher before it goes on.

    The watcher is asked before each tile of a VAE; what else calls networks asks by itself. `tiling` names the axes
    along which the models are seamless: "X", "Y", "Both" or "None".
    """
    x, y = tiling in ("X", "Both"), tiling in ("Y", "Both")
    in_use: list[LoadedModel] = []
    with ExitStack() as until_the_end:

        def model(name: str) -> LoadedModel:
            found = resources.model(name)
            if not any(found is one for one in in_use):
                until_the_end.enter_context(seamless(found.unet, found.vae, x=x, y=y))
                until_the_end.enter_context(_asking(found.vae, resources.watcher.check))
                in_use.append(found)
            return found

        yield replace(resources, model=model)


@contextmanager
def _asking(vae: Any, check: Callable[[], None]) -> Iterator[None]:
    """Within it a VAE asks before each tile."""
    parts = [part for name in _TILED if isinstance(part := getattr(vae, name, None), torch.nn.Module)]
    hooks = [part.register_forward_pre_hook(lambda *_: check()) for part in parts]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
