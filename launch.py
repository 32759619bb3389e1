"""Makes .venv, installs there what is missing, and starts webui.py or the tests with it. Standard library only.

It knows nothing of pictures, models or servers. Everything it makes lies in .venv: the packages, the log of the last
installation, the lock that keeps two launches apart, and the stamp that says whether an installation was completed.

Python 3.6 can read this file, so that the owner of an old Python is told what is wrong. Hence the quoted annotations
and the import of our own modules inside of a function.
"""

import ast
import contextlib
import errno
import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, NamedTuple

OLDEST_PYTHON = (3, 10)
ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = ENVIRONMENT / "installed.json"
LOCK = ENVIRONMENT / "install.lock"
LOG = ENVIRONMENT / "install.log"
TEMPORARY = ENVIRONMENT / "tmp"
"""For downloads: the system's own folder may be a small disk in memory."""
REQUIREMENTS = ROOT / "requirements.txt"
TEST_REQUIREMENTS = ROOT / "tests" / "requirements.txt"

INSTALLER = "uv==0.13.8"
"""Takes a third of pip's time. Where it fails or cannot be had, pip does the work."""

ORDINARY_TORCH = "ordinary"
NO_CUDA_ON_WINDOWS = (
    "On Windows this PyTorch computes on the processor only. For the NVIDIA card, set TORCH_INDEX_URL to the CUDA"
    " address that pytorch.org shows under Get Started, and start again."
)
"""What the ordinary index has for Windows is built without CUDA."""

GIGABYTE = 10**9
SPACE_WITH_CUDA = 7 * GIGABYTE  # measured: 6.3 with the test tools
SPACE_WITHOUT_CUDA = 3 * GIGABYTE
SPACE_FOR_SMALL_PACKAGES = GIGABYTE // 2
LARGE_DOWNLOAD_MB = 100

# Imported once after an installation. That proves that the packages fit one another, and it leaves the bytecode of
# just those parts that the program starts with: compiling everything takes three times as long.
SCREEN_PACKAGES = ("gradio", "fastapi", "starlette", "uvicorn", "pydantic")
ENGINE_PARTS = (
    "diffusers.models.autoencoders.autoencoder_kl",
    "diffusers.models.unets.unet_2d_condition",
    "transformers.models.clip.modeling_clip",
)

PIP_IN_UV_WORDS = {
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
    "trusted-host": "--allow-insecure-host",
}
UNKNOWN_TO_UV = {"no-index", "client-cert", "proxy", "constraint", "keyring-provider", "no-binary", "require-hashes"}
"""With one of these in pip's configuration, pip itself installs."""

NETWORK_SIGNS = re.compile(
    "NewConnectionError|Failed to establish a new connection|name resolution|Max retries exceeded|ConnectTimeout"
    "|ReadTimeout|Read timed out|ProxyError|SSLError|CERTIFICATE_VERIFY_FAILED|Failed to fetch|dns error"
    "|error sending request|tcp connect error|Network is unreachable|IncompleteRead|Connection broken",
    re.IGNORECASE,
)
FULL_DISK_SIGNS = re.compile(
    r"No space left on device|not enough space on the disk|Disk quota exceeded|\[Errno 28\]|os error (28|112|122)\b"
)
DOWNLOAD_LINE = re.compile(r"Downloading (\S+) \(([\d.]+) ?([MG])i?B\)")
PINNED_NAME = re.compile(r"^([A-Za-z0-9_.-]+)\s*==", re.MULTILINE)

DESCRIBE_PACKAGES = """
import csv, importlib.metadata, json, sys
from pathlib import PurePosixPath
modules = []
for name in sys.argv[1:]:
    try:
        # Not files(), which leaves out those that are gone: they are what we look for.
        record = importlib.metadata.distribution(name).read_text("RECORD") or ""
    except importlib.metadata.PackageNotFoundError:
        continue  # its marker leaves it out on this machine
    files = [PurePosixPath(row[0]) for row in csv.reader(record.splitlines()) if row]
    found = {f.parts[0] for f in files if len(f.parts) == 2 and f.name == "__init__.py" and f.parts[0].isidentifier()}
    found |= {f.stem for f in files if len(f.parts) == 1 and f.suffix == ".py" and f.stem.isidentifier()}
    own = name.lower().replace("-", "_")
    modules += [own] if own in found else sorted(found)
print(json.dumps({"python": "%d.%d" % sys.version_info[:2], "modules": modules}))
"""
FIND_MODULES = """
import importlib.util, sys
print("%d.%d" % sys.version_info[:2], *[n for n in sys.argv[1:] if importlib.util.find_spec(n) is None])
"""
IMPORT_MODULES = """
import importlib, importlib.util, sys
for name in sys.argv[1:]:
    if importlib.util.find_spec(name.partition(".")[0]):
        importlib.import_module(name)
"""


