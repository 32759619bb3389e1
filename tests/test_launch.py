"""launch.py on copies of itself with tiny packages: a real .venv and a real pip, no network, real faults."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import launch

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ("TORCH_", "INDEX_URL", "COMMANDLINE_ARGS", "PIP_", "UV_", "PYTHONPATH", "PYTEST_", "SSL_CERT_FILE")
SHOWS_ARGUMENTS = "import json, sys\nprint(json.dumps(sys.argv[1:]))\nsys.exit(7)\n"

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals and symbolic links of POSIX")


def write_wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> Path:
    """A package file as an index would serve it."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    facts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, *facts, f"{info}/RECORD")).encode()
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path, content in {**files, **facts, f"{info}/RECORD": record}.items():
            archive.writestr(path, content)
    return wheel


class Copy:
    """An installation of its own: the real launcher and command line, a webui.py and packages of a few bytes."""

    def __init__(self, root: Path, wheels: Path) -> None:
        self.root = root
        self.wheels = wheels
        self.venv = root / ".venv"
        self.stamp = self.venv / "installed.json"
        self.log = self.venv / "install.log"

    def environment(self, **changes: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_CONFIG_FILE": os.devnull}
        return {**kept, **offline, **changes}

    def start(self, *arguments: str, **changes: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(self.root / "launch.py"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={name: value for name, value in self.environment(**changes).items() if value},
            start_new_session=True,
        )

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments, **changes) as process:
            output, errors = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def python(self) -> Path:
        return self.venv / launch.PYTHON.relative_to(launch.ENVIRONMENT)

    def packages(self) -> Path:
        return next(self.venv.rglob("site-packages"))

    def is_stamped(self) -> bool:
        return self.stamp.is_file() and bool(json.loads(self.stamp.read_text())["complete"])


def make_copy(root: Path, wheels: Path) -> Copy:
    for name in ("modules/errors", "modules/config"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "modules" / "__init__.py", root / "modules")
    shutil.copy(ROOT / "launch.py", root)
    (root / "webui.py").write_text(SHOWS_ARGUMENTS)
    (root / "requirements.txt").write_text(
        "# why\ntiny==1.0; python_version >= '3.10'\nabsent==1; python_version < '3'\n"
    )
    (root / "tests").mkdir()
    (root / "tests" / "requirements.txt").write_text("pytest==1.0\n")
    return Copy(root, wheels)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    write_wheel(folder, "tiny", "1.0", {"tiny/__init__.py": b""})
    write_wheel(folder, "pytest", "1.0", {"pytest/__init__.py": b"", "pytest/__main__.py": SHOWS_ARGUMENTS.encode()})
    return folder


@pytest.fixture
def fresh(tmp_path: Path, wheels: Path) -> Copy:
    """Nothing installed yet."""
    return make_copy(tmp_path / "atelier", wheels)


@pytest.fixture(scope="module")
def empty_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with nothing but pip; to make one takes longer than all else that an installation does."""
    folder = tmp_path_factory.mktemp("environment") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder


@pytest.fixture
def prepared(fresh: Copy, empty_environment: Path) -> Copy:
    """Nothing installed yet, in a .venv that a person made by hand."""
    shutil.copytree(empty_environment, fresh.venv, symlinks=True)
    return fresh


@pytest.fixture(scope="module")
def installed_once(tmp_path_factory: pytest.TempPathFactory, wheels: Path, empty_environment: Path) -> Copy:
    copy = make_copy(tmp_path_factory.mktemp("installed") / "atelier", wheels)
    shutil.copytree(empty_environment, copy.venv, symlinks=True)
    done = copy.run()
    assert "Installed in" in done.stderr, done.stderr
    return copy


@pytest.fixture
def installed(tmp_path: Path, installed_once: Copy) -> Copy:
    """A completed installation that the test may break."""
    shutil.copytree(installed_once.root, tmp_path / "atelier", symlinks=True)
    return Copy(tmp_path / "atelier", installed_once.wheels)


class DeafIndex:
    """A package index that takes connections and never answers."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self.changes = {
            "INDEX_URL": f"http://127.0.0.1:{server.getsockname()[1]}/simple",
            "PIP_NO_INDEX": "",
            "PIP_FIND_LINKS": "",
        }

    def wait_for_installer(self) -> socket.socket:
        """Wait until pip asks it for something."""
        self._server.settimeout(60)
        return self._server.accept()[0]


