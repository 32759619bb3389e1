"""The moments of always-visible scripts: before painting, behind it, and what they add to infotexts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modules.hooks import ChangeContext, ImageContext, Plugins, Section, read_arguments
from modules.hooks.section_registry import SectionRegistry
from tests.builtin.painter import Painter, words
from tests.compat.contexts import INFOTEXT, called, plugin_with, problem_of, saving
from tests.compat.makers import put_a1111

SCRIPT = """
import gradio as gr
from modules import scripts, script_callbacks

class Made(scripts.Script):
    def title(self):
        return "Made"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        words = gr.Textbox(label="Words", value="ink")
        amount = gr.Slider(0, 1, value=0.5, step=0.1, label="Amount")
        self.infotext_fields = [(words, "Made words"), (amount, "Made amount (new)")]
        return [words, amount]

{moments}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "extensions"
    folder.mkdir()
    return folder


def plugins_of(root: Path, *moments: str, behind: str = "") -> Plugins:
    lines = "\n\n".join(f"    def {moment}" for moment in moments)
    return plugin_with(root, SCRIPT.replace("{moments}", lines) + behind)


def section_of(plugins: Plugins) -> Section:
    registry = SectionRegistry(plugins)
    assert plugins.failures == ()
    return registry.find("Made", "txt2img")


def arguments_of(section: Section, **given: Any) -> dict[str, Any]:
    return read_arguments(section.arguments, given, Painter(words()).available)


def processed(section: Section, pixels: np.ndarray, **given: Any) -> np.ndarray:
    context = ImageContext(pixels, words(), arguments_of(section, **given), 2, 102, lambda picture: pixels)
    made = section.process_image(context)
    assert made is not None
    return made


PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def test_a_batch_is_one_picture_whose_prompts_may_change(root: Path) -> None:
    section = section_of(
        plugins_of(
            root,
            "before_process_batch(self, p, *args, **kwargs):\n"
            "        assert (kwargs['batch_number'], kwargs['seeds'], p.n_iter, p.batch_size) == (2, [102], 1, 1)\n"
            "        kwargs['prompts'][0] += ' before'",
            "process_batch(self, p, words, amount, batch_number, prompts, seeds, subseeds):\n"
            "        prompts[0] = f'{prompts[0]} {words}'; p.negative_prompts[:] = ['fog']",
        )
    )
    context = ChangeContext(words(), arguments_of(section), 2, 102)
    assert section.change_request(context) == {"prompt": "a red house before ink", "negative_prompt": "fog"}


def test_prompts_of_before_process_are_those_of_process(root: Path) -> None:
    section = section_of(
        plugins_of(
            root,
            "before_process(self, p, *args):\n        p.prompt = 'a boat'",
            "process(self, p, *args):\n        p.all_prompts = [f'{one} at sea' for one in p.all_prompts]",
        )
    )
    assert section.change_request(ChangeContext(words(), arguments_of(section), 0, 100)) == {"prompt": "a boat at sea"}


def test_finished_pictures_are_tensors_then_pictures_then_results(root: Path) -> None:
    section = section_of(
        plugins_of(
            root,
            "postprocess_batch(self, p, words, amount, images, batch_number):\n"
            "        assert tuple(images.shape) == (1, 3, 4, 6) and batch_number == 2\n"
            "        images[:, 0] = 1",
            "postprocess_batch_list(self, p, pp, *args, **kwargs):\n"
            "        assert float(pp.images[0][0, 0, 0]) == 1\n"
            "        pp.images[0] = pp.images[0].flip(2)",
            "postprocess_image(self, p, pp, *args):\n        pp.image = pp.image.transpose(4)",  # a quarter turn
            "postprocess(self, p, processed, *args):\n"
            "        assert (processed.seed, processed.all_prompts) == (102, ['a red house'])\n"
            "        processed.images[0] = processed.images[0].crop((0, 0, 4, 5))",
        )
    )
    red = PIXELS.copy()
    red[..., 0] = 255
    assert np.array_equal(processed(section, PIXELS), np.rot90(red[:, ::-1], -1)[:5])


def test_what_leaves_tensors_alone_leaves_pixels_alone(root: Path) -> None:
    section = section_of(plugins_of(root, "postprocess_batch(self, p, *args, **kwargs):\n        pass"))
    every = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.array_equal(processed(section, every), every)


@pytest.mark.parametrize(
    ("moment", "problem"),
    [
        ("postprocess(self, p, processed, *args):\n        processed.images *= 2", "making 2 pictures of one in post"),
        ("postprocess_batch_list(self, p, pp, *args, **kw):\n        pp.images.clear()", "making 0 pictures of one"),
        ("postprocess_image(self, p, pp, *args):\n        p.sd_model.decode()", "A1111's p.sd_model is not here"),
    ],
)
def test_what_a_picture_cannot_become_is_named(root: Path, moment: str, problem: str) -> None:
    section = section_of(plugins_of(root, moment))
    with pytest.raises((NotImplementedError, AttributeError), match=problem):
        processed(section, PIXELS)


def test_nothing_of_one_picture_is_left_for_the_next(root: Path) -> None:
    section = section_of(
        plugins_of(
            root,
            "process(self, p, *args):\n        self.count = getattr(self, 'count', 0) + 1",
            "postprocess_image(self, p, pp, *args):\n        pp.image = pp.image.point(lambda value: self.count)",
        )
    )
    for _ in range(2):
        assert processed(section, PIXELS).max() == 1


