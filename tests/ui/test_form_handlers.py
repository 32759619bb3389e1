"""What fills forms besides a person's hands: presets, pasted parameters, styles, defaults of a file."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest

from modules.config.paths import resolve_paths
from modules.config.request_words import REQUEST_WORDS
from modules.errors import InvalidRequest, NotFound
from modules.schema.requests import REQUESTS, Task
from modules.services.accounts import EVERYBODY, Visitor
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from modules.services.presets import NewPreset
from modules.ui.extras_tab import ExtrasTab
from modules.ui.filling import FillHandlers
from modules.ui.generation_handlers import GenerationHandlers
from modules.ui.generation_tab import GenerationTab, WhatThereIs, lay_out_generation
from modules.ui.overrides_panel import OVERRIDES, SIMPLE_FIELDS
from modules.ui.page_state import PageState, lay_out_state
from modules.ui.presets_handlers import PresetHandlers
from modules.ui.prompt_handlers import PromptHandlers
from modules.ui.prompt_panel import WordLists
from modules.ui.request_controls import COMPOSED
from tests.ui.form import laid_out

pytestmark = pytest.mark.filterwarnings("ignore:The value passed into gr.Dropdown")
"""gradio says so of a change that is made outside of an event."""
INFOTEXT = (
    "a house\nNegative prompt: rain\n"
    "Steps: 31, Sampler: Euler a, Schedule type: Karras, CFG scale: 6.5, Seed: 42, Size: 512x640, Clip skip: 2"
)
DEFAULTS = {"steps": {"value": 28}, "width": {"maximum": 1536}, "cfg_scale": {"value": 3.5, "visible": False}}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    built = build_services(resolve_paths(data_dir=tmp_path_factory.mktemp("data")), EngineOptions(use_cpu=True))
    built.styles.save("ink", "{prompt}, ink drawing", "photo")
    yield built
    built.close()


@pytest.fixture(scope="module")
def page(services: Services) -> tuple[dict[Task, GenerationTab], PageState]:
    def lay_out() -> tuple[dict[Task, GenerationTab], PageState]:
        model = gr.Dropdown()
        tabs: dict[Task, GenerationTab] = {}
        with gr.Tabs() as shown:
            for task in REQUESTS:
                scripts, card = services.scripts, services.models.current().card
                available, found = scripts.available(task), scripts.all(task)
                there = WhatThereIs(
                    card.recommended,
                    [],
                    WordLists([], []),
                    {"rng": "NV"},
                    available,
                    found,
                    overrides=DEFAULTS,
                    sections=services.sections.all(task),
                )
                tabs[task] = lay_out_generation(task, model, there)
        return tabs, lay_out_state(shown)

    return laid_out(lay_out)


@pytest.fixture(params=list(REQUESTS))
def tab(page: tuple[dict[Task, GenerationTab], PageState], request: pytest.FixtureRequest) -> GenerationTab:
    return page[0][request.param]


@pytest.fixture
def forms(
    services: Services, tab: GenerationTab, page: tuple[dict[Task, GenerationTab], PageState]
) -> GenerationHandlers:
    return GenerationHandlers(services, tab, page[1])


@pytest.fixture
def filling(services: Services, page: tuple[dict[Task, GenerationTab], PageState]) -> FillHandlers:
    return FillHandlers(services, page[0], cast(ExtrasTab, SimpleNamespace()), page[1])


def value_of(changes: dict[Any, Any], component: Any) -> Any:
    """What a change leaves in a component, also where it updates more than the value."""
    change = changes[component]
    return change.value if isinstance(change, gr.Dropdown) else change


def chosen(preset_id: object) -> gr.EventData:
    return gr.EventData(None, {"id": preset_id})


def test_the_file_s_defaults_go_before_the_checkpoint_s_and_after_what_was_kept(
    tab: GenerationTab, forms: GenerationHandlers
) -> None:
    fresh = forms.welcome(None)
    assert (fresh[tab.form["steps"]], fresh[tab.form["cfg_scale"]]) == (28, 3.5)
    assert fresh[tab.form["width"]] == 256 and tab.form["width"].maximum == 1536
    assert tab.form["cfg_scale"].visible == "hidden"
    assert forms.welcome({"steps": 9})[tab.form["steps"]] == 9
    assert tab.told.value["usual"]["steps"] == 28


def test_a_new_browser_begins_with_the_user_s_default_preset(
    services: Services, tab: GenerationTab, forms: GenerationHandlers
) -> None:
    preset = services.presets.save(NewPreset(tab.task, "Mine", {"steps": 11, "clip_skip": 2}), "ann")
    services.presets.set_default(preset.id, True, "ann")
    steps, clip_skip = tab.form["steps"], tab.form["clip_skip"]
    assert (forms.welcome(None, "ann")[steps], forms.welcome(None, "ann")[clip_skip]) == (11, 2)
    assert forms.welcome({"seed": "5"}, "ann")[steps] == 28  # this browser has kept something
    assert forms.welcome(None, "bob")[steps] == 28


def test_a_preset_fills_what_it_keeps_and_tells_what_is_not_here(
    services: Services, tab: GenerationTab, forms: GenerationHandlers
) -> None:
    values = {
        "prompt": "a boat",
        "steps": 7,
        "sampler_name": "Euler a",
        "seed": "77",
        "styles": ["ink", "gone"],
        "model": "some/other",
        "sd_vae": "film.safetensors",
        "script_name": "X/Y/Z plot",
        "unknown": 3,
    }
    preset = services.presets.save(NewPreset(tab.task, "Boat", values), "")
    changes = PresetHandlers(services, tab, forms).apply(chosen(preset.id), EVERYBODY)
    form = tab.form
    given = {name: changes[form[name]] for name in ("prompt", "steps", "sampler_name", "seed", "script_name")}
    assert given == {name: values[name] for name in given}
    assert not {form["styles"], form["model"], form["sd_vae"], form["cfg_scale"]} & changes.keys()
    told = changes[tab.notice]
    assert "Model 'some/other' is not here" in told and "VAE 'film.safetensors' is not here" in told
    assert "Styles 'gone' is not here" in told
    assert changes[tab.script.parts["X/Y/Z plot"].column].visible is True


@pytest.mark.parametrize("wanted", [None, "1", 10**6, 2**70, [1], True])
def test_a_preset_that_is_not_there_or_another_s_is_refused(
    services: Services, tab: GenerationTab, forms: GenerationHandlers, wanted: object
) -> None:
    services.presets.save(NewPreset(tab.task, "Bob's", {"steps": 7}), "bob")
    with pytest.raises(NotFound if wanted == 10**6 else InvalidRequest):
        PresetHandlers(services, tab, forms).apply(chosen(wanted), Visitor("ann", is_owner=False))


def test_pasted_parameters_fill_the_form_of_the_tab(tab: GenerationTab, filling: FillHandlers) -> None:
    form = tab.form
    changes = filling.paste(tab.task, {form["prompt"]: INFOTEXT}, EVERYBODY)
    assert (changes[form["prompt"]], changes[form["negative_prompt"]]) == ("a house", "rain")
    assert (changes[form["steps"]], changes[form["seed"]], changes[form["clip_skip"]]) == (31, "42", 2)
    if tab.sources is not None:
        assert tab.sources.canvas not in changes  # the picture to begin with stays


@pytest.mark.parametrize(
    ("prompt", "sentence"), [("a house", "holds no parameters"), ("  ", "no picture was made yet")]
)
def test_where_there_are_no_parameters_nothing_is_filled_in(
    tab: GenerationTab, filling: FillHandlers, prompt: str, sentence: str
) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        filling.paste(tab.task, {tab.form["prompt"]: prompt}, EVERYBODY)


def test_an_empty_prompt_takes_the_newest_picture_that_the_visitor_may_see(
    services: Services, tab: GenerationTab, filling: FillHandlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def page(number: int, size: int, user: str | None = None) -> list[Any]:
        asked.append(user)
        return [SimpleNamespace(infotext=INFOTEXT)]

    monkeypatch.setattr(services.pictures, "page", page)
    changes = filling.paste(tab.task, {tab.form["prompt"]: ""}, Visitor("ann", is_owner=False))
    assert changes[tab.form["prompt"]] == "a house" and asked == ["ann"]


def test_chosen_styles_are_written_into_the_prompts(services: Services, tab: GenerationTab) -> None:
    form, handlers = tab.form, PromptHandlers(services, tab)
    values = {form["prompt"]: "a cat", form["negative_prompt"]: "rain", form["styles"]: ["ink"]}
    changes = handlers.apply_styles(values)
    written = [changes[form[name]] for name in ("prompt", "negative_prompt", "styles")]
    assert written == ["a cat, ink drawing", "rain, photo", []]
    with pytest.raises(InvalidRequest, match="are not chosen"):
        handlers.apply_styles({**values, form["styles"]: []})


def test_a_style_is_put_into_the_prompts_to_be_edited(services: Services, tab: GenerationTab) -> None:
    form, tools = tab.form, tab.tools
    changes = PromptHandlers(services, tab).edit_style({tools.style_name: "ink"})
    assert (changes[form["prompt"]], changes[form["negative_prompt"]]) == ("{prompt}, ink drawing", "photo")
    with pytest.raises(InvalidRequest, match="is in no styles file"):
        PromptHandlers(services, tab).edit_style({tools.style_name: "gone"})


def test_every_field_is_seen_in_the_simple_view_or_counted_there(tab: GenerationTab) -> None:
    told, fields = tab.told.value, {*tab.form.by_name(), *tab.sections.switches()}
    assert set(told["hidden"]) == fields - SIMPLE_FIELDS - COMPOSED
    assert set(told["usual"]) == fields - {"model"}
    assert {name for names in told["switched"].values() for name in names} <= fields


def test_every_override_has_a_name_and_a_control_on_some_tab(
    page: tuple[dict[Task, GenerationTab], PageState],
) -> None:
    labels = [tab.told.value["labels"] for tab in page[0].values()]
    assert {name for row in labels for name in row} == set(OVERRIDES) <= REQUEST_WORDS.keys()
    assert {"clip_skip", "sd_vae", "emphasis", "rng", "eta_noise_seed_delta"} <= set(OVERRIDES)
