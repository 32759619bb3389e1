"""The gallery: pages, searches and counts among very many pictures, and reading a folder of another program.

python -m tools.bench.gallery [--pictures 100000] [--files 2000]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from modules.config.database import Database
from modules.gallery.adopted_folders import AdoptedFolders
from modules.gallery.facets import facets_of
from modules.gallery.reconciliation import reconcile_adopted
from modules.gallery.records import PictureRecords
from modules.gallery.search import PictureSearch
from modules.imaging.encoding import encode_png
from tests.gallery.many_pictures import WORDS, fill, infotext

TRIES = 7
SEARCHES: dict[str, dict[str, Any]] = {
    "all, first page": {},
    "a word in nearly all": {"words": WORDS[0]},
    "a word in a fifth": {"words": WORDS[20]},
    "a word in few": {"words": WORDS[3000]},
    "one letter": {"words": "b"},
    "two common words": {"words": f"{WORDS[0]} {WORDS[1]}"},
    "a phrase": {"words": f'"{WORDS[0]} {WORDS[1]}"'},
    "a word and not another": {"words": f"{WORDS[20]} -{WORDS[0]}"},
    "a word, one user's": {"words": WORDS[20], "user": "ann"},
    "a word and a model": {"words": WORDS[20], "model": "model 3"},
    "a model": {"model": "model 3"},
    "a LoRA": {"lora": "lora3"},
    "a seed": {"seed": 77},
    "favourites": {"favourite": True},
    "the bin": {"bin": True},
}


def told(what: str, act: Callable[[], object]) -> None:
    """Print how long something takes, in milliseconds: of the processor at least, and by the clock at the median."""
    passed, worked = [], []
    for _ in range(TRIES):
        began = time.perf_counter(), time.process_time()
        act()
        passed.append(time.perf_counter() - began[0])
        worked.append(time.process_time() - began[1])
    print(f"{what:32}{1000 * min(worked):10.1f}{1000 * statistics.median(passed):10.1f}")


def searches(database: Database, records: PictureRecords) -> None:
    """What a page asks for: the first pictures and how many there are."""
    for name, given in SEARCHES.items():
        search = PictureSearch(**given)
        told(name, lambda search=search: records.search(search, 101, total=records.count(search)))  # type: ignore[misc]
    told("facets", lambda: facets_of(database, PictureSearch()))


def reading(database: Database, records: PictureRecords, folder: Path, files: int) -> None:
    """A folder of PNG files read for the first time, and looked at again."""
    pixels = np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)
    for number in range(files):
        (folder / f"{number}.png").write_bytes(encode_png(pixels, infotext(number, (256, 256))))
    adopted = AdoptedFolders(database).add(folder)
    began = time.perf_counter(), time.process_time()
    reconcile_adopted(database, records, folder, adopted)
    passed, worked = time.perf_counter() - began[0], time.process_time() - began[1]
    print(f"files read in a second: {files / passed:.0f} by the clock, {files / worked:.0f} of the processor's")
    told(f"a look at {files} known files", lambda: reconcile_adopted(database, records, folder, adopted))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=2_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, closing(Database(Path(folder, "bench.sqlite3"))) as database:
        records = PictureRecords(database)
        began = time.process_time()
        fill(database, options.pictures)
        worked = time.process_time() - began
        print(f"{options.pictures} records, {1e6 * worked / options.pictures:.0f} µs each")
        print(f"{'':32}{'processor':>10}{'clock':>10}  ms")
        searches(database, records)
        files = Path(folder, "files")
        files.mkdir()
        reading(database, records, files, options.files)


if __name__ == "__main__":
    main()
