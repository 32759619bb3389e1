"""Files of strangers: what leads elsewhere, is too much, or means two things is refused before it is there."""

from __future__ import annotations

import stat
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules.errors import BrokenExtension
from modules.hooks.extension_folders import MOST_BYTES, MOST_FILES
from modules.hooks.incoming_files import IncomingFiles, copy_folder, unpack_zip


@pytest.fixture
def files(tmp_path: Path) -> IncomingFiles:
    return IncomingFiles(tmp_path / "new")


def zipped(tmp_path: Path, *names: str, content: bytes = b"x") -> Path:
    path = tmp_path / "given.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that are there twice
        for name in names:
            archive.writestr(name, content)
    return path


def there(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_plain_files_are_written(files: IncomingFiles) -> None:
    files.write("sea/__init__.py", [b"a", b"b"])
    files.write(".github/work flow (1).yml", [b""])
    files.write("sea/海.txt", [b"c"])
    assert there(files.root) == [".github/work flow (1).yml", "sea/__init__.py", "sea/海.txt"]
    assert (files.root / "sea/__init__.py").read_bytes() == b"ab"
    assert (files.files, files.size) == (3, 3)


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "a/../../evil", "/etc/evil", "a//b", "./a", "", "a/", "..", "C:/evil", "C:evil", "a\\b", "..\\evil",
        ".git/config", "a/.GIT/hooks/x", "git~1/x", "con", "a/NUL.txt", "com1.py", "aux/x", "a. ", "a/b.", " a", "a\nb",
        "a\0b", "a:stream", "a?b", "a\u202eb", "x" * 181, "é" * 100,
    ],
)  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(files: IncomingFiles, tmp_path: Path, name: str) -> None:
    with pytest.raises(BrokenExtension):
        files.write(name, [b"evil"])
    assert there(tmp_path) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [("Sea.py", "sea.py"), ("a/x", "A/y"), ("é.txt", "e\u0301.txt"), ("a", "A/x"), ("ﬁn", "fin")],
)
def test_names_that_are_one_on_some_systems_are_refused(files: IncomingFiles, first: str, second: str) -> None:
    files.write(first, [b"1"])
    with pytest.raises(BrokenExtension, match="are the same on some systems"):
        files.write(second, [b"2"])
    assert there(files.root) == [first]


def test_a_name_twice_and_a_file_for_a_folder_are_refused(files: IncomingFiles) -> None:
    files.write("a", [b"1"])
    with pytest.raises(BrokenExtension, match="twice"):
        files.write("a", [b"2"])
    with pytest.raises((BrokenExtension, OSError)):
        files.write("a/b", [b"3"])
    assert (files.root / "a").read_bytes() == b"1"


def test_what_is_too_much_is_refused_while_it_comes(files: IncomingFiles) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1 << 24
            yield bytes(1 << 24)

    with pytest.raises(BrokenExtension, match="more than 5,000 files or 200 MB"):
        files.write("large", endless())
    assert taken < MOST_BYTES + (1 << 25)
    with pytest.raises(BrokenExtension, match="more than 5,000 files"):
        for number in range(MOST_FILES + 1):
            files.write(f"{number}", [])


def test_caches_are_counted_and_left_out(files: IncomingFiles) -> None:
    files.write("sea/__pycache__/evil.cpython-311.pyc", [b"1234"])
    assert there(files.root) == [] and files.size == 4


def test_a_zip_file_is_unpacked_without_the_folder_around_it(tmp_path: Path, files: IncomingFiles) -> None:
    unpack_zip(zipped(tmp_path, "sea-main/extension.toml", "sea-main/sea/__init__.py"), files)
    assert there(files.root) == ["extension.toml", "sea/__init__.py"]
    plain = IncomingFiles(tmp_path / "plain")
    unpack_zip(zipped(tmp_path, "extension.toml", "sea/__init__.py"), plain)
    assert there(plain.root) == ["extension.toml", "sea/__init__.py"]


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "a\\..\\..\\evil", "b/.git/config", "B/x"])
def test_a_zip_file_that_leads_out_is_refused(tmp_path: Path, files: IncomingFiles, name: str) -> None:
    with pytest.raises(BrokenExtension):
        unpack_zip(zipped(tmp_path, "b/x", name), files)
    assert list(tmp_path.rglob("*evil*")) == []


def test_a_zip_file_with_a_link_is_refused(tmp_path: Path, files: IncomingFiles) -> None:
    row = zipfile.ZipInfo("secrets")
    row.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "given.zip", "w") as archive:
        archive.writestr(row, "/etc")
    with pytest.raises(BrokenExtension, match="'secrets' in it is a link"):
        unpack_zip(tmp_path / "given.zip", files)
    assert there(files.root) == []


def test_a_zip_bomb_is_refused(tmp_path: Path, files: IncomingFiles) -> None:
    path = tmp_path / "given.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        with archive.open("zeros", "w", force_zip64=True) as file:
            for _ in range(MOST_BYTES // (1 << 24) + 2):
                file.write(bytes(1 << 24))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(BrokenExtension, match="more than 5,000 files or 200 MB"):
        unpack_zip(path, files)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_zip_file_is_refused(tmp_path: Path, files: IncomingFiles, content: bytes) -> None:
    (tmp_path / "given.zip").write_bytes(content)
    with pytest.raises(BrokenExtension, match="no zip file that can be read"):
        unpack_zip(tmp_path / "given.zip", files)


def test_a_damaged_zip_file_is_refused(tmp_path: Path, files: IncomingFiles) -> None:
    path = zipped(tmp_path, "a", content=bytes(range(256)) * 40)
    good = path.read_bytes()
    path.write_bytes(good[:60] + b"\xff\xff\xff" + good[63:])
    with pytest.raises(BrokenExtension, match="no zip file that can be read"):
        unpack_zip(path, files)


def test_an_unusual_packing_is_refused(tmp_path: Path, files: IncomingFiles) -> None:
    with zipfile.ZipFile(tmp_path / "given.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", b"x")
    with pytest.raises(BrokenExtension, match="packed in an unusual way"):
        unpack_zip(tmp_path / "given.zip", files)


def test_a_folder_is_copied_without_links(tmp_path: Path, files: IncomingFiles) -> None:
    source = tmp_path / "source"
    (source / "sea" / "__pycache__").mkdir(parents=True)
    (source / ".git").mkdir()
    for name in ("extension.toml", "sea/__init__.py", "sea/__pycache__/x.pyc", ".git/config"):
        (source / name).write_text(name)
    copy_folder(source, files)
    assert there(files.root) == ["extension.toml", "sea/__init__.py"]
    (source / "out").symlink_to("/etc")
    with pytest.raises(BrokenExtension, match="out in its folder is a link"):
        copy_folder(source, IncomingFiles(tmp_path / "other"))
