"""Pickles turned into safetensors, in a process of their own that is not trusted: its result is checked here."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from modules.checkpoints.new_file import new_file
from modules.checkpoints.weights_header import PICKLES, read_header
from modules.config.files import storage_full
from modules.config.paths import ROOT
from modules.errors import BrokenModel, InvalidSetting, OutOfMemory, UnsupportedModel, UserError

SUFFIX = ".safetensors"
USUAL_SECONDS = 1800
SPARE_MEMORY = 1 << 30
"""For what lies beside the weights, and for tensors that have to be copied one at a time."""
MOST_GROWTH = 3
"""The result's size at most, as a multiple of the file's: tensors that share memory get their own."""
SPARE_RESULT = 64 << 20
_MOST_TOLD = 2000
_MOST_DROPPED = 100
_MOST_METADATA = 100
_LONGEST_ENTRY = 300
_LONGEST_VALUE = 1000
_LAST_WORDS = 5.0
"""Seconds to wait for the rest of what an ended process said."""
_MOST_ANSWERED = 1 << 20
"""Bytes of what the process says that are kept, from the end."""
_REFUSED = 3
# -I keeps the current folder, the person's packages and Python's settings out of the process.
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from modules.checkpoints.pickle_conversion import main; sys.exit(main(sys.argv[2:]))"
)
_PASSED_ON = ("PATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TEMP")
_SETTINGS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
"""One thread, so that the process can leave the network, and no graphics card."""


@dataclass(frozen=True)
class Conversion:
    """A finished conversion. `dropped` are entries that are no tensors, as far as they are told.

    The file chose every name and text: here they are of one line and of limited length, fit to be shown.
    """

    path: Path
    tensors: int
    metadata: Mapping[str, str]
    dropped: tuple[str, ...]
    no_network: bool
    """Whether the system took the network away from the process; elsewhere Python's own ways to it were closed."""


def convert(
    source: Path,
    output: Path | None = None,
    *,
    overwrite: bool = False,
    memory: int | None = None,
    seconds: float = USUAL_SECONDS,
    check: Callable[[], None] = lambda: None,
) -> Conversion:
    """Turn a pickle (.ckpt, .pt, .pth, .bin) into safetensors beside it, or at `output`, whole or not at all.

    `memory` is what the process may take in bytes beside torch itself; by default it follows from the file's size.
    `check` is asked a few times a second and stops the conversion by raising. Raises InvalidSetting for files that
    cannot be used, UnsupportedModel for what holds more than weights, BrokenModel, OutOfMemory, StorageFull.
    """
    target = _target(source, output, overwrite)
    size = source.stat().st_size
    most = MOST_GROWTH * size + SPARE_RESULT
    allowed = memory or 2 * size + SPARE_MEMORY
    command = [sys.executable, "-I", "-B", "-c", _START, str(ROOT), str(source.resolve())]
    command += [str(allowed), str(most), str(math.ceil(seconds)), str(os.getpid())]
    with new_file(target, overwrite=overwrite, expected_bytes=size) as file:
        code, told = _run(command, file, seconds, check, source)
        if code != 0:
            raise _refusal(source, target, code, told, allowed)
        file.flush()
        header = read_header(Path(file.name))
        if len(header.tensors) != told.get("tensors"):
            raise BrokenModel(f"{target.name} did not come out whole. Try again.")
    return Conversion(
        target,
        len(header.tensors),
        _told_metadata(header.metadata),
        _told_entries(told.get("dropped")),
        told.get("no_network") is True,
    )


def _target(source: Path, output: Path | None, overwrite: bool) -> Path:
    """Where the result goes. Raises InvalidSetting."""
    if not source.is_file():
        raise InvalidSetting(f"FILE {source} is no file. Correct the path.")
    if source.suffix.lower() == SUFFIX:
        raise InvalidSetting(f"FILE {source} is a safetensors file already, and needs no conversion.")
    if source.suffix.lower() not in PICKLES:
        known = ", ".join(PICKLES)
        raise InvalidSetting(f"FILE {source} is none of: {known}. Give it the suffix that it came with.")
    target = output or source.with_suffix(SUFFIX)
    if target.suffix.lower() != SUFFIX:
        raise InvalidSetting(f"--output {target} does not end in {SUFFIX}. Choose a name that does.")
    if target.exists() and not overwrite:
        raise InvalidSetting(f"{target} exists already. Choose another name with --output, or add --overwrite.")
    return target


def _run(
    command: list[str], file: IO[bytes], seconds: float, check: Callable[[], None], source: Path
) -> tuple[int, dict[str, Any]]:
    """Run the process with its result into a file; its exit code and its answer. It is gone when this returns."""
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _SETTINGS
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.PIPE, env=environment, cwd=ROOT
    )
    assert process.stderr is not None
    said, waited = bytearray(), 0.0
    listener = threading.Thread(target=_listen, args=(process.stderr, said), daemon=True)
    listener.start()
    try:
        while True:
            check()
            try:
                code = process.wait(timeout=0.25)
                listener.join(_LAST_WORDS)
                return code, _answer(bytes(said))
            except subprocess.TimeoutExpired:
                waited += 0.25
                if waited >= seconds:
                    raise UnsupportedModel(
                        f"{source.name} is not converted: it took longer than {seconds:.0f} s. "
                        "Allow more with --time-limit SECONDS."
                    ) from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        listener.join(_LAST_WORDS)
        if not listener.is_alive():  # else somebody else holds the other end, and closing would wait for them
            process.stderr.close()


def _listen(stream: IO[bytes], said: bytearray) -> None:
    """Keep the end of what is said, however much it is."""
    while piece := stream.read(1 << 16):
        said += piece
        del said[:-_MOST_ANSWERED]


def _answer(said: bytes) -> dict[str, Any]:
    """The JSON object in the last line; empty where there is none."""
    lines = said.decode(errors="replace").strip().splitlines()
    try:
        told = json.loads(lines[-1]) if lines else {}
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _told_entries(dropped: object) -> tuple[str, ...]:
    entries = dropped[:_MOST_DROPPED] if isinstance(dropped, list) else []
    return tuple(_printable(entry, _LONGEST_ENTRY) for entry in entries if isinstance(entry, str))


def _told_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    told = {name: value for name, value in metadata.items() if name != "format"}
    return {
        _printable(name, _LONGEST_ENTRY): _printable(value, _LONGEST_VALUE)
        for name, value in list(told.items())[:_MOST_METADATA]
    }


def _printable(text: str, most: int) -> str:
    """The beginning of a text without line ends, and without signs that a terminal would obey."""
    return "".join(sign for sign in text[:most] if sign.isprintable())


def _refusal(source: Path, target: Path, code: int, told: Mapping[str, Any], memory: int) -> UserError:
    """The error for a process that did not come to its end."""
    kind = told.get("refused")
    if code != _REFUSED or not kind:
        return BrokenModel(
            f"{source.name} is not converted: the process that read it ended with code {code}. It may be damaged, or "
            "made to do harm. Get a .safetensors version of it."
        )
    if kind == "memory":
        return OutOfMemory(
            f"{source.name} is not converted: it needs more than the {memory / 1e9:.1f} GB of memory that it may have. "
            "Allow more with --memory-limit GB."
        )
    if kind == "full":
        return storage_full(target)
    reason = _printable(str(told.get("reason", "")), _MOST_TOLD)
    sentence = f"{source.name} is not converted: {reason}. Get a .safetensors version of it"
    return BrokenModel(f"{sentence}, or download it again.") if kind == "broken" else UnsupportedModel(f"{sentence}.")