EXTRA = (
    "process(self, p, words, amount):\n"
    "        p.extra_generation_params['Made amount (new)'] = f'{amount:.2f}'\n"
    "        p.extra_generation_params |= {'Made of': [p.all_seeds[0], 7], 'Made (twice)': 2, 'Nothing': None}"
)


def test_extra_parameters_reach_the_infotext_beside_those_of_arguments(root: Path) -> None:
    plugins = plugins_of(root, EXTRA)
    section = section_of(plugins)
    assert section.keys[:2] == ("Made words", "Made amount new")
    arguments = arguments_of(section, amount=0.2)
    assert section.parameters(arguments) == {"Made amount new": "0.2"}  # so it comes back exactly
    assert section.arguments_of({"Made amount new": "0.2"}) == {"amount": "0.2"}
    request = words(batch_size=3, sections={"Made": {"amount": 0.2}})
    change = called(plugins, "before_saving", context=saving(request, infotext=INFOTEXT.replace("100", "102")))
    assert change.pixels is None and change.parameters == {"Made of": "102", "Made twice": "2"}
    assert called(plugins, "before_saving", context=saving(request, is_grid=True)) is None
    assert called(plugins, "before_saving", context=saving()) is None


DRAWING = (
    "process(self, p, *args):\n"
    "        import random\n"
    "        from random import choice\n"
    "        word = choice('abcdefghijklm') + str(random.randint(0, 10**9)) + str(random.Random(1).random())\n"
    "        p.all_prompts = [f'{one} {word}' for one in p.all_prompts]\n"
    "        p.extra_generation_params['Drawn'] = word"
)


def test_what_it_draws_follows_from_the_seed_of_the_picture(root: Path) -> None:
    plugins = plugins_of(root, DRAWING)
    section = section_of(plugins)

    def prompt(seed: int) -> str:
        changed = section.change_request(ChangeContext(words(), arguments_of(section), 2, seed))
        assert changed is not None
        return changed["prompt"]

    first, *others = [prompt(seed) for seed in (100, 101, 100)]
    assert first == others[1] != others[0]
    # So the infotext tells what was drawn for the picture when its request was accepted.
    context = saving(words(sections={"Made": {}}))
    assert called(plugins, "before_saving", context=context).parameters["Drawn"] == first.removeprefix("a red house ")


def test_a_function_as_a_parameter_is_refused(root: Path) -> None:
    plugins = plugins_of(root, "process(self, p, *args):\n        p.extra_generation_params['Late'] = lambda **_: 1")
    with pytest.raises(NotImplementedError, match=r"extra_generation_params\['Late'\] is not here"):
        called(plugins, "before_saving", context=saving(words(sections={"Made": {}})))


def test_a_pasted_infotext_is_shown_to_its_callback(root: Path) -> None:
    behind = (
        "\ndef pasted(infotext, params):\n"
        "    assert 'Made words' in infotext\n"
        "    if params['Made words'] == 'other':\n        params['Steps'] = 3\n"
        "    params['Made words'] = params['Made words'].upper()\n"
        "script_callbacks.on_infotext_pasted(pasted)\n"
    )
    section = section_of(plugins_of(root, EXTRA, behind=behind))
    assert section.arguments_of({"Made words": "ink", "Steps": "20"}) == {"words": "INK"}
    with pytest.raises(NotImplementedError, match="changing 'Steps' in on_infotext_pasted is not here"):
        section.arguments_of({"Made words": "other", "Steps": "20"})


def test_a_pasted_infotext_has_its_extra_parameters_by_the_names_that_it_gave_them(root: Path) -> None:
    behind = (
        "\ndef pasted(infotext, params):\n"
        "    assert 'made Made of: 102' in infotext\n"
        "    params['Made words'] = params.pop('Made of')\n"
        "    params['Made twice'] += ' and more'\n"
        "script_callbacks.on_infotext_pasted(pasted)\n"
    )
    section = section_of(plugins_of(root, EXTRA, behind=behind))
    found = {"Made words": "ink", "made Made of": "102", "made Made twice": "2"}
    assert section.arguments_of(found) == {"words": "102"}


def test_a_callback_may_change_what_another_section_of_its_extension_is_given(root: Path) -> None:
    behind = (
        SCRIPT.replace("{moments}", "").replace('"Made"', '"Other"').replace("Made ", "Other ")
        + "\ndef pasted(infotext, params):\n    params['Other words'] = 'pen'\n"
        "script_callbacks.on_infotext_pasted(pasted)\n"
    )
    put_a1111(root, "made", scripts__other=behind)
    plugins = plugins_of(root, EXTRA)
    assert section_of(plugins).arguments_of({"Made words": "ink"}) == {"words": "ink"}
    other = SectionRegistry(plugins).find("Other", "txt2img")
    assert other.arguments_of({"Made words": "ink"}) == {"words": "pen"}


def test_moments_that_are_not_here_are_named(root: Path) -> None:
    code = SCRIPT.replace("{moments}", "    def process_before_every_sampling(self, p, *args, **kwargs): pass")
    assert "'Made' has process_before_every_sampling, which is not here" in problem_of(root, code)
