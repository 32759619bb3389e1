"""Extensions that read pictures of other programs: what they say counts, and what they do wrong is told."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modules.config.paths import resolve_paths
from modules.gallery.foreign import extension_readers
from modules.gallery.foreign.extension_readers import ExtensionReaders
from modules.gallery.foreign.reading import read_picture
from modules.hooks import MetadataContext, Plugins, hookimpl
from modules.hooks.plugins import Implementation
from modules.imaging.picture_heads import read_head
from modules.services.build import Services, open_services
from modules.services.options import EngineOptions
from tests.hooks.extension_makers import put_extension
from tests.services.jobs_to_end import drawn_file

OURS = "a house\nSteps: 3, Sampler: Euler, Seed: 1, Size: 64x64"
PAINTED = {"painter": '{"words": "a boat", "steps": 12}'}


def readers(*reads: Callable[[MetadataContext], Any]) -> ExtensionReaders:
    """Those of plugins a, b and so on."""
    plugins = Plugins(())
    for name, read in zip("abc", reads, strict=False):

        def read_metadata(context: MetadataContext, read: Callable[[MetadataContext], Any] = read) -> Any:
            return read(context)

        plugins.register(SimpleNamespace(read_metadata=hookimpl(read_metadata)), name)
    assert plugins.failures == ()
    return ExtensionReaders(plugins)


def test_they_see_what_a_file_says(tmp_path: Path) -> None:
    seen: list[MetadataContext] = []
    file = drawn_file(tmp_path / "a.png", width=48, height=32, texts={**PAINTED, "note": "hello"})
    assert read_picture(file, readers(seen.append)).infotext == ""
    assert [(dict(one.texts), one.width, one.height) for one in seen] == [({**PAINTED, "note": "hello"}, 48, 32)]


def test_the_first_that_knows_a_picture_counts(tmp_path: Path) -> None:
    file = drawn_file(tmp_path / "a.png", texts=PAINTED)
    known = readers(lambda told: None, lambda told: "b\nSteps: 1", lambda told: "c\nSteps: 2")
    assert read_picture(file, known).infotext == "b\nSteps: 1"


def test_what_says_something_by_itself_is_nobody_elses(tmp_path: Path) -> None:
    other = readers(lambda told: "other\nSteps: 9")
    assert read_picture(drawn_file(tmp_path / "a.png", texts={"parameters": OURS}), other).infotext == OURS
    assert read_picture(drawn_file(tmp_path / "b.png"), other).infotext == ""
    words = drawn_file(tmp_path / "c.png", texts={"parameters": "only words"})
    assert read_picture(words, other).infotext == "other\nSteps: 9"
    assert read_picture(words, readers(lambda told: None)).infotext == "only words"


def test_one_that_fails_is_told_and_the_next_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hanging(told: MetadataContext) -> None:
        while True:
            time.sleep(0.001)

    file = drawn_file(tmp_path / "a.png", texts=PAINTED)
    read = read_picture(file, readers(lambda told: 1 / 0, lambda told: 7, lambda told: "c\nSteps: 2"))
    assert read.infotext == "c\nSteps: 2"
    assert read.faults == (
        ("a", "ZeroDivisionError: division by zero"),
        ("b", "TypeError: it returned int instead of a text"),
    )
    long = read_picture(file, readers(lambda told: "x" * 1_000_001))
    assert long.faults == (("a", "ValueError: it returned 1,000,001 characters"),)
    monkeypatch.setattr(extension_readers, "SECONDS", 0.2)
    slow = read_picture(file, readers(hanging))
    assert slow.infotext == "" and slow.faults[0][1].startswith("it took longer than 0.2 seconds")


@contextmanager
def with_extensions(data: Path, **codes: str) -> Iterator[Services]:
    """Services with extensions of that code, by their names, that are switched on."""
    for name, code in codes.items():
        put_extension(data / "extensions", name, code)
    paths, options = resolve_paths(data_dir=data), EngineOptions(use_cpu=True)
    with open_services(paths, options) as before:
        before.extensions.may_change = True
        for name in codes:
            before.extensions.enable(name)
    with open_services(paths, options) as services:
        yield services


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """Services with the example of docs/extensions.md, and one that fails at every picture."""
    page = (Path(__file__).parents[2] / "docs" / "extensions.md").read_text("utf-8")
    (example,) = [part.split("```")[0] for part in page.split("```python\n") if "def read_metadata" in part]
    faulty = "from modules.hooks import hookimpl\n\n@hookimpl\ndef read_metadata(context):\n    return 1 / 0\n"
    with with_extensions(tmp_path / "data", painter=example, aground=faulty) as services:
        yield services


def test_png_info_and_gallery_read_with_them(services: Services) -> None:
    file = drawn_file(services.paths.txt2img_pictures / "2024" / "boat.png", width=64, height=96, texts=PAINTED)
    reading = services.pictures.read(file)
    assert (reading.request.prompt, reading.request.steps) == ("a boat", 12)
    assert (reading.request.width, reading.request.height) == (64, 96)
    assert reading.not_honoured[-1] == (
        "Extensions: aground (it could not read the picture: ZeroDivisionError: division by zero)"
    )
    services.pictures.refresh()
    (picture,) = services.pictures.page(0, 10, None)
    assert picture.infotext == "a boat\nSteps: 12, Sampler: Euler, Size: 64x96"
    drawn_file(file.with_name("ours.png"), texts={"parameters": OURS})
    assert not [row for row in services.pictures.read(file.with_name("ours.png")).not_honoured if "aground" in row]


HALVES = {
    "ours": {"parameters": OURS},
    "of an extension": {"painter": '{"words": "a boat \\ud83d", "steps": 12}'},
    "of InvokeAI": {"invokeai_metadata": '{"positive_prompt": "a boat \\ud83d", "steps": 12}'},
    "in the steps": {"painter": '{"words": "a boat", "steps": "\\ud83d"}'},
}
"""Texts of files: half a character is one that JSON can say and no database can store."""


def test_half_a_character_stops_no_other_picture(services: Services, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for root in (services.paths.txt2img_pictures, elsewhere):
        for name, texts in HALVES.items():
            drawn_file(root / f"{name}.png", texts=texts)
    services.pictures.refresh()
    found = {Path(picture.path).stem: picture.infotext for picture in services.pictures.page(0, 10, None)}
    assert found.keys() == HALVES.keys()
    assert found["ours"] == OURS
    assert found["of an extension"].startswith("a boat \N{REPLACEMENT CHARACTER}\nSteps: 12")
    assert found["of InvokeAI"].startswith("a boat \N{REPLACEMENT CHARACTER}\nSteps: 12")
    folder = services.picture_folders.add(str(elsewhere))
    while (report := services.picture_folders.get(folder.id)).state in ("waiting", "looking"):
        time.sleep(0.01)
    assert (report.state, report.indexed, report.problem) == ("ready", 4, "")
    for name in HALVES:
        reading = services.pictures.read(elsewhere / f"{name}.png")
        "\n".join((reading.infotext, *reading.not_honoured)).encode()


def test_halves_that_make_a_character_together_are_joined(tmp_path: Path) -> None:
    file = drawn_file(tmp_path / "a.png", texts=PAINTED)
    assert read_picture(file, readers(lambda told: "\ud83d" + "\ude00\nSteps: 2")).infotext == "\U0001f600\nSteps: 2"


def test_what_is_said_of_a_failure_can_be_stored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fails(told: MetadataContext) -> None:
        raise ValueError("no \ud83d here")

    with caplog.at_level(logging.CRITICAL):  # test processes cannot tell one another of a log with half a character
        (fault,) = read_picture(drawn_file(tmp_path / "a.png", texts=PAINTED), readers(fails)).faults
    assert fault == ("a", "ValueError: no \N{REPLACEMENT CHARACTER} here")


HANGS = """
import time

