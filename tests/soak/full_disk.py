"""A program on a small disk of its own, which it fills and frees around real jobs; tells JSON, line by line.

To be started in a mount namespace of its own: `unshare -rm python -m tests.soak.full_disk FOLDER`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modules.config.files import TEMPORARY_SUFFIX
from modules.config.paths import resolve_paths
from modules.errors import UserError
from modules.schema.events import Progress
from modules.schema.jobs import Job
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions
from tests.services.jobs_to_end import txt2img
from tests.services.test_generate import until

DISK_BYTES = 6 * 2**20
PATIENCE = 120.0
SECONDS_TO_SAVE = 6.0


@contextmanager
def full(folder: Path, free: int) -> Iterator[None]:
    """A disk with no more than so many bytes to spare."""
    filler = folder / "filler"
    stood = os.statvfs(folder)
    filler.write_bytes(b"x" * max(0, stood.f_bavail * stood.f_frsize - free))
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def limited(folder: Path, free: int) -> Iterator[None]:
    """No file may be longer than so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def main(folder: Path) -> None:
    """Each fault at each size, before a job is asked for and while it runs."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)], check=True)
    with running_services(resolve_paths(data_dir=folder), EngineOptions(use_cpu=True, precision="full")) as services:
        over(services, asked(services))  # the model is loaded
        forget_files(services)
        for fault, sizes in ((full, [*range(0, 40, 4), 48, 64, 96]), (limited, [0, 1, 4, 8, 16, 64, 128])):
            for kilobytes in sizes:
                for moment in ("before", "running"):
                    told = case(services, folder, fault, 1024 * kilobytes, moment)
                    line = json.dumps({"fault": fault.__name__, "free": kilobytes, "when": moment, **told})
                    sys.stdout.write(f"{line}\n")
                    sys.stdout.flush()


def case(services: Services, folder: Path, fault: Any, free: int, moment: str) -> dict[str, Any]:
    """A job within a fault, and one when it is over."""
    job: Job | None = None
    refusal = ""
    if moment == "running":
        begun = job = services.generate.submit(txt2img(steps=20))
        until(lambda: services.generate.job(begun.id).state != "queued", seconds=PATIENCE)
    try:
        with fault(folder, free):
            if job is None:
                job = asked(services)
            _wait(services, job)
    except UserError as error:
        refusal = str(error)
    ended = over(services, job) if job is not None else None
    following = over(services, asked(services))
    found = {picture.path for picture in services.pictures.of_job(following.id)}
    if ended is not None:
        found |= {picture.path for picture in services.pictures.of_job(ended.id)}
    partial = [path.name for path in folder.rglob("*") if path.name.endswith(TEMPORARY_SUFFIX)]
    return {
        "refusal": refusal,
        "state": ended and ended.state,
        "error": ended and ended.error,
        "pictures": len(found),
        "files": forget_files(services),
        "partial": partial,
        "next": [following.state, following.error],
    }


def _wait(services: Services, job: Job) -> None:
    """Until a job is over, or has done its last step for long: where its end cannot be written down it is not over."""
    deadline = time.monotonic() + SECONDS_TO_SAVE
    while not services.generate.job(job.id).is_over and time.monotonic() < deadline:
        time.sleep(0.05)
        if any(event.step < event.steps for event in services.generate.events(job.id) if isinstance(event, Progress)):
            deadline = time.monotonic() + SECONDS_TO_SAVE


def forget_files(services: Services) -> int:
    """Make room; how many pictures there were."""
    files = list(services.paths.txt2img_pictures.rglob("*.png"))
    for path in files:
        path.unlink()
    return len(files)


def asked(services: Services) -> Job:
    return services.generate.submit(txt2img(steps=1))


def over(services: Services, job: Job) -> Job:
    until(lambda: services.generate.job(job.id).is_over, seconds=PATIENCE)
    return services.generate.job(job.id)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
