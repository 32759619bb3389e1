"""Extensions put in place, gone back to and taken away: all or nothing, wherever the program is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from modules.config.paths import ROOT
from modules.errors import BrokenExtension, NotFound
from modules.hooks.extension_folders import extension_folder
from modules.hooks.extension_states import ExtensionState, ExtensionStates, Origin
from modules.hooks.extension_store import MOST_PREVIOUS, ExtensionStore
from tests.hooks.extension_makers import put_extension


def store_of(root: Path) -> ExtensionStore:
    return ExtensionStore(root, states_of(root))


def states_of(root: Path) -> ExtensionStates:
    return ExtensionStates(root.parent / "extensions.json")


def origin(content: str) -> Origin:
    return Origin(kind="git", source="https://example.org/sea", content=content, installed=1.0, version="1.0")


def install(root: Path, version: str, *, packages: bool = True) -> None:
    """What an installation does with a version, whose packages tell it too."""
    store = store_of(root)
    staging = store.new_staging()
    folder = put_extension(staging, "sea", f"VERSION = '{version}'", version=f'"{version}"')
    if packages:
        (staging / ".packages" / "sea").mkdir(parents=True)
        (staging / ".packages" / "sea" / "tide.py").write_text(version)
    found = extension_folder(folder)
    content = found.content()
    store.put(found, ExtensionState(is_enabled=True, content=content, origin=origin(content)))


def here(root: Path) -> tuple[str, str, str]:
    """The versions of the folder, of its packages, and of what the state says of it; "" where there is none."""
    folder = extension_folder(root / "sea")
    package = root / ".packages" / "sea" / "tide.py"
    state = states_of(root).read().get("sea")
    is_told = state is not None and folder.manifest is not None and state.content == folder.content()
    version = folder.manifest.version if folder.manifest else ""
    told = version if is_told else "" if state is None else "another"
    return version, package.read_text() if package.is_file() else "", told


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "extensions"


def test_a_version_takes_the_place_of_another_and_gives_it_back(root: Path) -> None:
    install(root, "1.0")
    install(root, "2.0")
    assert here(root) == ("2.0", "2.0", "2.0")
    store = store_of(root)
    (before,) = store.previous("sea")
    assert before.folder.manifest is not None and before.folder.manifest.version == "1.0"
    assert before.state is not None
    store.put(before.folder, before.state)
    assert here(root) == ("1.0", "1.0", "1.0")
    versions = [one.folder.manifest.version for one in store.previous("sea") if one.folder.manifest]
    assert versions == ["2.0"]


def test_a_version_without_packages_leaves_none_of_the_one_before(root: Path) -> None:
    install(root, "1.0")
    install(root, "2.0", packages=False)
    assert here(root) == ("2.0", "", "2.0")


def test_what_is_removed_can_be_had_again(root: Path) -> None:
    install(root, "1.0")
    store = store_of(root)
    store.take_out("sea")
    assert here(root) == ("", "", "") and store.removed() == ["sea"]
    before = store.find_previous("sea")
    assert before.state is not None
    store.put(before.folder, before.state)
    assert here(root) == ("1.0", "1.0", "1.0") and store.removed() == []
    store.take_out("sea")
    store.forget("sea")
    assert store.removed() == []
    with pytest.raises(NotFound, match="no previous version of the extension 'sea'"):
        store.find_previous("sea")
    assert not list((root / ".previous").iterdir())


def test_only_the_latest_few_are_kept(root: Path) -> None:
    for number in range(MOST_PREVIOUS + 3):
        install(root, f"{number}.0")
    kept = [one.folder.manifest.version for one in store_of(root).previous("sea") if one.folder.manifest]
    assert kept == ["4.0", "3.0", "2.0"]
    assert len(list((root / ".previous" / "sea").iterdir())) == MOST_PREVIOUS


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.hooks import test_extension_store as tests
root, at = Path(sys.argv[1]), int(sys.argv[2])
seen = 0

def watched(event, given):
    global seen
    if event in ("os.rename", "os.remove", "os.mkdir", "open", "os.rmdir") and str(root.parent) in str(given[0]):
        if event == "open" and not given[2] & (os.O_WRONLY | os.O_RDWR):
            return
        seen += 1
        if seen == at:
            os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[3] == "2.0":
    store = tests.store_of(root)
    staging = store.new_staging()
    put = tests.ExtensionStore.put
    def begin(self, *given):
        sys.addaudithook(watched)
        put(self, *given)
    tests.ExtensionStore.put = begin
    tests.install(root, "2.0")
else:
    store = tests.store_of(root)
    sys.addaudithook(watched)
    store.take_out("sea")
print("done")
"""


@pytest.mark.parametrize("change", ["2.0", ""])
def test_killed_anywhere_it_is_the_old_or_the_new(root: Path, change: str) -> None:
    """A change is killed at each file that it touches; the next start has one version or the other, as a whole."""
    ended: list[str] = []
    at = 0
    while not ended or ended[-1] != "done":
        at += 1
        case = root.parent / f"{at}" / "extensions"
        install(case, "1.0")
        command = [sys.executable, "-c", KILLED, str(case), str(at), change]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert told.returncode in (0, -9), told.stderr
        store_of(case).recover()
        assert here(case) in ((change,) * 3, ("1.0",) * 3), (at, here(case))
        before = [one.folder.manifest.version for one in store_of(case).previous("sea") if one.folder.manifest]
        assert before == ([] if here(case)[0] == "1.0" else ["1.0"])
        assert not (case / ".staging").exists() and not (case / ".change.json").exists()
        ended.append("done" if told.stdout == "done\n" else here(case)[0])
    assert at > 6 and "1.0" in ended and change in ended


def test_a_folder_that_cannot_be_moved_leaves_all_as_it_was(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(root, "1.0")
    rename = Path.rename

    def stuck(self: Path, target: Path) -> Path:
        if self.parent.parent.name == ".staging" and self.name == "sea" and "previous" not in str(target):
            raise PermissionError(13, "used by another program")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stuck)
    with pytest.raises(BrokenExtension, match="Extension 'sea' cannot be changed: used by another program"):
        install(root, "2.0")
    assert here(root) == ("1.0", "1.0", "1.0") and store_of(root).previous("sea") == []
    monkeypatch.undo()
    store_of(root).recover()
    assert here(root) == ("1.0", "1.0", "1.0")


def test_a_start_sweeps_what_was_being_prepared(root: Path) -> None:
    install(root, "1.0")
    (store_of(root).new_staging() / "half").write_text("half")
    (root / ".change.json").write_text("{ no change")
    store_of(root).recover()
    assert not (root / ".staging").exists() and here(root) == ("1.0", "1.0", "1.0")


def test_a_folder_that_is_not_there_needs_no_recovery(root: Path) -> None:
    store_of(root).recover()
    assert not root.exists()
