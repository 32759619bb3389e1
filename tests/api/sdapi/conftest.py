"""A client of A1111's routes with the demo model behind them."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from modules.api.application import create_application
from modules.services.build import Services

SMALL: dict[str, Any] = {"steps": 2, "width": 128, "height": 128, "seed": 1}


@pytest.fixture(scope="module")
def client(demo_services: Services) -> TestClient:
    """Of the tests of a file, which leave one another pictures and settings."""
    return TestClient(create_application(hosts=None, services=demo_services))


def in_base64(image: Image.Image, format: str = "PNG", **options: Any) -> str:
    """The file of a picture."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def picture(width: int = 128, height: int = 128, colour: tuple[int, ...] = (200, 30, 30)) -> str:
    """A PNG of one colour in base64."""
    return in_base64(Image.fromarray(np.full((height, width, len(colour)), colour, np.uint8)))


def opened(text: str) -> Image.Image:
    """The picture in base64, with its texts."""
    image = Image.open(io.BytesIO(base64.b64decode(text)))
    image.load()
    return image


def pixels(text: str) -> np.ndarray:
    """Those of a picture in base64."""
    return np.asarray(opened(text)).astype(int)