class LaunchError(Exception):
    """Something the person at the keyboard can mend; str() is a sentence for them, `code` the exit code."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


class NetworkError(LaunchError):
    """The package index did not answer; nothing was changed."""


class Stamp(NamedTuple):
    """What lies in .venv; written when an installation begins and again when it is completed."""

    complete: bool
    torch: str
    """The build that was asked for: "ordinary", "index URL" or "command ARGUMENTS"."""
    runtime: str = ""
    """Fingerprint of requirements.txt as it was when it was installed."""
    tests: str = ""
    """The same of tests/requirements.txt; empty without test tools."""
    python: str = ""
    modules: "tuple[str, ...]" = ()
    """The importable names of the pinned packages, to notice when one goes missing."""


# --- the way through -------------------------------------------------------------------------------------------------


def main(arguments: "list[str]") -> int:
    """Install what is missing and run the command; returns the exit code where it comes back at all."""
    try:
        check_python(sys.version_info[:2], sys.maxsize > 2**32)
        return run_command(arguments)
    except LaunchError as error:
        tell(f"launch.py: {error}")
        return error.code
    except KeyboardInterrupt:
        tell("\nStopped before the installation was complete. The same command takes it up again.")
        return 130
    except OSError as error:
        tell(f"launch.py: {full_disk_message() if is_full_disk(error) else error}")
        return 2


def check_python(version: "tuple[int, ...]", is_64_bit: bool) -> None:
    """Refuse a Python that the packages do not exist for."""
    if version < OLDEST_PYTHON:
        found, wanted = (".".join(map(str, numbers)) for numbers in (version, OLDEST_PYTHON))
        raise LaunchError(
            f"this is Python {found}, and Atelier needs {wanted} or newer. Install one from python.org or your system's"
            f" packages and start launch.py with it, for example: python3.12 launch.py"
        )
    if not is_64_bit:
        raise LaunchError("this is a 32-bit Python, and PyTorch needs a 64-bit one. Install that from python.org.")


def run_command(arguments: "list[str]") -> int:
    """Read the command line, make .venv ready and hand over to it."""
    from modules.config.command_line import parse_command_line  # old Pythons cannot read that file

    options = parse_command_line(arguments)
    tests = options.command == "test"
    if not options.skip_install:
        make_ready(tests=tests, reinstall=options.reinstall)
    elif not PYTHON.exists():
        raise LaunchError("there is no .venv folder to start from. Start once without --skip-install.")
    if tests:
        os.chdir(ROOT)
        # They start a server dozens of times, which would compile all of our modules each time.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        return hand_over(["-m", "pytest", *pytest_arguments(options.pytest_arguments)])
    return hand_over([str(ROOT / "webui.py"), *arguments])


def pytest_arguments(given: "list[str]") -> "list[str]":
    """pytest's arguments: without slow tests unless asked for; all of them run in several processes."""
    usual = ["-m", "not slow"]
    # One more than processors, since tests wait for a third of their time; each loads PyTorch, so not many more.
    processes = min((os.cpu_count() or 1) + 1, 4)
    if not given:
        usual += ["-n", str(processes), "--dist", "loadfile", "--no-loadscope-reorder"]
    return [*usual, *given]


def hand_over(arguments: "list[str]") -> int:
    """Become the Python of .venv; Windows cannot replace a process, so there we wait for it."""
    command = [str(PYTHON), *arguments]
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        if os.name != "nt":
            os.execv(command[0], command)  # noqa: S606  does not return
        return wait_for(subprocess.Popen(command))
    except OSError as error:
        raise broken(f"its Python does not start ({error.strerror})") from error


def wait_for(process: "subprocess.Popen[bytes]") -> int:
    """Wait to the end: Ctrl+C reaches the child too, which closes down in its own time."""
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            return process.wait()


# --- what is there ---------------------------------------------------------------------------------------------------


