"""The front door, as a person at a shell uses it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
import pytest
from PIL import Image

import webui
from modules.config.paths import ROOT, resolve_paths
from modules.schema.requests import Txt2ImgRequest
from modules.services.build import build_services
from modules.services.options import EngineOptions
from tests.program import ends_in_order, free_port, is_ready, listening, serving, until, workers_of
from tests.services.jobs_to_end import drawn_file

Here = Callable[..., subprocess.CompletedProcess[str]]


def atelier(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "webui.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def atelier_here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The same without a process of its own, whose libraries take seconds to load."""
    monkeypatch.setattr(webui, "keep_caches_in", lambda paths: None)  # changes the environment

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        code = webui.main([str(one) for one in arguments])
        return subprocess.CompletedProcess(list(arguments), code, *capsys.readouterr())

    return run


def test_generate_writes_the_picture_where_asked(tmp_path: Path) -> None:
    target = tmp_path / "mine.png"
    fields = ("--seed", "5", "--steps", "3", "--width", "64", "--height", "64", "--sampler", "Euler a")
    done = atelier("generate", "a red house", *fields, "--output", target, "--data-dir", tmp_path / "data")
    assert (done.returncode, done.stdout.strip()) == (0, str(target)), done.stderr
    with Image.open(target) as image:
        assert image.size == (64, 64)
        assert "Seed: 5" in image.info["parameters"]
    assert [path.name for path in (tmp_path / "data" / "outputs" / "txt2img-images").rglob("*.png")] == ["00001-5.png"]


