"""What this machine computes with, and why: device, number formats, attention, memory."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any, cast

import psutil
import torch

from modules.checkpoints.device import choose_device, device_facts
from modules.checkpoints.identification import Family
from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.memory_plan import DeviceMemory, JobSize, MemoryPlan, PartSizes, plan_memory
from modules.checkpoints.precision import EightBit, PrecisionPlan, PrecisionWishes, plan_precision
from modules.config.settings import SettingsStore
from modules.diffusion.attention import KINDS, AttentionChoice, attention_choice, why_not
from modules.services.options import EngineOptions

_COUNTED = (("active", "active"), ("allocated", "allocated"), ("reserved", "reserved"), ("inactive", "inactive_split"))
"""Names for people, and torch's."""


class Machine:
    """The choices for the device of this process; the command line goes before the settings."""

    def __init__(self, options: EngineOptions, settings: SettingsStore) -> None:
        self._options = options
        self._settings = settings
        self.device = choose_device(use_cpu=options.use_cpu, number=options.device_number)
        self.use_device()
        self.facts = device_facts(self.device)
        self.latest_memory_plan: MemoryPlan | None = None
        """Of the model that was placed last; None before the first one."""

    def use_device(self) -> None:
        """Make the card that of the calling thread: libraries take a thread's own where they are not told which."""
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)

    def precision(self, family: Family = "sd1", *, vae_overflows: bool | None = None) -> PrecisionPlan:
        """The number formats for a family; see `plan_precision`. Raises InvalidSetting."""
        options, settings = self._options, self._settings.current
        wishes = PrecisionWishes(
            precision=options.precision,
            full_vae=options.full_vae,
            full_attention=options.full_attention,
            eight_bit="Enable" if options.eight_bit else cast(EightBit, settings.fp8_storage),
        )
        return plan_precision(wishes, self.facts, family, vae_overflows=vae_overflows)

    def attention(self, dtype: torch.dtype) -> AttentionChoice:
        """The kind of attention for networks that compute in a format."""
        wanted = self._options.attention or self._settings.current.cross_attention_optimization
        return attention_choice(wanted, self.device, dtype)

    def memory(self, model: LoadedModel, width: int, height: int, batch: int) -> MemoryPlan:
        """Where the parts of a model go for pictures of a size in pixels; what it has on the device counts as free."""
        parts = (model.unet, model.vae, *(encoder.network for encoder in model.text_encoders))
        weights = (weight for part in parts for weight in part.parameters())
        held = sum(weight.nbytes for weight in weights if weight.device == self.device)
        job, free = JobSize.of(model, width, height, batch), DeviceMemory.of(self.device, held)
        self.latest_memory_plan = plan_memory(PartSizes.of(model), job, free, model.family, self._options.memory)
        return self.latest_memory_plan

    def memory_in_use(self) -> dict[str, Any]:
        """Bytes: of this process in the computer's memory, and on the card, under the names of torch's statistics."""
        computer, used = psutil.virtual_memory(), psutil.Process().memory_info().rss
        return {
            "ram": {"free": computer.available, "used": used, "total": computer.total},
            "cuda": self._card_memory() if self.device.type == "cuda" else {"error": "No graphics card is used."},
        }

    def _card_memory(self) -> dict[str, Any]:
        free, total = torch.cuda.mem_get_info(self.device)
        counted = torch.cuda.memory_stats(self.device)
        found: dict[str, Any] = {"system": {"free": free, "used": total - free, "total": total}}
        for name, key in _COUNTED:
            found[name] = {at: counted.get(f"{key}_bytes.all.{at}", 0) for at in ("current", "peak")}
        found["events"] = {"retries": counted.get("num_alloc_retries", 0), "oom": counted.get("num_ooms", 0)}
        return found

    def release_memory(self) -> None:
        """Give memory that nothing uses any more back to computer and card."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()

    @property
    def devices(self) -> int:
        """How many devices like this one there are."""
        return torch.cuda.device_count() if self.device.type == "cuda" else 1

    @property
    def plans_freely(self) -> bool:
        """Whether nobody asked for a memory mode."""
        return self._options.memory == "auto"

    @property
    def device_name(self) -> str:
        """The device as its maker calls it."""
        return self.facts.name if self.device.type == "cuda" else self.device.type

    def findings(self, family: Family) -> Iterator[tuple[str, str]]:
        """Label and finding for bug reports, for models of a family. Raises InvalidSetting."""
        precision = self.precision(family)
        attention = self.attention(precision.unet)
        yield "Device", self.device_name
        yield "Precision", f"{precision.words}. {precision.reason}"
        yield "Attention", f"{attention.kind}. {attention.reason}"
        problems = {kind: why_not(kind, self.device, precision.unet) for kind in KINDS}
        usable = ", ".join(kind for kind, problem in problems.items() if not problem)
        others = "; ".join(problem for problem in problems.values() if problem)
        yield "Attention kinds", f"usable: {usable}" + (f"; {others}" if others else "")
