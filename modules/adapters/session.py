"""Adapters in a model for the length of a job, or of a part of its steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType

from modules.adapters.adapter import Adapter
from modules.adapters.change_reading import ModuleChange
from modules.adapters.changed_network import Wanted, changed_network
from modules.adapters.fitting import FittedAdapter, fit
from modules.adapters.module_table import ModulePlace, ModuleTable, networks_of
from modules.checkpoints.loaded import LoadedModel


@dataclass(frozen=True, eq=False)
class AdapterUse:
    """An adapter and its multipliers; `dimension` is the rank to which it is cut, None for all of them."""

    adapter: Adapter
    text_encoder: float = 1.0
    unet: float = 1.0
    dimension: int | None = None

    def multiplier(self, place: ModulePlace) -> float:
        return self.text_encoder if place.network else self.unet


class AdapterSession:
    """What one model wears. A context manager, at whose end its weights are what they were, bit for bit.

    Weights are merged in float32 and rounded once, however many adapters there are; weights in 8 bits or quantised keep
    their bits, and outputs are changed instead. A network that two models share is as the session wants that was set
    last; when that one ends, as the other one does.
    """

    def __init__(self, model: LoadedModel) -> None:
        self._networks = [changed_network(network) for network in networks_of(model)]
        self._token = object()  # the networks' memory must not hold on to the model
        self._model = model
        self._table: ModuleTable | None = None
        self._fitted: dict[Hashable, FittedAdapter] = {}
        self._uses: tuple[AdapterUse, ...] = ()

    def __enter__(self) -> AdapterSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._uses = ()
        with ExitStack() as all_of_them:  # a fault in one network must not leave another one changed
            for network in self._networks:
                all_of_them.callback(network.drop, self._token)

    def set(self, uses: Sequence[AdapterUse]) -> None:
        """Have these adapters in the model, and no others. Only modules whose adapters differ are touched.

        Raises UnsupportedModel for an adapter of another family; the model then has what it had before.
        """
        wanted = self._wanted(uses)
        self._uses = tuple(uses)
        for number, network in enumerate(self._networks):
            network.set(self._token, wanted[number])

    def fitted(self, adapter: Adapter) -> FittedAdapter:
        """Where an adapter's changes belong in the model. Raises UnsupportedModel as `set` does."""
        if adapter.key not in self._fitted:
            self._table = self._table or ModuleTable(self._model)
            self._fitted[adapter.key] = fit(adapter, self._model, self._table)
        return self._fitted[adapter.key]

    @property
    def text_encoder_key(self) -> Hashable:
        """What encoded texts depend on: equal for sessions whose text encoders have the same changes."""
        return tuple(
            (use.adapter.key, use.text_encoder, use.dimension)
            for use in self._uses
            if use.text_encoder and self.fitted(use.adapter).changes_text
        )

    def _wanted(self, uses: Sequence[AdapterUse]) -> list[dict[str, Wanted]]:
        """For each network what its modules are to have."""
        keys: dict[ModulePlace, list[Hashable]] = defaultdict(list)
        changes: dict[ModulePlace, list[tuple[ModuleChange, float]]] = defaultdict(list)
        for use in uses:
            for place, change in self.fitted(use.adapter).changes.items():
                multiplier = use.multiplier(place)
                if multiplier:
                    keys[place].append((use.adapter.key, multiplier, use.dimension))
                    changes[place].append((change.cut(use.dimension), multiplier))
        wanted: list[dict[str, Wanted]] = [{} for _ in self._networks]
        for place, key in keys.items():
            wanted[place.network][place.path] = Wanted(tuple(key), tuple(changes[place]))
        return wanted


@contextmanager
def applied(model: LoadedModel, uses: Sequence[AdapterUse]) -> Iterator[AdapterSession]:
    """Within it a model has adapters. Raises UnsupportedModel for one of another family."""
    with AdapterSession(model) as session:
        session.set(uses)
        yield session