@pytest.fixture
def deaf_index() -> Iterator[DeafIndex]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield DeafIndex(server)


@pytest.fixture
def closed_index() -> dict[str, str]:
    """Environment with a package index whose port nobody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return DeafIndex(server).changes


def only_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of an error; the calm lines of progress before it are not counted."""
    lines = [line for line in done.stderr.splitlines() if not line.endswith("...")]
    assert len(lines) == 1, done.stderr
    return lines[0]


# --- Python ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(3, 6), (3, 9)])
def test_old_python_is_told_what_is_needed(version: tuple[int, int]) -> None:
    with pytest.raises(launch.LaunchError, match=rf"this is Python 3\.{version[1]}, and Atelier needs 3\.10 or newer"):
        launch.check_python(version, True)


def test_32_bit_python_is_refused() -> None:
    with pytest.raises(launch.LaunchError, match="64-bit"):
        launch.check_python((3, 12), False)


@pytest.mark.parametrize("version", [(3, 10), (3, 11), (4, 0)])
def test_newer_python_is_taken(version: tuple[int, int]) -> None:
    launch.check_python(version, True)


def test_old_python_can_read_the_launcher() -> None:
    ast.parse((ROOT / "launch.py").read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("minor", [6, 7, 8, 9])
def test_real_old_python_prints_one_line(minor: int, fresh: Copy) -> None:
    python = shutil.which(f"python3.{minor}")
    if python is None or subprocess.run([python, "-c", ""], capture_output=True).returncode != 0:
        pytest.skip(f"no Python 3.{minor} on this machine")
    done = subprocess.run([python, str(fresh.root / "launch.py")], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"this is Python 3.{minor}, and Atelier needs 3.10" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not fresh.venv.exists()


def test_python_without_ensurepip_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "ensurepip" else object())
    installation = launch.Installation.__new__(launch.Installation)
    with pytest.raises(launch.LaunchError, match="python3-venv"):
        installation.make_environment()


# --- a start with and without something to install -------------------------------------------------------------------


def test_first_start_installs_and_passes_arguments_on(fresh: Copy) -> None:
    done = fresh.run("generate", "a red house", "--steps", "3")
    assert json.loads(done.stdout) == ["generate", "a red house", "--steps", "3"]
    assert done.returncode == 7
    told = done.stderr.splitlines()
    assert told[:2] == [f"Installing Python packages into {fresh.venv} ...", "Checking them ..."]
    assert re.fullmatch(r"Installed in \d+ s\.", told[2])
    assert len(told) == 3
    assert fresh.is_stamped()
    assert not (fresh.venv / "tmp").exists()


def test_second_start_calls_no_installer_and_takes_no_time(installed: Copy) -> None:
    for part in installed.packages().glob("pip*"):
        shutil.rmtree(part)
    installed.log.unlink()
    seconds = []
    for _ in range(3):
        started = time.monotonic()
        done = installed.run("doctor")
        seconds.append(time.monotonic() - started)
        assert (json.loads(done.stdout), done.stderr) == (["doctor"], "")
    assert not installed.log.exists()
    # A second on a machine that has nothing else to do.
    assert min(seconds) < max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def test_test_command_adds_the_tools_and_hands_over_to_pytest(installed: Copy) -> None:
    done = installed.run("test", "-k", "stamp", "tests/x.py")
    assert json.loads(done.stdout) == ["-m", "not slow", "-k", "stamp", "tests/x.py"]
    assert done.returncode == 7
    again = installed.run("test")
    assert again.stderr == ""
    assert json.loads(again.stdout)[:2] == ["-m", "not slow"]
    assert installed.run().stderr == ""


def test_changed_requirements_are_installed(installed: Copy, tmp_path: Path) -> None:
    for name in ("tiny", "second"):
        write_wheel(tmp_path / "more", name, "2.0", {f"{name}/__init__.py": b""})
    (installed.root / "requirements.txt").write_text("tiny==2.0\nsecond==2.0\n")
    done = installed.run(PIP_FIND_LINKS=f"{installed.wheels} {tmp_path / 'more'}")
    assert "Installed in" in done.stderr
    assert {path.name for path in installed.packages().glob("*-2.0.dist-info")} == {
        "tiny-2.0.dist-info",
        "second-2.0.dist-info",
    }


def test_package_that_was_uninstalled_comes_back(installed: Copy) -> None:
    shutil.rmtree(installed.packages() / "tiny")
    shutil.rmtree(installed.packages() / "tiny-1.0.dist-info")
    assert "Installed in" in installed.run().stderr
    assert (installed.packages() / "tiny").is_dir()


def test_chosen_torch_is_kept_until_reinstall(prepared: Copy, tmp_path: Path) -> None:
    if shutil.disk_usage(tmp_path).free < launch.SPACE_WITH_CUDA:
        pytest.skip("the launcher would find too little free space")
    for name, version in (("torch", "1.0"), ("torch", "2.0"), ("torchvision", "1.0")):
        write_wheel(tmp_path / "torch", name, version, {f"{name}/__init__.py": b""})
    (prepared.root / "requirements.txt").write_text("torch==1.0\ntorchvision==1.0\ntiny==1.0\n")
    links = f"{prepared.wheels} {tmp_path / 'torch'}"
    chosen = prepared.run(PIP_FIND_LINKS=links, TORCH_COMMAND="pip install torch==2.0 torchvision")
    assert "Installed in" in chosen.stderr
    assert (prepared.packages() / "torch-2.0.dist-info").is_dir()
    assert prepared.run(PIP_FIND_LINKS=links).stderr == ""
    prepared.run("--reinstall", PIP_FIND_LINKS=links)
    assert (prepared.packages() / "torch-1.0.dist-info").is_dir()


def test_skip_install_starts_with_what_is_there(installed: Copy) -> None:
    (installed.root / "requirements.txt").write_text("tiny==3.0\n")
    done = installed.run("--skip-install")
    assert (json.loads(done.stdout), done.stderr) == (["--skip-install"], "")


def test_skip_install_without_anything_there(fresh: Copy) -> None:
    done = fresh.run("--skip-install")
    assert done.returncode == 2
    assert "no .venv" in only_line(done)


@pytest.mark.parametrize("command", [[], ["test"], ["generate"], ["doctor"]])
def test_help_needs_no_installation(command: list[str], fresh: Copy) -> None:
    done = fresh.run(*command, "--help")
    assert done.returncode == 0
    assert "--reinstall" in done.stdout
    assert command or "TORCH_INDEX_URL" in done.stdout
    assert not fresh.venv.exists()


def test_unknown_argument_is_refused_before_installing(fresh: Copy) -> None:
    done = fresh.run("--nonsense")
    assert done.returncode == 2
    assert "unknown arguments: --nonsense" in done.stderr
    assert not fresh.venv.exists()


# --- a broken .venv --------------------------------------------------------------------------------------------------


@posix_only
@pytest.mark.parametrize("content", [None, b"garbage", b"#!/bin/sh\nexit 3\n", b"#!/bin/sh\nexit 0\n"])
def test_broken_python_tells_how_to_rebuild(content: bytes | None, installed: Copy) -> None:
    python = installed.python()
    python.unlink()
    if content is not None:
        python.write_bytes(content)
        python.chmod(0o755)
    done = installed.run()
    assert done.returncode == 2
    assert ".venv is broken" in only_line(done)
    assert only_line(done).endswith("python launch.py --reinstall")


@posix_only
def test_reinstall_mends_a_broken_python(installed: Copy) -> None:
    installed.python().unlink()
    (installed.packages() / "leftover").mkdir()
    done = installed.run("--reinstall")
    assert json.loads(done.stdout) == ["--reinstall"]
    assert not (installed.packages() / "leftover").exists()


def test_half_deleted_package_tells_how_to_rebuild(installed: Copy) -> None:
    shutil.rmtree(installed.packages() / "tiny")
    done = installed.run()
    assert done.returncode == 2
    assert "tiny should be there" in only_line(done)
    assert not installed.is_stamped()


def test_package_that_cannot_be_imported_is_not_taken_for_installed(prepared: Copy, tmp_path: Path) -> None:
    write_wheel(tmp_path / "bad", "tiny", "1.0", {"tiny/__init__.py": b"raise ImportError('no such library')"})
    done = prepared.run(PIP_FIND_LINKS=str(tmp_path / "bad"))
    assert done.returncode == 2
    assert "cannot be loaded: ImportError: no such library" in only_line(done)
    assert not prepared.is_stamped()


# --- failing and interrupted installations ---------------------------------------------------------------------------


def test_no_network_is_said_in_one_line(prepared: Copy, closed_index: dict[str, str]) -> None:
    done = prepared.run(**closed_index)
    assert done.returncode == 2
    assert "no answer from the package index" in only_line(done)
    assert "INDEX_URL" in only_line(done)
    assert not prepared.is_stamped()


def test_no_network_leaves_what_was_installed(installed: Copy, closed_index: dict[str, str]) -> None:
    (installed.root / "requirements.txt").write_text("tiny==3.0\n")
    done = installed.run(**closed_index)
    assert "--skip-install starts with the packages that are there" in only_line(done)
    assert installed.is_stamped()


def test_failed_installation_shows_the_last_lines_and_the_log(prepared: Copy) -> None:
    (prepared.root / "requirements.txt").write_text("nowhere==1.0\n")
    done = prepared.run()
    assert done.returncode == 1, "pip's own exit code"
    assert "No matching distribution found for nowhere==1.0" in done.stderr
    assert str(prepared.log) in done.stderr
    assert "Traceback" not in done.stderr and "WARNING" not in done.stderr
    assert len(done.stderr.splitlines()) <= 6
    assert not prepared.is_stamped()


@posix_only
def test_killed_installation_is_not_taken_for_complete(fresh: Copy, deaf_index: DeafIndex) -> None:
    with fresh.start(**deaf_index.changes) as process, deaf_index.wait_for_installer():
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    half_written = fresh.packages() / "half-written"
    half_written.mkdir()
    assert not fresh.is_stamped()
    done = fresh.run()
    assert "Installed in" in done.stderr
    assert not half_written.exists()
    assert fresh.is_stamped()


@posix_only
def test_launch_waits_while_a_killed_one_s_installer_still_writes(prepared: Copy, deaf_index: DeafIndex) -> None:
    with prepared.start(**deaf_index.changes) as first, deaf_index.wait_for_installer():
        first.kill()
        first.wait()
        with prepared.start() as second:
            assert second.stderr is not None
            assert "Another launch is installing" in second.stderr.readline()
            os.killpg(first.pid, signal.SIGKILL)
            output, errors = second.communicate(timeout=60)
    assert "Installed in" in errors
    assert json.loads(output) == []


def test_two_launches_at_once_install_once(fresh: Copy) -> None:
    with fresh.start("doctor") as one, fresh.start("doctor") as other:
        results = [process.communicate(timeout=120) for process in (one, other)]
    assert [json.loads(output) for output, _ in results] == [["doctor"], ["doctor"]]
    assert sum("Installed in" in errors for _, errors in results) == 1


def test_damaged_stamp_means_incomplete(installed: Copy) -> None:
    installed.stamp.write_text('{"complete": tr')
    assert "Installed in" in installed.run().stderr


def test_venv_made_by_hand_is_filled_not_emptied(prepared: Copy) -> None:
    own = prepared.packages() / "own"
    own.mkdir()
    assert "Installed in" in prepared.run().stderr
    assert own.is_dir()


# --- the disk --------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 560 MB: enough to begin, not enough for a large package."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=560m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_too_little_space_is_said_before_installing(small_disk: Path, wheels: Path) -> None:
    copy = make_copy(small_disk / "atelier", wheels)
    (small_disk / "taken").write_bytes(bytes(200 * 10**6))
    done = copy.run()
    assert done.returncode == 2
    assert re.search(r"needs 0\.5 GB of disk space, and the disk that holds .* has 0\.4 GB free", only_line(done))
    assert not copy.python().exists()


def test_disk_that_fills_up_while_installing(small_disk: Path, tmp_path: Path, empty_environment: Path) -> None:
    copy = make_copy(small_disk / "atelier", tmp_path / "large")
    shutil.copytree(empty_environment, copy.venv, symlinks=True)
    write_wheel(tmp_path / "large", "tiny", "1.0", {"tiny/__init__.py": b"", "tiny/weights": bytes(600 * 10**6)})
    done = copy.run()
    assert done.returncode == 2
    assert "became full while installing" in only_line(done)
    assert not copy.is_stamped()


def test_room_for_torch_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    with (tmp_path / "lock").open("wb") as lock:
        needed = {
            torch: launch.Installation(
                lock, launch.Stamp(complete=False, torch=torch), tests=True, reinstall=False
            ).space_needed()
            for torch in (launch.ORDINARY_TORCH, "index https://builds.example/whl/cpu")
        }
    assert list(needed.values()) == [launch.SPACE_WITH_CUDA, launch.SPACE_WITHOUT_CUDA]


# --- pip and uv ------------------------------------------------------------------------------------------------------


def test_uv_is_told_what_pip_is_configured_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_NO_CACHE", "1")
    configuration = launch.pip_configuration(
        [
            "WARNING: something else",
            "global.index-url='https://mirror.example/simple'",
            "global.extra-index-url='https://a.example https://b.example'",
            ":env:.index-url='https://nearer.example/simple'",
            "freeze.timeout='10'",
        ]
    )
    command = " ".join(launch.uv_command(configuration, ""))
    assert "--default-index https://nearer.example/simple" in command
    assert "--index https://a.example --index https://b.example" in command
    assert command.count("--default-index") == 1
    chosen = " ".join(launch.uv_command(configuration, "https://chosen.example"))
    assert "--default-index https://chosen.example" in chosen
    assert "nearer" not in chosen


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("  Downloading torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl (539.1 MB)", "  downloading torch (539 MB)"),
        ("Downloading nvidia-cudnn-cu13 (1.1GiB)", "  downloading nvidia-cudnn-cu13 (1100 MB)"),
        ("Downloading numpy (16.1MiB)", ""),
        ("WARNING: Location is ignored", ""),
    ],
)
def test_only_large_downloads_are_told(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    launch.tell_large_download(line)
    assert capsys.readouterr().err.rstrip("\n") == said


# --- the lists of packages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["requirements.txt", "tests/requirements.txt"])
def test_every_pinned_package_has_its_reason(file: str) -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    section = page.split(f"## {file}\n")[1].split("\n## ")[0]
    assert re.findall(r"^\* `([^`]+)`: .{10}", section, re.MULTILINE) == launch.pinned_names(ROOT / file)


@pytest.mark.parametrize("file", ["requirements.txt", "tests/requirements.txt"])
def test_every_line_is_an_exact_pin(file: str) -> None:
    lines = [line for line in (ROOT / file).read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+==[0-9.]+(; .+)?", line) for line in lines)


def test_tests_keep_compiled_modules_whatever_the_environment_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    """They start the program dozens of times."""
    handed_over: list[tuple[list[str], bool]] = []

    def hand_over(arguments: list[str]) -> int:
        handed_over.append((arguments[:2], "PYTHONDONTWRITEBYTECODE" in os.environ))
        return 0

    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.chdir(launch.ROOT)
    monkeypatch.setattr(launch, "make_ready", lambda **given: None)
    monkeypatch.setattr(launch, "hand_over", hand_over)
    assert launch.run_command(["test"]) == 0
    assert handed_over == [(["-m", "pytest"], False)]
