"""What the panel Look inside is told of its form, and what the page says of a job that it wants recorded."""

from __future__ import annotations

import pytest

from modules.schema.requests import REQUESTS, Task
from modules.ui.job_handlers import HowToQueue, how_to_queue
from modules.ui.look_inside_panel import explained_fields


@pytest.mark.parametrize("task", ["txt2img", "img2img"])
def test_fields_are_those_of_the_request_without_its_pictures(task: Task) -> None:
    fields = explained_fields(task)
    assert set(fields) <= REQUESTS[task].model_fields.keys()
    assert {"prompt", "steps", "sampler_name", "denoising_strength", "refiner_checkpoint"} <= set(fields)
    assert not {"init_images", "mask", "batch_size", "script_name"} & set(fields)
    assert ("enable_hr" in fields) == (task == "txt2img")


def test_a_page_says_that_a_job_is_to_be_recorded() -> None:
    assert how_to_queue('{"look_inside": true, "times": 2}') == HowToQueue(times=2, look_inside=True)
    for told in ("", "{}", '{"look_inside": "yes"}', '{"look_inside": 1}', "[true]"):
        assert not how_to_queue(told).look_inside
