"""What peft was told when an adapter was trained, where a file says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from modules.adapters.metadata_text import is_true, json_object

_TERMS, _MOST_TERMS = 5, 100
_BOUND = 6e-5


@dataclass(frozen=True)
class PeftSettings:
    """Settings by the first word of a module's name, "" for all; peft's own where a file says nothing.

    peft itself writes them into a file of their own, which is not read; diffusers writes them into an adapter's.
    """

    by_part: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @classmethod
    def told_by(cls, metadata: Mapping[str, str]) -> PeftSettings:
        """From the configuration that diffusers writes."""
        by_part: dict[str, dict[str, object]] = defaultdict(dict)
        for name, value in json_object(metadata.get("lora_adapter_metadata", "")).items():
            part, _, setting = name.rpartition(".")
            by_part[part][setting] = value
        return cls(dict(by_part))

    def series_terms(self, module: str) -> int:
        """Terms of the series that OFT takes for Cayley's transform; 0 for the transform itself."""
        if not is_true(self._of(module, "use_cayley_neumann", True)):
            return 0
        terms = self._of(module, "num_cayley_neumann_terms", _TERMS)
        return terms if isinstance(terms, int) and 0 < terms <= _MOST_TERMS else _TERMS

    def rotation_limit(self, module: str) -> float:
        """The norm to which COFT keeps all blocks together; 0 for any."""
        if not is_true(self._of(module, "coft", False)):
            return 0.0
        bound = self._of(module, "eps", _BOUND)
        return bound if isinstance(bound, float) and bound > 0 else _BOUND

    def is_feedforward(self, module: str) -> bool | None:
        """Whether (IA)3 was told to change a module's inputs; None where the file does not say."""
        ends = self._of(module, "feedforward_modules", None)
        if not isinstance(ends, list):
            return None
        return any(isinstance(end, str) and module.endswith(end) for end in ends)

    def _of(self, module: str, setting: str, otherwise: object) -> object:
        for part in (module.partition(".")[0], ""):
            if setting in self.by_part.get(part, {}):
                return self.by_part[part][setting]
        return otherwise
