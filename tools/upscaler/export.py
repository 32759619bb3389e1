"""Writes the averaged weights of a run as the file that ships: fp16 safetensors with the keys spandrel recognises."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

from tools.demo_model.trainer import averaged_weights

SIZE_LIMIT = 2 * 2**20


def export(run: Path, file: Path) -> None:
    """Write a run's averaged weights; the header says how long it learnt and under which licence they are."""
    weights, facts = averaged_weights(run)
    header = {
        "modelspec.title": file.stem,
        "modelspec.architecture": "Compact",
        "modelspec.license": "Apache-2.0",
        "atelier.steps": str(facts["step"]),
        "atelier.batch": str(facts["batch"]),
    }
    unfinished = file.with_name(file.name + ".unfinished")
    halved = {name: tensor.to(torch.float16).contiguous() for name, tensor in weights.items()}
    save_file(halved, unfinished, metadata=header)
    if unfinished.stat().st_size > SIZE_LIMIT:
        unfinished.unlink()
        raise SystemExit(f"{file.name} would be larger than {SIZE_LIMIT // 2**20} MB, which is too much to ship.")
    unfinished.replace(file)


def main() -> None:
    """Write the averaged weights of a run, finished or not."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("run", type=Path, help="folder of the training's state")
    parser.add_argument("file", type=Path, help="the safetensors file to write")
    arguments = parser.parse_args()
    export(arguments.run, arguments.file)


if __name__ == "__main__":
    main()
