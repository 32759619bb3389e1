"""Fixtures shared by the rooms' tests: nothing is written outside of a temporary folder."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# One thread per test process: several processes on few cores get in one another's way otherwise.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from modules.config.database import Database
from modules.config.paths import Paths, resolve_paths
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions

# Time says nothing about right or wrong here: machines are shared, and the first text drawn builds hypothesis's tables.
settings.register_profile("atelier", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("atelier")


# With several processes a file goes to one of them as a whole: what takes minutes must not come last.
_LONGEST_FIRST = (
    "test_webui.py",
    "tools/demo_model/test_shipped.py",
    "ui/test_extension_manager_in_browser.py",
    "ui/test_browser.py",
    "ui/test_pictures_in_browser.py",
    "ui/test_every_tab.py",
    "ui/test_extension_troubles_in_browser.py",
    "ui/test_login_in_browser.py",
    "ui/test_words_in_browser.py",
    "ui/test_models_tab.py",
    "test_launch.py",
    "services",
    "pipeline",
    "api",
    "jobs",
)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Ten thousand tests and what they import stay to the end: to look through them for garbage takes seconds."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def pytest_unconfigure() -> None:
    """Libraries complain at the end of what is never looked through."""
    gc.unfreeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(here).as_posix()
        return next((at for at, name in enumerate(_LONGEST_FIRST) if path.startswith(name)), len(_LONGEST_FIRST))

    items.sort(key=place)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """Folders of an installation with nothing in its data folder; the shipped demo model is found."""
    return resolve_paths(data_dir=tmp_path)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    opened = Database(tmp_path / "test.sqlite3")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def demo_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services at work with the demo model, on a data folder of the test file's own."""
    with running_services(
        resolve_paths(data_dir=tmp_path_factory.mktemp("data")), EngineOptions(use_cpu=True, precision="full")
    ) as services:
        yield services
