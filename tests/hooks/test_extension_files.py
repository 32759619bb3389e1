"""What lies beside an extension's code: read where it can be used, and refused in words where it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.errors import BrokenExtension
from modules.hooks import Plugins
from modules.hooks.extension_files import MOST_BYTES, read_extension_files
from modules.hooks.extension_folders import extension_folder
from tests.hooks.extension_makers import extensions_of, found, put_extension

PAGE = '["page"]'


def put_files(root: Path, name: str, files: dict[str, str | bytes], *, touches: str = PAGE) -> Path:
    """An extension with files beside its code."""
    folder = put_extension(root, name, touches=touches)
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_everything_is_found_where_it_belongs(tmp_path: Path) -> None:
    folder = put_files(
        tmp_path,
        "sea",
        {
            "javascript/b.js": "b()",
            "javascript/a.js": "a()",
            "javascript/notes.txt": "no script",
            "style.css": "b {}",
            "locales/de.json": '{"Sea": "Meer"}',
            "wildcards/fish.txt": "cod",
            "styles.csv": "name,prompt,negative_prompt\nsea,blue,\n",
        },
    )
    files = read_extension_files(extension_folder(folder))
    assert files.scripts == ("javascript/a.js", "javascript/b.js")
    assert dict(files.of_page) == {"javascript/a.js": b"a()", "javascript/b.js": b"b()", "style.css": b"b {}"}
    assert files.locales == {"de": {"Sea": "Meer"}}
    assert (files.wildcards, files.styles) == (folder / "wildcards", folder / "styles.csv")
    (folder / "style.css").write_text("i {}")
    assert read_extension_files(extension_folder(folder)).version != files.version


def test_an_extension_of_code_alone_has_none(tmp_path: Path) -> None:
    files = read_extension_files(extension_folder(put_extension(tmp_path, "sea")))
    assert not files.of_page and not files.locales and files.wildcards is None and files.styles is None


@pytest.mark.parametrize(
    ("path", "content", "problem"),
    [
        ("locales/de.json", "{", "Its locales/de.json is no JSON"),
        ("locales/de.json", "[" * 100_000, "Its locales/de.json is no JSON"),
        ("locales/de.json", '{"Sea": 3}', "is not one object of texts"),
        ("locales/de.json", '["Sea"]', "is not one object of texts"),
        ("javascript/a.js", b"\xff", "Its javascript/a.js is not UTF-8 (byte 1)"),
        ("style.css", b" " * (MOST_BYTES + 1), "Its style.css is larger than 2 MiB"),
    ],
)
def test_what_cannot_be_used_keeps_it_off(tmp_path: Path, path: str, content: str | bytes, problem: str) -> None:
    root = tmp_path / "extensions"
    put_files(root, "sea", {path: content})
    extensions = extensions_of(root)
    with pytest.raises(BrokenExtension) as refused:
        extensions.enable(found(extensions, "sea"))
    assert str(refused.value).startswith("Extension 'sea' cannot be switched on. Its ") and problem in str(
        refused.value
    )
    assert found(extensions, "sea").decision == "off"


@pytest.mark.parametrize("path", ["javascript/a.js", "style.css"])
def test_what_changes_the_page_has_to_say_so(tmp_path: Path, path: str) -> None:
    root = tmp_path / "extensions"
    put_files(root, "sea", {path: ""}, touches='["scripts"]')
    extensions = extensions_of(root)
    with pytest.raises(BrokenExtension, match=f'It has {path}, but "page" is not among'):
        extensions.enable(found(extensions, "sea"))


def test_files_count_for_those_that_are_taken_in_alone(tmp_path: Path) -> None:
    root = tmp_path / "extensions"
    for name in ("off", "fails", "sea"):
        put_files(root, name, {"style.css": "b {}"})
    bad = tmp_path / "bad"
    (root / "fails" / "fails" / "__init__.py").write_text(f"if __import__('os').path.exists({str(bad)!r}): 1 / 0")
    extensions = extensions_of(root)
    for name in ("fails", "sea"):
        extensions.enable(found(extensions, name))
    bad.touch()
    plugins, extensions = Plugins(()), extensions_of(root)
    extensions.load_into(plugins)
    assert [files.extension for files in extensions.files_of(plugins.names)] == ["sea"]
    plugins.leave_out("sea", "a hook of it failed")
    assert extensions.files_of(plugins.names) == []
