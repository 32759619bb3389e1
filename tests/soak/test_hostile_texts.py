"""Texts that would be scripts, in every place where somebody else can put a text: nothing of them runs, on any tab."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest

from modules.config.paths import Paths, resolve_paths
from modules.imaging.encoding import encode_png
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions
from tests.services.test_model_cards import put_lora
from tests.ui.chromium import chromium
from tests.ui.serving import serving_page
from tests.ui.tabs import open_tab, settle, tabs_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DEEDS = (
    "alert({n})",
    "document.title='hacked{n}'",
    "new Image().src='http://203.0.113.1/{n}'",
    "fetch('http://203.0.113.1/{n}')",
    "location.href='http://203.0.113.1/{n}'",
)
DRESSES = (
    "<script>{deed}</script>",
    '<img src="data:," onerror="{deed}">',
    "<svg onload={deed}>",
    "<svg><animate onbegin={deed} attributeName=x dur=1s>",
    "<details open ontoggle={deed}>",
    "<body onpageshow={deed}>",
    "<input autofocus onfocus={deed}>",
    "<video><source onerror={deed}></video>",
    '"><img src=x: onerror={deed}>',
    "'><img src=x: onerror={deed}>",
    "</textarea><img src=x: onerror={deed}>",
    "</title><script>{deed}</script>",
    "`-{deed}-`",
    "${{{deed}}}",
    "{{{{constructor.constructor(`{deed}`)()}}}}",
    "javascript:{deed}",
    "[a](javascript:{deed})",
    "![a](x: 'onerror={deed}')",
    "<a href=javascript:{deed} autofocus>a</a>",
    "<iframe srcdoc='<script>{deed}</script>'></iframe>",
    "<object data=javascript:{deed}></object>",
    "<embed src=javascript:{deed}>",
    "<form action=javascript:{deed}><button>a</button></form>",
    "<base href=http://203.0.113.1/>",
    "<meta http-equiv=refresh content='0;url=http://203.0.113.1/'>",
    "<link rel=stylesheet href=http://203.0.113.1/a.css>",
    "<style>@import 'http://203.0.113.1/a.css';</style>",
    "<style>*{{background:url(http://203.0.113.1/a)}}</style>",
    "<math><mtext><table><mglyph><style><img src=x: onerror={deed}>",
    "<noscript><p title='</noscript><img src=x: onerror={deed}>'>",
    "<template><script>{deed}</script></template>",
    "<x-y onclick={deed}>a</x-y>",
    "<img srcset='http://203.0.113.1/a 1x'>",
    "<audio src=http://203.0.113.1/a autoplay></audio>",
    "\u2028<script>{deed}</script>",
    "&lt;script&gt;{deed}&lt;/script&gt;",
    "\\u003cscript\\u003e{deed}\\u003c/script\\u003e",
    "%3Cscript%3E{deed}%3C/script%3E",
    "<<script>{deed}//<</script>",
    "<ScRiPt >{deed}</ScRiPt >",
)
TEXTS = [
    dress.format(deed=deed.format(n=number)) for number, (dress, deed) in enumerate(itertools.product(DRESSES, DEEDS))
]
"""200 of them."""


def named(text: str) -> str:
    """The text as the name of a file."""
    return text.replace("/", "\u2215").replace("\u2028", " ")[:80].strip()


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A server whose folders hold such texts everywhere."""
    folder = tmp_path_factory.mktemp("data")
    checkpoints = folder / "checkpoints"
    paths = resolve_paths(data_dir=folder, ckpt_dir=checkpoints)
    put_pictures(paths)
    put_models(paths, checkpoints)
    with running_services(paths, EngineOptions(use_cpu=True)) as built:
        for text in TEXTS[::10]:
            built.styles.save(text.replace("\u2028", " "), text, text)
        yield built


def put_pictures(paths: Paths) -> None:
    """In prompts, negative prompts, names of models, LoRAs, files and a folder."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    for number, text in enumerate(TEXTS):
        line = text.replace("\u2028", " ")
        infotext = (
            f"{text}\nNegative prompt: {text}\nSteps: 1, Sampler: Euler, CFG scale: 7, Seed: {number}, Size: 8x8, "
            f'Model: "{line}", VAE: "{line}", Styles: "{line}"'
        )
        folder = paths.txt2img_pictures / (named(text) if number % 50 == 0 else "2026-01-01")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05}-{named(text)}.png").write_bytes(encode_png(pixels, infotext))


def put_models(paths: Paths, checkpoints: Path) -> None:
    """In names of model files, in headers and side files of LoRAs."""
    for number, text in enumerate(TEXTS[::5]):
        put_lora(
            paths,
            f"{number}-{named(text)}",
            metadata={"ss_output_name": text, "modelspec.title": text, "modelspec.description": text},
        )
    checkpoints.mkdir()
    for number, text in enumerate(TEXTS[::20]):
        (checkpoints / f"{number}-{named(text)}.safetensors").write_bytes(b"nothing of the kind")


# gradio looks for tags in what its component is given; ours show it as text.
@pytest.mark.filterwarnings("ignore:A `<script>` tag was found")
def test_no_text_becomes_a_script(services: Services) -> None:
    with serving_page(services) as address, chromium() as browser:
        put_names(address)
        page, complaints = watched(browser, address)
        for tab in tabs_of(page):
            open_tab(page, tab)
            for group in page.locator(".tabitem .label-wrap:not(.open)").all():
                if group.is_visible():
                    group.click()
            settle(page)
            for card in page.locator(".model-card, .thumb, [data-picture]").all()[:3]:
                if card.is_visible():
                    card.click()
                    settle(page)
                    page.keyboard.press("Escape")
        open_tab(page, "txt2img")
        for text in TEXTS[::7]:
            page.fill("#prompt textarea", f"{text} <lora:{text}:1>")
            page.click("#generate")
            page.wait_for_function("document.querySelector('.notice')?.textContent.length > 0")
        assert complaints == []


def put_names(address: str) -> None:
    """In names of albums and presets, and in what waits in the queue."""
    with httpx.Client(base_url=f"{address}/api/v1", timeout=120) as client:
        client.post("/queue/pause").raise_for_status()
        for text in TEXTS[::10]:
            line = text.replace("\u2028", " ")[:60]
            client.post("/albums", json={"name": line}).raise_for_status()
            preset = {"task": "txt2img", "name": line, "values": {"prompt": text}}
            client.post("/presets", json=preset).raise_for_status()
            request = {"prompt": text, "negative_prompt": text, "steps": 1, "width": 64, "height": 64}
            client.post("/jobs/txt2img", json=request).raise_for_status()


def watched(browser: Browser, address: str) -> tuple[Page, list[str]]:
    """A page, and what it does that it must not."""
    complaints: list[str] = []
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(120_000)
    page.on("dialog", lambda dialog: complaints.append(f"a script ran: {dialog.message}"))
    page.on("request", lambda request: complaints.append(request.url) if "203.0.113" in request.url else None)
    page.on("framenavigated", lambda frame: complaints.append(frame.url) if not frame.url.startswith(address) else None)
    page.on(
        "console",
        lambda line: complaints.append(line.text) if "Content Security Policy" in line.text else None,
    )
    page.goto(address)
    page.wait_for_function("document.querySelector('#model input')?.value")
    return page, complaints
