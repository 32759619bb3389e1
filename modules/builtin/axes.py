"""What an axis of an X/Y/Z plot may vary: A1111's axes by A1111's names, then every other field of the request, then
what sections of extensions ask for."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modules.builtin import axis_values
from modules.hooks import (
    Argument,
    Available,
    Choice,
    InvalidRequest,
    Number,
    Picture,
    RequestField,
    Resolved,
    SeveralChoices,
    Switch,
    typed,
)

NOTHING = "Nothing"
Draft = dict[str, Any]
"""The fields that the axes so far have changed, and the prompts, styles and sections of the base."""

_PROMPTS = ("prompt", "negative_prompt", "hr_prompt", "hr_negative_prompt")
_MOST_PERMUTED = 6
_FIELDS_OF_A1111 = {
    "Seed": "seed",
    "Var. seed": "subseed",
    "Var. strength": "subseed_strength",
    "Steps": "steps",
    "Hires steps": "hr_second_pass_steps",
    "CFG Scale": "cfg_scale",
    "Image CFG Scale": "image_cfg_scale",
    "Sampler": "sampler_name",
    "Hires sampler": "hr_sampler_name",
    "Checkpoint name": "model",
    "Negative Guidance minimum sigma": "s_min_uncond",
    "Sigma Churn": "s_churn",
    "Sigma min": "s_tmin",
    "Sigma max": "s_tmax",
    "Sigma noise": "s_noise",
    "Schedule type": "scheduler",
    "Schedule min sigma": "sigma_min",
    "Schedule max sigma": "sigma_max",
    "Schedule rho": "rho",
    "Beta schedule alpha": "beta_dist_alpha",
    "Beta schedule beta": "beta_dist_beta",
    "Eta": "eta",
    "Clip skip": "clip_skip",
    "Denoising": "denoising_strength",
    "Initial noise multiplier": "initial_noise_multiplier",
    "Extra noise": "img2img_extra_noise",
    "Hires upscaler": "hr_upscaler",
    "Cond. Image Mask Weight": "inpainting_mask_weight",
    "UniPC Order": "sampler_order",
    "Always discard next-to-last sigma": "discard_next_to_last_sigma",
    "SGM noise multiplier": "sgm_noise_multiplier",
    "Refiner checkpoint": "refiner_checkpoint",
    "Refiner switch at": "refiner_switch_at",
    "RNG source": "rng",
    "VAE": "sd_vae",
}
A1111_AXES = (NOTHING, *_FIELDS_OF_A1111, "Prompt S/R", "Prompt order", "Styles", "Size")
"""What A1111 calls the axes that exist here."""
_NO_AXES: frozenset[str] = frozenset({*_FIELDS_OF_A1111.values(), "batch_count", "batch_size"})
_COSTS = {"model": 1.0, "hr_checkpoint_name": 0.9, "refiner_checkpoint": 0.9, "sd_vae": 0.7, "clip_skip": 0.3}
"""How dear it is to change a field from one picture to the next; the second pass alone is the least."""
_COST_OF_WORDS, _USUAL_COST, _COST_OF_SECOND_PASS = 0.3, 0.1, 0.0


@dataclass(frozen=True)
class Axis(ABC):
    """Something that varies. `cost` is larger for what should change less often."""

    label: str

    @abstractmethod
    def read(self, text: str, base: Resolved, where: str) -> list[Any]:
        """The values in a text; `where` names the axis in refusals. Raises InvalidRequest."""

    @abstractmethod
    def vary(self, draft: Draft, value: Any, values: list[Any]) -> Draft:
        """What a value, one of `values`, changes in a draft."""

    def legend(self, value: Any) -> str:
        """What is written beside a row or above a column."""
        return str(value)

    @property
    def cost(self) -> float:
        return _USUAL_COST

    @property
    def choices(self) -> tuple[str, ...]:
        """All values there are; empty where they cannot be counted up."""
        return ()


class Nothing(Axis):
    """One value that changes nothing."""

    def read(self, text: str, base: Resolved, where: str) -> list[Any]:
        return [None]

    def vary(self, draft: Draft, value: Any, values: list[Any]) -> Draft:
        return {}

    def legend(self, value: Any) -> str:
        return ""


@dataclass(frozen=True)
class FieldAxis(Axis):
    """Varies one field."""

    field: RequestField
    words: tuple[str, ...] = ()

    def read(self, text: str, base: Resolved, where: str) -> list[Any]:
        match self.field.kind:
            case "whole":
                return axis_values.whole_numbers(text, where)
            case "number":
                return axis_values.numbers(text, where)
            case "switch":
                return axis_values.switches(text, where)
            case _:
                return axis_values.entries(text, where)

    def vary(self, draft: Draft, value: Any, values: list[Any]) -> Draft:
        return {self.field.name: value}

    def legend(self, value: Any) -> str:
        if self.field.kind == "choice":
            return str(value).replace("\\", "/").rpartition("/")[2]
        return f"{self.label}: {value:.8g}" if isinstance(value, float) else f"{self.label}: {value}"

    @property
    def of_second_pass(self) -> bool:
        """Whether it changes nothing in txt2img without a second pass."""
        return self.field.name.startswith("hr_") or self.field.name == "denoising_strength"

    @property
    def cost(self) -> float:
        name = self.field.name
        return _COSTS.get(name, _COST_OF_SECOND_PASS if name.startswith("hr_") else _USUAL_COST)

    @property
    def choices(self) -> tuple[str, ...]:
        return ("True", "False") if self.field.kind == "switch" else self.words


@dataclass(frozen=True)
class SectionAxis(Axis):
    """Varies an argument of a section, which is switched on where it was off."""

    section: str
    argument: Argument
    available: Available

    def read(self, text: str, base: Resolved, where: str) -> list[Any]:
        others = {**self._initials, **base.sections.get(self.section, {})}
        return [self._value(entry, others, where) for entry in self._entries(text, where)]

    def vary(self, draft: Draft, value: Any, values: list[Any]) -> Draft:
        sections = draft["sections"]
        given = {**sections.get(self.section, {}), self.argument.name: value}
        return {"sections": {**sections, self.section: given}}

    def legend(self, value: Any) -> str:
        written = self.argument.written(value)
        return written if isinstance(self.argument, (Choice, SeveralChoices)) else f"{self.argument.label}: {written}"

    @property
    def choices(self) -> tuple[str, ...]:
        if isinstance(self.argument, Switch):
            return ("True", "False")
        if not isinstance(self.argument, (Choice, SeveralChoices)):
            return ()
        try:
            return self.argument.offered(self.available, self._initials)
        except Exception:  # noqa: BLE001  others wrote it, and a list of suggestions may do without
            return ()

    @property
    def _initials(self) -> dict[str, Any]:
        group = next(one for one in self.available.sections if one.name == self.section)
        return {row.name: row.initial for row in group.arguments}

    def _entries(self, text: str, where: str) -> list[Any]:
        if isinstance(self.argument, Number):
            whole = self.argument.whole
            return [*(axis_values.whole_numbers(text, where) if whole else axis_values.numbers(text, where))]
        return [*axis_values.entries(text, where)]

    def _value(self, entry: object, others: Mapping[str, Any], where: str) -> Any:
        """A value as the argument reads it. Raises InvalidRequest that names the axis."""
        try:
            return self.argument.read(entry, self.available, others)
        except InvalidRequest as refusal:
            raise InvalidRequest(where, entry, refusal.problem, refusal.remedy) from refusal
        except Exception as error:  # others wrote it
            problem = f"cannot be read: section {self.section!r} failed ({type(error).__name__}: {error})"
            raise InvalidRequest(where, entry, problem, "Choose another axis.") from error


class Size(Axis):
    """Varies width and height together."""

    def read(self, text: str, base: Resolved, where: str) -> list[Any]:
        return axis_values.sizes(text, where)

    def vary(self, draft: Draft, value: Any, values: list[Any]) -> Draft:
        return {"width": value[0], "height": value[1]}

    def legend(self, value: Any) -> str:
        return f"{value[0]}x{value[1]}"


@dataclass(frozen=True)
class Styles(Axis):
    """Adds a style, or several with commas between them, to those of the base."""

    words: tuple[str, ...] = ()

    def read(self, text: str, base: Resolved, where: str) -> list[Any]:
        return axis_values.entries(text, where)

    def vary(self, draft: Draft, value: Any, values: list[Any]) -> Draft:
        added = [row.strip() for row in value.split(",")] if value not in self.words else [value]
        return {"styles": (*draft["styles"], *filter(None, added))}

    @property
    def cost(self) -> float:
        return _COST_OF_WORDS

    @property
    def choices(self) -> tuple[str, ...]:
        return self.words


class PromptAxis(Axis):
    """Varies words of the prompts."""

    @property
    def cost(self) -> float:
        return _COST_OF_WORDS


class SearchAndReplace(PromptAxis):
    """Puts each value into the place of the first one, wherever that stands in a prompt."""

    def read(self, text: str, base: Resolved, where: str) -> list[Any]:
        found = axis_values.entries(text, where, empty=True)
        if not found[0]:
            raise InvalidRequest(where, text, "begins with nothing to look for", "Write words of the prompt first.")
        if not any(found[0] in typed(base, prompt) for prompt in _PROMPTS):
            raise InvalidRequest(where, found[0], "does not stand in the prompts", "Begin with words that do.")
        return found

    def vary(self, draft: Draft, value: Any, values: list[Any]) -> Draft:
        return {name: draft[name].replace(values[0], value) for name in _PROMPTS if values[0] in draft.get(name, "")}


class PromptOrder(PromptAxis):
    """Puts some words of the prompt into every order."""

    def read(self, text: str, base: Resolved, where: str) -> list[Any]:
        words = axis_values.entries(text, where)
        if len(words) > _MOST_PERMUTED:
            raise InvalidRequest(where, len(words), "words have too many orders", f"Name {_MOST_PERMUTED} or less.")
        for word in words:
            if word not in typed(base, "prompt"):
                raise InvalidRequest(where, word, "does not stand in the prompt", "Name words that do.")
        if _overlap(_spans(typed(base, "prompt"), words)):
            raise InvalidRequest(where, text, "overlap in the prompt", "Name words that stand apart from one another.")
        return list(itertools.permutations(words))

    def vary(self, draft: Draft, value: Any, values: list[Any]) -> Draft:
        prompt: str = draft["prompt"]
        spans = _spans(prompt, value)
        if len(spans) < len(value) or _overlap(spans):
            return {}  # another axis has put other words there
        pieces: list[str] = []
        end = 0
        for (start, stop), word in zip(spans, value, strict=True):
            pieces += [prompt[end:start], word]
            end = stop
        return {"prompt": "".join([*pieces, prompt[end:]])}

    def legend(self, value: Any) -> str:
        return ", ".join(value)


def axes(available: Available) -> Mapping[str, Axis]:
    """The axes that a task has, by label, in the order of a list."""
    fields = available.fields
    rows: list[Axis] = [Nothing(NOTHING)]
    for label, name in _FIELDS_OF_A1111.items():
        if name in fields:
            rows.append(FieldAxis(label, fields[name], available.choices_of(name)))
    at = 1 + [row.label for row in rows].index("CFG Scale")
    rows[at:at] = [SearchAndReplace("Prompt S/R"), PromptOrder("Prompt order")]
    rows += [Styles("Styles", available.styles), Size("Size")]
    for name, field in fields.items():
        if name not in _NO_AXES and field.kind not in ("text", "list"):
            rows.append(FieldAxis(field.label, field, available.choices_of(name)))
    found = {row.label: row for row in rows}
    for row in _section_axes(available):
        found.setdefault(row.label, row)
    return found


def _section_axes(available: Available) -> Iterator[SectionAxis]:
    """An axis for each argument of each section, but for pictures: their ids are nothing that people write."""
    for section in available.sections:
        labels = [row.label for row in section.arguments]
        for row in section.arguments:
            if not isinstance(row, Picture):
                name = row.label if labels.count(row.label) == 1 else row.name
                yield SectionAxis(f"{section.name}: {name}", section.name, row, available)


def _spans(prompt: str, words: tuple[str, ...] | list[str]) -> list[tuple[int, int]]:
    """Where the words stand first, from left to right."""
    return sorted((prompt.index(word), prompt.index(word) + len(word)) for word in words if word in prompt)


def _overlap(spans: list[tuple[int, int]]) -> bool:
    return any(later[0] < earlier[1] for earlier, later in itertools.pairwise(spans))
