"""Buttons of extensions on finished pictures: what they are told, what they bring about, and what a faulty one does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.config.paths import Paths
from modules.errors import InvalidRequest, NotAllowed, NotFound, PluginFailed, QueueFull
from modules.gallery.records import PictureRecords
from modules.gallery.store import PictureStore
from modules.hooks.extension_code import in_time
from modules.hooks.extension_folders import extension_folder
from modules.hooks.extension_states import ExtensionStates
from modules.imaging.encoding import encode_png
from modules.schema.infotext import parse_infotext
from modules.schema.pictures import Picture
from modules.schema.requests import Img2ImgRequest, Txt2ImgRequest
from modules.services import result_actions
from modules.services.accounts import Visitor
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from modules.services.result_actions import ResultOutcome
from tests.hooks.extension_makers import put_extension
from tests.services.jobs_to_end import drawing

CODE = """
import numpy as np
from modules.hooks import (
    Choice, Img2ImgRequest, Interrupted, InvalidRequest, NewPicture, Number, Picture, ResultAction, ResultAnswer,
    SavingChange, Switch, Txt2ImgRequest, hookimpl,
)

class Button(ResultAction):
    audience = "user"

    def __init__(self, name, act, **given):
        self.name, self.label, self._act = name, name.title(), act
        vars(self).update(given)

    def act(self, context):
        return self._act(context)

def tell(context):
    known = [context.picture_id, context.path.name, context.width, context.height, context.user]
    known += [context.parameters.get("Steps"), context.settings["depth"], context.folder.is_dir(), context.folder.name]
    return ResultAnswer(message=repr(known))

def flip(context):
    times = context.arguments["times"]
    pixels = context.pixels()
    pixels[0, 0] = 9
    assert context.pixels()[0, 0, 0] != 9
    row = NewPicture(pixels=np.rot90(context.pixels(), times), parameters={"turns": str(times)})
    return ResultAnswer(pictures=[row, NewPicture(pixels=255 - context.pixels())])

def blend(context):
    other = context.picture(context.arguments["other"])[..., :3]
    return ResultAnswer(pictures=[NewPicture(pixels=np.maximum(context.pixels()[..., :3], other))])

def again(context):
    return ResultAnswer(message="Off it goes", queue=[context.changed({"steps": 7}), context.begin_with({"seed": 3})])

def show(context):
    return ResultAnswer(form=context.changed({"prompt": "a lake"}))

def mask(context):
    mask = context.keep(255 - context.pixels()[..., :3])
    return ResultAnswer(form=context.begin_with({"mask": mask}))

def sly(context):
    return ResultAnswer(queue=[context.request.model_copy(update={"steps": -5})])

def half(context):
    new = NewPicture(pixels=context.pixels())
    return ResultAnswer(pictures=[new], queue=[context.changed({"model": "nowhere"})])

def refuse(context):
    raise InvalidRequest("Tide", "low", "is too low", "Wait for it.")

def fail(context):
    raise KeyError("rudder")

def leave(context):
    raise SystemExit

def hang(context):
    while True:
        pass

def stop(context):
    raise Interrupted

TIMES = Number(name="times", label="Times", default=1, minimum=1, maximum=3, whole=True)
SAMPLERS = Choice(name="sampler", label="Sampler", choices=lambda there, others: there.samplers[:2], default="Euler a")
NONE = Choice(name="none", label="None", choices=lambda there, others: 1 / 0, default="")

@hookimpl
def register_settings():
    return [Number(name="depth", label="Depth", default=4, minimum=0, maximum=9, whole=True)]

@hookimpl
def before_saving(context):
    if context.request is None and context.pixels[0, 0, 0] == 255:
        raise ValueError("too bright")
    return SavingChange(parameters={"salt": str(context.number)})