def test_generate_into_a_folder(atelier_here: Here, tmp_path: Path) -> None:
    fields = ("--seed", "5", "--steps", "1", "--width", "64", "--height", "64", "--batch-size", "2")
    done = atelier_here("generate", "", *fields, "--output", tmp_path / "out", "--data-dir", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["00001-5.png", "00002-6.png"]


def test_generate_several_into_one_name_numbers_them(atelier_here: Here, tmp_path: Path) -> None:
    fields = ("--seed", "5", "--steps", "1", "--width", "64", "--height", "64", "--batch-size", "2")
    done = atelier_here("generate", "", *fields, "--output", tmp_path / "x.png", "--data-dir", tmp_path / "data")
    assert done.stdout.split() == [str(tmp_path / "x-1.png"), str(tmp_path / "x-2.png")]


def test_generate_paints_a_folder_and_says_what_it_left_out(atelier_here: Here, tmp_path: Path) -> None:
    given, masks = tmp_path / "given", tmp_path / "masks"
    for place, name in enumerate(("a.png", "b.jpg", "c.png")):
        drawn_file(
            given / name, seed=place, texts={"parameters": f"a star\nSteps: 2, Sampler: Euler, Seed: {70 + place}"}
        )
    (given / "broken.png").write_bytes(b"no picture")
    for name in ("a.png", "B.png", "broken.png"):
        drawn_file(masks / name, seed=9)
    flags = ("--batch-dir", given, "--batch-mask-dir", masks, "--batch-take", "prompt,seed", "--batch-folder", "mine")
    fields = ("--steps", "2", "--width", "64", "--height", "64", "--denoising-strength", "1")
    done = atelier_here("generate", "in red", *fields, *flags, "--data-dir", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "data" / "outputs" / "img2img-images" / "mine"
    assert done.stdout.split() == [str(folder / "a.png"), str(folder / "b.png")]
    left_out = [line for line in done.stderr.splitlines() if line.startswith("Picture")]
    assert [line.split()[1] for line in left_out] == ["'broken.png'", "'c.png'"]
    with Image.open(folder / "a.png") as image:
        assert image.info["parameters"].startswith("in red a star\n")
        assert "Seed: 70" in image.info["parameters"]
        assert "Mask hash: " in image.info["parameters"]


def test_folder_that_is_none_is_told(atelier_here: Here, tmp_path: Path) -> None:
    refused = atelier_here("generate", "", "--batch-dir", tmp_path / "none", "--data-dir", tmp_path)
    assert refused.returncode == 2
    sentence = refused.stderr.strip().splitlines()[-1]
    assert sentence.startswith("Folder '/")
    assert sentence.endswith(" is no folder that can be read. Correct the path, or create it first.")


def test_upscale_takes_files_and_folders(atelier_here: Here, tmp_path: Path) -> None:
    drawn_file(tmp_path / "given" / "a.png", width=24, height=16)
    single = drawn_file(tmp_path / "b.webp", width=8, height=8)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    files = (tmp_path / "given", single, tmp_path / "broken.png")
    done = atelier_here("upscale", *files, "--output", out, "--data-dir", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(out / "a.png"), str(out / "b.png")]
    assert "Picture 'broken.png' cannot be read" in done.stderr
    with Image.open(out / "a.png") as image:
        assert image.size == (48, 32)
        assert image.info["postprocessing"] == "Postprocess upscale by: 2, Postprocess upscaler: atelier-x2"


def test_ctrl_c_cancels_what_generate_asked_for(tmp_path: Path) -> None:
    command = [sys.executable, "webui.py", "generate", "unwanted", "--steps", "150", "--batch-count", "100"]
    asking = subprocess.Popen([*command, "--width", "64", "--height", "64", "--data-dir", str(tmp_path)], cwd=ROOT)
    until(lambda: list(tmp_path.rglob("*.png")), 240)
    asking.send_signal(signal.SIGINT)
    assert asking.wait(timeout=60) == 130
    with closing(build_services(resolve_paths(data_dir=tmp_path), EngineOptions())) as services:
        assert services.generate.active_jobs() == []


def test_generate_says_that_the_queue_is_paused(tmp_path: Path) -> None:
    with closing(build_services(resolve_paths(data_dir=tmp_path), EngineOptions())) as services:
        services.generate.pause()
    command = [sys.executable, "webui.py", "generate", "a star", "--steps", "1", "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as asking:
        assert asking.stderr is not None
        assert any("The queue is paused" in line for line in asking.stderr)
        asking.kill()
    assert not resolve_paths(data_dir=tmp_path).unfinished_starts.exists()  # no extension was to blame


def test_two_generates_at_once_both_end(tmp_path: Path) -> None:
    command = [sys.executable, "webui.py", "generate", "a star", "--steps", "2", "--width", "64", "--height", "64"]
    both = [subprocess.Popen([*command, "--data-dir", str(tmp_path)], cwd=ROOT) for _ in range(2)]
    assert [one.wait(timeout=300) for one in both] == [0, 0]
    assert len(list(tmp_path.rglob("*.png"))) == 2


@pytest.mark.parametrize("name", ["picture.jpg", "taken"])
def test_output_that_cannot_be_written_is_refused_first(atelier_here: Here, tmp_path: Path, name: str) -> None:
    (tmp_path / "taken").write_text("in the way")
    refused = atelier_here("generate", "a star", "--output", tmp_path / name, "--data-dir", tmp_path / "data")
    assert refused.returncode == 2
    assert refused.stderr.strip() == (
        f"--output {tmp_path / name} is neither a folder nor a name that ends in .png. Choose one of them."
    )


@pytest.mark.parametrize("command", ["doctor", "ui"])
def test_data_folder_that_is_a_file_is_told_in_words(atelier_here: Here, tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("in the way")
    run, arguments = (atelier, ["--port", str(free_port())]) if command == "ui" else (atelier_here, [command])
    refused = run(*arguments, "--data-dir", tmp_path / "file")
    assert refused.returncode == 2
    assert "--data-dir" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_server_name_of_another_machine_is_told_in_words(tmp_path: Path) -> None:
    refused = atelier("--server-name", "203.0.113.9", "--gradio-auth", "a:b", "--data-dir", tmp_path)
    assert refused.returncode == 2
    assert "203.0.113.9 port 7860 cannot be used" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--width", "500"), "Width 500 is not a multiple of 8. Choose 496 or 504."),
        (("--steps", "nan"), "Steps 'nan' is not a number. Write digits, like 20 or 7.5."),
        (("--cfg", "lots"), "CFG scale 'lots' is not a number. Write digits, like 20 or 7.5."),
        (("--model", "nonesuch"), "Model 'nonesuch' is not here. Choose one of: atelier-demo."),
        (("--sampler", "Eulr"), "Sampler 'Eulr' is not known. Nearest: Euler, Euler a."),
    ],
)
def test_bad_input_is_refused_in_one_line(
    atelier_here: Here, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    refused = atelier_here("generate", "a star", *arguments, "--data-dir", tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.strip().splitlines()[-1] == sentence
    assert not list(tmp_path.rglob("*.png"))


def test_prompt_of_100_000_characters(atelier_here: Here, tmp_path: Path) -> None:
    refused = atelier_here("generate", "x" * 100_000, "--data-dir", tmp_path)
    assert refused.returncode == 2
    assert "has 100,000 characters. The most is 32,768: shorten it." in refused.stderr


def test_taken_port_offers_a_free_one(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = atelier("--port", str(port), "--data-dir", tmp_path)
    assert refused.returncode == 2
    assert f"Port {port} is taken by another program. Start with --port {port + 1}" in refused.stderr


def test_missing_model_folder_is_told_in_words(atelier_here: Here, tmp_path: Path) -> None:
    refused = atelier_here("generate", "a star", "--ckpt-dir", tmp_path / "missing", "--data-dir", tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.strip() == (
        f"--ckpt-dir {tmp_path / 'missing'} is no folder. Correct the path, or create the folder first."
    )


def test_doctor_tells_device_and_speed(atelier_here: Here, tmp_path: Path) -> None:
    report = atelier_here("doctor", "--data-dir", tmp_path, "--use-cpu")
    assert report.returncode == 0, report.stderr
    assert "Device:           cpu" in report.stdout
    assert "Upscalers:        1 in files, with atelier-x2, which ships with the program" in report.stdout
    assert "Scripts:          Prompt matrix, Prompts from file or textbox, X/Y/Z plot, Loopback" in report.stdout
    assert "Plugin" not in report.stdout
    assert "s per step" in report.stdout


LONG = {"prompt": "a star", "steps": 150, "batch_count": 100, "width": 64, "height": 64}


@pytest.mark.skipif(os.name != "posix", reason="sends the signals of POSIX")
@pytest.mark.parametrize(("number", "worker"), [(signal.SIGTERM, "process"), (signal.SIGINT, "thread")])
def test_stopping_the_server_puts_its_job_back_and_ends_in_order(
    tmp_path: Path, number: signal.Signals, worker: str
) -> None:
    with closing(build_services(resolve_paths(data_dir=tmp_path), EngineOptions())) as beside:
        job = beside.generate.submit(Txt2ImgRequest.of(LONG))
        waiting = beside.generate.submit(Txt2ImgRequest.of(LONG))
        with serving(tmp_path, "--worker", worker) as (server, _):
            until(lambda: beside.pictures.of_job(job.id))
            ends_in_order(server, number)
        assert [one.id for one in beside.generate.active_jobs()] == [job.id, waiting.id]
        assert {one.state for one in beside.generate.active_jobs()} == {"queued"}
        for path in (tmp_path / "outputs" / "txt2img-images").rglob("*"):
            if path.is_file():
                assert path.suffix == ".png"
                with Image.open(path) as image:
                    image.load()


@pytest.mark.skipif(os.name != "posix", reason="sends the signals of POSIX")
@pytest.mark.parametrize(
    ("state", "number"),
    [
        ("starting", signal.SIGINT),
        ("importing", signal.SIGTERM),
        ("idle", signal.SIGTERM),
        ("listened to", signal.SIGINT),
    ],
)
def test_stopping_in_every_other_state(tmp_path: Path, number: signal.Signals, state: str) -> None:
    with serving(tmp_path) as (server, port):
        if state == "starting":
            until((tmp_path / "cache").exists)
        elif state == "importing":
            until(lambda: workers_of(server.pid))
            time.sleep(0.3)
        else:
            assert is_ready(server)
        if state == "idle":
            time.sleep(2)
        with ExitStack() as stack:
            if state == "listened to":
                streams = [stack.enter_context(listening(port)) for _ in range(20)]
                assert all(stream.status == 200 for stream in streams)
            ends_in_order(server, number)


@pytest.mark.skipif(os.name != "posix", reason="sends the signals of POSIX")
def test_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    """The worker is stopped by SIGSTOP: it would keep the server waiting."""
    with closing(build_services(resolve_paths(data_dir=tmp_path), EngineOptions())) as beside:
        job = beside.generate.submit(Txt2ImgRequest.of(LONG))
        with serving(tmp_path) as (server, _):
            until(lambda: beside.pictures.of_job(job.id))
            (worker,) = workers_of(server.pid)
            worker.suspend()
            server.send_signal(signal.SIGINT)
            time.sleep(0.5)
            assert server.poll() is None
            began = time.monotonic()
            server.send_signal(signal.SIGINT)
            assert server.wait(timeout=60) == 130
            assert time.monotonic() - began < 3  # what it waits for is ended after 7
            worker.kill()


@pytest.mark.skipif(os.name != "posix", reason="sends the signals of POSIX")
def test_worker_that_hangs_does_not_keep_the_server(tmp_path: Path) -> None:
    with closing(build_services(resolve_paths(data_dir=tmp_path), EngineOptions())) as beside:
        job = beside.generate.submit(Txt2ImgRequest.of(LONG))
        with serving(tmp_path) as (server, _):
            until(lambda: beside.pictures.of_job(job.id))
            workers_of(server.pid)[0].suspend()
            ends_in_order(server, signal.SIGTERM)
        assert beside.generate.job(job.id).state == "queued"


@pytest.mark.skipif(os.name != "posix", reason="sends the signals of POSIX")
def test_worker_ends_with_a_server_that_was_killed(tmp_path: Path) -> None:
    with closing(build_services(resolve_paths(data_dir=tmp_path), EngineOptions())) as beside:
        job = beside.generate.submit(Txt2ImgRequest.of(LONG))
        with serving(tmp_path) as (server, _):
            until(lambda: beside.pictures.of_job(job.id))
            workers = workers_of(server.pid)
            server.kill()
            assert psutil.wait_procs(workers, timeout=60)[1] == []
        assert beside.generate.job(job.id).state == "running"  # the next server puts it back


def test_missing_package_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "psutil.py").write_text("raise ImportError('no psutil here', name='psutil')")
    command = [sys.executable, "webui.py", "doctor", "--data-dir", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "The package psutil is missing or broken (no psutil here). Run: python launch.py --reinstall"
    )


def test_output_folder_keeps_what_is_there(atelier_here: Here, tmp_path: Path) -> None:
    """Results of Extras are called as their inputs: the person's own file must not be written over."""
    original = tmp_path / "house.png"
    Image.new("RGB", (64, 64), (200, 30, 30)).save(original)
    before = original.read_bytes()
    flags = ("--upscaler", "Nearest", "--output", tmp_path, "--data-dir", tmp_path / "data")
    done = atelier_here("upscale", original, *flags)
    assert done.returncode == 0, done.stderr
    assert original.read_bytes() == before
    with Image.open(tmp_path / "house-1.png") as image:
        assert image.size == (128, 128)
