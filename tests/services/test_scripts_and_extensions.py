"""What scripts know of extensions: sections as axes of a plot, and the settings of a script's own extension."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from modules.config.paths import resolve_paths
from modules.errors import InvalidRequest
from modules.hooks.extension_folders import extension_folder
from modules.hooks.extension_states import ExtensionStates
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions
from tests.hooks.extension_makers import put_extension
from tests.services.jobs_to_end import made, txt2img

CODE = """
import numpy as np
from modules.hooks import Number, Script, hookimpl

class Deep(Script):
    name = "Deep"

    def run(self, base, arguments, context):
        context.paint(base)
        context.save_grid(np.full((8, 8, 3), context.settings["depth"], np.uint8), self.parameters(arguments))

@hookimpl
def register_settings():
    return [Number(name="depth", label="Depth", default=40, minimum=0, maximum=99, whole=True)]

@hookimpl
def register_scripts():
    return [Deep()]
"""
PLOT = {"script_name": "X/Y/Z plot", "steps": 1}
WIDTH = "Border and watermark: Border width"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    paths = resolve_paths(data_dir=tmp_path_factory.mktemp("data"))
    put_extension(paths.extensions, "sea", CODE)
    ExtensionStates(paths.extension_states).switch("sea", content=extension_folder(paths.extensions / "sea").content())
    with running_services(paths, EngineOptions(use_cpu=True, precision="full")) as opened:
        assert opened.scripts.failures == ()
        yield opened


def test_an_argument_of_a_section_varies_in_a_plot_and_comes_back(services: Services) -> None:
    asked = txt2img(**PLOT, script_args={"x_type": WIDTH, "x_values": "0-8 (+4)"})
    *cells, grid = made(services, asked)
    assert [(one.width, one.height) for one in cells] == [(64, 64), (72, 72), (80, 80)]
    again = services.pictures.read_text(grid.infotext)
    assert (again.request.script_name, again.not_honoured) == ("X/Y/Z plot", ())
    assert (again.request.script_args["x_type"], again.request.script_args["x_values"]) == (WIDTH, "0-8 (+4)")
    assert services.pictures.read_text(cells[1].infotext).request.sections == {"Border and watermark": {"border": 4}}
    with pytest.raises(InvalidRequest, match=r"Border width\) 1001.0 is too large\. The most is 1000\."):
        services.generate.submit(txt2img(**PLOT, script_args={"x_type": WIDTH, "x_values": "3, 1001"}))


def test_a_script_sees_the_settings_of_its_extension(services: Services) -> None:
    for depth, change in ((40, {}), (7, {"sea.depth": 7})):
        if change:
            services.setting_changes.change(change)
        _, grid = made(services, txt2img(script_name="Deep", steps=1))
        assert np.array_equal(np.unique(np.array(Image.open(services.pictures.file(grid)))), [depth])
