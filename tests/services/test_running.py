"""A server's life: one per data folder, and nothing lost when it is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from modules.config.files import GROWING_SUFFIX, TEMPORARY_SUFFIX
from modules.config.paths import ROOT, Paths, resolve_paths
from modules.errors import DataFolderInUse, InvalidSetting
from modules.gallery.records import PictureRecords
from modules.gallery.store import PictureStore
from modules.imaging.encoding import encode_png
from modules.jobs.queue import JobQueue
from modules.schema.pictures import Picture
from modules.schema.requests import Txt2ImgRequest
from modules.services.build import Services, build_services, open_services, running_services
from modules.services.options import EngineOptions
from tests.program import until

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


def test_leftovers_of_killed_writers_are_swept(tmp_path: Path) -> None:
    paths = resolve_paths(data_dir=tmp_path / "data", styles_files=[tmp_path / "mine" / "styles.csv"])
    folders = (paths.data, paths.txt2img_pictures / "2026-01-01", paths.accounts, paths.webhooks, tmp_path / "mine")
    leftovers = [folder / f".a.abc{TEMPORARY_SUFFIX}" for folder in (*folders, paths.downloads / "0123")]
    for leftover in leftovers:
        leftover.parent.mkdir(parents=True, exist_ok=True)
        leftover.write_bytes(b"half")
    with running_services(paths, OPTIONS):
        assert [path for path in leftovers if path.exists()] == []


def test_leftovers_are_swept_wherever_model_files_are_written(tmp_path: Path) -> None:
    paths = resolve_paths(data_dir=tmp_path / "data", ckpt_dir=tmp_path / "elsewhere", lora_dir=tmp_path / "loras")
    folders = {kind: folders[0] for kind, folders in paths.model_folders.items()}
    assert folders["checkpoint"] == tmp_path / "elsewhere" and folders["lora"] == tmp_path / "loras"
    small = [folder / f".card{TEMPORARY_SUFFIX}" for folder in folders.values()]
    old, fresh = ([folder / f".{name}{GROWING_SUFFIX}" for folder in folders.values()] for name in "ab")
    for path in (*small, *old, *fresh):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    for path in old:
        os.utime(path, (1, 1))
    with running_services(paths, OPTIONS):
        assert not any(path.exists() for path in (*small, *old))
        assert all(path.exists() for path in fresh)


def test_records_of_a_killed_job_without_their_files_are_dropped_at_the_start(paths: Paths) -> None:
    with closing(build_services(paths, OPTIONS)) as services:
        asked = Txt2ImgRequest.of({"prompt": "a star", "steps": 1, "width": 64, "height": 64, "batch_count": 3})
        job = services.generate.submit(asked)
        assert JobQueue(services.database).claim("worker-1") is not None
        saved = [_saved(services, job.id, index) for index in range(3)]
        reserved, missing, kept = map(services.pictures.file, saved)
        reserved.write_bytes(b"")
        missing.unlink()
    with open_services(paths, OPTIONS) as services:
        assert services.pictures.of_job(job.id) == saved[2:]
        assert [path for path in paths.txt2img_pictures.rglob("*") if path.is_file()] == [kept]


def _saved(services: Services, job_id: str, index: int) -> Picture:
    store = PictureStore(services.database, PictureRecords(services.database), services.paths.outputs)
    content = encode_png(np.zeros((8, 8, 3), np.uint8), "")
    folder = services.paths.txt2img_pictures
    return store.save(content, folder=folder, width=8, height=8, seed=5, infotext="", job_id=job_id, index=index)


def test_killed_server_s_job_is_finished_by_the_next_one(paths: Paths) -> None:
    command = [sys.executable, "-c", _SERVER, str(paths.data)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            job_id = server.stdout.readline().strip()
            until(lambda: len(list(paths.txt2img_pictures.rglob("*.png"))) >= 3)
        finally:
            server.kill()
    before = {path.name: path.read_bytes() for path in paths.txt2img_pictures.rglob("*.png")}
    with running_services(paths, OPTIONS) as services:
        until(lambda: services.generate.job(job_id).is_over)
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
        until(lambda: beside.generate.job(job.id).is_over)
        assert len(beside.pictures.of_job(job.id)) == 1


def test_fault_of_the_options_fails_the_job_in_words(paths: Paths) -> None:
    with running_services(paths, EngineOptions(use_cpu=True, precision="half")) as services:
        job = services.generate.submit(Txt2ImgRequest())
        until(lambda: services.generate.job(job.id).is_over)
        assert "--precision half needs a graphics card" in (services.generate.job(job.id).error or "")


def test_doctor_reports_everything_without_a_server(paths: Paths) -> None:
    with closing(build_services(paths, OPTIONS)) as services:
        report = dict(services.doctor.report())
    assert report["Checkpoints"] == "atelier-demo"
    assert report["Device"] == "cpu"
    assert "s per step" in report["Expected speed"]
    assert Path(report["Data folder"].split(",")[0]) == paths.data