def make_ready(*, tests: bool, reinstall: bool) -> None:
    """Install into .venv what the stamp does not vouch for. Costs milliseconds when nothing is missing."""
    if not reinstall and is_complete(read_stamp(), tests=tests):
        return
    ENVIRONMENT.mkdir(exist_ok=True)
    with LOCK.open("a+b") as lock:
        waited = acquire(lock)
        stamp = read_stamp()
        if (waited or not reinstall) and is_complete(stamp, tests=tests):
            return  # the other launch did it
        Installation(lock, stamp, tests=tests, reinstall=reinstall).run()


def is_complete(stamp: "Stamp | None", *, tests: bool) -> bool:
    """Whether .venv holds all that is wanted. Raises where its Python is broken."""
    if stamp is None or not stamp.complete or stamp.torch != wanted_torch(stamp) or stamp.runtime != fingerprint():
        return False
    if tests and stamp.tests != fingerprint(TEST_REQUIREMENTS):
        return False
    python, *missing = ask_environment(FIND_MODULES, stamp.modules).split()
    if python != stamp.python:
        raise broken(f"it was made by Python {stamp.python} and is now run by {python}")
    return not missing


def read_stamp() -> "Stamp | None":
    """What the last installation wrote; None where there was none of ours."""
    try:
        facts = json.loads(STAMP.read_text(encoding="utf-8"))
        return Stamp(**{**facts, "modules": tuple(facts["modules"])})  # JSON has no tuples
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        return Stamp(complete=False, torch=ORDINARY_TORCH)


def write_stamp(stamp: Stamp) -> None:
    """Replace the stamp in one go, so that a kill leaves the old or the new one."""
    temporary = STAMP.with_suffix(".part")
    temporary.write_text(json.dumps(stamp._asdict(), indent=1), encoding="utf-8")
    temporary.replace(STAMP)


def wanted_torch(stamp: "Stamp | None") -> str:
    """The PyTorch build to have: the environment's choice, else the one chosen before, else the ordinary one."""
    command = os.environ.get("TORCH_COMMAND", "").strip()
    index = os.environ.get("TORCH_INDEX_URL", "").strip()
    if command:
        return f"command {command}"
    if index:
        return f"index {index}"
    if stamp is not None:
        return stamp.torch
    return ORDINARY_TORCH


def fingerprint(requirements: Path = REQUIREMENTS) -> str:
    """Changes with a requirements file, however it is checked out."""
    return hashlib.sha256(b"\n".join(requirements.read_bytes().splitlines())).hexdigest()


def pinned_names(requirements: Path) -> "list[str]":
    """The packages that a requirements file pins, each once."""
    return list(dict.fromkeys(PINNED_NAME.findall(requirements.read_text(encoding="utf-8"))))


