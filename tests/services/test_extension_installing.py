"""Extensions from a git server, zip files and folders: installed, updated, removed; hostile ones refused."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules.config.paths import Paths
from modules.config.settings import SettingsStore
from modules.errors import BrokenExtension, InvalidRequest, NotAllowed, NotFound, QueueFull
from modules.hooks import Plugins, ScriptRegistry
from modules.hooks.extension_states import ExtensionStates
from modules.hooks.extension_store import ExtensionStore
from modules.hooks.extensions import Extensions
from modules.services import extension_installing
from modules.services.extension_looks import Look, name_of_source
from modules.services.extension_manager import ExtensionManager, open_extension_manager
from modules.services.extensions import ExtensionService
from tests.git_server import GitServer, git_server
from tests.hooks.extension_makers import put_extension, script_code
from tests.hooks.wheel_makers import put_wheel, take_wheels_from


def files_of(name: str = "sea", version: str = "1.0", code: str | None = None, **fields: str) -> dict[str, str]:
    """What a repository of an extension holds."""
    rows = {"name": f'"{name}"', "version": f'"{version}"', "hooks": '">=1"', **fields}
    code = script_code(f"Sea {version}") if code is None else code
    return {
        "extension.toml": "".join(f"{key} = {value}\n" for key, value in rows.items()),
        f"{name.replace('-', '_')}/__init__.py": code,
    }


class Installation:
    """A data folder whose extensions are managed; every `again` is a new start."""

    def __init__(self, paths: Paths) -> None:
        self.root = paths.extensions
        self._paths = paths
        self.again()

    def again(self) -> None:
        states = ExtensionStates(self._paths.extension_states)
        ExtensionStore(self.root, states).recover()
        self.plugins = Plugins(())
        self.extensions = Extensions(self.root, states)
        self.extensions.load_into(self.plugins)
        registry = ScriptRegistry(self.plugins)
        self.service = ExtensionService(self.extensions, self.plugins, registry.names_of, without="")
        self.service.may_change = True
        settings = SettingsStore(self._paths.settings_file)
        self.manager: ExtensionManager = open_extension_manager(self.extensions, states, self.service, settings)
        self.manager.allow(private_addresses=True, folders=True)
        self.scripts = registry.names("txt2img")

    def looked(self, id: str) -> Look:
        return self.manager.installer.wait(id, 120)

    def look(self, address: str, reference: str = "") -> Look:
        return self.looked(self.manager.installer.look_at_repository(address, reference))

    def look_at_zip(self, path: Path) -> Look:
        return self.looked(self.manager.installer.look_at_zip(path.name, lambda place: _copy(path, place)))

    def install(self, look: Look, enable: bool | None = None) -> Look:
        assert look.state == "ready", look.problem
        self.manager.installer.install(look.id, look.content, enable=enable)
        return self.looked(look.id)

    def there(self) -> dict[str, tuple[str, str]]:
        """Version and decision of each."""
        found = self.extensions.all()
        return {one.name: (one.folder.manifest.version if one.folder.manifest else "", one.decision) for one in found}

    def left(self) -> list[str]:
        """What lies in the folder besides extensions and what was there before."""
        kept = (".previous", ".packages")
        below = (path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file())
        return sorted(str(path) for path in below if path.parts[0].startswith(".") and path.parts[0] not in kept)


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


@pytest.fixture
def here(paths: Paths) -> Iterator[Installation]:
    installation = Installation(paths)
    yield installation
    installation.manager.close()


@pytest.fixture
def server() -> Iterator[GitServer]:
    with git_server() as running:
        yield running


def zipped(tmp_path: Path, files: dict[str, str], name: str = "sea.zip") -> Path:
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        for path, content in files.items():
            archive.writestr(f"sea-main/{path}", content)
    return tmp_path / name


def test_a_repository_is_looked_at_and_installed(here: Installation, server: GitServer) -> None:
    files = files_of(touches='["page"]')
    commit = server.put("sea.git", {**files, "javascript/sea.js": "", "README.md": "words"})
    address = f"{server.address}/sea.git"
    look = here.look(address)
    assert (look.state, look.name, look.commit, look.files) == ("ready", "sea", commit, 4), look.problem
    assert look.python_files == ("sea/__init__.py",) and look.page_files == ("javascript/sea.js",)
    assert look.manifest is not None and look.manifest.version == "1.0" and look.replaces == ""
    assert here.there() == {}
    assert here.install(look).state == "done"
    assert here.there() == {"sea": ("1.0", "off")} and here.left() == []
    assert not (here.root / "sea" / ".git").exists()
    origin = here.extensions.all()[0].origin
    assert origin is not None and (origin.source, origin.commit, origin.kind) == (address, commit, "git")
    here.service.enable("sea")
    here.again()
    assert here.scripts == ("Sea 1.0",) and here.extensions.all()[0].origin == origin


def test_it_can_be_switched_on_with_the_installation(here: Installation, server: GitServer) -> None:
    server.put("sea", files_of())
    assert here.install(here.look(f"{server.address}/sea"), enable=True).state == "done"
    assert here.there() == {"sea": ("1.0", "on")} and here.service.all()[0].waits
    here.again()
    assert here.scripts == ("Sea 1.0",)


def test_one_that_fails_its_trial_is_not_installed(here: Installation, server: GitServer) -> None:
    server.put("sea", files_of(code="raise SystemExit(3)"))
    done = here.install(here.look(f"{server.address}/sea"), enable=True)
    assert done.state == "failed" and done.problem.endswith("What was there before is still there. SystemExit: 3")
    assert here.there() == {} and here.left() == []


def test_an_update_tells_what_changes_and_stays_on(here: Installation, server: GitServer) -> None:
    address = f"{server.address}/sea"
    server.put("sea", files_of())
    here.install(here.look(address), enable=True)
    assert here.looked(here.manager.installer.look_for_update("sea")).state == "unchanged"
    server.put("sea", {**files_of(version="1.1"), "notes": ""}, "Calm waters")
    server.put("sea", {**files_of(version="2.0"), "notes": ""}, "Storm\n\nand more")
    (id,) = here.manager.installer.look_for_updates()
    look = here.looked(id)
    assert look.state == "ready" and look.replaces == "1.0" and look.is_enabled and not look.was_changed
    assert look.commits is not None and [one.title for one in look.commits] == ["Storm", "Calm waters"]
    changes = [(one.name, one.kind) for one in look.changed_files]
    assert changes == [("extension.toml", "changed"), ("notes", "added"), ("sea/__init__.py", "changed")]
    assert here.install(look).state == "done"
    assert here.there() == {"sea": ("2.0", "on")} and here.service.all()[0].waits
    here.again()
    assert here.scripts == ("Sea 2.0",)


def test_an_update_that_fails_its_trial_leaves_the_old_one_at_work(here: Installation, server: GitServer) -> None:
    server.put("sea", files_of())
    here.install(here.look(f"{server.address}/sea"), enable=True)
    server.put("sea", files_of(version="2.0", code="import not_here_at_all"))
    done = here.install(here.looked(here.manager.installer.look_for_update("sea")))
    assert done.state == "failed" and "No module named 'not_here_at_all'" in done.problem
    assert "What was there before is still there." in done.problem
    here.again()
    assert here.scripts == ("Sea 1.0",) and here.left() == []


def test_pinned_ones_are_left_out_of_updates(here: Installation, server: GitServer) -> None:
    server.put("sea", files_of())
    here.install(here.look(f"{server.address}/sea"))
    server.put("sea", files_of(version="2.0"))
    here.manager.changes.pin("sea", True)
    assert here.manager.installer.look_for_updates() == []
    with pytest.raises(InvalidRequest, match="is pinned to its version. Unpin it first"):
        here.manager.installer.look_for_update("sea")
    here.service.enable("sea")
    here.manager.changes.pin("sea", False)
    assert len(here.manager.installer.look_for_updates()) == 1
    put_extension(here.root, "lake")
    with pytest.raises(InvalidRequest, match="'lake' was put there by hand"):
        here.manager.changes.pin("lake", True)
    with pytest.raises(InvalidRequest, match="'lake' came from no repository"):
        here.manager.installer.look_for_update("lake")
    with pytest.raises(NotFound):
        here.manager.installer.look_for_update("nowhere")


def test_going_back_and_removing_need_no_network(here: Installation) -> None:
    with git_server() as server:
        server.put("sea", files_of())
        here.install(here.look(f"{server.address}/sea"), enable=True)
        server.put("sea", files_of(version="2.0"))
        here.install(here.looked(here.manager.installer.look_for_update("sea")))
    changes = here.manager.changes
    changes.roll_back("sea")
    assert here.there() == {"sea": ("1.0", "on")}
    here.again()
    assert here.scripts == ("Sea 1.0",)
    here.manager.changes.remove("sea")
    assert here.there() == {} and here.manager.changes.removed() == ["sea"]
    here.again()
    assert list(here.scripts) == []
    newest = here.manager.changes.previous("sea")
    assert [one.folder.manifest.version for one in newest if one.folder.manifest] == ["1.0", "2.0"]
    here.manager.changes.roll_back("sea", newest[1].number)
    assert here.there() == {"sea": ("2.0", "off")}
    with pytest.raises(NotFound, match="no previous version"):
        here.manager.changes.roll_back("sea", 99)


def test_changes_by_hand_are_told_and_kept(here: Installation, server: GitServer) -> None:
    server.put("sea", files_of())
    here.install(here.look(f"{server.address}/sea"))
    (here.root / "sea" / "own.txt").write_text("mine")
    look = here.looked(here.manager.installer.look_for_update("sea"))
    assert look.state == "ready" and look.was_changed
    here.install(look)
    assert not (here.root / "sea" / "own.txt").exists()
    (before,) = here.manager.changes.previous("sea")
    assert (before.folder.path / "own.txt").read_text() == "mine"


def test_only_what_was_looked_at_is_installed(here: Installation, server: GitServer) -> None:
    server.put("sea", files_of())
    look = here.look(f"{server.address}/sea")
    with pytest.raises(InvalidRequest, match="is not what was looked at"):
        here.manager.installer.install(look.id, "0" * 64)
    (here.root / ".staging" / look.id / "sea" / "sea" / "more.py").write_text("evil")
    done = here.install(look)
    assert done.state == "failed" and "changes its own files" in done.problem
    assert here.there() == {} and here.left() == []
    with pytest.raises(InvalidRequest, match="is failed. Look at the extension once more"):
        here.manager.installer.install(look.id, look.content)


def test_one_that_was_changed_meanwhile_is_not_replaced(here: Installation, server: GitServer) -> None:
    server.put("sea", files_of())
    here.install(here.look(f"{server.address}/sea"))
    server.put("sea", files_of(version="2.0"))
    look = here.look(f"{server.address}/sea")
    (here.root / "sea" / "own.txt").write_text("mine")
    done = here.install(look)
    assert done.state == "failed" and "was changed meanwhile. Look at it once more" in done.problem
    assert (here.root / "sea" / "own.txt").read_text() == "mine"


def test_a_zip_file_and_a_folder_are_installed(here: Installation, tmp_path: Path) -> None:
    look = here.look_at_zip(zipped(tmp_path, files_of()))
    assert (look.source, look.kind, look.name) == ("sea.zip", "zip", "sea")
    here.install(look, enable=True)
    look = here.look_at_zip(zipped(tmp_path, files_of(version="2.0"), "sea-2.zip"))
    assert look.replaces == "1.0" and here.install(look).state == "done"
    assert here.there() == {"sea": ("2.0", "on")}
    folder = put_extension(tmp_path / "work", "lake", script_code("Lake"))
    look = here.looked(here.manager.installer.look_at_folder(str(folder)))
    assert here.install(look, enable=True).state == "done"
    here.again()
    assert set(here.scripts) == {"Sea 2.0", "Lake"}
    with pytest.raises(InvalidRequest, match="is no folder. Write its whole path"):
        here.manager.installer.look_at_folder("work/lake")
    here.manager.allow(private_addresses=False, folders=False)
    with pytest.raises(InvalidRequest, match="is on the computer of the server"):
        here.manager.installer.look_at_folder(str(folder))


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"README.md": "words"}, "Its folder has no extension.toml"),
        ({**files_of(), "extension.toml": "name = "}, "is no TOML"),
        ({**files_of(), "../evil.py": "evil"}, "not every system takes"),
        ({**files_of(), "extension.toml": files_of("../lake")["extension.toml"]}, "has name = '../lake'"),
        (files_of(hooks='">=9"'), ""),
        ({"extension.toml": files_of()["extension.toml"]}, "has no package 'sea'"),
    ],
)
def test_what_is_no_extension_is_refused(
    here: Installation, tmp_path: Path, files: dict[str, str], sentence: str
) -> None:
    look = here.look_at_zip(zipped(tmp_path, files))
    if sentence:
        assert look.state == "failed" and sentence in look.problem, look.problem
    else:
        done = here.install(look, enable=True)
        assert done.state == "failed" and "written for version >=9 of the hooks" in done.problem
    assert here.there() == {} and here.left() == []
    assert not list(tmp_path.rglob("evil.py"))


def test_one_of_the_same_name_from_elsewhere_is_refused(here: Installation, server: GitServer, tmp_path: Path) -> None:
    server.put("sea", files_of())
    here.install(here.look(f"{server.address}/sea"))
    put_extension(here.root, "lake", script_code("Lake"))
    server.put("evil", files_of())
    server.put("other", files_of(name="lake"))
    look = here.look(f"{server.address}/evil")
    assert look.state == "failed" and f"'sea' is installed already, and came from {server.address}/sea" in look.problem
    look = here.look(f"{server.address}/other")
    assert look.state == "failed" and "'lake' is installed already, and was put there by hand" in look.problem
    assert here.look_at_zip(zipped(tmp_path, files_of())).state == "failed"
    assert here.there() == {"lake": ("1.0", "off"), "sea": ("1.0", "off")} and here.left() == []


def test_requirements_come_with_it_and_go_with_it(
    here: Installation, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_wheels_from(tmp_path / "wheels", monkeypatch)
    put_wheel(tmp_path / "wheels", "moonlight", "1.5")
    code = "import moonlight\n" + script_code("Sea").replace('"Sea"', "'Sea ' + moonlight.VERSION")
    server.put("sea", files_of(code=code, requirements='["moonlight>=1", "numpy"]'))
    look = here.look(f"{server.address}/sea")
    assert [(one.name, one.version) for one in look.packages] == [("moonlight", "1.5")], look.problem
    assert look.packages[0].size
    assert here.install(look, enable=True).state == "done"
    packages = here.root / ".packages" / "sea"
    assert (packages / "moonlight.py").is_file() and here.left() == []
    here.manager.changes.remove("sea")
    assert not packages.exists()
    here.manager.changes.roll_back("sea")
    assert (packages / "moonlight.py").is_file()
    here.service.enable("sea")
    shutil.rmtree(packages)
    assert here.service.all()[0].problem == "It needs moonlight>=1, which is not installed here."


def test_a_requirement_that_does_not_fit_is_refused(
    here: Installation, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import version

    take_wheels_from(tmp_path / "wheels", monkeypatch)
    server.put("sea", files_of(requirements='["torch==1.0"]'))
    look = here.look(f"{server.address}/sea")
    assert look.state == "failed"
    assert look.problem == f"It needs torch==1.0, but the program has torch=={version('torch')}."
    assert here.there() == {} and here.left() == []


def test_a_look_is_given_up(here: Installation, server: GitServer) -> None:
    server.put("sea", files_of())
    look = here.look(f"{server.address}/sea")
    assert here.left() != []
    here.manager.installer.cancel(look.id)
    assert here.manager.installer.find(look.id).state == "cancelled" and here.left() == []
    here.manager.installer.forget(look.id)
    with pytest.raises(NotFound, match="no look"):
        here.manager.installer.find(look.id)


def test_too_many_looks_are_refused(here: Installation, server: GitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extension_installing, "MOST_LOOKS", 1)
    server.put("sea", files_of())
    here.look(f"{server.address}/sea")
    with pytest.raises(QueueFull, match="Cancel some of them first"):
        here.manager.installer.look_at_repository(f"{server.address}/sea")


def test_an_extension_that_writes_into_its_own_folder_is_told(here: Installation, server: GitServer) -> None:
    code = "open(__file__ + '.seen', 'w').close()\n" + script_code("Sea")
    server.put("sea", files_of(code=code))
    done = here.install(here.look(f"{server.address}/sea"), enable=True)
    assert done.state == "failed" and "changes its own files" in done.problem and here.there() == {}


def test_nothing_is_done_where_extensions_may_not_be_changed(here: Installation) -> None:
    here.service.may_change = False
    manager = here.manager
    calls = [
        lambda: manager.installer.look_at_repository("https://example.org/sea"),
        lambda: manager.installer.look_at_folder("/"),
        lambda: manager.installer.look_at_zip("sea.zip", lambda path: path.touch()),
        lambda: manager.installer.look_for_update("sea"),
        manager.installer.look_for_updates,
        lambda: manager.installer.install("x", "y"),
        lambda: manager.installer.forget("x"),
        lambda: manager.changes.pin("sea", True),
        lambda: manager.changes.remove("sea"),
        lambda: manager.changes.roll_back("sea"),
        lambda: manager.changes.forget("sea"),
        lambda: manager.backups.restore(manager.backups.backup()),
        manager.backups.cancel,
    ]
    for call in calls:
        with pytest.raises(NotAllowed, match="--allow-extension-changes"):
            call()
    assert not here.root.exists()


def test_a_set_is_written_down_and_had_again(here: Installation, server: GitServer, tmp_path: Path) -> None:
    server.put("sea", files_of())
    server.put("lake", files_of(name="lake", code=script_code("Lake")))
    here.install(here.look(f"{server.address}/sea"), enable=True)
    here.install(here.look(f"{server.address}/lake"))
    here.install(here.look_at_zip(zipped(tmp_path, files_of(name="pond", code=script_code("Pond")))), enable=True)
    here.manager.changes.pin("sea", True)
    backup = here.manager.backups.backup()
    text = backup.model_dump_json()
    assert [(row["name"], row["is_enabled"], row["is_pinned"]) for row in json.loads(text)["extensions"]] == [
        ("lake", False, False), ("pond", True, False), ("sea", True, True),
    ]  # fmt: skip
    server.put("sea", files_of(version="2.0"))
    here.manager.changes.pin("sea", False)
    here.install(here.looked(here.manager.installer.look_for_update("sea")))
    for name in ("lake", "pond"):
        here.manager.changes.remove(name)
    here.manager.changes.forget("lake")
    here.manager.changes.forget("sea")
    put_extension(here.root, "brook", script_code("Brook"))

    here.manager.backups.restore(type(backup).model_validate_json(text))
    done = here.manager.backups.wait(120)
    assert done is not None and done.state == "done"
    assert [(row.name, row.state, row.problem) for row in done.rows] == [
        ("lake", "done", ""), ("pond", "done", ""), ("sea", "done", ""),
    ]  # fmt: skip
    assert here.there() == {
        "brook": ("1.0", "off"), "lake": ("1.0", "off"), "pond": ("1.0", "on"), "sea": ("1.0", "on"),
    }  # fmt: skip
    assert here.manager.backups.backup().extensions[1:] == backup.extensions and here.left() == []


def test_what_cannot_be_had_again_is_told_and_the_rest_goes_on(
    here: Installation, server: GitServer, tmp_path: Path
) -> None:
    commit = server.put("sea", files_of())
    here.install(here.look(f"{server.address}/sea"))
    here.install(here.look_at_zip(zipped(tmp_path, files_of(name="pond"))))
    backup = here.manager.backups.backup()
    pond, sea = backup.extensions
    gone = sea.model_copy(update={"name": "gone", "source": f"{server.address}/gone"})
    forged = sea.model_copy(update={"name": "sea", "content": "0" * 64})
    for name in ("sea", "pond"):
        here.manager.changes.remove(name)
        here.manager.changes.forget(name)
    wanted = backup.model_copy(update={"extensions": [gone, pond, forged, sea]})
    here.manager.backups.restore(wanted)
    done = here.manager.backups.wait(120)
    assert done is not None
    states = [row.state for row in done.rows]
    assert states == ["failed", "failed", "failed", "done"]
    assert "no git repository" in done.rows[0].problem and "'pond' came from no repository" in done.rows[1].problem
    assert f"at {commit[:12]} is not what the backup says" in done.rows[2].problem
    assert here.there() == {"sea": ("1.0", "off")} and here.left() == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://example.org/ann/Sea-Waves.git", "sea-waves"),
        ("https://example.org/ann/sd_sea", "sd_sea"),
        ("My Sea (2).zip", "my-sea-2"),
        ("C:\\work\\sea", "sea"),
        ("https://example.org/..", "extension"),
        ("https://example.org/%2e%2e%2fcon", "con"),
        ("日本", "extension"),
    ],
)
def test_what_says_no_name_is_called_after_where_it_came_from(source: str, name: str) -> None:
    assert name_of_source(source) == name


def test_a_previous_version_that_was_damaged_is_refused(here: Installation, server: GitServer) -> None:
    server.put("sea", files_of())
    here.install(here.look(f"{server.address}/sea"))
    here.manager.changes.remove("sea")
    (before,) = here.manager.changes.previous("sea")
    (before.folder.path / "extension.toml").write_text("name = ")
    with pytest.raises(
        BrokenExtension, match="previous version of 'sea' cannot be used. Its extension.toml is no TOML"
    ):
        here.manager.changes.roll_back("sea")
    assert here.there() == {}