from modules.hooks import hookimpl


@hookimpl
def read_metadata(context):
    while True:
        time.sleep(0.001)
"""


def test_the_gallery_gives_up_one_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extension_readers, "SECONDS", 0.2)
    asked: list[tuple[str, int]] = []
    with with_extensions(tmp_path / "data", stuck=HANGS) as services:
        plugins = services.scripts.plugins
        found = plugins.implementations

        def counted(hook: str) -> tuple[Implementation, ...]:
            return tuple(replace(one, function=partial(told, one)) for one in found(hook))

        def told(one: Implementation, context: MetadataContext) -> object:
            asked.append((one.plugin, context.width))
            return one(context=context)

        monkeypatch.setattr(plugins, "implementations", counted)
        for place in range(6):
            drawn_file(services.paths.txt2img_pictures / f"{place}.png", texts=PAINTED, width=32 + place)
        services.pictures.refresh()
        assert asked == [("stuck", 32), ("stuck", 33), ("stuck", 34)]
        assert len(services.pictures.page(0, 10, None)) == 6
        (stuck,) = [one for one in services.extensions.all() if one.name == "stuck"]
        assert stuck.is_active
        assert stuck.problem.startswith("the gallery does not ask it about pictures any more until the next start")
        (failure,) = services.scripts.failures
        assert str(failure) == f"stuck: {stuck.problem}"

        elsewhere = drawn_file(tmp_path / "elsewhere" / "a.png", texts=PAINTED, width=40)
        folder = services.picture_folders.add(str(elsewhere.parent))
        while services.picture_folders.get(folder.id).state in ("waiting", "looking"):
            time.sleep(0.01)
        assert len(asked) == 3
        assert services.pictures.read(elsewhere).not_honoured[0].startswith("Extensions: stuck")
        assert asked[3:] == [("stuck", 40)]


def test_what_fails_otherwise_is_asked_again(tmp_path: Path) -> None:
    plugins = Plugins(())
    asked: list[int] = []

    def read_metadata(context: MetadataContext) -> None:
        asked.append(context.width)
        raise ValueError("not this one")

    plugins.register(SimpleNamespace(read_metadata=hookimpl(read_metadata)), "a")
    patient = ExtensionReaders(plugins, most_timeouts=3)
    for place in range(5):
        patient(read_head(drawn_file(tmp_path / f"{place}.png", texts=PAINTED, width=32 + place)))
    assert asked == [32, 33, 34, 35, 36] and plugins.failures == ()
