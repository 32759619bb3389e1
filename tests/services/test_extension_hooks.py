"""Hooks of the server and of saving, of small real extensions: what they do, and what becomes of others' work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from modules.config.paths import Paths, resolve_paths
from modules.schema.infotext import parse_infotext
from modules.services.build import Services, build_services, open_services, running_services
from modules.services.options import EngineOptions
from tests.hooks.extension_makers import extensions_of, found, put_extension, script_code
from tests.services.jobs_to_end import drawing, ended, img2img, made, txt2img
from tests.services.test_generate import pixels

OPTIONS = EngineOptions(use_cpu=True, precision="full")
SEA = """
from modules.hooks import SavingChange, hookimpl

def note(folder, line):
    with (folder / "log.txt").open("a") as log:
        log.write(line + "\\n")

@hookimpl
def start(context):
    global FOLDER
    FOLDER = context.folder
    note(context.folder, f"start {context.process}")

@hookimpl
def stop(context):
    note(context.folder, f"stop {context.process}")

@hookimpl
def before_saving(context):
    prompt = context.request.prompt if context.request else "extras"
    if "calm" in prompt:
        return None
    if "storm" in prompt:
        context.pixels[:] = 0
        raise ValueError("too wet")
    if "quit" in prompt:
        raise SystemExit
    if "odd" in prompt:
        return SavingChange(pixels=context.pixels[..., 0])
    tide = f"{context.number}, {'grid' if context.is_grid else 'picture'}"
    return SavingChange(pixels=255 - context.pixels[::2, ::2], parameters={"tide": tide})

@hookimpl
def after_saving(context):
    note(FOLDER, f"saved {context.path.name} {context.picture_id} {context.path.is_file()}")
    if context.request and "bad end" in context.request.prompt:
        raise OSError("no harbour")
"""
LAKE = """
from modules.hooks import SavingChange, hookimpl

@hookimpl
def before_saving(context):
    return SavingChange(parameters={"depth": str(context.pixels.shape[0])})
