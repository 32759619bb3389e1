"""Styles in files: found, applied, kept and removed without losing anybody's words."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modules.errors import InvalidRequest, NotFound, StorageFull, UserError
from modules.prompt.styles import Style
from modules.services import styles
from modules.services.styles import ListedStyle, StyleService

HEADER = "name,prompt,negative_prompt\r\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "styles.csv"


@pytest.fixture
def service(file: Path) -> StyleService:
    return StyleService([file])


def content(path: Path) -> str:
    return path.read_bytes().decode("utf-8-sig")


def test_without_a_file_there_are_no_styles(service: StyleService) -> None:
    assert service.list_styles() == [] and service.problems() == []
    assert service.apply("cat", "dog", []) == ("cat", "dog")


def test_a_style_is_kept_as_the_web_ui_reads_it(service: StyleService, file: Path) -> None:
    saved = service.save(" öl ", "oil, {prompt}", "photo")
    assert saved == Style("öl", "oil, {prompt}", "photo") == service.find("öl")
    assert file.read_bytes() == b"\xef\xbb\xbf" + f'{HEADER}öl,"oil, {{prompt}}",photo\r\n'.encode()
    assert StyleService([file]).list_styles() == [ListedStyle("öl", file, saved)]
    assert service.apply("cat", "", ["öl"]) == ("oil, cat", "photo")


def test_saving_and_deleting_leave_the_rest_and_a_backup(service: StyleService, file: Path) -> None:
    before = HEADER + "# note,x,\r\na,1,\r\n,broken,\r\nb,2,\r\n"
    file.write_text(before, encoding="utf-8", newline="")
    service.save("a", "changed")
    assert content(file) == before.replace("a,1,", "a,changed,")
    assert content(file.with_name("styles.csv.bak")) == before
    service.delete("b")
    assert content(file) == before.replace("a,1,", "a,changed,").replace("b,2,\r\n", "")
    with pytest.raises(NotFound, match="There is no style 'b'"):
        service.delete("b")
    assert sorted(path.name for path in file.parent.iterdir()) == ["styles.csv", "styles.csv.bak"]


def test_changes_by_others_are_seen_and_kept(service: StyleService, file: Path) -> None:
    service.save("mine", "1")
    with file.open("a", encoding="utf-8", newline="") as other:
        other.write("theirs,2,\r\n")
    assert [entry.name for entry in service.list_styles()] == ["mine", "theirs"]
    service.save("more", "3")
    assert [entry.name for entry in service.list_styles()] == ["mine", "theirs", "more"]


def test_several_files_stand_in_order_between_dividers(tmp_path: Path) -> None:
    for name, row in {
        "b": "x,from b,",
        "a": "y,from a,",
        "more_2": "x,from 2,",
        "more_1": "z,from 1,",
        "empty": "",
    }.items():
        (tmp_path / f"{name}.csv").write_text(HEADER + row + "\r\n")
    (tmp_path / "more_1.csv.bak").write_text(HEADER + "old,1,\r\n")
    listed = [tmp_path / "b.csv", tmp_path / "a.csv", tmp_path / "empty.csv", tmp_path / "gone.csv"]
    service = StyleService([*listed, tmp_path / "more_*", tmp_path / "a.csv"])
    names = [entry.name.strip("-") if entry.style is None else entry.name for entry in service.list_styles()]
    assert names == [" B ", " A ", "y", " MORE_1 ", "z", " MORE_2 ", "x"]
    dividers = [entry.name for entry in service.list_styles() if entry.style is None]
    assert {len(divider) for divider in dividers} == {40}
    assert service.find("x").prompt == "from 2"
    assert service.apply("p", "", ["x", dividers[0], "y"]) == ("p, from 2, from a", "")
    assert service.default_file == tmp_path / "b.csv"
    service.save("x", "new")
    assert "x,from b," in content(tmp_path / "b.csv") and "x,new," in content(tmp_path / "more_2.csv")
    service.delete("x")
    assert [entry.name for entry in service.list_styles() if entry.style] == ["y", "z"]


def test_new_styles_never_go_into_a_pattern(tmp_path: Path) -> None:
    service = StyleService([tmp_path / "styles*.csv"])
    assert service.default_file == tmp_path / "styles.csv"
    service.save("a", "1")
    assert [entry.name for entry in service.list_styles()] == ["a"]


def test_unknown_styles_are_named_with_their_nearest(service: StyleService) -> None:
    service.save("oil painting", "oil")
    with pytest.raises(InvalidRequest) as caught:
        service.apply("cat", "", ["oil paiting"])
    assert str(caught.value) == "Style 'oil paiting' is in no styles file. The nearest there are: oil painting."
    with pytest.raises(InvalidRequest, match="Choose one from the list"):
        service.find("?")


def test_styles_are_found_in_a_finished_prompt(service: StyleService) -> None:
    service.save("oil", "oil painting of {prompt}", "photo")
    service.save("big", "huge")
    finished = service.apply("cat", "dog", ["oil", "big"])
    found = service.extract(*finished)
    assert (found.prompt, found.negative_prompt) == ("cat", "dog")
    assert {style.name for style in found.styles} == {"oil", "big"}
    assert service.apply("cat", "dog", [style.name for style in found.styles]) == finished


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xff\xfen\x00", "is not UTF-8 (byte 1). Save it as UTF-8."),
        (b"a,b\n", "has no columns name and prompt. Make name,prompt,negative_prompt its first line."),
        (HEADER.encode() + b'a,"b\nc,d\n', "line 2 opens a double quote that is never closed. Close it."),
        (b"x" * 2000, "is larger than 0 MiB. Split it into several files."),
    ],
    ids=["encoding", "header", "quote", "large"],
)
def test_a_damaged_file_is_reported_and_never_written(
    service: StyleService, file: Path, data: bytes, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(styles, "MAX_FILE_BYTES", 1000)
    file.write_bytes(data)
    assert service.problems() == [f"{file} {problem}"]
    assert service.list_styles() == []
    with pytest.raises(InvalidRequest, match="is damaged and would lose styles .* Mend the file first"):
        service.save("a", "b")
    assert file.read_bytes() == data


def test_a_folder_in_the_place_of_the_file_is_reported(service: StyleService, file: Path) -> None:
    file.mkdir()
    (problem,) = service.problems()  # why it cannot be read is told in the system's words
    assert problem.startswith(f"{file} cannot be read: ")
    assert problem.endswith(". Check that it is a file and its permissions.")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "is empty"),
        (" \t", "is empty"),
        ("a\nb", "holds characters that do not show"),
        ("a\x00", "holds characters that do not show"),
        ("\ud800", "holds characters that do not show"),
        ("#a", "begins with # or --, which mark comments and dividers"),
        ("-- A --", "begins with # or --"),
        ("x" * 101, "is longer than 100 characters"),
    ],
)
def test_names_that_no_file_can_hold(service: StyleService, file: Path, name: str, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=f"Style name .* {problem}"):
        service.save(name, "x")
    assert not file.exists()


def test_texts_are_bounded(service: StyleService, file: Path) -> None:
    with pytest.raises(InvalidRequest, match="Negative prompt .* is longer than 32,768 characters"):
        service.save("a", "x", "y" * 32_769)
    assert service.save("a", '"' * 32_768, "\ud800\x00\r\n") == Style("a", '"' * 32_768, "?\n")
    assert service.find("a").prompt == '"' * 32_768


def test_a_full_disk_leaves_the_old_file(service: StyleService, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service.save("a", "1")
    before = file.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageFull):
        service.save("b", "2")
    monkeypatch.undo()
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["styles.csv"]
    assert [entry.name for entry in service.list_styles()] == ["a"]


def test_a_file_that_may_not_be_written_is_named(
    service: StyleService, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(path: Path, data: bytes) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(styles, "write_atomically", forbidden)
    with pytest.raises(
        InvalidRequest, match="Styles file .* cannot be written: Permission denied. Check the permissions"
    ):
        service.save("a", "1")


def test_many_at_once_lose_nothing(service: StyleService) -> None:
    threads = [threading.Thread(target=service.save, args=(f"style {k}", "x")) for k in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entry.name for entry in service.list_styles()) == sorted(f"style {k}" for k in range(12))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30), st.text(max_size=60), st.text(max_size=60))
def test_any_name_and_text_is_kept_or_refused_in_a_sentence(
    service: StyleService, file: Path, name: str, prompt: str, negative: str
) -> None:
    try:
        saved = service.save(name, prompt, negative)
    except UserError as error:
        assert str(error).endswith(".")
    else:
        assert StyleService([file]).find(saved.name) == saved
        assert saved.name == name.strip()
    assert {path.name for path in file.parent.iterdir()} <= {"styles.csv", "styles.csv.bak"}


def test_styles_of_extensions_come_last_and_give_way_to_the_owners(tmp_path: Path, file: Path) -> None:
    of_extension = tmp_path / "sea" / "styles.csv"
    of_extension.parent.mkdir()
    of_extension.write_text(HEADER + "oil,sea oil,\r\nfoam,foaming,\r\n", encoding="utf-8", newline="")
    before = of_extension.read_bytes()
    at_work = [of_extension]
    service = StyleService([file], lambda: at_work)
    assert [entry.name for entry in service.list_styles()] == ["oil", "foam"]
    service.save("oil", "my oil")
    assert service.find("oil").prompt == "my oil" and service.find("foam").prompt == "foaming"
    listed = [entry.name.strip("- ") for entry in service.list_styles()]
    assert listed == ["STYLES", "oil", "SEA", "foam"]
    service.delete("oil")
    assert service.find("oil").prompt == "sea oil"
    with pytest.raises(InvalidRequest, match="'foam' comes with an extension. Switch that off, or save a style"):
        service.delete("foam")
    assert of_extension.read_bytes() == before
    at_work.clear()
    assert service.list_styles() == []
