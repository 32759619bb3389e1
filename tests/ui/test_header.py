"""What the header, the order of the tabs and the owner's own style are made from."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from modules.config.paths import resolve_paths
from modules.config.request_words import REQUEST_WORDS
from modules.config.settings_table import ROWS
from modules.hooks import Available
from modules.schema.setting_fields import FIELD_OF_SETTING
from modules.ui.quick_settings import quick_settings
from modules.ui.tab_order import arrange_tabs
from modules.ui.user_style import MAX_STYLE_BYTES, user_style_routes
from tests.ui.form import laid_out

AVAILABLE = Available("txt2img", samplers=("Euler",), vaes=("Automatic", "None", "fine.safetensors"))


def test_quick_settings_are_settings_and_fields() -> None:
    found = quick_settings(
        ["sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers", "nonesuch", "sampler_name", "tiling"], AVAILABLE
    )
    assert found[0] == {"setting": "sd_vae"}
    assert [one.get("name") for one in found[1:]] == ["clip_skip", "sampler_name", "tiling"]
    clip_skip = found[1]
    assert (clip_skip["kind"], clip_skip["minimum"], clip_skip["value"]) == ("number", 1, 1)
    assert found[2]["choices"] == [("Euler", "Euler")]
    assert found[3]["kind"] == "choice"


@pytest.mark.parametrize("name", [*FIELD_OF_SETTING, *REQUEST_WORDS, *ROWS])
def test_whatever_can_be_named_can_be_shown_or_is_left_out(name: str) -> None:
    for one in quick_settings([name], AVAILABLE):
        assert "setting" in one or (one["kind"] in ("switch", "number", "choice", "text") and one["label"])


def four_tabs() -> gr.Tabs:
    with gr.Tabs() as tabs:
        for title in ("txt2img", "Gallery", "Models", "Settings"):
            gr.Tab(title, id=title)
    return tabs


def titles(first: list[str], hidden: list[str]) -> tuple[list[str], object]:
    tabs = laid_out(four_tabs)
    arrange_tabs(tabs, first=first, hidden=hidden)
    return [str(tab.label) for tab in tabs.children if isinstance(tab, gr.Tab) and tab.visible], tabs.selected


def test_order_of_tabs() -> None:
    assert titles([], []) == (["txt2img", "Gallery", "Models", "Settings"], None)
    assert titles(["models", "nonesuch"], []) == (["Models", "txt2img", "Gallery", "Settings"], "Models")
    assert titles([], ["TXT2IMG", "Settings"]) == (["Gallery", "Models", "Settings"], "Gallery")


def test_the_owners_style_is_served_as_it_is_now(tmp_path: Path) -> None:
    application = FastAPI()
    application.include_router(user_style_routes(resolve_paths(data_dir=tmp_path)))
    client = TestClient(application)
    assert (client.get("/user.css").status_code, client.get("/user.css").text) == (200, "")
    (tmp_path / "user.css").write_text("body { color: red; }")
    answer = client.get("/user.css")
    assert (answer.text, answer.headers["content-type"]) == ("body { color: red; }", "text/css; charset=utf-8")
    (tmp_path / "user.css").write_bytes(b" " * (MAX_STYLE_BYTES + 1))
    assert "left out" in client.get("/user.css").text
