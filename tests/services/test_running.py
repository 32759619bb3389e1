"""A server's life: one per data folder, and nothing lost when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from modules.config.files import TEMPORARY_SUFFIX
from modules.config.paths import ROOT, Paths, resolve_paths
from modules.errors import DataFolderInUse, InvalidSetting
from modules.schema.requests import Txt2ImgRequest
from modules.services.build import build_services, running_services
from modules.services.options import EngineOptions

OPTIONS = EngineOptions(use_cpu=True, precision="full")
_SERVER = """
import sys, time
from pathlib import Path
from modules.config.paths import resolve_paths
from modules.schema.requests import Txt2ImgRequest
from modules.services.build import running_services
from modules.services.options import EngineOptions
with running_services(resolve_paths(data_dir=Path(sys.argv[1])), EngineOptions(use_cpu=True)) as services:
    fields = {"prompt": "a red house", "seed": 1, "steps": 5, "width": 64, "height": 64, "batch_count": 20}
    print(services.generate.submit(Txt2ImgRequest.of(fields)).id, flush=True)
    time.sleep(600)
"""


def test_second_server_on_a_data_folder_is_told_who_has_it(paths: Paths) -> None:
    with (
        running_services(paths, OPTIONS),
        pytest.raises(DataFolderInUse, match=r"in use by another Atelier \(process \d+\)"),
        running_services(paths, OPTIONS),
    ):
        pass
    with running_services(paths, OPTIONS):
        pass  # free again


def test_data_folder_that_cannot_be_written_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(InvalidSetting, match=r"--data-dir .*file cannot be written"),
        running_services(resolve_paths(data_dir=tmp_path / "file"), OPTIONS),
    ):
        pass


def test_leftovers_of_killed_writers_are_swept(paths: Paths) -> None:
    leftover = paths.txt2img_pictures / "2026-01-01" / f".00001-1.png.abc{TEMPORARY_SUFFIX}"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    with running_services(paths, OPTIONS):
        assert not leftover.exists()


def test_leftovers_are_swept_wherever_model_files_are_written(tmp_path: Path) -> None:
    paths = resolve_paths(data_dir=tmp_path / "data", ckpt_dir=tmp_path / "elsewhere", lora_dir=tmp_path / "loras")
    folders = {kind: folders[0] for kind, folders in paths.model_folders.items()}
    assert folders["checkpoint"] == tmp_path / "elsewhere" and folders["lora"] == tmp_path / "loras"
    old, fresh = ([folder / f".{name}{TEMPORARY_SUFFIX}" for folder in folders.values()] for name in "ab")
    for path in (*old, *fresh):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    for path in old:
        os.utime(path, (1, 1))
    with running_services(paths, OPTIONS):
        assert not any(path.exists() for path in old)
        assert all(path.exists() for path in fresh)


def test_killed_server_s_job_is_finished_by_the_next_one(paths: Paths) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(paths.data)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    job_id = server.stdout.readline().strip()
    deadline = time.monotonic() + 60
    while len(list(paths.txt2img_pictures.rglob("*.png"))) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    server.send_signal(signal.SIGKILL)
    server.wait()
    server.stdout.close()
    before = {path.name: path.read_bytes() for path in paths.txt2img_pictures.rglob("*.png")}
    with running_services(paths, OPTIONS) as services:
        while not services.generate.job(job_id).is_over:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert services.generate.job(job_id).state == "done"
        pictures = services.pictures.of_job(job_id)
    assert [picture.index for picture in pictures] == list(range(20))
    after = {path.name: path.read_bytes() for path in paths.txt2img_pictures.rglob("*.png")}
    assert before.items() <= after.items()
    assert len(after) == 20


def test_job_of_a_command_beside_the_server_is_taken_from_the_queue(paths: Paths) -> None:
    with running_services(paths, OPTIONS), closing(build_services(paths, OPTIONS)) as beside:
        fields = {"prompt": "a star", "steps": 2, "width": 64, "height": 64}
        job = beside.generate.submit(Txt2ImgRequest.of(fields))
        deadline = time.monotonic() + 60
        while not beside.generate.job(job.id).is_over:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert len(beside.pictures.of_job(job.id)) == 1


def test_fault_of_the_options_fails_the_job_in_words(paths: Paths) -> None:
    with running_services(paths, EngineOptions(use_cpu=True, precision="half")) as services:
        job = services.generate.submit(Txt2ImgRequest())
        deadline = time.monotonic() + 60
        while not services.generate.job(job.id).is_over:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert "--precision half needs a graphics card" in (services.generate.job(job.id).error or "")


def test_doctor_reports_everything_without_a_server(paths: Paths) -> None:
    with closing(build_services(paths, OPTIONS)) as services:
        report = dict(services.doctor.report())
    assert report["Checkpoints"] == "atelier-demo"
    assert report["Device"] == "cpu"
    assert "s per step" in report["Expected speed"]
    assert Path(report["Data folder"].split(",")[0]) == paths.data
