"""Samplers and schedules of extensions in the lists of the API, and in what A1111's clients ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from starlette.testclient import TestClient

from modules.api.application import create_application
from modules.api.sdapi.fields import find_or_refuse
from modules.api.sdapi.routes import Refused
from modules.config.paths import resolve_paths
from modules.diffusion.names import BUILT_IN_NAMES
from modules.schema.requests import ResolvedTxt2Img, Txt2ImgRequest
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from tests.hooks.extension_makers import put_extension

CODE = """
from modules.hooks import Sampler, Schedule, hookimpl

class Own(Sampler):
    name = "Own way"
    aliases = ("k_own",)
    calls_per_step = 2
    automatic = "Karras"

    def sample(self, latents, context):
        return latents

class Line(Schedule):
    name = "Own line"

    def sigmas(self, context):
        return [context.sigma_max, 0]

@hookimpl
def register_samplers():
    return [Own()]

@hookimpl
def register_schedules():
    return [Line()]
"""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services with an extension that is switched on."""
    data = tmp_path_factory.mktemp("data")
    put_extension(data / "extensions", "own-ways", CODE)
    paths, options = resolve_paths(data_dir=data), EngineOptions(use_cpu=True, precision="full")
    with closing(build_services(paths, options)) as before:
        before.extensions.may_change = True
        before.extensions.enable("own-ways")
    with closing(build_services(paths, options)) as services:
        yield services


@pytest.fixture(scope="module")
def client(services: Services) -> TestClient:
    """A client of their routes."""
    return TestClient(create_application(hosts=None, services=services))


def test_both_apis_list_them(client: TestClient) -> None:
    own: dict[str, Any] = {"name": "Own way", "aliases": ["k_own"]}
    assert client.get("/api/v1/samplers").json()["samplers"][-1] == own
    assert client.get("/api/v1/schedulers").json()["schedulers"][-1] == {"name": "Own line", "aliases": []}
    options = {"scheduler": "karras", "second_order": "True"}
    assert client.get("/sdapi/v1/samplers").json()[-1] == {**own, "options": options}
    listed = client.get("/sdapi/v1/schedulers").json()[-1]
    assert (listed["name"], listed["label"]) == ("own_line", "Own line")


def test_a1111_clients_may_name_them_and_their_own_words_for_them(services: Services) -> None:
    names = services.sampling.names
    assert find_or_refuse({"sampler_name": "k_own", "scheduler": "own_line"}, names) == "Own way"
    with pytest.raises(Refused) as refused:
        find_or_refuse({"sampler_name": "k_own", "scheduler": "own_line"}, BUILT_IN_NAMES)
    assert refused.value.status_code == 404


def test_requests_run_them(services: Services) -> None:
    asked: dict[str, Any] = {"enable_hr": True, "hr_sampler_name": "k_own", "hr_scheduler": "own-line"}
    request = services.resolver.resolve(Txt2ImgRequest(prompt="", sampler_name="own-way", **asked))
    assert isinstance(request, ResolvedTxt2Img)
    assert (request.sampler_name, request.scheduler) == ("Own way", "Karras")
    assert (request.hr_sampler_name, request.hr_scheduler) == ("Own way", "Own line")
    changed = services.resolver.changed(request, {"sampler_name": "Euler", "scheduler": "own line"})
    assert (changed.sampler_name, changed.scheduler) == ("Euler", "Own line")
    bound = services.resolver.changed(changed, {"sampler_name": "DDIM"})
    assert bound.scheduler == "Timesteps"  # it is bound to its own
