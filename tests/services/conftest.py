"""Services without a worker: what is decided before a job is queued."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from modules.config.paths import Paths
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions


@pytest.fixture
def idle_services(paths: Paths) -> Iterator[Services]:
    """Services that accept jobs and run none."""
    with closing(build_services(paths, EngineOptions(use_cpu=True, precision="full"))) as services:
        yield services
