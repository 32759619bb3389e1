"""Tells whose fault it is where scripts, sections and steps of extensions fail, in the server and where it computes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

from modules.errors import AtelierError, OutOfMemory, PluginFailed
from modules.hooks import blaming as hooks_blaming


def blaming(
    plugin: str,
    name: str,
    fault: Callable[[BaseException], PluginFailed],
    passes: Callable[[BaseException], bool] = lambda error: False,
) -> AbstractContextManager[None]:
    """Raises `fault`, made of the error, where what a plugin calls `name` fails within it.

    Too little memory is nobody's fault: it becomes OutOfMemory, after which the engine may make room and try again.
    What is a refusal in words already goes through, and what `passes`.
    """

    def told(error: BaseException) -> AtelierError:
        if _ran_out_of_memory(error):
            return OutOfMemory(
                f"There is too little memory for {name!r} of the plugin {plugin}. "
                "Make the picture smaller, or switch it off."
            )
        return fault(error)

    return hooks_blaming.blaming(told, passes)


def _ran_out_of_memory(error: BaseException) -> bool:
    if "torch" not in sys.modules:  # the server does without, and so no error is torch's
        return isinstance(error, MemoryError)
    from modules.diffusion.memory import ran_out_of_memory

    return ran_out_of_memory(error)
