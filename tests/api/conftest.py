"""Services without a worker behind the routes, on a data folder of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from starlette.testclient import TestClient

from modules.api.application import create_application
from modules.config.paths import Paths, resolve_paths
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions


@pytest.fixture
def idle_services(paths: Paths) -> Iterator[Services]:
    """Services that run no jobs; nothing looks at the disk unless it is asked to."""
    with closing(build_services(paths, EngineOptions(use_cpu=True, precision="full"))) as services:
        yield services


@pytest.fixture(scope="module")
def still_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Such services that the tests of a file share, for those that change nothing in them."""
    paths = resolve_paths(data_dir=tmp_path_factory.mktemp("data"))
    with closing(build_services(paths, EngineOptions(use_cpu=True, precision="full"))) as services:
        yield services


@pytest.fixture(scope="module")
def still_client(still_services: Services) -> TestClient:
    """A client of their routes; to build these takes longer than most tests."""
    return TestClient(create_application(hosts=None, services=still_services))


@pytest.fixture
def idle_client(idle_services: Services) -> TestClient:
    """A client of their routes."""
    return TestClient(create_application(hosts=None, services=idle_services))
