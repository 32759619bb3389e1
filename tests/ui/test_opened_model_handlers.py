"""The panel of an opened file, without a browser: what it shows, and what saving leaves beside the file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest

from modules.checkpoints.model_files import ModelFiles
from modules.config.paths import Paths
from modules.services.model_cards import ModelCards
from modules.ui.model_panel import ModelPanel, lay_out_model
from modules.ui.opened_model_handlers import OpenedModelHandlers
from tests.small_checkpoints import write_small


class Opened:
    """A checkpoint on the panel; the services are those that the panel asks, over files on the disk."""

    def __init__(self, files: ModelFiles, paths: Paths) -> None:
        cards = ModelCards(files, paths.cache)
        self.panel, model = asyncio.run(_laid_out())
        services: Any = SimpleNamespace(cards=cards, models=SimpleNamespace(files=files.all))
        self._handlers = OpenedModelHandlers(services, self.panel, {}, model, cast(Any, None))
        self.path: Path = paths.checkpoint_folders[0] / "house.safetensors"
        write_small(self.path)

    def shown(self) -> dict[str, Any]:
        """What the form of the card holds once the file is opened, and the choices of its VAE."""
        event = cast(gr.EventData, SimpleNamespace(_data={"key": "checkpoint:house"}))
        changes = self._handlers.open(event)
        values = {name: changes[component] for name, component in self.panel.form.items()}
        self.choices = [tuple(one) for one in values["vae"].choices]
        return {name: getattr(value, "value", value) for name, value in values.items()}

    def save(self, **changed: Any) -> dict[str, Any]:
        """Save what is shown, with changes; the content of the user's file."""
        form = {**self.shown(), **changed}
        values: dict[Any, Any] = {component: form[name] for name, component in self.panel.form.items()}
        self._handlers.save({**values, self.panel.chosen: "checkpoint:house"})
        content: dict[str, Any] = json.loads(self.path.with_suffix(".json").read_text(encoding="utf-8"))
        return content


async def _laid_out() -> tuple[ModelPanel, gr.Dropdown]:
    """In a running loop: outside of one gradio makes one for each of its locks and closes none."""
    with gr.Blocks():
        return lay_out_model(), gr.Dropdown()


@pytest.fixture
def opened(paths: Paths) -> Iterator[Opened]:
    with closing(ModelFiles(paths.model_folders)) as files:
        yield Opened(files, paths)


@pytest.mark.parametrize(
    "vae", ["gone.safetensors", "soft", "SOFT.safetensors", "soft.safetensors", "None", "Automatic"]
)
def test_saving_a_card_keeps_the_vae_that_it_names(opened: Opened, paths: Paths, vae: str) -> None:
    write_small(paths.vae_folders[0] / "soft.safetensors", "vae_kl_f8")
    opened.path.with_suffix(".json").write_text(json.dumps({"vae": vae, "mine": 1}), encoding="utf-8")
    assert opened.shown()["vae"] == vae
    assert opened.save(notes="soft light") == {"vae": vae, "mine": 1, "notes": "soft light"}
    labels, values = zip(*opened.choices, strict=True)
    assert vae in values and len(set(labels)) == len(labels)


def test_a_card_without_a_vae_is_automatic_until_one_is_chosen(opened: Opened, paths: Paths) -> None:
    write_small(paths.vae_folders[0] / "soft.safetensors", "vae_kl_f8")
    assert opened.shown()["vae"] == ""
    assert opened.choices == [("Automatic", ""), ("None", "None"), ("soft.safetensors", "soft.safetensors")]
    assert "vae" not in opened.save(notes="x")
    assert opened.save(vae="soft.safetensors")["vae"] == "soft.safetensors"
    assert "vae" not in opened.save(vae="")