def ask_environment(program: str, arguments: "tuple[str, ...] | list[str]") -> str:
    """What a few lines of Python print when .venv runs them. -I keeps other folders and settings out of it."""
    try:
        answer = subprocess.run(
            [str(PYTHON), "-I", "-c", program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what it has to say is in the exit code; a traceback helps nobody here
            check=True,
        )
    except OSError as error:
        raise broken(f"its Python does not start ({error.strerror})") from error
    except subprocess.CalledProcessError as error:
        raise broken(f"its Python ends with code {error.returncode}") from error
    if not answer.stdout:
        raise broken("its Python does not answer")
    return answer.stdout.decode()


def broken(reason: str) -> LaunchError:
    """The error for a .venv that cannot be used."""
    return LaunchError(f"the folder .venv is broken: {reason}. Rebuild it with: python launch.py --reinstall")


def acquire(lock: "IO[bytes]") -> bool:
    """Hold the lock file until it is closed, waiting for another launch; returns whether there was one.

    The system lets go of the lock when its holder dies, so there are no stale ones.
    """
    waited = False
    while True:
        try:
            lock_now(lock)
            return waited
        except (BlockingIOError, PermissionError):
            if not waited:
                tell("Another launch is installing. Waiting for it ...")
            waited = True
            time.sleep(0.5)
        except OSError:
            return waited  # a file system without locks: better unguarded than not at all


if sys.platform == "win32":
    import msvcrt

    def lock_now(lock: "IO[bytes]") -> None:
        """Take the lock or raise PermissionError."""
        msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def lock_now(lock: "IO[bytes]") -> None:
        """Take the lock or raise BlockingIOError."""
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


# --- installing ------------------------------------------------------------------------------------------------------


class Installation:
    """One attempt to bring .venv up to date, by a launch that holds the lock."""

    def __init__(self, lock: "IO[bytes]", stamp: "Stamp | None", *, tests: bool, reinstall: bool) -> None:
        self.lock = lock
        self.before = stamp
        self.torch = wanted_torch(None if reinstall else stamp)
        # Of an installation that did not come to its end, or has another PyTorch, no file can be relied on.
        self.from_nothing = reinstall or (
            stamp is not None and not (stamp.complete and stamp.torch == self.torch and PYTHON.exists())
        )
        runtime = None if self.from_nothing or stamp is None else stamp.runtime
        self.only_tests = runtime == fingerprint() and stamp is not None and tests and not stamp.tests
        self.files = [REQUIREMENTS, TEST_REQUIREMENTS] if tests or (stamp and stamp.tests) else [REQUIREMENTS]
        self.settings = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_USER": "0"}

    def run(self) -> None:
        """All steps; the stamp that vouches for them is written last."""
        started = time.monotonic()
        if self.from_nothing:
            write_stamp(Stamp(complete=False, torch=self.torch))
            empty_environment()
        check_space(self.space_needed())
        tell(f"Installing Python packages into {ENVIRONMENT} ...")
        write_stamp(Stamp(complete=False, torch=self.torch))
        LOG.write_bytes(b"")
        try:
            self.fill_environment()
            tell("Checking them ...")
            stamp = self.checked()
        finally:
            shutil.rmtree(TEMPORARY, ignore_errors=True)
        write_stamp(stamp)
        tell(f"Installed in {time.monotonic() - started:.0f} s.")
        if os.name == "nt" and self.torch == ORDINARY_TORCH and shutil.which("nvidia-smi"):
            tell(NO_CUDA_ON_WINDOWS)

    def fill_environment(self) -> None:
        try:
            if not PYTHON.exists() or not self.has_pip():
                self.make_environment()
            self.install_packages()
        except NetworkError as error:
            raise self.with_old_stamp(error) from error

    def space_needed(self) -> int:
        """A little more than the packages were measured to take."""
        if self.only_tests or "torch" not in pinned_names(REQUIREMENTS):
            return SPACE_FOR_SMALL_PACKAGES
        without_cuda = "cpu" in self.torch or (self.torch == ORDINARY_TORCH and sys.platform != "linux")
        return SPACE_WITHOUT_CUDA if without_cuda else SPACE_WITH_CUDA

    def with_old_stamp(self, error: NetworkError) -> NetworkError:
        """An index that did not answer changed nothing, so what was complete before still is."""
        if self.from_nothing:
            return error
        if self.before is None:
            STAMP.unlink()  # a .venv that was made by hand must not be taken for our own leftovers
            return error
        write_stamp(self.before)
        return NetworkError(f"{error} Until then --skip-install starts with the packages that are there.")

    def has_pip(self) -> bool:
        return self.logged([str(PYTHON), "-I", "-c", "import pip"])[0] == 0

    def make_environment(self) -> None:
        """Make .venv with the Python that runs us, or with the one behind it when that is .venv's own."""
        if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
            raise LaunchError(
                "this Python cannot make virtual environments: its module venv or ensurepip is missing. On Debian and"
                " Ubuntu install the package python3-venv (apt install python3-venv), then try again."
            )
        base = getattr(sys, "_base_executable", None) or sys.executable
        code, lines = self.logged([base, "-m", "venv", str(ENVIRONMENT)])
        if code != 0:
            raise explained(lines, code)

    def install_packages(self) -> None:
        """PyTorch first where another build is wanted, then everything; what is there already stays."""
        from modules.config.command_line import split_words

        runtime = REQUIREMENTS
        kind, _, choice = self.torch.partition(" ")
        pins = [line for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines() if is_torch(line)]
        configuration = self.fast_installer()
        if kind == "command":
            words = split_words(choice)
            self.pip(words[2:] if words[:2] == ["pip", "install"] else words)
            runtime = self.requirements_without(pins)
        elif kind == "index":
            self.install(pins, choice, configuration)
        files = [runtime if file == REQUIREMENTS else file for file in self.files]
        self.install([word for file in files for word in ("-r", str(file))], index_of_everything(), configuration)

    def requirements_without(self, lines: "list[str]") -> Path:
        """A copy of requirements.txt that leaves PyTorch to the person who chose it."""
        rest = ENVIRONMENT / "requirements-without-torch.txt"
        wanted = [line for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines() if line not in lines]
        rest.write_text("\n".join(wanted) + "\n", encoding="utf-8")
        return rest

    def install(self, packages: "list[str]", index: str, configuration: "dict[str, str] | None") -> None:
        """Install with uv if there is one, else or when that fails with pip."""
        if configuration is not None:
            code, lines = self.logged([*uv_command(configuration, index), *packages])
            if code == 0:
                return
            if FULL_DISK_SIGNS.search("\n".join(lines)):
                raise explained(lines, code)
            tell("Going on with pip ...")
        self.pip([*index_choice(index), *packages])

    def pip(self, arguments: "list[str]") -> None:
        code, lines = self.logged([*pip_command(), "install", "--no-compile", "--progress-bar", "off", *arguments])
        if code != 0:
            raise explained(lines, code)

    def fast_installer(self) -> "dict[str, str] | None":
        """Get uv into .venv. Returns what pip is configured to, for uv_command; None: use pip."""
        configuration = pip_configuration(self.logged([*pip_command(), "config", "list"])[1])
        if UNKNOWN_TO_UV.intersection(configuration):
            return None
        if "cert" in configuration:
            self.settings["SSL_CERT_FILE"] = configuration["cert"]
        # Few retries: without a network this is the call that finds out.
        choice = index_choice(index_of_everything())
        code, lines = self.logged([*pip_command(), "install", "--retries", "1", *choice, INSTALLER])
        if code == 0:
            return configuration
        text = "\n".join(lines)
        if NETWORK_SIGNS.search(text) or FULL_DISK_SIGNS.search(text):
            raise explained(lines, code)
        return None

    def checked(self) -> Stamp:
        """Import everything once; the stamp of what is there."""
        described = [json.loads(ask_environment(DESCRIBE_PACKAGES, pinned_names(file))) for file in self.files]
        modules = [name for facts in described for name in facts["modules"]]
        missing = ask_environment(FIND_MODULES, modules).split()[1:]
        if missing:
            raise broken(f"{' and '.join(missing)} should be there and cannot be found")
        if not self.only_tests:
            runtime = described[0]["modules"]
            screen = [name for name in runtime if name in SCREEN_PACKAGES]
            self.import_all([screen, [*(name for name in runtime if name not in screen), *ENGINE_PARTS]])
        return Stamp(
            complete=True,
            torch=self.torch,
            runtime=fingerprint(),
            tests=fingerprint(TEST_REQUIREMENTS) if TEST_REQUIREMENTS in self.files else "",
            python=described[0]["python"],
            modules=tuple(modules),
        )

    def import_all(self, groups: "list[list[str]]") -> None:
        """Import each group in a process of its own, at the same time."""
        command = [str(PYTHON), "-I", "-c", IMPORT_MODULES]
        running = [self.start([*command, *names]) for names in groups]
        for process in running:
            output = process.communicate()[0]
            self.note(output)
            if process.returncode != 0:
                reason = output.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
                raise LaunchError(
                    f"the packages are installed but cannot be loaded: {reason[0]}. The log is {LOG}."
                    " Try to rebuild with: python launch.py --reinstall"
                )

    def logged(self, command: "list[str]") -> "tuple[int, list[str]]":
        """Run a command with its output in the log; returns exit code and lines. Tells of large downloads."""
        self.note(f"$ {shlex.join(command)}\n")
        lines = []
        try:
            process = self.start(command)
        except OSError as error:
            if command[0] == str(PYTHON):
                raise broken(f"its Python does not start ({error.strerror})") from error
            return 1, [str(error)]
        assert process.stdout is not None
        with process, LOG.open("a", encoding="utf-8") as log:
            for line in process.stdout:
                log.write(line)
                log.flush()
                lines.append(line.rstrip())
                tell_large_download(line)
        return process.returncode, lines

    def start(self, command: "list[str]") -> "subprocess.Popen[str]":
        """Start a process that shares our lock: should we be killed, it is held until the child is gone as well."""
        TEMPORARY.mkdir(exist_ok=True)
        folders = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(TEMPORARY))
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env={"UV_HTTP_TIMEOUT": "120", **os.environ, **folders, **self.settings, "PYTHONIOENCODING": "utf-8"},
            pass_fds=() if os.name == "nt" else (self.lock.fileno(),),
        )

    def note(self, text: str) -> None:
        with LOG.open("a", encoding="utf-8") as log:
            log.write(text)


