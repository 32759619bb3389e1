"""Wildcard files on a disk, as people make them and as people should not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modules.config.paths import ROOT
from modules.errors import InvalidRequest, UserError
from modules.prompt.templates import MAX_NESTING
from modules.services import wildcard_files
from modules.services.wildcards import MAX_PREVIEWS, WildcardService

Write = Callable[..., WildcardService]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Makes files in the wildcards folder; answers with the one service on it."""
    folder = tmp_path / "models" / "wildcards"
    service = WildcardService(folder)

    def files(contents: dict[str, str | bytes] | None = None) -> WildcardService:
        for name, content in (contents or {}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return service

    return files


def names(service: WildcardService) -> list[str]:
    return [wildcard.name for wildcard in service.list_wildcards()]


def refusal(service: WildcardService, template: str) -> str:
    with pytest.raises(InvalidRequest) as caught:
        service.check(template)
    for call in (service.expand, lambda text, seed: service.preview(text, seed, 3)):
        with pytest.raises(InvalidRequest) as again:
            call(template, 1)
        assert str(again.value) == str(caught.value)
    return str(caught.value)


def test_a_folder_that_is_not_there_holds_nothing(write: Write) -> None:
    service = write()
    assert service.list_wildcards() == [] and service.problems() == []
    assert service.expand("a {red} cat", 1) == "a {red} cat"


def test_a_text_file_has_a_value_on_each_line(write: Write) -> None:
    service = write({"colour.txt": "\ufeff red \r\n\r\n# comment\nblue\rred\n2::green\n", "hair/dark red.txt": "x"})
    assert [(wildcard.name, wildcard.count) for wildcard in service.list_wildcards()] == [
        ("colour", 4),
        ("hair/dark red", 1),
    ]
    assert service.values("colour") == ["blue", "green", "red"]
    assert service.values("dark red") == service.values("*/dark*") == ["x"]
    assert set(service.preview("__colour__", 0, 50)) == {"red", "blue", "green"}
    assert service.problems() == []


def test_yaml_and_json_hold_many_wildcards(write: Write) -> None:
    yaml_text = "animals:\n  cats: [tabby, 2::persian, yes, 1970, 2001-01-01]\n"
    yaml_text += "  dogs:\n  - {text: poodle, weight: 0}\n  - pug\nsky: blue\n"
    service = write(
        {
            "pack.yaml": yaml_text,
            "more/p.json": '{"a": {"b": ["c", 3, ""]}}',
            "list.yml": "- x\n- y\n",
            "l.json": '["z"]',
        }
    )
    assert names(service) == ["animals/cats", "animals/dogs", "l", "list", "more/a/b", "sky"]
    assert service.values("animals/cats") == ["1970", "2001-01-01", "persian", "tabby", "yes"]
    assert service.values("more/a/b") == ["3", "c"]
    assert set(service.preview("__animals/dogs__", 0, 50)) == {"pug"}
    assert service.problems() == []


def test_the_same_seed_gives_the_same_prompt_and_each_picture_its_own(write: Write) -> None:
    contents: dict[str, str | bytes] = {"n.txt": "\n".join(map(str, range(1000)))}
    service = write(contents)
    previewed = service.preview("__n__ {a|b}", 7, 20)
    assert previewed == [service.expand("__n__ {a|b}", 7 + k) for k in range(20)]
    assert len(set(previewed)) > 15
    assert service.preview("__n__", 7, 20, "negative_prompt") != service.preview("__n__", 7, 20)
    again = WildcardService(service.folder)
    assert again.preview("__n__ {a|b}", 7, 20) == previewed


def test_the_order_of_lines_does_not_matter(write: Write) -> None:
    before = write({"n.txt": "a\nb\nc\nd"}).preview("__n__", 1, 30)
    assert write({"n.txt": "d\nc\nb\na\n\n"}).preview("__n__", 1, 30) == before


def test_previews_are_bounded_and_need_no_files_without_wildcards(write: Write) -> None:
    service = write()
    assert service.preview("{a|b}", 1, 0) == service.preview("{a|b}", 1, -1) == []
    assert len(service.preview("{a|b}", 1, 10**9)) == MAX_PREVIEWS
    assert service.is_template("{a|b}") and not service.is_template("{a}")


def test_changes_are_seen(write: Write) -> None:
    service = write({"a.txt": "old"})
    assert service.expand("__a__", 1) == "old"
    assert write({"a.txt": "newer"}).expand("__a__", 1) == "newer"
    assert write({"b.txt": "x"}).expand("__b__", 1) == "x"
    (service.folder / "a.txt").unlink()
    assert "__a__" in refusal(service, "__a__")


def test_wildcards_name_wildcards(write: Write) -> None:
    service = write({"cat.txt": "a __colour__ {cat|kitten}", "colour.txt": "red\n{light|dark} blue"})
    expected = {f"a {colour} {animal}" for colour in ("red", "light blue", "dark blue") for animal in ("cat", "kitten")}
    assert set(service.preview("__cat__", 1, 200)) == expected


def test_wildcards_take_a_pattern_and_find_their_folder(write: Write) -> None:
    service = write({"sky/day.txt": "sun", "sky/night.txt": "moon", "deep/er/day.txt": "noon"})
    assert set(service.preview("__sky/*__", 1, 50)) == {"sun", "moon"}
    assert set(service.preview("__day__", 1, 50)) == {"sun", "noon"}
    assert service.expand("__er/day__", 1) == "noon"


def test_a_missing_wildcard_is_named_with_its_remedy(write: Write) -> None:
    service = write({"colour.txt": "red", "cat.txt": "a __tail__ cat"})
    folder = service.folder
    assert refusal(service, "a __colou__ cat") == (
        f"Wildcard '__colou__' has no file in {folder}. The nearest there: colour. "
        r"Put colou.txt there with one value on each line, or write \__colou__ to keep the words."
    )
    assert refusal(service, "{a|__cat__}") == (
        f"Wildcard '__tail__' (which {folder / 'cat.txt'} names) has no file in {folder}. "
        r"Put tail.txt there with one value on each line, or write \__tail__ to keep the words."
    )
    assert service.expand(r"a \__colou__ cat", 1) == r"a \__colou__ cat"
    assert "a file with such a name" in refusal(service, "__no*__")
    with pytest.raises(InvalidRequest, match="__nothing__"):
        service.values("nothing")


def test_a_tag_keeps_double_underscores_that_name_no_file(write: Write) -> None:
    service = write({"colour.txt": "red"})
    assert service.expand("<lora:my__x__v2:1> __colour__", 1) == "<lora:my__x__v2:1> red"
    assert service.expand("<lora:__colour__:1>", 1) == "<lora:red:1>"
    assert "__x__" in refusal(service, "<lora:my__x__v2:1> __x__")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..", "a/../../b", "/etc/passwd", "secret", "*/secret", "~/x", "/", "."]
)
def test_no_name_leads_out_of_the_folder(write: Write, tmp_path: Path, name: str) -> None:
    service = write({"colour.txt": "red"})
    for place in (tmp_path, tmp_path / "models"):
        (place / "secret.txt").write_text("secret")
    sentence = refusal(service, f"__{name}__")
    assert f"__{name}__" in sentence and str(service.folder) in sentence


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_no_link_leads_out_of_the_folder(write: Write, tmp_path: Path) -> None:
    service = write({"colour.txt": "red"})
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    (service.folder / "linked").symlink_to(outside)
    (service.folder / "secret.txt").symlink_to(outside / "secret.txt")
    (service.folder / "circle.txt").symlink_to(service.folder / "circle.txt")
    (service.folder / "alias.txt").symlink_to(service.folder / "colour.txt")
    os.mkfifo(service.folder / "pipe.txt")
    assert names(service) == ["alias", "colour"]
    sentence = f"is a link that leads out of {service.folder}. Copy the file into the folder instead."
    assert service.problems() == [f"{service.folder / 'secret.txt'} {sentence}"]