@hookimpl
def register_result_actions():
    return [
        Button("tell", tell), Button("flip", flip, arguments=(TIMES, SAMPLERS), icon="\\u2194", help="Turns it"),
        Button("blend", blend, arguments=(Picture(name="other", label="Other"),)),
        Button("again", again, needs_parameters=True), Button("show", show), Button("mask", mask),
        Button("sly", sly), Button("half", half), Button("refuse", refuse), Button("fail", fail),
        Button("leave", leave), Button("hang", hang), Button("stop", stop), Button("broken", tell, arguments=(NONE,)),
        Button("silent", lambda context: None), Button("owners", tell, audience="owner"),
        Button("odd", lambda context: "done"), Button("number", lambda context: ResultAnswer(queue=[3])),
        Button("flat", lambda context: ResultAnswer(pictures=[NewPicture(pixels=np.zeros((4, 4)))])),
        Button("many", lambda context: ResultAnswer(pictures=[None] * 65)),
    ]
"""
INFOTEXT = "a boat\nSteps: 3, Sampler: Euler a, CFG scale: 5, Seed: 11, Size: 96x64"
OWNER, ANN = Visitor("olga", is_owner=True), Visitor("ann", is_owner=False)


@pytest.fixture
def services(paths: Paths) -> Iterator[Services]:
    put_extension(paths.extensions, "sea", CODE)
    content = extension_folder(paths.extensions / "sea").content()
    ExtensionStates(paths.extension_states).switch("sea", content=content)
    with closing(build_services(paths, EngineOptions(use_cpu=True, precision="full"))) as opened:
        assert opened.scripts.failures == ()
        yield opened


def stored(services: Services, infotext: str = INFOTEXT, *, red: int = 20) -> Picture:
    """A picture of ann's whose first pixel is that red."""
    image = drawing(96, 64)
    image.putpixel((0, 0), (red, 0, 0))
    pixels = np.array(image)
    return PictureStore(services.database, PictureRecords(services.database), services.paths.outputs).save(
        encode_png(pixels, infotext),
        folder=services.paths.txt2img_pictures,
        width=96,
        height=64,
        seed=11,
        infotext=infotext,
        job_id="a job",
        index=0,
        user="ann",
    )


def press(services: Services, name: str, picture: Picture, visitor: Visitor = ANN, **arguments: Any) -> ResultOutcome:
    return services.result_actions.press("sea", name, picture, arguments, visitor)


def pixels_of(services: Services, picture: Picture) -> np.ndarray:
    return np.array(Image.open(services.pictures.file(picture)))


def files(paths: Paths) -> set[Path]:
    return set(paths.outputs.rglob("*.png"))


def test_it_is_told_of_the_picture_and_says_something(services: Services) -> None:
    picture = stored(services)
    known = [picture.id, Path(picture.path).name, 96, 64, "ann", "3", 4, True, "sea"]
    assert press(services, "tell", picture).message == repr(known)
    assert press(services, "silent", picture) == ResultOutcome("", (), (), None)
    assert services.pictures.count() == 1


def test_new_pictures_are_saved_beside_the_old_one_and_say_what_was_done(services: Services) -> None:
    picture = stored(services)
    before = services.pictures.file(picture).read_bytes()
    outcome = press(services, "flip", picture, times="3")
    turned, inverse = outcome.pictures
    assert np.array_equal(pixels_of(services, turned), np.rot90(pixels_of(services, picture), 3))
    assert np.array_equal(pixels_of(services, inverse), 255 - pixels_of(services, picture))
    assert (turned.width, turned.height, turned.user, turned.job_id, turned.seed) == (64, 96, "ann", None, 11)
    told = parse_infotext(turned.infotext)
    assert told.prompt == "a boat"
    added = {"sea button": "flip", "sea turns": "3", "sea salt": "0"}
    assert told.parameters == {**parse_infotext(INFOTEXT).parameters, **added}
    assert Image.open(services.pictures.file(turned)).text["parameters"] == turned.infotext  # type: ignore[attr-defined]
    assert parse_infotext(inverse.infotext).parameters["sea salt"] == "1"
    assert services.pictures.file(picture).read_bytes() == before
    assert services.pictures.count() == 3 == len(files(services.paths))
    again = press(services, "flip", picture, times=1).pictures
    assert len({one.path for one in (picture, *outcome.pictures, *again)}) == 5
    services.pictures.refresh()
    assert services.pictures.count() == 5
    (left_out,) = services.pictures.read_text(turned.infotext).not_honoured
    assert left_out.startswith("sea button: flip (")


