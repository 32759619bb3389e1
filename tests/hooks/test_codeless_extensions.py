"""Extensions without code: files for the page, for languages and prompts, at work as soon as they are switched on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from modules.hooks import Plugins
from modules.hooks.extension_folders import extension_folder
from modules.hooks.extensions import Extensions
from modules.hooks.trial import tried
from tests.hooks.extension_makers import extensions_of, found, put_codeless, put_extension

LOOK = {"style.css": "b {}"}
FISH = {"wildcards/fish.txt": "cod\n"}


def started(root: Path) -> tuple[Extensions, Plugins]:
    extensions, plugins = extensions_of(root), Plugins(())
    extensions.load_into(plugins)
    return extensions, plugins


def at_work(extensions: Extensions, plugins: Plugins) -> list[str]:
    return [files.extension for files in extensions.files_of(plugins.names)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "extensions"


def test_it_acts_from_being_switched_on_to_being_switched_off(root: Path) -> None:
    folder = put_codeless(root, "fish", FISH | {"styles.csv": "name,prompt,negative_prompt\nwet,water,\n"})
    extensions, plugins = started(root)
    assert not tried(folder) and at_work(extensions, plugins) == []
    extensions.enable(found(extensions, "fish"))
    (files,) = extensions.files_of(plugins.names)
    assert (files.wildcards, files.styles) == (folder / "wildcards", folder / "styles.csv")
    assert extensions.taken_in == {"fish": found(extensions, "fish").content}
    assert "fish" not in plugins.names and not plugins.failures
    assert at_work(*started(root)) == ["fish"]
    extensions.disable(found(extensions, "fish"))
    assert at_work(extensions, plugins) == [] and extensions.taken_in == {}


def test_a_decision_of_another_process_is_followed(root: Path) -> None:
    put_codeless(root, "fish", FISH)
    here, plugins = started(root)
    there, _ = started(root)
    there.enable(found(there, "fish"))
    assert at_work(here, plugins) == ["fish"]
    there.disable(found(there, "fish"))
    assert at_work(here, plugins) == []


def test_another_version_takes_the_place_of_the_one_at_work(root: Path) -> None:
    folder = put_codeless(root, "look", LOOK)
    extensions, plugins = started(root)
    extensions.enable(found(extensions, "look"))
    (before,) = extensions.files_of(plugins.names)
    (folder / "style.css").write_text("i {}", "utf-8")
    assert extensions.files_of(plugins.names) == [before]  # nobody has agreed to the other one
    extensions.enable(found(extensions, "look"))
    (after,) = extensions.files_of(plugins.names)
    assert after.of_page["style.css"] == b"i {}" and after.version != before.version


def test_one_that_gets_code_waits_for_the_next_start(root: Path) -> None:
    folder = put_codeless(root, "look", LOOK)
    extensions, plugins = started(root)
    extensions.enable(found(extensions, "look"))
    assert at_work(extensions, plugins) == ["look"]
    (folder / "look").mkdir()
    (folder / "look" / "__init__.py").write_text("", "utf-8")
    extensions.enable(found(extensions, "look"))
    assert at_work(extensions, plugins) == [] and "look" not in extensions.taken_in
    extensions, plugins = started(root)
    assert at_work(extensions, plugins) == ["look"] and plugins.names == ("look",)


def test_one_that_loses_its_code_waits_for_the_next_start(root: Path) -> None:
    folder = put_extension(root, "look", touches='["page"]')
    (folder / "style.css").write_text("b {}", "utf-8")
    extensions = extensions_of(root)
    extensions.enable(found(extensions, "look"))
    extensions, plugins = started(root)
    (before,) = extensions.files_of(plugins.names)
    shutil.rmtree(folder / "look")
    (folder / "style.css").write_text("i {}", "utf-8")
    extensions.enable(found(extensions, "look"))
    assert extensions.files_of(plugins.names) == [before]
    assert extensions.taken_in["look"] != found(extensions, "look").content


def test_nothing_is_followed_where_no_extension_is_taken_in(root: Path) -> None:
    put_codeless(root, "fish", FISH)
    extensions = extensions_of(root)
    extensions.enable(found(extensions, "fish"))
    assert at_work(extensions, Plugins(())) == []


def test_one_that_cannot_be_read_is_left_out_and_can_come_back(root: Path) -> None:
    folder = put_codeless(root, "look", LOOK)
    extensions, plugins = started(root)
    extensions.enable(found(extensions, "look"))
    folder.rename(root / "_look")
    os.utime(root.parent / "extensions.json", ns=(1, 1))
    assert at_work(extensions, plugins) == []
    (root / "_look").rename(folder)
    os.utime(root.parent / "extensions.json", ns=(2, 2))
    assert at_work(extensions, plugins) == ["look"]


def test_a_folder_without_package_and_files_is_none(root: Path) -> None:
    assert "no package 'sea'" in extension_folder(put_codeless(root, "sea", {})).problem


def test_one_that_names_a_package_must_have_it(root: Path) -> None:
    folder = put_codeless(root, "sea", LOOK)
    with (folder / "extension.toml").open("a", encoding="utf-8") as manifest:
        manifest.write('package = "waves"\n')
    assert "no package 'waves'" in extension_folder(folder).problem
