"""Draws training scenes ahead and keeps the pictures in shards of bytes (512, side, side, 3): `drawings-<seed>.npy`.

Meant for machines whose device learns faster than one process draws. A shard's scenes come back from their seeds;
shards that exist are skipped, so the command may be cut at any time. A trainer may read while this still draws.
"""

from __future__ import annotations

import argparse
import functools
import logging
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.demo_model.painting import paint
from tools.demo_model.scene import training_scene

SHARD = 512
WAIT_SECONDS = 0.05

Pictures = NDArray[np.uint8]

logger = logging.getLogger(__name__)


def shard_path(folder: Path, number: int) -> Path:
    """The file of the shard of that number."""
    return folder / f"drawings-{number * SHARD:08d}.npy"


def first_seed(path: Path) -> int:
    """The seed of a shard's first picture."""
    return int(path.stem.removeprefix("drawings-"))


def draw_shard(folder: Path, side: int, number: int) -> int:
    """Draw the shard of that number if it is not there; returns the number."""
    path = shard_path(folder, number)
    if not path.exists():
        seeds = range(number * SHARD, (number + 1) * SHARD)
        pictures = np.stack([np.asarray(paint(training_scene(seed), seed, side)) for seed in seeds])
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            np.save(file, pictures)
        unfinished.replace(path)
    return number


def read_shard(path: Path) -> Pictures:
    """The pictures of a shard; waits for a shard that is still being drawn."""
    while not path.exists():
        time.sleep(WAIT_SECONDS)
    pictures: Pictures = np.load(path)
    return pictures


def main() -> None:
    """Draw training scenes to disk."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("output", type=Path, help="folder of the shards")
    parser.add_argument("--side", type=int, default=256, help="side of the pictures in pixels")
    parser.add_argument("--count", type=int, default=16384, help="how many pictures, in whole shards")
    parser.add_argument("--drawers", type=int, default=2, help="processes that draw")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    arguments.output.mkdir(parents=True, exist_ok=True)
    draw = functools.partial(draw_shard, arguments.output, arguments.side)
    shards = range(arguments.count // SHARD)
    with ProcessPoolExecutor(arguments.drawers, multiprocessing.get_context("spawn")) as pool:
        for number in pool.map(draw, shards):
            if number % 32 == 31 or number == shards[-1]:
                logger.info("%d of %d shards in %s", number + 1, len(shards), arguments.output)


if __name__ == "__main__":
    main()