def test_a_picture_that_says_nothing_stays_so(services: Services) -> None:
    picture = stored(services, "")
    assert [one.infotext for one in press(services, "flip", picture).pictures] == ["", ""]
    with pytest.raises(InvalidRequest, match="says nothing of how it was made"):
        press(services, "again", picture)
    with pytest.raises(InvalidRequest, match="says nothing of how it was made"):
        press(services, "show", picture)


def test_pictures_of_samplers_that_are_not_here_have_buttons_too(services: Services) -> None:
    picture = stored(services, INFOTEXT.replace("Euler a", "Strange"))
    flipped, _ = press(services, "flip", picture, times=3).pictures
    assert parse_infotext(flipped.infotext).parameters["Sampler"] == "Strange"
    with pytest.raises(InvalidRequest, match="Strange"):
        press(services, "again", picture)


def test_a_button_on_what_it_made_is_told_once(services: Services) -> None:
    (turned, _) = press(services, "flip", stored(services), times=3).pictures
    again, _ = press(services, "flip", turned, times=2).pictures
    told = parse_infotext(again.infotext).parameters
    assert (told["sea button"], told["sea turns"]) == ("flip", "2")
    assert again.infotext.count("sea button") == again.infotext.count("sea turns") == 1


def test_words_alone_stay_words(services: Services) -> None:
    picture = stored(services, "a boat, nothing else is known")
    assert {one.infotext for one in press(services, "flip", picture).pictures} == {picture.infotext}


def test_what_the_queue_has_no_room_for_is_told_with_what_was_done(services: Services) -> None:
    services.settings.change(queue_limit=1)
    picture = stored(services)
    outcome = press(services, "again", picture)
    assert len(outcome.jobs) == 1 and outcome.problem.startswith("The queue holds 1 waiting jobs")
    with pytest.raises(QueueFull):
        press(services, "again", picture)


def test_who_fails_while_they_are_saved_loses_none(services: Services) -> None:
    faulty = press(services, "flip", stored(services, red=0), times=3)  # the inverse has 255 there
    assert faulty.problem.startswith("Hook 'before_saving' of the plugin sea failed (ValueError: too bright).")
    assert [("sea salt" in one.infotext) for one in faulty.pictures] == [True, False]


def test_requests_go_into_the_queue_and_into_forms(services: Services) -> None:
    picture = stored(services)
    outcome = press(services, "again", picture)
    first, second = (services.generate.job(job_id) for job_id in outcome.jobs)
    assert (outcome.message, first.user, first.kind, second.kind) == ("Off it goes", "ann", "txt2img", "img2img")
    asked = Txt2ImgRequest.model_validate_json(first.asked)
    assert (asked.prompt, asked.steps, asked.seed, asked.width) == ("a boat", 7, 11, 96)
    begun = Img2ImgRequest.model_validate_json(second.asked)
    assert (begun.prompt, begun.seed, begun.width, begun.height) == ("a boat", 3, 96, 64)
    (source,) = begun.init_images
    assert np.array_equal(np.array(Image.open(services.inputs.file(source))), pixels_of(services, picture))
    form = press(services, "show", picture).form
    assert isinstance(form, Txt2ImgRequest) and (form.prompt, form.steps, form.seed) == ("a lake", 3, 11)
    masked = press(services, "mask", picture).form
    assert isinstance(masked, Img2ImgRequest) and masked.mask is not None
    mask = np.array(Image.open(services.inputs.file(masked.mask)))
    assert np.array_equal(mask, 255 - pixels_of(services, picture))


