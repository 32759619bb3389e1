"""Fixtures of the tasks' tests: the tiny models are written and loaded once."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from PIL import Image

from modules.checkpoints.loaded import LoadedModel
from tests.pipeline.painting import PICTURE, SECOND_PICTURE, Studio, drawn, write_models


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, LoadedModel]:
    """The tiny models by name."""
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def studio(models: Mapping[str, LoadedModel]) -> Studio:
    """The tiny models and two pictures of 64 x 64."""
    pictures = {PICTURE: Image.fromarray(drawn()), SECOND_PICTURE: Image.fromarray(drawn(seed=1))}
    return Studio(models, pictures)
