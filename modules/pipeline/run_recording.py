"""Records how pictures come to be: what each step of a run sees, and where the network looks for each word.

Nothing here is made unless somebody asked for it, and nothing that is recorded goes back into the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol

import numpy as np
import torch

from modules.checkpoints.loaded import LoadedModel
from modules.diffusion.attention_maps import AttentionSum, attention_summed, explained_layers
from modules.diffusion.guidance.rows import Row
from modules.diffusion.samplers import Callback, StepReport
from modules.pipeline.prompt_outline import Word

MOST_STEPS = 50
"""Of a run; of a longer one every second or third is recorded."""
MOST_WORDS = 40
MOST_CELLS = 32
"""Along the longer side of a map of words."""

Sight = Literal["denoised", "positive", "negative"]
"""The picture as the sampler has it after a step; as the network sees it with the prompt, and with the negative one."""
WordKey = tuple[int, str, int]
"""Of a word: the part of the prompt that it is in, how it is written, and the how manieth of those it is."""
WordsAt = Callable[[int], Sequence[Sequence[Word]]]
"""The words of each part of a prompt at an evaluation."""
_NO_MAPS = "This model has no cross-attention of a U-Net, so where it looks for each word cannot be shown."


@dataclass(frozen=True, eq=False)
class RecordedStep:
    """What one step of one picture saw; pictures are (height, width, 3), uint8."""

    number: int
    """From 1."""
    sigma: float | None
    """Where the step began; None where the sampler chose that itself."""
    sights: Mapping[Sight, np.ndarray]
    """Without "negative" where the network did not look at the negative prompt."""
    difference: np.ndarray
    """How far guidance moved each latent away from what the prompt alone gives, (height, width), float32."""
    words: Mapping[WordKey, np.ndarray]
    """Where the network looked for each word, (height, width), float32."""


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """One pass of one picture."""

    index: int
    is_second: bool
    model: str
    sampler: str
    scheduler: str
    steps: int
    """How many there are, recorded or not."""
    recorded: Sequence[RecordedStep]
    words: Sequence[tuple[WordKey, float]]
    """Those that there are maps of, with their weights, in the order of the prompt."""
    problem: str = ""
    """Why there are no maps of words."""


class Recorder(Protocol):
    """Who asked for recordings."""

    def wants(self, index: int) -> bool:
        """Whether picture `index` of the request is to be recorded."""

    def keep(self, run: RecordedRun) -> None:
        """Take what was recorded of a run that is over."""


@dataclass(frozen=True)
class RunFacts:
    """What is told of a run beside its steps."""

    is_second: bool
    sampler: str
    scheduler: str
    sigmas: Sequence[float]

    @property
    def steps(self) -> int:
        return len(self.sigmas) - 1


class RunRecording:
    """Records one run for a batch; a context manager, which hands over at its end what there is.

    It is the `GuidanceOnlooker` of the run's denoisers.
    """

    def __init__(
        self,
        recorder: Recorder,
        model: LoadedModel,
        facts: RunFacts,
        indices: Sequence[int],
        latent_sides: tuple[int, int],
    ) -> None:
        """`indices` are the pictures of the batch, and `latent_sides` the height and width of their latents."""
        self._recorder = recorder
        self._model = model
        self._facts = facts
        self._places = {place: index for place, index in enumerate(indices) if recorder.wants(index)}
        self._sides = latent_sides
        self._preview = model.preview_by("TAESD")
        self._steps: dict[int, list[RecordedStep]] = {place: [] for place in self._places}
        self._words: dict[int, dict[WordKey, float]] = {place: {} for place in self._places}
        self._done = 0
        self._maps = _WordMaps(cells_of(latent_sides))
        self._seen: tuple[torch.Tensor, torch.Tensor | None] | None = None
        self._guided: torch.Tensor | None = None
        self._told: Sequence[WordsAt] = ()
        self._evaluation = 0
        self._until_the_end = ExitStack()
        self._problem = ""

    def __enter__(self) -> RunRecording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._until_the_end.close()
        for run in self._runs():
            self._recorder.keep(run)

    def follow(self, model: LoadedModel, words: Sequence[WordsAt]) -> None:
        """This model goes on with the run, told these words of each picture of the batch."""
        self._told = words
        self._until_the_end.close()
        layers = len(explained_layers(model.unet))
        self._problem = "" if layers else _NO_MAPS
        self._maps.layers = layers
        self._until_the_end.enter_context(attention_summed(model.unet, self._maps.sum, self._sides))

    def reporting(self, report: Callback) -> Callback:
        """The callback of a sampler, which records each step before it is reported."""

        def both(now: StepReport) -> None:
            self._step(now)
            report(now)

        return both

    # As the onlooker of a guided denoiser

    def begin(self, evaluation: int) -> None:
        """See GuidanceOnlooker."""
        self._evaluation = evaluation

    def before_call(self, rows: Sequence[Row]) -> None:
        """See GuidanceOnlooker."""
        self._maps.take_in(self._told, self._evaluation)
        self._maps.expect(rows if self._is_due(self._done + 1) else (), self._places)

    def see(self, positive: torch.Tensor, negative: torch.Tensor | None) -> None:
        """See GuidanceOnlooker. Of several evaluations in a step the first one is shown, which is at its sigma."""
        self._maps.take_in(self._told, self._evaluation)
        self._maps.expect((), {})
        if self._guided is None:
            self._seen = (positive, negative)

    def end(self, guided: torch.Tensor) -> None:
        """See GuidanceOnlooker."""
        if self._guided is None:
            self._guided = guided

    def _is_due(self, step: int) -> bool:
        stride = -(-max(self._facts.steps, 1) // MOST_STEPS)
        return (step - 1) % stride == 0 or step == self._facts.steps

    def _step(self, now: StepReport) -> None:
        if self._seen is not None and self._guided is not None and self._is_due(now.step):
            for place in self._places:
                if len(self._steps[place]) <= MOST_STEPS:
                    self._steps[place].append(self._recorded(now, place, *self._seen, self._guided))
        self._done, self._seen, self._guided = now.step, None, None
        self._maps.clear()

    def _recorded(
        self,
        now: StepReport,
        place: int,
        positive: torch.Tensor,
        negative: torch.Tensor | None,
        guided: torch.Tensor,
    ) -> RecordedStep:
        row = slice(place, place + 1)
        sights: dict[Sight, torch.Tensor] = {"denoised": now.denoised[row], "positive": positive[row]}
        if negative is not None:
            sights["negative"] = negative[row]
        difference = (guided[place] - positive[place]).float().abs().mean(0).cpu().numpy()
        maps, weights = self._maps.of(place)
        for key, weight in weights.items():
            if len(self._words[place]) < MOST_WORDS:
                self._words[place].setdefault(key, weight)
        return RecordedStep(
            number=now.step,
            sigma=float(self._facts.sigmas[now.step - 1]) if now.steps == self._facts.steps else None,
            sights={name: self._preview(latents)[0].numpy() for name, latents in sights.items()},
            difference=difference,
            words={key: one for key, one in maps.items() if key in self._words[place]},
        )

    def _runs(self) -> Iterator[RecordedRun]:
        facts = self._facts
        for place, index in self._places.items():
            if self._steps[place]:
                yield RecordedRun(
                    index,
                    facts.is_second,
                    self._model.name,
                    facts.sampler,
                    facts.scheduler,
                    facts.steps,
                    self._steps[place],
                    list(self._words[place].items()),
                    self._problem,
                )


class _WordMaps:
    """Where the network looked for words since the last step, averaged over its calls."""

    def __init__(self, cells: tuple[int, int]) -> None:
        self.sum = AttentionSum(cells)
        self.layers = 0
        """How many layers tell of a call that came to its end."""
        self._expected: list[tuple[int, int, int]] = []
        self._found: dict[int, dict[WordKey, list[torch.Tensor]]] = {}
        self._weights: dict[int, dict[WordKey, float]] = {}

    def expect(self, rows: Sequence[Row], places: Mapping[int, int]) -> None:
        """The next call sees these rows; those of prompts of pictures at these places are wanted."""
        self._expected = [
            (number, row.image, row.part)
            for number, row in enumerate(rows)
            if row.part is not None and row.image in places
        ]
        self.sum.begin(tuple(number for number, _, _ in self._expected))

    def take_in(self, told: Sequence[WordsAt], evaluation: int) -> None:
        """Keep what the latest call looked at, if it came to its end; `told` gives the words of each picture."""
        if self.layers and self.sum.layers == self.layers:
            for number, image, part in self._expected:
                self._add(image, part, told[image](evaluation)[part], self.sum.maps[number] / self.layers)
        self._expected = []
        self.sum.begin(())

    def of(self, place: int) -> tuple[dict[WordKey, np.ndarray], dict[WordKey, float]]:
        """The maps of one picture's words, and their weights."""
        found = self._found.get(place, {})
        maps = {key: torch.stack(maps).mean(0).cpu().numpy() for key, maps in found.items()}
        return maps, self._weights.get(place, {})

    def clear(self) -> None:
        """A new step begins."""
        self._found, self._weights = {}, {}

    def _add(self, image: int, part: int, words: Sequence[Word], maps: torch.Tensor) -> None:
        found, weights = self._found.setdefault(image, {}), self._weights.setdefault(image, {})
        seen: dict[str, int] = {}
        for word in words[:MOST_WORDS]:
            seen[word.text] = seen.get(word.text, 0) + 1
            key = (part, word.text, seen[word.text])
            places = [place for place in word.places if place < len(maps)]
            if places:
                found.setdefault(key, []).append(maps[places].mean(0))
                weights[key] = word.weight


def cells_of(latent_sides: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the maps of words for latents of such sides."""
    share = min(1.0, MOST_CELLS / max(latent_sides))
    return max(1, round(latent_sides[0] * share)), max(1, round(latent_sides[1] * share))
