"""Folders of A1111's extensions: which are some, and what lies in them beside code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modules.errors import BrokenExtension
from modules.hooks import Plugins
from modules.hooks.extension_code import import_extension
from modules.hooks.extension_files import A1111_SCRIPT, read_extension_files
from modules.hooks.extension_folders import extension_folder
from tests.hooks.extension_makers import extensions_of, found


def put_files(root: Path, name: str, files: dict[str, str]) -> Path:
    """A folder without a manifest."""
    folder = root / name
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, "utf-8")
    return folder


@pytest.mark.parametrize(
    "path",
    [
        *("scripts/a.py", "javascript/a.js", "javascript/a.mjs", "style.css", "localizations/ja_JP.json"),
        *("wildcards/fish.txt", "wildcards/sea/fish.txt"),
    ],
)
def test_each_of_these_alone_makes_one(tmp_path: Path, path: str) -> None:
    content = "{}" if path.endswith(".json") else ""
    folder = extension_folder(put_files(tmp_path, "Some", {path: content}))
    assert folder.is_of_a1111 and folder.manifest is not None and folder.manifest.name == "Some"
    assert ("programs" in folder.manifest.touches) == path.endswith(".py") and "page" in folder.manifest.touches


@pytest.mark.parametrize("path", ["README.md", "javascript/notes.txt", "locales/de.json", "some/__init__.py"])
def test_other_folders_are_none(tmp_path: Path, path: str) -> None:
    folder = extension_folder(put_files(tmp_path, "some", {path: "{}"}))
    assert not folder.is_of_a1111 and folder.manifest is None and "extension.toml" in folder.problem


def test_scripts_of_the_page_have_what_they_ask_for_before_them(tmp_path: Path) -> None:
    files = {"javascript/b.js": "b()", "javascript/a.mjs": "a()", "style.css": "b {}"}
    read = read_extension_files(extension_folder(put_files(tmp_path, "theme", files)))
    assert read.scripts == (A1111_SCRIPT, "javascript/a.mjs", "javascript/b.js")
    assert read.of_page["style.css"] == b"b {}" and b"gradioApp" in read.of_page[A1111_SCRIPT]
    plain = read_extension_files(extension_folder(put_files(tmp_path, "plain", {"style.css": "i {}"})))
    assert list(plain.of_page) == ["style.css"]


def test_localizations_are_texts_of_their_languages(tmp_path: Path) -> None:
    texts = {
        "de_DE.json": {"Sea": "Meer"},
        "ja.json": {"Sea": "海"},
        "zh_CN.json": {"Sea": "海洋"},
        "zh_TW.json": {"Sea": "大海", "Lake": "湖"},
        "readme.json": {"Sea": "?"},
    }
    files = {f"localizations/{name}": json.dumps(rows) for name, rows in texts.items()}
    read = read_extension_files(extension_folder(put_files(tmp_path, "words", files)))
    assert read.locales == {"de": {"Sea": "Meer"}, "ja": {"Sea": "海"}, "zh": {"Sea": "海洋", "Lake": "湖"}}
    assert read.of_page == {}


def test_without_code_of_the_server_it_is_tried_switched_on_and_taken_in(tmp_path: Path) -> None:
    root = tmp_path / "extensions"
    put_files(root, "fishes", {"wildcards/fish.txt": "cod\nhake\n", "javascript/a.js": "a()"})
    extensions = extensions_of(root)
    extensions.enable(found(extensions, "fishes"))
    plugins = Plugins(())
    extensions.load_into(plugins)
    assert plugins.names == () and plugins.failures == ()
    (files,) = extensions.files_of(plugins.names)
    assert files.wildcards == root / "fishes" / "wildcards" and files.scripts == (A1111_SCRIPT, "javascript/a.js")
    assert not vars(import_extension(extension_folder(root / "fishes"))).keys() & {"register_scripts", "start"}


def test_what_cannot_be_read_keeps_it_off(tmp_path: Path) -> None:
    root = tmp_path / "extensions"
    put_files(root, "words", {"localizations/de_DE.json": '{"Sea": 3}'})
    extensions = extensions_of(root)
    with pytest.raises(BrokenExtension, match="Its localizations/de_DE.json is not one object of texts"):
        extensions.enable(found(extensions, "words"))
