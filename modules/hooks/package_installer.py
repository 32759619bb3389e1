"""Packages for one extension: chosen and installed by pip, beside those of the program and never in their place.

pip runs as a program of its own, with arguments and no shell, with a limit of time and of bytes. It takes ready-made
packages (wheels) alone, so that nothing of theirs runs while they are installed. What the program has is a constraint:
what does not fit it is refused.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modules.errors import BrokenExtension
from modules.hooks.extension_packages import packages_of_others, packages_of_the_program

SECONDS = 900.0
MOST_BYTES = 4_000_000_000
"""Of all packages of an extension, unpacked."""
MOST_PACKAGES = 100
_DISTURBING = ("TARGET", "USER", "PREFIX", "ROOT", "CONSTRAINT", "REQUIREMENT", "EDITABLE", "REPORT", "LOG", "DRY_RUN")
"""Options of pip that its environment variables may hold and that would lead it elsewhere."""
_HAVE_TO = re.compile(r"requirement (?P<needed>\S+)(?: \(from (?!versions)(?P<by>[^)]+)\))?")
_CONSTRAINT = re.compile(r"The user requested \(constraint\) (?P<name>[^=]+)==(?P<version>\S+)")
_REQUESTED = re.compile(r"The user requested (?P<needed>.+)")
_DEPENDS = re.compile(r"(?P<name>\S+) (?P<version>\S+) depends on (?P<needed>.+)")


@dataclass(frozen=True)
class Package:
    """A package that would be installed."""

    name: str
    version: str
    url: str
    """Where pip finds it."""
    sha256: str
    size: int | None
    """Bytes of its file; None where only its server knows."""


class PackageInstaller:
    """Chooses and installs packages for the extension `name` below `root`, with a folder of its own to work in."""

    def __init__(self, root: Path, name: str, place: Path, check: Callable[[], None]) -> None:
        """`check` raises where the work is to be given up."""
        self._place = place
        self._check = check
        self._program = packages_of_the_program()
        self._others = packages_of_others(root, name)

    def choose(self, requirements: Sequence[str]) -> list[Package]:
        """What is to be installed for them, nothing where the program has it all.

        Raises BrokenExtension, with both requirements named where two cannot be met together.
        """
        wanted = [one for one in map(Requirement, requirements) if one.marker is None or one.marker.evaluate()]
        for requirement in wanted:
            self._refuse_conflict(requirement)
        if all(canonicalize_name(one.name) in self._program and not one.extras for one in wanted):
            return []
        self._place.mkdir(parents=True, exist_ok=True)
        constraints, listed, report = (self._place / name for name in ("constraints.txt", "wanted.txt", "report.json"))
        pinned = {**{name: version for name, (version, _) in self._others.items()}, **self._program}
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in pinned.items()), "utf-8")
        listed.write_text("".join(f"{one}\n" for one in wanted), "utf-8")
        told = self._pip(
            "install", "--dry-run", "--report", report, "--constraint", constraints, "--requirement", listed
        )
        if told:
            raise BrokenExtension(self._conflict(told))
        return _packages(json.loads(report.read_bytes()))

    def install(self, packages: Sequence[Package], target: Path) -> None:
        """Fetch exactly these and unpack them into a new folder. Raises BrokenExtension."""
        self._place.mkdir(parents=True, exist_ok=True)
        locked = self._place / "locked.txt"
        rows = (f"{one.name} @ {one.url} --hash=sha256:{one.sha256}\n" for one in packages)
        locked.write_text("".join(rows), "utf-8")
        options = ("--no-deps", "--require-hashes", "--no-compile", "--target", target, "--requirement", locked)
        told = self._pip("install", *options)
        if told:
            raise BrokenExtension(f"Its packages cannot be installed. {_last_error(told)}")

    def _refuse_conflict(self, requirement: Requirement) -> None:
        name = canonicalize_name(requirement.name)
        version = self._program.get(name)
        if version is not None and not requirement.specifier.contains(version, prereleases=True):
            raise BrokenExtension(f"It needs {requirement}, but the program has {requirement.name}=={version}.")
        if version is None and name in self._others:
            there, other = self._others[name]
            if not requirement.specifier.contains(there, prereleases=True):
                raise BrokenExtension(
                    f"It needs {requirement}, but the extension {other!r} has {requirement.name}=={there}."
                )

    def _conflict(self, told: str) -> str:
        """What pip says of requirements that do not go together, in our words."""
        _, _, causes = told.partition("The conflict is caused by:")
        lines = [self._cause(line.strip()) for line in causes.strip().split("\n\n", 1)[0].splitlines()]
        if found := [line for line in dict.fromkeys(lines) if line]:
            return f"Its packages do not go together with what is here: {'; '.join(found[:6])}."
        if (match := _HAVE_TO.search(told)) is not None:
            by = (match["by"] or "").partition("->")[0].strip()
            return self._missing(match["needed"], "" if by.startswith("-r") else by)
        return f"Its packages cannot be chosen. {_last_error(told)}"

    def _cause(self, line: str) -> str:
        if match := _CONSTRAINT.fullmatch(line):
            return f"{self._owner(match['name'])} has {match['name']}=={match['version']}"
        if match := _REQUESTED.fullmatch(line):
            return f"it needs {match['needed']}"
        if match := _DEPENDS.fullmatch(line):
            return f"{match['name']} {match['version']} needs {match['needed']}"
        return ""

    def _missing(self, needed: str, by: str) -> str:
        """Why a package cannot be had as it, or one of its packages, needs it."""
        name = canonicalize_name(re.split(r"[^A-Za-z0-9._-]", needed, maxsplit=1)[0])
        if by and name in self._program:
            return f"{by} needs {needed}, but the program has {name}=={self._program[name]}."
        if by and name in self._others:
            version, other = self._others[name]
            return f"{by} needs {needed}, but the extension {other!r} has {name}=={version}."
        if by:
            return f"{by} needs {needed}, and no ready-made package (wheel) of it fits this computer."
        return f"It needs {needed}, and no ready-made package (wheel) of it fits this computer."

    def _owner(self, name: str) -> str:
        name = canonicalize_name(name)
        return f"the extension {self._others[name][1]!r}" if name not in self._program else "the program"

    def _pip(self, *arguments: str | Path) -> str:
        """Run it; what it says where it fails, else nothing. Raises BrokenExtension where it takes too long or much."""
        scratch = self._place / "temporary"
        scratch.mkdir(parents=True, exist_ok=True)
        spoken = self._place / "spoken.txt"
        options = ("--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--no-color")
        command = [sys.executable, "-I", "-m", "pip", *map(str, arguments), *options, "--only-binary", ":all:"]
        with spoken.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=scratch,
                env=_environment(scratch),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                self._watch(process)
            finally:
                _end(process)
        return spoken.read_text("utf-8", "replace")[-100_000:] if process.returncode else ""

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + SECONDS
        while True:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
                return
            self._check()
            if time.monotonic() > deadline:
                raise BrokenExtension(f"Its packages were not there within {SECONDS / 60:g} minutes.")
            if _bytes_below(self._place.parent) > MOST_BYTES:
                raise BrokenExtension(f"Its packages are larger than {MOST_BYTES // 10**9} GB.")


def _packages(report: Mapping[str, object]) -> list[Package]:
    """What pip reports that it would install. Raises BrokenExtension."""
    rows = report.get("install")
    assert isinstance(rows, list)
    if len(rows) > MOST_PACKAGES:
        raise BrokenExtension(f"It needs {len(rows)} packages; {MOST_PACKAGES} are the most.")
    found = []
    for row in rows:
        source, about = row["download_info"], row["metadata"]
        sha256 = source.get("archive_info", {}).get("hashes", {}).get("sha256", "")
        if not sha256:
            raise BrokenExtension(f"The index has no sha256 of {about['name']}=={about['version']}, which it needs.")
        found.append(Package(about["name"], about["version"], source["url"], sha256, _size_on_disk(source["url"])))
    return sorted(found, key=lambda one: one.name.lower())


def _size_on_disk(url: str) -> int | None:
    parts = urlsplit(url)
    if parts.scheme != "file":
        return None
    with suppress(OSError):
        return Path(url2pathname(parts.path)).stat().st_size
    return None


def _environment(scratch: Path) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if name.upper() not in {f"PIP_{one}" for one in _DISTURBING}
    }
    return {**kept, "TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Pip and what it started."""
    if process.poll() is not None:
        return
    if os.name == "nt":
        process.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _bytes_below(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # pip removes its own
                total += Path(parent, name).lstat().st_size
    return total


def _last_error(told: str) -> str:
    """The last thing that pip calls an error."""
    lines = [line for line in told.splitlines() if line.startswith("ERROR: ")]
    return lines[-1].removeprefix("ERROR: ")[:300].rstrip(".") + "." if lines else "pip says why in no words."