def pip_command() -> "list[str]":
    return [str(PYTHON), "-m", "pip"]


def is_torch(line: str) -> bool:
    """Whether a line of requirements.txt names a part of PyTorch itself, which comes from PyTorch's own index too."""
    return line.startswith(("torch==", "torchvision=="))


def empty_environment() -> None:
    """Remove everything from .venv but the files that tell of the installation under way."""
    for entry in ENVIRONMENT.iterdir():
        if entry in (STAMP, LOCK, LOG):
            continue
        try:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        except OSError as error:
            raise LaunchError(
                f"{entry} cannot be removed ({error.strerror}). Stop the programs that use it, then try again."
            ) from error


def check_space(needed: int) -> None:
    """Refuse to begin what the disk has no room for."""
    free = shutil.disk_usage(ENVIRONMENT).free
    if free < needed:
        raise LaunchError(
            f"installing needs {needed / GIGABYTE:.1f} GB of disk space, and the disk that holds {ROOT} has"
            f" {free / GIGABYTE:.1f} GB free. Free some space or move the folder to another disk, then try again."
        )


def index_of_everything() -> str:
    """The package index a person chose for everything but PyTorch; empty: what pip is configured to."""
    return os.environ.get("INDEX_URL", "").strip()


def index_choice(index: str) -> "list[str]":
    return ["--index-url", index] if index else []


