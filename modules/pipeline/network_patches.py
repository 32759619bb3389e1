"""Patches of extensions in a network, for as long as it paints in a pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from modules.adapters.patched_network import PatchedNetwork
from modules.checkpoints.loaded import LoadedModel
from modules.errors import PluginFailed
from modules.hooks import NetworkPatch
from modules.hooks.plugins import Implementation
from modules.pipeline.networks import PassNetworks
from modules.pipeline.pass_hooks import PassHooks, called, guarded


class NetworkDamaged(PluginFailed):
    """A patch wrote into the weights of a model, which has to be loaded anew."""


@contextmanager
def patched(model: LoadedModel, hooks: PassHooks | None, networks: PassNetworks) -> Iterator[None]:
    """Within it the patches of all extensions are in a model's network; afterwards it is what it was, bit for bit.

    `networks` are the LoRAs of the pass. Raises PluginFailed, and NetworkDamaged for numbers that are not what they
    were.
    """
    if hooks is None or not hooks.patches:
        yield
        return
    networks.put_in(0)
    entered: list[_Patch] = []
    try:
        for implementation in hooks.patches:
            told = NetworkPatch(
                **hooks.told(implementation.plugin), model=model.name, family=model.family, network=model.unet
            )
            manager = called(implementation, told)
            if manager is not None:
                hooks.took_part(implementation.plugin)
                entered.append(_Patch(implementation, manager, model.unet))
                entered[-1].enter(may_exchange=not networks.changes_within)
        yield
    except BaseException as error:
        networks.put_in(0)
        _leave(entered, error)
        raise
    networks.put_in(0)  # what a patch exchanged goes before the LoRAs that came meanwhile
    _leave(entered, None)


def _leave(entered: Sequence[_Patch], error: BaseException | None) -> None:
    """Take all patches out, the last one first; a fault in one must not leave another one in."""
    faults: list[PluginFailed] = []
    for patch in reversed(entered):
        try:
            patch.leave(error)
        except PluginFailed as fault:
            faults.append(fault)
    # A damaged model must not be used again, whatever else went wrong.
    worst = next((fault for fault in faults if isinstance(fault, NetworkDamaged)), None)
    if worst is not None or (faults and error is None):
        raise worst or faults[0]


class _Patch:
    """The context manager of one extension."""

    def __init__(self, implementation: Implementation, manager: Any, network: Any) -> None:
        self._implementation = implementation
        self._manager = manager
        self._network = PatchedNetwork(network)
        self._is_entered = False

    def enter(self, *, may_exchange: bool) -> None:
        with guarded(self._implementation):
            try:
                if not hasattr(self._manager, "__exit__"):
                    raise TypeError(f"it gave {type(self._manager).__name__} in the place of a context manager")
                self._manager.__enter__()
                self._is_entered = True
            finally:
                self._network.is_in()
        if self._network.exchanges_numbers and not may_exchange:
            raise PluginFailed(
                f"The extension {self._implementation.plugin} exchanges parts of the network, which LoRAs that begin "
                "or end within a pass change too. Let them act in the whole pass, or switch the extension off."
            )

    def leave(self, error: BaseException | None) -> None:
        """Raises PluginFailed; an error that a manager swallows goes on all the same."""
        trace: TracebackType | None = None if error is None else error.__traceback__
        try:
            if self._is_entered:
                with guarded(self._implementation, error):
                    self._manager.__exit__(None if error is None else type(error), error, trace)
        finally:
            if not self._network.put_back():
                raise NetworkDamaged(
                    f"The extension {self._implementation.plugin} wrote into the weights of a network instead of "
                    "replacing them. Switch it off, or tell whoever wrote it."
                )
