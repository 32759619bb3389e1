"""Packages of extensions: chosen by pip under what the program has, and installed for one extension alone."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from modules.errors import BrokenExtension
from modules.hooks.extension_packages import installed_version, packages_in
from modules.hooks.package_installer import Package, PackageInstaller
from tests.hooks.wheel_makers import put_wheel, take_wheels_from

TORCH = version("torch")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wheels"
    take_wheels_from(folder, monkeypatch)
    return folder


def installer(tmp_path: Path, name: str = "sea") -> PackageInstaller:
    return PackageInstaller(tmp_path / "extensions", name, tmp_path / "work" / "pip", lambda: None)


def rows(packages: list[Package]) -> list[tuple[str, str]]:
    return [(one.name, one.version) for one in packages]


def test_what_the_program_has_is_not_fetched(tmp_path: Path, wheels: Path) -> None:
    assert installer(tmp_path).choose(["numpy>=1", "torch; python_version < '3'"]) == []
    put_wheel(wheels, "tide", "2.0", requires=["numpy>=1", "moon"])
    put_wheel(wheels, "moon", "1.5")
    found = installer(tmp_path).choose(["tide", "numpy"])
    assert rows(found) == [("moon", "1.5"), ("tide", "2.0")]
    assert found[0].size == (wheels / "moon-1.5-py3-none-any.whl").stat().st_size


def test_they_are_installed_into_a_folder_and_nowhere_else(tmp_path: Path, wheels: Path) -> None:
    put_wheel(wheels, "tide", "2.0", requires=["moon"])
    put_wheel(wheels, "moon", "1.5")
    target = tmp_path / "work" / ".packages" / "sea"
    work = installer(tmp_path)
    work.install(work.choose(["tide"]), target)
    assert packages_in(target) == {"moon": "1.5", "tide": "2.0"}
    assert (target / "tide.py").read_text() == "VERSION = '2.0'\n"
    assert installed_version("tide") is None and installed_version("tide", target) == "2.0"
    assert installed_version("torch", target) == TORCH


def test_another_file_than_the_chosen_one_is_not_installed(tmp_path: Path, wheels: Path) -> None:
    put_wheel(wheels, "tide", "2.0")
    work = installer(tmp_path)
    chosen = work.choose(["tide"])
    put_wheel(wheels, "tide", "2.0", code="raise SystemExit\n")
    with pytest.raises(BrokenExtension, match="packages cannot be installed"):
        work.install(chosen, tmp_path / "work" / ".packages" / "sea")


def test_another_version_of_what_the_program_has_is_refused(tmp_path: Path, wheels: Path) -> None:
    with pytest.raises(BrokenExtension) as refused:
        installer(tmp_path).choose(["torch==1.0"])
    assert str(refused.value) == f"It needs torch==1.0, but the program has torch=={TORCH}."


@pytest.mark.parametrize("there", [True, False])
def test_a_package_that_needs_another_version_is_refused(tmp_path: Path, wheels: Path, there: bool) -> None:
    put_wheel(wheels, "tide", "2.0", requires=["torch==1.0"])
    if there:
        put_wheel(wheels, "torch", "1.0")
    with pytest.raises(BrokenExtension) as refused:
        installer(tmp_path).choose(["tide"])
    for part in ("tide", "torch==1.0", f"the program has torch=={TORCH}"):
        assert part in str(refused.value), refused.value


def test_two_extensions_cannot_bring_two_versions(tmp_path: Path, wheels: Path) -> None:
    for number in ("1.0", "2.0"):
        put_wheel(wheels, "moon", number)
    put_wheel(wheels, "tide", "2.0", requires=["moon>=2"])
    first = installer(tmp_path, "lake")
    first.install(first.choose(["moon<2"]), tmp_path / "extensions" / ".packages" / "lake")
    with pytest.raises(BrokenExtension, match=r"needs moon>=2, but the extension 'lake' has moon==1\.0"):
        installer(tmp_path).choose(["moon>=2"])
    with pytest.raises(BrokenExtension) as refused:
        installer(tmp_path).choose(["tide"])
    assert "moon>=2" in str(refused.value) and "the extension 'lake' has moon==1.0" in str(refused.value)
    assert rows(installer(tmp_path).choose(["moon"])) == [("moon", "1.0")]
    assert rows(installer(tmp_path, "lake").choose(["moon"])) == [("moon", "2.0")]


def test_a_package_that_is_not_there_is_told(tmp_path: Path, wheels: Path) -> None:
    with pytest.raises(BrokenExtension, match=r"It needs not-here>=3, and no ready-made package \(wheel\) of it"):
        installer(tmp_path).choose(["not-here>=3"])


def test_packages_that_would_run_code_to_be_installed_are_not_taken(tmp_path: Path, wheels: Path) -> None:
    import tarfile

    (tmp_path / "setup.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    wheels.mkdir(exist_ok=True)
    with tarfile.open(wheels / "tide-2.0.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "setup.py", "tide-2.0/setup.py")
    with pytest.raises(BrokenExtension, match="It needs tide"):
        installer(tmp_path).choose(["tide"])
    assert not (tmp_path / "ran").exists()


def test_one_that_takes_too_long_is_ended(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modules.hooks.package_installer.SECONDS", 0.0)
    with pytest.raises(BrokenExtension, match="were not there within 0 minutes"):
        installer(tmp_path).choose(["tide"])


def test_packages_stand_behind_those_of_the_program(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package called json does not take the place of Python's own."""
    from modules.hooks.extension_code import import_extension
    from modules.hooks.extension_folders import extension_folder
    from tests.hooks.extension_makers import put_extension

    monkeypatch.setattr(sys, "path", list(sys.path))
    put_wheel(wheels, "pluggy", "1.0", code="raise SystemExit\n")
    put_wheel(wheels, "moon", "1.5")
    root = tmp_path / "extensions"
    put_extension(root, "sea", "import json, pluggy, moon\nFOUND = moon.VERSION, pluggy.__file__, json.__file__\n")
    folder = extension_folder(root / "sea")
    work = installer(tmp_path)
    hostile = [
        Package("pluggy", "1.0", (wheels / "pluggy-1.0-py3-none-any.whl").as_uri(), _sha256(wheels, "pluggy-1.0"), 1)
    ]
    work.install([*work.choose(["moon"]), *hostile], folder.packages)
    module = import_extension(folder)
    try:
        found = vars(module)["FOUND"]
        assert found[0] == "1.5" and str(root) not in f"{found[1:]}"
        assert sys.path[-1] == str(folder.packages)
    finally:
        for name in ("moon", "atelier_extension_sea"):
            sys.modules.pop(name, None)


def _sha256(wheels: Path, name: str) -> str:
    import hashlib

    return hashlib.sha256((wheels / f"{name}-py3-none-any.whl").read_bytes()).hexdigest()