"""


def switched_on(paths: Paths, **codes: str) -> None:
    """Put extensions into the folder, and switch them on."""
    for name, code in codes.items():
        put_extension(paths.extensions, name, code)
        extensions = extensions_of(paths.extensions)
        extensions.enable(found(extensions, name))


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    paths = resolve_paths(data_dir=tmp_path_factory.mktemp("data"))
    switched_on(paths, sea=SEA, lake=LAKE)
    with running_services(paths, OPTIONS) as opened:
        yield opened


@pytest.fixture(scope="module")
def calm(services: Services) -> np.ndarray:
    """The picture that nobody changed."""
    (picture,) = made(services, txt2img(prompt="calm"))
    return pixels(services, picture)


def log_of(services: Services) -> list[str]:
    return (services.paths.extension_data / "sea" / "log.txt").read_text().splitlines()


def test_a_picture_is_changed_before_it_is_saved_and_told_of_afterwards(services: Services, calm: np.ndarray) -> None:
    (picture,) = made(services, txt2img(prompt="calm"))
    assert np.array_equal(pixels(services, picture), calm) and "sea" not in picture.infotext
    (picture,) = made(services, txt2img())
    assert (picture.width, picture.height) == (32, 32)
    assert pixels(services, picture).shape == (32, 32, 3)
    name = Path(picture.path).name
    assert f"saved {name} {picture.id} True" in log_of(services)
    # In the order of their names, the second with what the first made.
    parameters = parse_infotext(picture.infotext).parameters
    assert (parameters["lake depth"], parameters["sea tide"]) == ("64", "0, picture")


def test_the_infotext_brings_the_request_back(services: Services) -> None:
    (picture,) = made(services, txt2img(prompt="a boat, 3: 4"))
    reading = services.pictures.read_text(picture.infotext)
    assert reading.not_honoured == () and reading.request.prompt == "a boat, 3: 4"
    (again,) = made(services, reading.request)
    assert again.infotext == picture.infotext
    assert np.array_equal(pixels(services, again), pixels(services, picture))
    foreign = services.pictures.read_text(picture.infotext.replace("sea tide", "ocean tide"))
    assert [row.split(":")[0] for row in foreign.not_honoured] == ["ocean tide"]


@pytest.mark.parametrize(
    ("prompt", "problem"),
    [
        ("calm storm", "ValueError: too wet"),
        ("calm quit", "SystemExit: "),
        ("calm odd", "ValueError: its pixels have the shape (64, 64) instead of (height, width, 3 or 4)"),
    ],
)
def test_a_picture_is_saved_as_it_was_where_an_extension_fails(services: Services, prompt: str, problem: str) -> None:
    prompt = prompt.removeprefix("calm ")
    job = ended(services, services.generate.submit(txt2img(prompt=prompt, batch_count=2)))
    assert job.state == "failed" and job.error is not None
    assert job.error.startswith(f"Hook 'before_saving' of the plugin sea failed ({problem}). The pictures are saved")
    pictures = services.pictures.of_job(job.id)
    assert [(one.width, one.height) for one in pictures] == [(64, 64)] * 2
    assert all("sea" not in one.infotext and "lake depth: 64" in one.infotext for one in pictures)
    assert pixels(services, pictures[0]).any()
    # The next one's picture is none the worse for it, and the extension is asked again.
    (picture,) = made(services, txt2img())
    assert picture.width == 32


def test_who_fails_after_saving_loses_nothing(services: Services) -> None:
    job = ended(services, services.generate.submit(txt2img(prompt="bad end", batch_count=2)))
    assert job.state == "failed" and "'after_saving' of the plugin sea failed (OSError: no harbour)" in str(job.error)
    assert len(services.pictures.of_job(job.id)) == 2


def test_grids_are_made_of_pictures_as_they_are_saved(services: Services) -> None:
    arguments = {"x_type": "Seed", "x_values": "1, 2", "draw_legend": False, "include_lone_images": True}
    *cells, grid = made(services, txt2img(script_name="X/Y/Z plot", script_args=arguments))
    together = np.hstack([pixels(services, cell) for cell in cells])
    assert np.array_equal(pixels(services, grid), 255 - together[::2, ::2])
    assert parse_infotext(grid.infotext).parameters["sea tide"] == "2, grid"


def test_pictures_of_img2img_are_asked_about_too(services: Services) -> None:
    source = services.inputs.add(drawing())
    (picture,) = made(services, img2img(init_images=[source]))
    assert 'sea tide: "0, picture"' in picture.infotext


def test_server_and_worker_begin_and_end(paths: Paths) -> None:
    switched_on(paths, sea=SEA)
    with running_services(paths, OPTIONS, processes=True, workers=1) as services:
        (picture,) = made(services, txt2img())
        assert picture.width == 32
    lines = log_of(services)
    assert lines[0] == "start server" and lines.count("start worker") == 1
    assert sorted(lines[-2:]) == ["stop server", "stop worker"] and len(lines) == 5


def test_one_that_fails_at_the_start_is_left_out_with_its_scripts(paths: Paths) -> None:
    fails = script_code("Sea") + "\n@hookimpl\ndef start(context):\n    raise OSError('no water')\n"
    switched_on(paths, sea=fails, lake=script_code("Lake"))
    with open_services(paths, OPTIONS) as services:
        (fact,) = [one for one in services.extensions.all() if one.name == "sea"]
        assert (fact.is_active, fact.problem, fact.scripts) == (False, "OSError: no water", ())
        names = services.scripts.registry.names("txt2img")
        assert "Lake" in names and "Sea" not in names


def test_nothing_begins_that_is_only_looked_at(paths: Paths) -> None:
    """As `doctor` does, or a command beside a server."""
    switched_on(paths, sea=SEA)
    build_services(paths, OPTIONS).close()
    assert not paths.extension_data.exists()


def test_who_does_not_come_back_holds_up_no_end(paths: Paths) -> None:
    hangs = "from modules.hooks import hookimpl\n@hookimpl\ndef stop(context):\n    while True: pass\n"
    switched_on(paths, hangs=hangs)
    with open_services(paths, OPTIONS) as services:
        pass
    assert services.extensions.all()[0].problem.startswith("it took longer than")