@pytest.mark.parametrize(
    ("contents", "template", "circle", "last"),
    [
        ({"a.txt": "x\n__a__"}, "__a__", "__a__ > __a__", "a"),
        (
            {"a.txt": "__b__", "b.txt": "{x|__c__}", "c.txt": "y __a__"},
            "{z|__b__}",
            "__b__ > __c__ > __a__ > __b__",
            "a",
        ),
        ({"d/a.txt": "__a__"}, "__d/a__", "__a__ > __a__", None),
        ({"a.txt": "__*__"}, "__a__", "__*__ > __*__", None),
    ],
)
def test_a_wildcard_that_leads_to_itself_is_refused_with_any_seed(
    write: Write, contents: dict[str, str | bytes], template: str, circle: str, last: str | None
) -> None:
    service = write(contents)
    sentence = refusal(service, template)
    assert f"leads back to itself: {circle}. " in sentence
    assert last is None or f"out of {service.folder / last}.txt" in sentence


def test_nesting_has_a_bound_over_all_files(write: Write) -> None:
    chain: dict[str, str | bytes] = {f"w{k}.txt": f"{{__w{k + 1}__|x}}" for k in range(20)}
    service = write({**chain, "w20.txt": "end"})
    assert service.expand("__w5__", 3)  # 15 variants, 16 wildcards
    sentence = refusal(service, "__w4__")
    assert f"nested more than {MAX_NESTING} deep, variants counted" in sentence
    assert refusal(service, "{a|{a|__w5__}}")
    assert service.expand("__w5__", 3)


def test_the_deepest_that_is_allowed_runs(write: Write) -> None:
    contents: dict[str, str | bytes] = {f"w{k}.txt": f"x __w{k + 1}__" for k in range(MAX_NESTING - 1)}
    service = write({**contents, f"w{MAX_NESTING - 1}.txt": "end"})
    assert service.expand("__w0__", 1) == "x " * (MAX_NESTING - 1) + "end"
    assert service.expand("{0::y|" * MAX_NESTING + "x" + "}" * MAX_NESTING, 1) == "x"


