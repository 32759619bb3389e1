"""What was understood of another program's parameters, on its way to an infotext."""

from __future__ import annotations

import math
from pathlib import PurePosixPath

from modules.diffusion.names import BUILT_IN_NAMES
from modules.errors import InvalidRequest
from modules.schema.infotext_form import write_form

_LONGEST_VALUE = 2_000
_LONGEST_PROMPT = 100_000
_FILLING = (("Batch size", "1"), ("Batch pos", "0"))
"""Says nothing of a picture; a line of fewer than three parameters would be taken for a part of the prompt."""
_MODEL_SUFFIXES = (".safetensors", ".ckpt", ".pt", ".pth", ".gguf", ".sft", ".bin")


class Translation:
    """Collects parameters by the keys of infotexts; what is put in first stays."""

    def __init__(self, program: str) -> None:
        self.prompt = ""
        self.negative_prompt = ""
        self._program = program
        self._parameters: dict[str, str] = {}
        self._loras: dict[str, float] = {}

    def put(self, key: str, value: object) -> None:
        """Take a value in, unless it is none."""
        text = _shown(value)
        if text and key not in self._parameters:
            self._parameters[key] = text

    def put_size(self, width: object, height: object) -> None:
        """Take the size of the first pass in."""
        if all(isinstance(side, int) and 0 < side < 100_000 for side in (width, height)):
            self.put("Size", f"{width}x{height}")

    def put_model(self, key: str, name: object) -> None:
        """Take the name of a model in, without folder and suffix."""
        if isinstance(name, str):
            self.put(key, model_name(name))

    def put_sampler(self, name: object, schedule: object = None) -> None:
        """Take a sampler and a schedule in, by the names that they have here where they are known."""
        if isinstance(name, str) and name:
            sampler, combined = known_sampler(name)
            self.put("Sampler", sampler)
            schedule = schedule or combined
        if isinstance(schedule, str) and schedule:
            self.put("Schedule type", known_schedule(schedule))

    def add_lora(self, name: object, weight: object) -> None:
        """Take a LoRA in."""
        if isinstance(name, str) and (plain := model_name(name)):
            usable = isinstance(weight, (int, float)) and not isinstance(weight, bool) and math.isfinite(weight)
            self._loras.setdefault(plain, float(weight) if usable else 1.0)  # type: ignore[arg-type]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was understood."""
        return not (self.prompt or self.negative_prompt or self._parameters or self._loras)

    def infotext(self) -> str:
        """All of it; "" where nothing was understood."""
        if self.is_empty:
            return ""
        tags = "".join(f"<lora:{name}:{weight:g}>" for name, weight in self._loras.items())
        prompt = " ".join(text for text in (self.prompt.strip()[:_LONGEST_PROMPT], tags) if text)
        negative = self.negative_prompt.strip()[:_LONGEST_PROMPT]
        parameters: dict[str, object] = dict(self._parameters)
        for key, value in _FILLING:
            if len(parameters) < 2:
                parameters[key] = value
        return write_form(prompt, negative, parameters, last={"Version": self._program})


def model_name(file: str) -> str:
    """The name of a model, from that of its file."""
    name = PurePosixPath(file.replace("\\", "/")).name
    suffix = next((suffix for suffix in _MODEL_SUFFIXES if name.lower().endswith(suffix)), "")
    return " ".join(name[: len(name) - len(suffix)].replace(":", " ").replace(">", " ").split())[:200]


def known_sampler(name: str) -> tuple[str, str | None]:
    """The sampler as it is called here, and the schedule that the name holds; an unknown name stays as it is."""
    for spelling in (name, name.removesuffix("_gpu"), f"k_{name}"):
        try:
            sampler, schedule = BUILT_IN_NAMES.split_sampler(spelling)
        except InvalidRequest:
            continue
        return sampler.name, schedule
    return name, None


def known_schedule(name: str) -> str:
    """The schedule as it is called here; an unknown name stays as it is."""
    try:
        return BUILT_IN_NAMES.find_schedule(name, BUILT_IN_NAMES.find_sampler("Euler"))
    except InvalidRequest:
        return name


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return f"{value:g}" if math.isfinite(value) else ""
    return str(value).strip()[:_LONGEST_VALUE] if isinstance(value, (int, str)) else ""
