"""Chooses: from a template's tree, a seed and the wildcards' values to one prompt.

The walk through the tree is dynamicprompts'. What is drawn, and how, is ours: only `Random.random`, whose numbers
Python promises to keep, so that a seed gives the same words on every version of Python.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from random import Random
from typing import Protocol

from dynamicprompts.commands import (
    Command,
    LiteralCommand,
    SamplingMethod,
    VariantCommand,
    VariantOption,
    WildcardCommand,
)
from dynamicprompts.samplers import RandomSampler
from dynamicprompts.sampling_context import SamplingContext
from dynamicprompts.sampling_result import SamplingResult
from dynamicprompts.types import ResultGen
from dynamicprompts.wildcards import WildcardManager

from modules.errors import InvalidRequest

MAX_EXPANDED_CHARACTERS = 131_072
"""What an expanded prompt may have; each choice on the way counts as one character too."""


@dataclass(frozen=True)
class WildcardOptions:
    """The values of a wildcard, as templates with their weights."""

    options: tuple[VariantOption, ...]

    @cached_property
    def cumulative(self) -> tuple[float, ...]:
        """The sum of the weights up to and with each option."""
        return tuple(accumulate(option.weight for option in self.options))


class WildcardSource(Protocol):
    """Where the values of wildcards come from."""

    def options(self, wildcard: WildcardCommand) -> WildcardOptions:
        """The values of a wildcard; none where it is to be left as text."""


def expand(command: Command, wildcards: WildcardSource, seed: int, stream: str) -> str:
    """One prompt from a tree. `stream` keeps the choices of prompt and negative prompt apart.

    Raises InvalidRequest if the prompt grows too long. The tree must be no deeper than MAX_NESTING, wildcards
    included.
    """
    if isinstance(command, LiteralCommand):
        return command.literal
    context = SamplingContext(
        default_sampling_method=SamplingMethod.RANDOM,
        wildcard_manager=WildcardManager(),
        samplers={SamplingMethod.RANDOM: _Sampler(wildcards)},
        rand=Random(f"{seed} {stream}"),
    )
    return next(context.generator_from_command(command)).text


_CHEAP = 16
"""How many numbers are drawn in the time of one choice."""


class _Sampler(RandomSampler):
    """dynamicprompts' random sampler with our wildcards, our draws and a bound on its work; for one expansion."""

    def __init__(self, wildcards: WildcardSource) -> None:
        self._wildcards = wildcards
        self._left = MAX_EXPANDED_CHARACTERS

    def generator_from_command(self, command: Command, context: SamplingContext) -> ResultGen:
        """As the library does it, once the command is paid for."""
        self._pay(max(1, len(command.literal)) if isinstance(command, LiteralCommand) else 1)
        return super().generator_from_command(command, context)

    def _pay(self, work: int) -> None:
        self._left -= work
        if self._left < 0:
            raise InvalidRequest(
                "Prompt",
                f"of more than {MAX_EXPANDED_CHARACTERS:,} characters",
                "is what the wildcards expand to",
                "Use fewer of them, or shorten the files whose lines name several other wildcards.",
            )

    def _get_wildcard(self, command: WildcardCommand, context: SamplingContext) -> ResultGen:
        found = self._wildcards.options(command)
        if not found.options:
            yield SamplingResult(f"__{command.wildcard}__")
            return
        drawn = context.rand.random() * (found.cumulative[-1] or len(found.options))
        index = bisect_right(found.cumulative, drawn) if found.cumulative[-1] else int(drawn)
        index = min(index, len(found.options) - 1)  # rounding may end one too far
        yield from context.generator_from_command(found.options[index].value)

    def _get_variant(self, command: VariantCommand, context: SamplingContext) -> ResultGen:
        while len(command) == 1 and isinstance(only := command.values[0], WildcardCommand):
            options = self._wildcards.options(only).options
            if not options:
                return self._get_wildcard(only, context)
            command = VariantCommand(list(options), command.min_bound, command.max_bound, command.separator)
        return super()._get_variant(command, context)

    def _get_variant_num_choices(self, command: VariantCommand, context: SamplingContext) -> int:
        return command.min_bound + int(context.rand.random() * (command.max_bound - command.min_bound + 1))

    def _get_variant_choices(
        self, values: list[Command], weights: list[float], num_choices: int, rand: Random
    ) -> list[Command]:
        # Weighted drawing without replacement by the smallest exponential keys (Efraimidis & Spirakis 2006); the
        # library's own takes the weight of another option out when two weights are equal.
        self._pay(len(values) // _CHEAP)
        # Options of weight 0 come last, evenly.
        keys = [(weight == 0, -math.log(1.0 - rand.random()) / (weight or 1.0)) for weight in weights]
        order = sorted(range(len(values)), key=keys.__getitem__)
        return [values[index] for index in order[:num_choices]]
