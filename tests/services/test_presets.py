"""Presets: kept whole, checked like requests, and nobody else's."""

from __future__ import annotations

import math
from typing import Any

import pytest

from modules.config.database import Database
from modules.errors import InvalidRequest, NotFound
from modules.schema.requests import Img2ImgRequest, Task, Txt2ImgRequest
from modules.services import presets as presets_module
from modules.services.presets import NewPreset, PresetService

VALUES: dict[str, Any] = {
    "prompt": "a “red” house\nat night",
    "steps": 31,
    "cfg_scale": 6.5,
    "seed": "9223372036854775807",
    "styles": ["ink", "film"],
    "wildcards": True,
    "eta": "",
    "X/Y/Z plot/x_type": "Steps",
}


@pytest.fixture
def presets(database: Database) -> PresetService:
    return PresetService(database)


def draft(name: str = "Draft", task: Task = "txt2img", **values: Any) -> NewPreset:
    return NewPreset(task, name, values or VALUES)


def test_a_preset_comes_back_as_it_was_saved(database: Database, presets: PresetService) -> None:
    saved = presets.save(draft(), "ann")
    again = PresetService(database).all("ann")
    assert again == [saved] and dict(saved.values) == VALUES and not saved.is_default


def test_presets_are_listed_by_task_and_name(presets: PresetService) -> None:
    presets.save_all([draft("b", "img2img"), draft("C"), draft("a")], "ann")
    assert [(one.task, one.name) for one in presets.all("ann")] == [
        ("txt2img", "a"),
        ("txt2img", "C"),
        ("img2img", "b"),
    ]


def test_everybody_has_their_own(presets: PresetService) -> None:
    mine = presets.save(draft(), "ann")
    presets.set_default(mine.id, True, "ann")
    assert presets.all("bob") == [] and presets.default("txt2img", "bob") is None
    for attempt in (
        lambda: presets.get(mine.id, "bob"),
        lambda: presets.rename(mine.id, "x", "bob"),
        lambda: presets.set_default(mine.id, False, "bob"),
        lambda: presets.delete(mine.id, "bob"),
    ):
        with pytest.raises(NotFound, match=f"no preset {mine.id}"):
            attempt()
    assert presets.save(draft(steps=9), "bob").id != mine.id
    assert presets.default("txt2img", "ann") == presets.get(mine.id, "ann")


def test_saving_again_replaces_or_is_refused_and_keeps_the_default(presets: PresetService) -> None:
    first = presets.save(draft(), "")
    presets.set_default(first.id, True, "")
    with pytest.raises(InvalidRequest, match="is taken"):
        presets.save(draft(steps=5), "", replaces=False)
    second = presets.save(draft(steps=5), "")
    assert (second.id, dict(second.values), second.is_default) == (first.id, {"steps": 5}, True)


def test_one_default_at_most_of_each_task(presets: PresetService) -> None:
    a, b, other = presets.save_all([draft("a"), draft("b"), draft("a", "img2img")], "")
    for one in (a, other, b):
        presets.set_default(one.id, True, "")
    assert [presets.get(one.id, "").is_default for one in (a, b, other)] == [False, True, True]
    presets.set_default(b.id, False, "")
    assert presets.default("txt2img", "") is None and presets.default("img2img", "") is not None


def test_a_name_can_be_changed_but_not_to_one_that_is_taken(presets: PresetService) -> None:
    a, b = presets.save_all([draft("a"), draft("b")], "")
    assert presets.rename(a.id, " first ", "").name == "first"
    assert presets.rename(a.id, "first", "").name == "first"
    with pytest.raises(InvalidRequest, match="is taken"):
        presets.rename(b.id, "first", "")


@pytest.mark.parametrize(
    ("new", "sentence"),
    [
        (draft(" "), "is empty"),
        (draft("x" * 101), "longer than 100"),
        (draft("a\nb"), "characters that do not show"),
        (draft(steps=500), "Steps 500 is too large"),
        (draft(width=500), "not a multiple of 8"),
        (draft(prompt={"a": 1}), "'prompt' cannot be kept"),
        (draft(other=math.inf), "'other' cannot be kept"),
        (draft(other=["a", 1]), "'other' cannot be kept"),
        (draft(other="x" * 40_000), "'other' cannot be kept"),
        (NewPreset("txt2img", "many", {str(number): 1 for number in range(501)}), "more than 500"),
        (NewPreset("txt2img", "long", {str(number): "x" * 30_000 for number in range(5)}), "is too long"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_of_an_import_stays(
    presets: PresetService, new: NewPreset, sentence: str
) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        presets.save_all([draft("good"), new], "")
    assert presets.all("") == []


def test_there_is_a_most_for_one_user(presets: PresetService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets_module, "MAX_PRESETS", 3)
    presets.save_all([draft(str(number)) for number in range(3)], "")
    with pytest.raises(InvalidRequest, match="more than 3"):
        presets.save(draft("one more"), "")
    assert presets.save(draft("2", steps=3), "").values == {"steps": 3} and len(presets.all("")) == 3


def test_pictures_to_begin_with_are_not_kept(presets: PresetService) -> None:
    saved = presets.save(draft(task="img2img", source_pictures={"pictures": ["a"]}, mask="a" * 32, steps=7), "")
    assert dict(saved.values) == {"steps": 7}


@pytest.mark.parametrize("request_", [Txt2ImgRequest(), Img2ImgRequest()], ids=lambda one: one.task)
def test_every_value_that_a_request_has_at_first_can_be_kept(
    presets: PresetService, request_: Txt2ImgRequest | Img2ImgRequest
) -> None:
    values = {name: list(one) if isinstance(one, tuple) else one for name, one in request_.model_dump().items()}
    kept = {name: one for name, one in values.items() if not isinstance(one, dict)}
    assert presets.save(NewPreset(request_.task, "plain", kept), "").values
