"""The queue: what a call costs with many jobs that wait and many that are over, beside one safe write to this disk.

python -m tools.bench.queue [--waiting 10000] [--over 100000] [--users 20] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

from modules.config.database import Database
from modules.jobs.queue import JobQueue
from modules.jobs.tables import GAP
from modules.schema.jobs import NewJob

CALLS = 200
REQUEST = '{"prompt": "' + "a house by the sea " * 150 + '"}'
"""As long as a long request."""
MODELS = 7


def fill(database: Database, waiting: int, over: int, users: int) -> None:
    """Write the jobs that are over and those that wait; half of the latter came in turns, half user after user."""
    queue = JobQueue(database)
    for user in range(users):
        queue.add(_new(user, 0), limit=users, limit_of_user=1)
    columns = "id, kind, state, request, created, started, finished, user, model, work, place, attempts"
    with database.transaction() as connection:
        connection.execute("DELETE FROM jobs")
        connection.executemany(
            f"INSERT INTO jobs ({columns}) VALUES (?, 'txt2img', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    f"{number:016x}",
                    "done" if number < over else "queued",
                    REQUEST,
                    float(number),
                    float(number) if number < over else None,
                    number + 5.0 if number < over else None,
                    f"user {(number if number % 2 else number // 500) % users}",
                    f"model {number % MODELS}",
                    1.0 + number % 3,
                    number * GAP,
                    int(number < over),
                )
                for number in range(over + waiting)
            ),
        )


def _new(user: int, number: int) -> NewJob:
    return NewJob(
        kind="txt2img", request=REQUEST, user=f"user {user}", model=f"model {number % MODELS}", work=1.0 + number % 3
    )


def measure(title: str, call: Callable[[], object], calls: int = CALLS) -> None:
    """Print median and 99th percentile of the milliseconds that a call takes."""
    times = []
    for _ in range(calls):
        started = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - started))
    rank = sorted(times)[int(0.99 * (calls - 1))]
    print(f"  {title:<44} median {statistics.median(times):8.2f} ms   99 of 100 within {rank:8.2f} ms")


def measure_writes(folder: Path) -> None:
    """One row written safely into a file with nothing else in it: no call that writes can be faster."""
    connection = sqlite3.connect(folder / "write.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE t (text TEXT)")
    measure("one row written, for comparison", lambda: connection.execute("INSERT INTO t VALUES (?)", (REQUEST,)))
    connection.close()


def measure_queue(database: Database, users: int) -> None:
    """Every call that people or workers make often."""
    queue = JobQueue(database)
    numbers = iter(range(10**9))
    begun: list[str] = []

    def add() -> None:
        number = next(numbers)
        queue.add(_new(number % users, number), limit=10**9, limit_of_user=10**9)

    def claim(held: tuple[str, ...] = ()) -> None:
        job = queue.claim("worker", held=held)
        assert job is not None
        begun.append(job.id)

    measure("add", add)
    measure("claim", claim)
    measure("claim with two held models", lambda: claim(("model 3", "model 5")))
    ended = cycle(begun)
    measure("finish", lambda: queue.finish(next(ended), "done"))
    waiting = [job.id for job in queue.listed(states=["queued"], limit=CALLS)]
    front, moved = iter(waiting), iter(waiting)
    measure("to front", lambda: queue.to_front(next(front)))
    measure("move", lambda: queue.move(next(moved), waiting[0]))
    queue.pause(None)
    measure("claim of a paused queue", lambda: queue.claim("worker"))
    queue.resume(None)
    measure("counts", queue.counts)
    measure("the newest 100 that are over", lambda: queue.listed(states=["done", "failed", "cancelled"]))
    measure("the newest 100 of a user", lambda: queue.listed(user="user 3"))
    queue.requeue()
    active = queue.active()
    first, last = active[49], active[-1]
    measure("expected", lambda: queue.expected(first))
    measure("ready in, of the 50th", lambda: queue.ready_in(first.id), calls=20)
    measure("ready in, of the last one", lambda: queue.ready_in(last.id), calls=10)
    measure("active, the first 50", lambda: queue.active(limit=50), calls=10)


def main() -> None:
    """Print the times for a small queue and for a large one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=int, default=10_000)
    parser.add_argument("--over", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="where to write the file; default: the system's temporary folder")
    options = parser.parse_args()
    for waiting, over in ((500, 0), (options.waiting, options.over)):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            database = Database(Path(folder) / "jobs.sqlite3")
            fill(database, waiting, over, options.users)
            print(f"{waiting} jobs wait, {over} are over, {options.users} users")
            measure_writes(Path(folder))
            measure_queue(database, options.users)
            database.close()


if __name__ == "__main__":
    main()
