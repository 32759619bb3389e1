"""The registry of model files: a folder of many listed and read for the first time, and again after a restart.

python -m tools.bench.registry [--files 2000] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from modules.checkpoints.file_facts import FileFacts
from modules.checkpoints.model_files import ModelFiles
from modules.checkpoints.registry import Registry
from tests.checkpoints.weights_files import layout, write_weights

MIXES = {"small headers": (3, 1), "real headers": (264, 20)}
"""Modules in each LoRA, of three tensors each as those for Stable Diffusion 1 have, and checkpoints of real layouts."""


def write_files(folder: Path, count: int, modules: int, checkpoints: int) -> None:
    """LoRAs, and some checkpoints with the tensors of real ones; their numbers take no room on the disk."""
    names = [
        f"lora_unet_down_blocks_{number}_attentions_0_transformer_blocks_0_attn2_to_k" for number in range(modules)
    ]
    parts: tuple[tuple[str, list[int]], ...] = (
        ("lora_down.weight", [4, 768]),
        ("lora_up.weight", [320, 4]),
        ("alpha", []),
    )
    lora = {f"{name}.{part}": shape for name in names for part, shape in parts}
    for number in range(count - checkpoints):
        write_weights(folder / "lora" / f"group {number % 20}" / f"{number}.safetensors", lora)
    for number in range(checkpoints):
        write_weights(folder / "checkpoint" / f"{number}.safetensors", layout("sdxl_base" if number % 2 else "sd15"))


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(folder: Path) -> None:
    """Print how long the first look takes, one after a restart, and one more."""
    kinds = {"checkpoint": [folder / "checkpoint"], "lora": [folder / "lora"]}
    for title in ("cold", "after a restart"):
        facts = FileFacts(folder / "models.sqlite3")
        files = ModelFiles({"checkpoint": kinds["checkpoint"], "lora": kinds["lora"]}, facts)
        started, busy = time.perf_counter(), time.process_time()
        files.refresh(wait=None)
        listed = time.perf_counter() - started
        files.refresh(wait=None, read=True)
        read, busy = time.perf_counter() - started, time.process_time() - busy
        again = min(timed(lambda files=files: files.refresh(wait=None, read=True)) for _ in range(3))  # type: ignore[misc]
        registry = Registry(kinds["checkpoint"], files)
        first = registry.all()[0]
        asked = timed(lambda: registry.all())  # noqa: B023
        print(
            f"  {title:<16} listed {1e3 * listed:7.1f} ms, headers read {1e3 * read:8.1f} ms "
            f"({1e3 * busy:.0f} ms of processor), "
            f"another look {1e3 * again:6.1f} ms, all checkpoints {1e3 * asked:5.1f} ms (first: {first.name})"
        )
        files.close()


def main() -> None:
    """Print the times for small headers and for real ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--folder", type=Path, help="where to write the files; default: the system's temporary folder")
    options = parser.parse_args()
    for title, (modules, checkpoints) in MIXES.items():
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            write_files(Path(folder), options.files, modules, checkpoints)
            print(f"{options.files} files, {title}")
            measure(Path(folder))


if __name__ == "__main__":
    main()
