"""Whatever is sent becomes a request or a refusal, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastapi import HTTPException
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from modules.api.sdapi.bodies import GenerationBody, Img2ImgBody, Txt2ImgBody
from modules.api.sdapi.fields import FIELDS, asked_of
from modules.api.sdapi.script_arguments import ALWAYS_ON
from modules.config.paths import resolve_paths
from modules.errors import UserError
from modules.schema.requests import REQUESTS, Task
from modules.schema.setting_fields import FIELD_OF_SETTING
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from tests.api.sdapi.conftest import picture

SCRIPTS = ("X/Y/Z plot", "Prompt matrix", "Prompts from file or textbox", "Loopback", "SD upscale", "nonesuch", "")
PICTURE = picture(64, 64)
INFOTEXT = (
    "a fish\nSteps: 3, Sampler: Euler a, CFG scale: 4, Seed: 5, Size: 64x64, Clip skip: 2, Denoising strength: 0.4"
)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services that run no jobs."""
    folder: Path = tmp_path_factory.mktemp("data")
    with closing(build_services(resolve_paths(data_dir=folder), EngineOptions(use_cpu=True))) as built:
        yield built


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "None", "Euler", "karras", "Latent", "atelier-demo", "Steps", "a|b", PICTURE, INFOTEXT, "5"]),
    st.lists(st.one_of(st.integers(), st.text(max_size=5)), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)
bodies = st.dictionaries(
    st.sampled_from(
        sorted({*Txt2ImgBody.model_fields, *Img2ImgBody.model_fields, "cfg_rescale", "sigmas", "mask_from_alpha"})
    ),
    values,
    max_size=6,
)
parts = st.fixed_dictionaries(
    {},
    optional={
        "override_settings": st.dictionaries(
            st.sampled_from([*FIELD_OF_SETTING, "queue_limit", "x"]), values, max_size=3
        ),
        "alwayson_scripts": st.dictionaries(
            st.sampled_from([*ALWAYS_ON, "x"]),
            st.builds(lambda args: {"args": args}, st.lists(values, max_size=8)),
            max_size=2,
        ),
        "script_name": st.sampled_from(SCRIPTS),
        "script_args": st.lists(values, max_size=19),
        "infotext": st.sampled_from([INFOTEXT, "", "a\nSteps: x, Seed: y, Size: z"]),
        "init_images": st.just([PICTURE]),
    },
)


@settings(max_examples=400)
@given(st.sampled_from(["txt2img", "img2img"]), bodies, parts)
def test_every_body_is_a_request_or_a_refusal(
    services: Services, task: Task, body: dict[str, Any], part: dict[str, Any]
) -> None:
    kind: type[GenerationBody] = Txt2ImgBody if task == "txt2img" else Img2ImgBody
    try:
        asked = asked_of(services, kind.model_validate({**body, **part}), task, {})
        resolved = services.resolver.resolve(asked.request)
        services.scripts.prepared(resolved, asked.request, services.resolver.changed)
    except (UserError, ValidationError) as error:
        assert str(error)
    except HTTPException as error:
        assert error.status_code in (404, 422)
    else:
        assert isinstance(asked.request, REQUESTS[task])


def test_every_field_of_the_table_is_one_of_both_sides() -> None:
    theirs = Txt2ImgBody.model_fields.keys() | Img2ImgBody.model_fields.keys()
    ours = {name for kind in REQUESTS.values() for name in kind.model_fields}
    assert FIELDS.keys() <= theirs
    assert {field for field, _ in FIELDS.values()} <= ours
