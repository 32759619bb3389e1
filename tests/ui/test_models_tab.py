"""The Models tab: what a person does with the files there are, and with those that come."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image
from playwright.sync_api import expect
from safetensors.torch import save_file

from modules.config.paths import resolve_paths
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions
from modules.ui.model_kinds import size_words
from tests.hub_server import HubServer, hub_server
from tests.small_checkpoints import write_small
from tests.ui.journeys import DOWNLOADS_OPENED, notice, open_accordion, reload
from tests.ui.tabs import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

LAYER = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
CARD = ".model-card[title='{}']"


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with hub_server() as server:
        yield server


@pytest.fixture(scope="module")
def demo_services(tmp_path_factory: pytest.TempPathFactory, hub: HubServer) -> Iterator[Services]:
    """Services whose hub is on this machine, and who look for new files by themselves."""
    paths = resolve_paths(data_dir=tmp_path_factory.mktemp("data"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.address)
        with running_services(paths, EngineOptions(use_cpu=True, precision="full")) as services:
            services.model_files.start()
            yield services


def write_lora_file(path: Path, **card: object) -> Path:
    """A file that is a LoRA by its names, and its card."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {
        f"{LAYER}.lora_down.weight": torch.ones(2, 768),
        f"{LAYER}.lora_up.weight": torch.ones(640, 2),
        f"{LAYER}.alpha": torch.tensor(2.0),
    }
    tags = json.dumps({"set": {"<b>bold</b>": 3, "washes": 9}})
    save_file(weights, path, metadata={"ss_network_dim": "2", "ss_tag_frequency": tags})
    if card:
        path.with_suffix(".json").write_text(json.dumps(card), encoding="utf-8")
    return path


def choose_kind(page: Page, title: str) -> None:
    page.locator("#models-kind label", has_text=title).click()


def test_a_lora_that_is_put_there_is_found_used_and_edited(page: Page, demo_services: Services, tmp_path: Path) -> None:
    """Its name and texts are a stranger's: they are shown as they are, and nothing of them runs."""
    folder = demo_services.paths.lora_folders[0]
    open_tab(page, "Models")
    page.get_by_text("So far there is only the small demo model").wait_for()
    page.locator(".listed-model").first.wait_for()
    choose_kind(page, "LoRAs")
    page.get_by_text("Nothing yet.").wait_for()
    odd = "<img src=x onerror=alert(1)>"
    write_lora_file(folder / f"{odd}.safetensors")
    ink = write_lora_file(
        folder / "styles" / "ink.safetensors",
        description=f"Wet {odd}",
        **{"activation text": "inkwash, washes", "preferred weight": 0.75, "negative text": "photo"},
    )
    page.locator(".model-card").nth(1).wait_for()  # without anybody asking for them
    expect(page.locator(".model-name", has_text="onerror")).to_have_text(odd)
    page.fill("#models-search textarea, #models-search input", "inkwash")
    page.wait_for_function("document.querySelectorAll('.model-card').length === 1")
    page.fill("#models-search textarea, #models-search input", "")
    page.locator(".model-card").nth(1).wait_for()
    expect(page.locator(CARD.format("styles/ink") + " .model-badge").first).to_have_text("SD 1")

    page.click(CARD.format("styles/ink"))
    page.wait_for_function("document.querySelectorAll('#model-words button').length === 2")
    page.click("#model-use")
    page.get_by_text("<lora:ink:0.75> is in the prompt of txt2img.").wait_for()
    page.click("#model-use")
    page.get_by_text("It is in the prompt of txt2img already.").wait_for()
    page.locator("#model-place").get_by_label("img2img", exact=True).check()
    page.click("#model-words button >> nth=1")
    page.get_by_text("“washes” is in the prompt of img2img.").wait_for()

    open_accordion(page, "model-card-fields")
    page.fill("#model-notes textarea", "best below one")
    page.fill("#model-activation-text textarea", "inkwash")
    page.click("#model-save")
    page.get_by_text("Saved beside the file.").wait_for()
    kept = json.loads(ink.with_suffix(".json").read_text(encoding="utf-8"))
    assert (kept["notes"], kept["activation text"], kept["preferred weight"]) == ("best below one", "inkwash", 0.75)
    assert kept["description"] == f"Wet {odd}"
    Image.new("RGB", (96, 64), "teal").save(tmp_path / "teal.png")
    page.set_input_files("#model-card-fields input[type=file]", tmp_path / "teal.png")
    page.wait_for_selector(CARD.format("styles/ink") + " img")
    page.evaluate("document.querySelector('#model-picture').scrollIntoView()")  # it is loaded when it is near
    page.wait_for_selector("#model-picture img")
    with Image.open(ink.with_name("ink.preview.png")) as preview:
        assert preview.size == (96, 64)

    page.click("#model-metadata-fields > button")
    expect(page.locator("#model-metadata textarea")).to_have_value(re.compile("Rank: 2"))
    assert "washes (9), <b>bold</b> (3)" in page.input_value("#model-metadata textarea")
    open_tab(page, "img2img")
    expect(page.locator("#img2img-prompt textarea")).to_have_value("washes")
    open_tab(page, "txt2img")
    expect(page.locator("#prompt textarea")).to_have_value("<lora:ink:0.75>, inkwash, washes")
    expect(page.locator("#negative-prompt textarea")).to_have_value("photo")


