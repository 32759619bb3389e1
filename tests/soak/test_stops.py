"""SIGTERM and SIGINT end a server in order, whatever it is doing, and cost the queue nothing."""

from __future__ import annotations

import http.client
import logging
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
import pytest

from modules.config.files import TEMPORARY_SUFFIX
from modules.config.paths import ROOT, Paths, resolve_paths
from modules.imaging.reading import load_picture
from modules.schema.requests import Txt2ImgRequest
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from tests.program import is_ready, listening, serving, until, workers_of

log = logging.getLogger(__name__)

COUNT = 20
"""Of each signal in each state."""
STATES = (
    "starting",
    "importing",
    "loading",
    "idle",
    "listened to",
    "running with more queued",
    "paused",
    "saving",
    "changing the model",
)
SIGNALS = (signal.SIGTERM, signal.SIGINT)
MOST_SECONDS = 10
STREAMS = 20
OTHER_MODEL = "other"
"""By its name it comes behind the demo model, which the worker therefore loads first."""
DATABASE_SUFFIXES = (".sqlite3", ".sqlite3-wal", ".sqlite3-shm")

ENVIRONMENT_MARK = "ATELIER_STOP_TEST"
"""By its value in the environment the processes of one round are known, whoever their parent is by then."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends the signals of POSIX")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("turn", range(COUNT))
def test_a_signal_ends_a_server_in_order(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    state: str,
    number: signal.Signals,
    turn: int,
) -> None:
    """In 10 s with exit code 0, without a traceback, a partial file or a process left; the queue stays as it was."""
    monkeypatch.setenv(ENVIRONMENT_MARK, str(tmp_path))
    shutil.copytree(ROOT / "models" / "Stable-diffusion" / "atelier-demo", tmp_path / "models" / OTHER_MODEL)
    paths = resolve_paths(data_dir=tmp_path / "data", ckpt_dir=tmp_path / "models")
    chance = random.Random(f"{state} {number} {turn}")
    with closing(build_services(paths, EngineOptions(use_cpu=True))) as beside:
        waiting = queued(beside, state)
        with ExitStack() as stack:
            server, port = stack.enter_context(serving(paths.data, "--ckpt-dir", str(tmp_path / "models")))
            reach(state, paths, server, port, chance, stack)
            began = time.monotonic()
            server.send_signal(number)
            code = server.wait(timeout=60)
            seconds = time.monotonic() - began
        log.info("%s by %s: %.2f s", state, number.name, seconds)
        assert (code, seconds < MOST_SECONDS) == (0, True), f"exit code {code} after {seconds:.1f} s"
        until(lambda: not processes_of(tmp_path), seconds=10)
        assert "Traceback" not in (said := capfd.readouterr().err), said
        assert [job.id for job in beside.generate.active_jobs()] == waiting
        assert {job.state for job in beside.generate.active_jobs()} == {"queued"}
        assert beside.generate.is_paused() == (state == "paused")
        files_are_whole(beside, paths)


def queued(beside: Services, state: str) -> list[str]:
    """The ids of three jobs in an order that is not that of their making, as the server is to find them."""
    fields = {"prompt": "a star", "steps": 1 if state == "saving" else 150, "batch_count": 100, "width": 64}
    if state == "changing the model":
        fields["model"] = OTHER_MODEL
    request = Txt2ImgRequest.of({**fields, "height": 64})
    jobs = [beside.generate.submit(request).id for _ in range(3)]
    assert beside.generate.to_front(jobs[-1])
    if state in ("idle", "listened to"):  # there is a queue to keep, and nothing to do
        assert all(beside.generate.pause(job_id) for job_id in jobs)
    elif state in ("paused", "changing the model"):
        beside.generate.pause()
    waiting = [job.id for job in beside.generate.active_jobs()]
    assert waiting == [jobs[2], jobs[0], jobs[1]]
    return waiting


def reach(
    state: str, paths: Paths, server: subprocess.Popen[str], port: int, chance: random.Random, stack: ExitStack
) -> None:
    """Comes back when the server is in that state; streams that are open then are closed by the stack."""
    if state == "starting":
        until(lambda: owner_of(paths) == str(server.pid))
        time.sleep(chance.uniform(0, 0.5))
    elif state == "importing":
        until(lambda: workers_of(server.pid))
        time.sleep(chance.uniform(0, 2))
    else:
        assert is_ready(server)
    match state:
        case "loading":
            time.sleep(chance.uniform(0, 1))
        case "idle" | "paused":
            assert answered(port, "/sdapi/v1/reload-checkpoint") == 200  # the model is in memory
        case "listened to":
            streams = [stack.enter_context(listening(port)) for _ in range(STREAMS)]
            assert all(stream.status == 200 for stream in streams)
        case "running with more queued" | "saving":
            until(lambda: next(pictures(paths), None))
            if state == "saving":
                until_saving(paths)
        case "changing the model":
            stream = stack.enter_context(listening(port))
            assert answered(port, "/api/v1/queue/resume") == 200
            wanted = f"Loading the model {OTHER_MODEL}".encode()
            until(lambda: wanted in stream.readline())
            time.sleep(chance.uniform(0, 0.3))


def answered(port: int, route: str) -> int:
    """The status that a POST without a body is answered with."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        connection.request("POST", route)
        return connection.getresponse().status


def owner_of(paths: Paths) -> str:
    """The id of the process that holds the data folder, or held it last."""
    file = paths.lock_file.with_suffix(".pid")
    return file.read_text().strip() if file.is_file() else ""


def pictures(paths: Paths) -> Iterator[Path]:
    return paths.outputs.rglob("*.png")


def until_saving(paths: Paths) -> None:
    """Comes back when a picture has no name yet; without a pause, since that lasts milliseconds."""
    (day,) = {picture.parent for picture in pictures(paths)}
    deadline = time.monotonic() + 60
    while not any(path.name.endswith(TEMPORARY_SUFFIX) for path in day.iterdir()):
        assert time.monotonic() < deadline, "no picture was saved"


def processes_of(folder: Path) -> list[psutil.Process]:
    """All that were begun for a folder and still run."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(ENVIRONMENT_MARK) == str(folder):
                found.append(process)
        except psutil.Error:
            continue  # it ended meanwhile, or is none of ours
    return found


def files_are_whole(services: Services, paths: Paths) -> None:
    """Every file is a picture that loads and has a record, every record has a file, and the database is sound."""
    assert [path for path in paths.data.rglob("*") if path.name.endswith(TEMPORARY_SUFFIX)] == []
    files = {path for path in paths.outputs.rglob("*") if path.is_file() and path.suffix not in DATABASE_SUFFIXES}
    for path in files:
        load_picture(path).load()
    jobs = (services.pictures.of_job(job.id) for job in services.generate.active_jobs())
    assert {services.pictures.file(picture) for pictures in jobs for picture in pictures} == files
    (row,) = services.database.rows("PRAGMA integrity_check")
    assert tuple(row) == ("ok",)
