"""Starts that nobody finished: after two of them a third takes in no extension."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from modules.config.paths import Paths
from modules.services.build import build_services, open_services
from modules.services.options import EngineOptions
from modules.services.starts import MOST_FAILURES, SAFE_MODE, StartCount
from tests.hooks.extension_makers import extensions_of, found, put_extension, script_code


def _start(paths: Paths) -> None:
    with open_services(paths, EngineOptions(use_cpu=True)):
        pass


@pytest.fixture
def deadly(paths: Paths) -> Path:
    """An extension that is switched on and ends every process that imports it while a file is there."""
    bad = paths.data / "bad"
    ending = f"import os\nif os.path.exists({str(bad)!r}): os._exit(9)\n"
    put_extension(paths.extensions, "deadly", ending + script_code("Deadly"))
    extensions = extensions_of(paths.extensions)
    extensions.enable(found(extensions, "deadly"))
    return bad


def test_the_third_start_takes_in_none_and_the_fourth_again(paths: Paths, deadly: Path) -> None:
    deadly.touch()
    for _ in range(MOST_FAILURES):
        process = multiprocessing.get_context("spawn").Process(target=_start, args=(paths,))
        process.start()
        process.join(120)
        assert process.exitcode == 9
    with open_services(paths, EngineOptions(use_cpu=True)) as services:
        assert services.extensions.without == SAFE_MODE
        assert services.extensions.all()[0].name == "deadly" and not services.extensions.all()[0].is_active
        assert services.scripts.registry.names("txt2img")
    deadly.unlink()
    with open_services(paths, EngineOptions(use_cpu=True)) as services:
        assert services.extensions.without == "" and services.extensions.all()[0].is_active


def test_an_end_in_order_is_no_failure(paths: Paths) -> None:
    for _ in range(MOST_FAILURES + 1):
        with pytest.raises(KeyboardInterrupt), open_services(paths, EngineOptions(use_cpu=True)) as services:
            assert services.extensions.without == ""
            raise KeyboardInterrupt


def test_a_fault_that_was_told_is_no_failure(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*given: object, **named: object) -> None:
        raise SystemExit(0)

    monkeypatch.setattr("modules.services.build.build_services", failing)
    for _ in range(MOST_FAILURES + 1):
        with pytest.raises(SystemExit), open_services(paths, EngineOptions(use_cpu=True)):
            pass
    assert not StartCount(paths.unfinished_starts).is_safe_mode


def test_a_count_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    count = StartCount(tmp_path / "count")
    for content in (b"", b"\xff", b"many"):
        (tmp_path / "count").write_bytes(content)
        assert not count.is_safe_mode
    count.begin()
    count.begin()
    assert count.is_safe_mode
    count.finish()
    assert not count.is_safe_mode and list(tmp_path.iterdir()) == []


def test_a_flag_takes_in_none(paths: Paths, deadly: Path) -> None:
    options = EngineOptions(use_cpu=True, without_extensions="No.")
    services = build_services(paths, options)
    assert not services.extensions.all()[0].is_active and not services.extensions.all()[0].waits
    services.close()