def test_checkpoints_come_into_every_list_and_broken_ones_say_why(page: Page, demo_services: Services) -> None:
    paths = demo_services.paths
    open_tab(page, "Models")
    page.wait_for_selector(CARD.format("atelier-demo") + " .model-used")
    write_small(paths.checkpoint_folders[0] / "mine" / "new.safetensors")
    (paths.checkpoint_folders[0] / "torn.safetensors").write_bytes(b"\x40\0\0\0\0\0\0\0{")
    write_small(paths.vae_folders[0] / "soft.safetensors", "vae_kl_f8")
    paths.embedding_folders[0].mkdir(parents=True)
    save_file({"emb_params": torch.ones(2, 768)}, paths.embedding_folders[0] / "bad-hands.safetensors")
    page.wait_for_selector(CARD.format("torn") + " .model-problem")
    expect(page.locator(CARD.format("torn") + " .model-problem").first).to_contain_text("cannot be read")
    page.click(CARD.format("torn"))
    page.locator("#model-panel .notice").wait_for()
    expect(page.locator("#model-use")).to_be_hidden()

    page.click(CARD.format("mine/new"))
    page.click("#model-use")
    page.wait_for_function("document.querySelector('#model input')?.value === 'mine/new'")
    page.wait_for_selector(CARD.format("mine/new") + " .model-used")
    assert demo_services.models.current().name == "mine/new"
    page.click("#model input")
    offered = page.locator("#model ul li, ul.options li")
    expect(offered).to_have_count(2)
    assert {"atelier-demo", "mine/new"} == {text.strip(" ✓\n") for text in offered.all_inner_texts()}
    page.keyboard.press("Escape")

    choose_kind(page, "VAEs")
    page.click(CARD.format("soft"))
    page.wait_for_selector("#model-place")
    page.click("#model-use")
    page.get_by_text("txt2img paints with this VAE.").wait_for()
    choose_kind(page, "Embeddings")
    page.click(CARD.format("bad-hands"))
    page.check("#model-negative input")
    page.click("#model-use")
    page.get_by_text("“bad-hands” is in the negative prompt of txt2img.").wait_for()
    open_tab(page, "txt2img")
    expect(page.locator("#negative-prompt textarea")).to_have_value(re.compile("bad-hands"))
    open_accordion(page, "picture-fields")
    expect(page.locator("#sd-vae input")).to_have_value("soft.safetensors")
    demo_services.models.select("atelier-demo")


def test_a_download_is_seen_again_after_a_reload_and_ends_among_the_cards(
    page: Page, demo_services: Services, hub: HubServer, tmp_path: Path, complaints: list[str]
) -> None:
    content = write_lora_file(tmp_path / "far.safetensors").read_bytes()
    hub.add("maker/loras", "far.safetensors", content)
    hub.behaviour.gate = threading.Event()
    open_tab(page, "Models")
    page.wait_for_function(DOWNLOADS_OPENED, polling=500)
    page.locator(".listed-model", has_text="Stable Diffusion XL 1.0").get_by_text(
        "CreativeML Open RAIL++-M"
    ).first.wait_for()
    page.fill("#download-source textarea, #download-source input", "maker/loras")
    page.click("#download-start")
    assert "file" in notice(page, "#models-side")
    page.fill("#download-file textarea, #download-file input", "far.safetensors")
    page.click("#download-start")
    page.locator(".download[data-state=running]", has_text="far.safetensors").wait_for()
    reload(page, complaints)
    page.wait_for_function("document.querySelector('#model input')?.value")
    open_tab(page, "Models")
    page.locator(".download[data-state=running]", has_text=f"of {size_words(len(content))}").wait_for()
    page.click(".download-action[data-action=Pause]")
    page.wait_for_selector(".download[data-state=paused]")
    hub.behaviour.gate.set()
    page.click(".download-action[data-action=Resume]")
    page.wait_for_selector(".download[data-state=done]")
    assert (demo_services.paths.lora_folders[0] / "far.safetensors").read_bytes() == content
    choose_kind(page, "LoRAs")
    page.wait_for_selector(CARD.format("far"))
    page.click(".download-action[data-action=Remove]")
    page.wait_for_selector(".download", state="detached")