NO_ENTRY = "has an entry that cannot be used, number 1 of a. Write a text there."
TOO_DEEP = "nests its names more than 16 deep. Put the inner ones further out."
NO_NAME = "which no prompt can call. Use letters, digits, - and _."
BROKEN: list[tuple[str, str | bytes, str]] = [
    ("a.txt", "", "holds no value for a. Put one value on each line."),
    ("a__b.txt", "x", f"names a wildcard 'a__b', {NO_NAME}"),
    ("a.txt", b"\xff\xfe\x00", "is not UTF-8 (byte 1). Save it as UTF-8."),
    ("a.json", "{", "is no valid JSON in line 1. Mend it there."),
    ("a.json", "[" * 100_000, "is no valid JSON. Mend it there."),
    ("a.yaml", "a: [b\nc: d", "is no valid YAML in line 2. Mend it there."),
    ("a.yaml", "[" * 100_000, TOO_DEEP),
    ("a.json", '{"a":' * 20 + '["x"]' + "}" * 20, TOO_DEEP),
    ("a.yaml", "a: &x [b]\nc: *x", "repeats a part with * in line 2. Write the values out there."),
    ("a.yaml", "? [a]\n: b", "uses a list or a mapping as a name. Write a text before each colon."),
    ("a.yaml", "a: [[b]]\n", NO_ENTRY),
    ("a.json", '{"a": [{"text": "b", "weight": 1e999}]}', NO_ENTRY),
    ("a.json", '{"a": [{"weight": 2}, null, true]}', NO_ENTRY),
    ("a.yaml", "a: {b: [c], 'd,e': [f]}", f"names a wildcard 'a/d,e', {NO_NAME}"),
]


@pytest.mark.parametrize(("name", "content", "problem"), BROKEN, ids=map(str, range(len(BROKEN))))
def test_files_that_cannot_be_used_are_reported(write: Write, name: str, content: str | bytes, problem: str) -> None:
    service = write({name: content, "good.txt": "fine"})
    assert f"{service.folder / name} {problem}" in service.problems()
    assert service.expand("__good__", 1) == "fine"


def test_files_that_are_too_large_or_too_many_are_reported(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wildcard_files, "MAX_FILE_BYTES", 1024**2)
    monkeypatch.setattr(wildcard_files, "MAX_FILES", 2)
    service = write({"a.txt": "x" * (1024**2 + 1), "b.txt": "b", "c.txt": "c"})
    assert names(service) == ["b"]
    assert service.problems() == [
        f"{service.folder} holds 3 files; those after the first 2 are left out.",
        f"{service.folder / 'a.txt'} is larger than 1 MiB. Split it into several files.",
    ]


def test_two_files_of_one_name_are_reported(write: Write) -> None:
    service = write({"a.json": '["first"]', "a.txt": "second"})
    assert service.values("a") == ["first"]
    assert service.problems() == [
        f"{service.folder / 'a.txt'} defines a, which {service.folder / 'a.json'} has already."
    ]


def test_wildcards_load_neither_networks_nor_generators() -> None:
    loaded = "print(*({'torch', 'transformers', 'jinja2', 'dynamicprompts.generators'} & set(sys.modules)))"
    command = [sys.executable, "-W", "error", "-c", f"import sys, modules.services.wildcards; {loaded}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip() == ""


MARKS = ["{", "}", "|", "__", "_", "a", "$$", "::", "[", "]", "<lora:", ">", "#", "\n", "\\", "*", "..", "/"]
MARKS += ["{x|", "|y}", "{2$$", "3::", "__a__", "__b__", "__l__", "__*__", "__no__", "{0-2$$ + $$__a__}"]
TEMPLATE = st.lists(st.sampled_from(MARKS), max_size=12).map("".join)


@settings(max_examples=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEMPLATE, st.integers())
def test_any_text_is_expanded_or_refused_in_a_sentence(write: Write, text: str, seed: int) -> None:
    service = write()
    if not service.folder.exists():
        write({"a.txt": "A\n__b__", "b.txt": "{B|C}", "l.txt": "__l__"})
    try:
        expanded = service.expand(text, seed)
    except UserError as error:
        assert str(error).endswith(".")
        assert service.is_template(text) or "nested" in str(error)
    else:
        assert service.is_template(text) or expanded == text


def test_wildcards_of_extensions_give_way_to_the_owners(tmp_path: Path) -> None:
    folder, sea, lake = tmp_path / "wildcards", tmp_path / "sea", tmp_path / "lake"
    contents = {
        folder / "animals" / "fish.txt": "owner's cod",
        sea / "fish.txt": "cod",
        sea / "boats.txt": "sloop",
        lake / "boats.txt": "canoe",
    }
    for path, text in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    at_work = [sea, lake]
    service = WildcardService(folder, lambda: at_work)
    assert names(service) == ["animals/fish", "boats", "fish"]
    # A name without its folder means the owner's too.
    assert service.expand("__fish__, __boats__", 1) == "owner's cod, sloop"
    assert service.problems() == [f"{lake / 'boats.txt'} defines boats, which {sea / 'boats.txt'} has already."]
    (folder / "boats.txt").write_text("my boat")
    assert service.expand("__boats__", 1) == "my boat" and service.problems() == []
    at_work.clear()
    assert names(service) == ["animals/fish", "boats"]
