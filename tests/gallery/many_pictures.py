"""Records of very many pictures, with prompts in which some words are in nearly every text and most in few."""

from __future__ import annotations

import itertools
import random
import sqlite3

from modules.config.database import Database
from modules.gallery.records import insert_picture

_PARTS = "ba ra lo mi ste ken tu vor shi el an gre po cha nu wei dar fi zo que".split()
_CHANCE = random.Random(1)
WORDS = ["".join(_CHANCE.choices(_PARTS, k=_CHANCE.randint(2, 4))) for _ in range(8000)]
"""The first is in nearly every text, the last in few: as often as words of a language are."""
_WEIGHTS = list(itertools.accumulate(1 / place for place in range(1, len(WORDS) + 1)))
SIZES = ((512, 512), (832, 1216), (1024, 1024), (640, 960))
SAMPLERS = ("Euler a", "DPM++ 2M", "DDIM", "UniPC", "LCM")


def words(count: int) -> list[str]:
    return _CHANCE.choices(WORDS, cum_weights=_WEIGHTS, k=count)


def infotext(seed: int, size: tuple[int, int]) -> str:
    """As long as those of real pictures."""
    lora = f" <lora:lora{_CHANCE.randrange(150)}:0.8>" if _CHANCE.random() < 0.5 else ""
    return (
        f"{', '.join(' '.join(words(2)) for _ in range(18))}{lora}\n"
        f"Negative prompt: {', '.join(words(15))}\n"
        f"Steps: 20, Sampler: {_CHANCE.choice(SAMPLERS)}, Schedule type: Automatic, CFG scale: 7, Seed: {seed}, "
        f"Size: {size[0]}x{size[1]}, Model hash: 6ce0161689, Model: model {_CHANCE.randrange(40)}, Version: v1.10.1"
    )


def fill(database: Database, count: int) -> None:
    """Put records into the database; a tenth has stars, a fiftieth is in the bin, a third is Ann's."""
    for start in range(0, count, 1000):
        with database.transaction() as connection:
            for number in range(start, min(start + 1000, count)):
                _insert(connection, number)
    with database.transaction() as connection:
        connection.execute("UPDATE pictures SET rating = id % 6, favourite = id % 2 WHERE id % 10 < 2")
        connection.execute("UPDATE pictures SET binned = 1.0 WHERE id % 50 = 0")


def _insert(connection: sqlite3.Connection, number: int) -> None:
    size = _CHANCE.choice(SIZES)
    insert_picture(
        connection,
        path=f"txt2img-images/2026-01-01/{number:06}.png",
        width=size[0],
        height=size[1],
        seed=number,
        infotext=infotext(number, size),
        created=1.7e9 + 30 * number,
        job_id=f"{number // 4:016x}",
        index=number % 4,
        user="ann" if number % 3 == 0 else "",
    )
