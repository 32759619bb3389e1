"""The LoRAs and embeddings that prompts name, put into the models of a job and taken out again.

A job keeps what it has put in until another pass wants something else, so that batches and tiles of the same prompt
cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Protocol, TypeVar

from modules.adapters.adapter import Adapter
from modules.adapters.session import AdapterSession, AdapterUse
from modules.adapters.textual_inversion import Embedding
from modules.checkpoints.loaded import LoadedModel
from modules.errors import ModelNotFound, UnsupportedModel
from modules.prompt.extra_networks import LoraUse, lora_uses
from modules.schema.requests import Resolved, ResolvedTxt2Img

Told = TypeVar("Told")


class NetworkFiles(Protocol):
    """Where networks come from."""

    def adapter(self, name: str) -> Adapter:
        """A LoRA by the name in its tag. Raises ModelNotFound, UnsupportedModel, BrokenModel."""

    def embeddings(self, text: str) -> Mapping[str, Embedding]:
        """The embeddings whose names stand somewhere in a text, by those names."""


class NoNetworkFiles:
    """Where there are none."""

    def adapter(self, name: str) -> Adapter:
        raise ModelNotFound(f"LoRA {name!r} is not here.")

    def embeddings(self, text: str) -> Mapping[str, Embedding]:
        return {}


def networks_of(request: Resolved, index: int) -> tuple[tuple[LoraUse, ...], ...]:
    """The LoRAs of a picture in each pass: pictures that differ in them cannot be painted at once."""
    prompts = [request.prompt_of(index)]
    if isinstance(request, ResolvedTxt2Img) and request.enable_hr:
        prompts.append(request.hr_prompt_of(index) or prompts[0])
    return tuple(map(lora_uses, prompts))


class JobNetworks:
    """What the models of one job wear; used as a context manager, at whose end they are as they were."""

    def __init__(self, files: NetworkFiles | None = None) -> None:
        self.files: NetworkFiles = files or NoNetworkFiles()
        self._sessions: dict[int, AdapterSession] = {}
        self._until_the_end = ExitStack()

    def __enter__(self) -> JobNetworks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sessions.clear()
        self._until_the_end.close()

    def key_of(self, prompt: str, negative_prompt: str) -> Hashable:
        """Two of the same key: the networks that these prompts name are the same files with the same content."""
        adapters = tuple(self.files.adapter(use.name).key for use in lora_uses(prompt))
        words = self.files.embeddings(f"{prompt}\n{negative_prompt}")
        return adapters, tuple((name, embedding.key) for name, embedding in words.items())

    def of_pass(
        self,
        model: LoadedModel,
        loras: Sequence[LoraUse],
        evaluations: int,
        *,
        only_fitting: bool = False,
        tell: Callable[[str], object] = lambda text: None,
    ) -> PassNetworks:
        """What a model wears in a pass of so many evaluations; `tell` hears of what is left out.

        `only_fitting`: LoRAs of another family are left out, and not refused. Raises what `NetworkFiles` raises, and
        UnsupportedModel.
        """
        place = id(model.unet)
        # A model that wears nothing may share its text encoder with one that does.
        if place not in self._sessions and (loras or self._sessions):
            self._sessions[place] = self._until_the_end.enter_context(AdapterSession(model))
        worn = []
        for use in loras:
            adapter, session = self.files.adapter(use.name), self._sessions[place]
            try:
                unplaced = session.fitted(adapter).unplaced
            except UnsupportedModel:
                if not only_fitting:
                    raise
                tell(f"The LoRA {use.name} is of another family than {model.name}, which goes on without it")
                continue
            if unplaced:
                tell(f"The LoRA {use.name} has {len(unplaced)} tensors that belong to nothing in {model.name}")
            worn.append((use, adapter))
        return PassNetworks(self._sessions.get(place), self.files, worn, evaluations)


class PassNetworks:
    """The LoRAs of one pass in one model, some of them in a part of its steps only."""

    def __init__(
        self,
        session: AdapterSession | None,
        files: NetworkFiles,
        loras: Sequence[tuple[LoraUse, Adapter]],
        evaluations: int,
    ) -> None:
        self._session = session
        self._files = files
        self._evaluations = evaluations
        self._loras = loras
        acting = [self._acting_at(evaluation) for evaluation in range(max(evaluations, 1))]
        self._firsts = [at for at, now in enumerate(acting) if at == 0 or now != acting[at - 1]]
        """The evaluations at which something is put in or taken out."""

    @property
    def key(self) -> Hashable:
        """What texts depend on that are encoded now."""
        return () if self._session is None else self._session.text_encoder_key

    @property
    def plugins(self) -> frozenset[str]:
        """The extensions whose code computes what LoRAs of the pass change."""
        return frozenset(plugin for _, adapter in self._loras for plugin in adapter.plugins)

    @property
    def changes_within(self) -> bool:
        """Whether something is put in or taken out in the middle of the pass."""
        return len(self._firsts) > 1

    def embeddings(self, text: str) -> Mapping[str, Embedding]:
        """The embeddings that a text may name: those that lie in files, and those that a LoRA in the pass brings."""
        lowered = text.lower()
        brought = {
            embedding.name: embedding
            for _, adapter in self._loras
            for embedding in adapter.embeddings
            if embedding.name.lower() in lowered
        }
        return {**self._files.embeddings(text), **brought}

    def put_in(self, evaluation: int) -> None:
        """Have in the model what works in that evaluation; what is in already costs nothing."""
        if self._session is not None:
            self._session.set(self._uses_at(evaluation))

    def told(self, tell: Callable[[], Callable[[int], Told]]) -> Callable[[int], Told]:
        """What `tell` gives with the LoRAs of each part of the pass, asked for at an evaluation.

        When it is asked, the model has the networks of that evaluation.
        """
        parts = []
        for first in self._firsts:
            self.put_in(first)
            parts.append(tell())

        def at(evaluation: int) -> Told:
            self.put_in(evaluation)
            return parts[self._part_of(evaluation)](evaluation)

        return at

    def _part_of(self, evaluation: int) -> int:
        return sum(first <= evaluation for first in self._firsts) - 1

    def _uses_at(self, evaluation: int) -> list[AdapterUse]:
        return [
            AdapterUse(adapter, use.text_encoder, use.unet, use.dimension)
            for (use, adapter), acts in zip(self._loras, self._acting_at(evaluation), strict=True)
            if acts
        ]

    def _acting_at(self, evaluation: int) -> list[bool]:
        last = max(self._evaluations, 1) - 1  # a sampler may ask once more than it announced
        share = min(evaluation, last) / (last + 1)
        return [use.acts_at(share) for use, _ in self._loras]