def test_arguments_are_read_by_their_types(services: Services) -> None:
    picture = stored(services)
    for given, words in {
        ("times", "4"): "Times 4.0 is too large",
        ("sampler", "Neptune"): "Sampler 'Neptune' is not known",
        ("tides", "1"): "Argument 'tides' is not known",
    }.items():
        with pytest.raises(InvalidRequest, match=words):
            services.result_actions.press("sea", "flip", picture, dict([given]), ANN)
    other = services.inputs.add(Image.new("RGB", (96, 64), (90, 90, 90)))
    (blended,) = press(services, "blend", picture, other=other).pictures
    assert np.array_equal(pixels_of(services, blended), np.maximum(pixels_of(services, picture), 90))
    with pytest.raises(NotFound):
        press(services, "blend", picture, other="0" * 32)


def test_everybody_is_offered_their_own_and_choices_are_those_of_the_moment(services: Services) -> None:
    of_ann = {
        row.found.action.name: row.choices for row in services.result_actions.offered(ANN) if row.found.plugin == "sea"
    }
    assert "owners" not in of_ann and "broken" not in of_ann
    assert of_ann["flip"] == {"sampler": services.scripts.available("txt2img").samplers[:2]}
    names = [row.found.action.name for row in services.result_actions.offered(OWNER)]
    assert "owners" in names and "broken" not in names
    picture = stored(services)
    assert press(services, "owners", picture, OWNER).message
    with pytest.raises(NotAllowed):
        press(services, "owners", picture)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("fail", "KeyError: 'rudder'"),
        ("leave", "EndedItself: SystemExit: "),
        ("hang", "TookTooLong: it took longer than 0.5 seconds"),
        ("stop", "RuntimeError: it stopped with Interrupted"),
        ("odd", "TypeError: it returned str instead of a ResultAnswer"),
        ("number", "TypeError: it gave int in the place of a request"),
        ("flat", "ValueError: it returned float64 in the place of an array of uint8"),
        ("many", "TypeError: its pictures are no list of at most 64"),
    ],
)
def test_one_that_fails_is_named_and_changes_nothing(
    services: Services, monkeypatch: pytest.MonkeyPatch, name: str, problem: str
) -> None:
    monkeypatch.setattr(result_actions, "SECONDS_TO_ACT", 0.5 if name == "hang" else 60)
    picture = stored(services)
    with pytest.raises(PluginFailed) as failed:
        press(services, name, picture)
    said = f"Button '{name.title()}' of the plugin sea failed ({problem}). Nothing was changed. Switch it off"
    assert str(failed.value).startswith(said)
    assert services.pictures.count() == 1 and not services.generate.active_jobs()
    assert press(services, "tell", picture).message


def test_what_is_refused_leaves_nothing_behind(services: Services) -> None:
    picture = stored(services)
    for name, words in {
        "refuse": "Tide 'low' is too low. Wait for it.",
        "sly": "Steps -5 is too small",
        "half": "nowhere",
    }.items():
        with pytest.raises(Exception, match=words) as refused:
            press(services, name, picture)
        assert not isinstance(refused.value, PluginFailed)
    assert services.pictures.count() == 1 == len(files(services.paths))
    assert not services.generate.active_jobs()


def test_only_a_few_are_at_work_at_once(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = stored(services)
    outer: list[str] = []

    def acting(call: Any, seconds: float = 20.0) -> Any:
        if not outer:
            outer.append("")
            with pytest.raises(InvalidRequest) as refused:
                press(services, "silent", picture)
            outer[0] = str(refused.value)
        return in_time(call, seconds)

    monkeypatch.setattr(services.result_actions, "_room", BoundedSemaphore(1))
    monkeypatch.setattr(result_actions, "in_time", acting)
    press(services, "silent", picture)
    assert outer[0].startswith("Button 'Silent' has to wait: 4 buttons of extensions are at work already.")
    outer.append("")
    press(services, "silent", picture)
