"""The settings table: name, type, default, help. A1111's names are kept where the meaning is the same."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from modules.config.files import write_atomically
from modules.errors import InvalidSetting

log = logging.getLogger(__name__)

ATTENTION_KINDS = ("sdp", "sdp-no-mem", "sub-quadratic", "xformers", "flash", "sage")
"""Ways to compute attention; modules.diffusion.attention knows them."""


def _setting(default: Any, help: str, *, choices: tuple[str, ...] = (), minimum: int | None = None) -> Any:
    return field(default=default, metadata={"help": help, "choices": choices, "minimum": minimum})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One row per setting; a value of another type, or outside of choices and minimum, is refused."""

    sd_model_checkpoint: str = _setting("", "Checkpoint used when a request names none; empty: the first one found.")
    sd_vae: str = _setting(
        "Automatic",
        "VAE used when a request names none: a file's name; None for the one inside of the checkpoint; Automatic for "
        "the file that is named after the checkpoint, else the one inside of it.",
    )
    model_memory_gib: int = _setting(
        0, "Memory for checkpoints that stay loaded, in GiB; 0: half of the computer's.", minimum=0
    )
    randn_source: str = _setting(
        "NV",
        "Where the starting noise comes from when a request does not say. NV gives the picture of an NVIDIA card "
        "on every device, CPU the processor's own, GPU that of the device at hand.",
        choices=("NV", "CPU", "GPU"),
    )
    cross_attention_optimization: str = _setting(
        "Automatic",
        "How attention is computed: Automatic picks what is fastest on this device.",
        choices=("Automatic", *ATTENTION_KINDS),
    )
    fp8_storage: str = _setting(
        "Disable",
        "Store the network's weights in eight bits: half the memory, slightly other pictures, slower steps.",
        choices=("Disable", "Enable for SDXL", "Enable"),
    )
    live_previews_enable: bool = _setting(True, "Show the picture while it is being made.")
    show_progress_type: str = _setting(
        "TAESD",
        "How live previews are made. TAESD: by the tiny decoder in models/VAE-approx where there is one for the model, "
        "else as Approx. Approx: by a linear map fitted to the VAE, at no cost. Full: by the VAE, which takes as long "
        "as several steps.",
        choices=("TAESD", "Approx NN", "Approx cheap", "Full"),
    )
    show_progress_every_n_steps: int = _setting(1, "Steps between two live previews.", minimum=1)
    interrupt_after_current: bool = _setting(
        True,
        "Where a job makes its pictures one batch after another, an interrupt lets the current one be finished, and a "
        "second interrupt stops it.",
    )
    save_incomplete_images: bool = _setting(
        False, "Keep pictures that were interrupted or skipped in the middle as far as they were."
    )
    queue_limit: int = _setting(64, "How many jobs may wait at once; more are refused.", minimum=1)
    job_quiet_limit: int = _setting(
        30,
        "Minutes without a step, a picture or other news of a job before it is stopped, since it hangs, and its worker "
        "replaced; 0: no limit.",
        minimum=0,
    )
    job_time_limit: int = _setting(
        0, "Minutes that a job may take in all before it is stopped and its worker replaced; 0: no limit.", minimum=0
    )
    jobs_per_user: int = _setting(
        32, "How many jobs of one person who logs in may wait at once; more are refused.", minimum=1
    )
    api_enable_requests: bool = _setting(
        True, "Let programs name pictures by web addresses, which the server then fetches (docs/a1111_api.md)."
    )
    api_forbid_local_requests: bool = _setting(
        True, "Fetch those from public addresses alone, and from none of this machine or its network."
    )


class SettingsStore:
    """The settings of one data folder: read once, changed whole, written at every change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._unknown: dict[str, Any] = {}
        self._current = self._read()

    @property
    def current(self) -> Settings:
        return self._current

    def reload(self) -> None:
        """Read the file again, which another process may have written; where that is not possible nothing changes."""
        with self._lock, suppress(ValueError):
            stored = _read_object(self._path)
            if stored is not None:
                self._current = self._checked(stored)

    def change(self, **values: object) -> Settings:
        """Set some settings and write the file. Raises InvalidSetting; then nothing is changed."""
        with self._lock:
            for name, value in values.items():
                check_setting(name, value)
            changed = replace(self._current, **values)  # type: ignore[arg-type]  # each was checked just above
            text = json.dumps({**self._unknown, **asdict(changed)}, indent=2, ensure_ascii=False) + "\n"
            if self._path.is_file():
                write_atomically(self._path.with_name(self._path.name + ".previous"), self._path.read_bytes())
            write_atomically(self._path, text.encode())
            self._current = changed
            return changed

    def _read(self) -> Settings:
        """The file's values where they are good, defaults elsewhere; a file that is no JSON is kept aside."""
        try:
            return self._checked(_read_object(self._path) or {})
        except ValueError:
            kept = self._path.with_name(self._path.name + ".broken")
            self._path.replace(kept)
            log.warning("%s is not a settings file; it is kept as %s and the previous one is used", self._path, kept)
        try:
            return self._checked(_read_object(self._path.with_name(self._path.name + ".previous")) or {})
        except ValueError:
            return Settings()

    def _checked(self, stored: Mapping[str, Any]) -> Settings:
        known = {row.name for row in fields(Settings)}
        self._unknown = {name: value for name, value in stored.items() if name not in known}
        good: dict[str, Any] = {}
        for name in known & stored.keys():
            try:
                check_setting(name, stored[name])
            except InvalidSetting as error:
                log.warning("%s The default is used.", error)
            else:
                good[name] = stored[name]
        return Settings(**good)


def check_setting(name: str, value: object) -> None:
    """Raise InvalidSetting unless `value` fits the table's row for `name`."""
    row = next((row for row in fields(Settings) if row.name == name), None)
    if row is None:
        raise InvalidSetting(f"Setting {name!r} does not exist.")
    wanted = type(row.default)
    if type(value) is not wanted:
        raise InvalidSetting(f"Setting {name} must be of type {wanted.__name__}, not {value!r}.")
    choices = row.metadata["choices"]
    if choices and value not in choices:
        raise InvalidSetting(f"Setting {name} cannot be {value!r}. Choose one of: {', '.join(choices)}.")
    minimum = row.metadata["minimum"]
    if minimum is not None and isinstance(value, int) and value < minimum:
        raise InvalidSetting(f"Setting {name} cannot be {value}. The least is {minimum}.")


def _read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where it cannot be read. Raises ValueError where there is something else."""
    try:
        content = json.loads(path.read_bytes())
    except OSError:
        return None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no object")
    return content