def pip_configuration(lines: "list[str]") -> "dict[str, str]":
    """What `pip config list` tells of installing, the more special places overruling the general ones."""
    values = {}
    for place in ("global", "install", ":env:"):
        for line in lines:
            key, _, value = line.partition("=")
            if key.startswith(f"{place}.") and value.startswith(("'", '"')):
                values[key[len(place) + 1 :]] = str(ast.literal_eval(value))
    return values


def uv_command(configuration: "dict[str, str]", index: str) -> "list[str]":
    """The command line of uv up to the packages.

    It is told what pip is configured to, since it does not read that: a person behind a mirror has configured pip.
    Of several indexes it takes the best version, as pip does ("unsafe" is its word for that).
    """
    program = PYTHON.with_name("uv" + PYTHON.suffix)
    options = ["--python", str(PYTHON), "--no-progress", "--color", "never", "--index-strategy", "unsafe-best-match"]
    if index:
        configuration = {**configuration, "index-url": index}
    for name, option in PIP_IN_UV_WORDS.items():
        options += [word for value in configuration.get(name, "").split() for word in (option, value)]
    return [str(program), "pip", "install", *options, *cache_arguments()]


def cache_arguments() -> "list[str]":
    """uv links from its cache into .venv; a cache on another disk would cost the space of a second copy."""
    if os.environ.get("UV_CACHE_DIR") or os.environ.get("UV_NO_CACHE"):
        return []
    home = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(home)
    while not folder.exists():
        folder = folder.parent
    usable = os.access(str(folder), os.W_OK) and folder.stat().st_dev == ENVIRONMENT.stat().st_dev
    return [] if usable else ["--cache-dir", str(TEMPORARY / "cache")]


# --- what a person is told -------------------------------------------------------------------------------------------


def explained(lines: "list[str]", code: int) -> LaunchError:
    """The error for an installer that failed, from what it printed."""
    text = "\n".join(lines)
    if FULL_DISK_SIGNS.search(text):
        return LaunchError(full_disk_message())
    if NETWORK_SIGNS.search(text):
        return NetworkError(
            "no answer from the package index. Check the network and try again; INDEX_URL=https://... chooses another"
            f" index. The log is {LOG}."
        )
    shown = [line.strip()[:300] for line in lines if re.search("error|not found|failed|cannot", line, re.IGNORECASE)]
    shown = [line for line in shown if not line.startswith("WARNING")][-3:] or [line for line in lines if line][-3:]
    return LaunchError("\n  ".join(["the installation failed:", *shown, f"The whole log is {LOG}."]), code)


def full_disk_message() -> str:
    return f"the disk that holds {ROOT} became full while installing. Free some space there, then try again."


def is_full_disk(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def tell_large_download(line: str) -> None:
    """Say what takes the time; both installers print such lines for every package."""
    found = DOWNLOAD_LINE.search(line)
    if found:
        name, number, unit = found.groups()
        size = float(number) * (1000 if unit == "G" else 1)
        if size >= LARGE_DOWNLOAD_MB:
            tell(f"  downloading {re.split('-[0-9]', name)[0]} ({size:.0f} MB)")


def tell(text: str) -> None:
    """Messages go to stderr: stdout belongs to the command."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
