"""The Merge tab: what its handlers ask for, and what a person does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

from modules.config.paths import resolve_paths
from modules.errors import InvalidRequest, ModelNotFound
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from modules.ui.merge_handlers import MergeHandlers
from modules.ui.merge_tab import MergeTab, lay_out_merge
from tests.small_checkpoints import write_small
from tests.ui.form import laid_out
from tests.ui.journeys import choose, notice, open_accordion
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """Services with two checkpoints of one family and a VAE."""
    built = build_services(resolve_paths(data_dir=tmp_path / "data"), EngineOptions())
    write_small(built.paths.checkpoint_folders[0] / "one.safetensors", seed=1)
    write_small(built.paths.checkpoint_folders[0] / "two.safetensors", seed=2)
    write_small(built.paths.vae_folders[0] / "soft.safetensors", "vae_kl_f8", seed=3)
    yield built
    built.close()


@pytest.fixture
def merge() -> MergeTab:
    return laid_out(lay_out_tab)


def lay_out_tab() -> MergeTab:
    import gradio as gr

    with gr.Tabs():
        return lay_out_merge()


def values_of(tab: MergeTab, **given: Any) -> dict[Any, Any]:
    """Every value of the form as it is laid out, and those that are given."""
    values: dict[Any, Any] = {component: component.value for component in tab.form.values()}
    return {**values, **{tab.form[name]: value for name, value in given.items()}}


def test_the_form_becomes_a_merge_and_its_end_is_told(services: Services, merge: MergeTab) -> None:
    handlers = MergeHandlers(services, merge)
    offered = handlers.open()
    assert [value for _, value in offered[merge.form["primary"]].choices] == ["one", "two"]
    assert "soft" in [value for _, value in offered[merge.form["vae"]].choices]
    began = handlers.start(
        values_of(merge, primary="one", secondary="two", multiplier=0.25, vae="soft", dtype="fp32", discard="*.bias")
    )
    assert began[merge.under_way] == "yes" or services.merging.wait(30)
    assert services.merging.wait(30)
    shown = handlers.show()
    name = shown[merge.made]
    assert name == "0.75(one) + 0.25(two)" and name in shown[merge.result] and shown[merge.use].visible
    folder = services.paths.checkpoint_folders[0]
    one, two, made = (load_file(folder / f"{stem}.safetensors") for stem in ("one", "two", name))
    soft = load_file(services.paths.vae_folders[0] / "soft.safetensors")
    key = "model.diffusion_model.input_blocks.0.0.weight"
    assert torch.allclose(made[key], one[key].float() * 0.75 + two[key].float() * 0.25, atol=1e-6)
    assert torch.equal(made["first_stage_model.decoder.conv_in.weight"], soft["decoder.conv_in.weight"].float())
    assert not any(tensor.endswith(".bias") for tensor in made)


def test_what_cannot_be_merged_is_refused_in_words(services: Services, merge: MergeTab) -> None:
    start = MergeHandlers(services, merge).start
    with pytest.raises(InvalidRequest, match="Model A '' is missing"):
        start(values_of(merge))
    with pytest.raises(InvalidRequest, match="Model C '' is missing"):
        start(values_of(merge, method="Add difference", primary="one", secondary="two"))
    with pytest.raises(ModelNotFound, match="'gone' is not here"):
        start(values_of(merge, primary="one", secondary="gone"))
    with pytest.raises(InvalidRequest, match="Multiplier 'much' is no number"):
        start(values_of(merge, primary="one", secondary="two", multiplier="much"))
    with pytest.raises(InvalidRequest, match="is no name for a file"):
        start(values_of(merge, primary="one", secondary="two", name="../outside"))
    assert services.merging.state() is None


@pytest.mark.parametrize(("method", "visible"), [("No interpolation", 1), ("Weighted sum", 2), ("Add difference", 3)])
def test_a_method_shows_the_models_that_it_takes(merge: MergeTab, method: str, visible: int) -> None:
    changes = MergeHandlers(None, merge).choose_method(values_of(merge, method=method))
    models = [changes[merge.form[name]].visible for name in ("primary", "secondary", "tertiary")]
    assert models.count(True) == visible and models[0] is True
    assert changes[merge.form["multiplier"]].visible is (visible > 1)


@pytest.mark.browser
def test_two_models_are_merged_and_the_result_is_used(page: Page, demo_services: Services) -> None:
    folder = demo_services.paths.checkpoint_folders[0]
    write_small(folder / "one.safetensors", seed=1)
    write_small(folder / "two.safetensors", seed=2)
    open_tab(page, "Merge")
    page.wait_for_selector("#merge-primary input")
    page.click("button#merge")
    assert "Model A '' is missing" in notice(page, "#merge-work")
    choose(page, "merge-primary", "one")
    choose(page, "merge-secondary", "two")
    page.fill("#merge-name textarea, #merge-name input", "mixed")
    open_accordion(page, "merge-blocks-fields")
    page.fill("#merge-blocks textarea", "IN99=0.5")
    page.click("button#merge")
    page.locator("#merge-work .notice", has_text="names no block of this network").wait_for()
    page.fill("#merge-blocks textarea", "UNET=1")
    page.click("button#merge")
    page.get_by_text("mixed is among your checkpoints now").wait_for()
    two, made = (load_file(folder / f"{stem}.safetensors") for stem in ("two", "mixed"))
    key = "model.diffusion_model.input_blocks.0.0.weight"
    assert torch.equal(made[key], two[key])
    page.click("#merge-use")
    page.wait_for_function("document.querySelector('#model input')?.value === 'mixed'")
    assert demo_services.models.current().name == "mixed"
    page.click("button#merge")
    assert "is taken" in notice(page, "#merge-work")
