"""Cards of models that lie on the disk: search, order, words, previews, editing."""

from __future__ import annotations

import base64
import io
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from modules.checkpoints.model_files import ModelFiles
from modules.config.paths import Paths
from modules.errors import InvalidRequest, ModelNotFound, UnreadablePicture
from modules.services.model_cards import THUMBNAIL_SIDE, ModelCards, Order

NETWORK = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"


@pytest.fixture
def cards(paths: Paths) -> Iterator[ModelCards]:
    with closing(ModelFiles(paths.model_folders)) as files:
        yield ModelCards(files, paths.cache)


def put_lora(paths: Paths, name: str, rank: int = 4, metadata: Mapping[str, str] | None = None) -> Path:
    """A LoRA for Stable Diffusion 1."""
    path = paths.lora_folders[0] / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    down = np.zeros((rank, 320), dtype=np.float16)
    tensors = {f"{NETWORK}.lora_down.weight": down, f"{NETWORK}.lora_up.weight": np.ascontiguousarray(down.T)}
    save_file(tensors, path, metadata={"ss_base_model_version": "sd_v1", **(metadata or {})})
    return path


def put_json(path: Path, ending: str, content: Any) -> None:
    path.with_name(path.stem + ending).write_text(json.dumps(content), encoding="utf-8")


def picture(colour: str, format: str = "PNG", side: int = 640) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, format)
    return buffer.getvalue()


def colour_of(path: Path | None) -> tuple[int, ...]:
    assert path is not None
    with Image.open(path) as image:
        assert max(image.size) <= THUMBNAIL_SIDE
        red, green, blue = image.convert("RGB").getpixel((1, 1))  # type: ignore[misc]
        return tuple(int(level > 128) for level in (red, green, blue))


def names(cards: ModelCards, search: str = "", order: Order = "name", descending: bool = False) -> list[str]:
    return [card.name for card in cards.all("lora", search, order=order, descending=descending)]


def test_a_card_tells_what_header_and_side_files_say(cards: ModelCards, paths: Paths) -> None:
    path = put_lora(paths, "pens/ink")
    put_json(path, ".civitai.info", {"trainedWords": ["inkstyle"]})
    (card,) = cards.all("lora")
    assert (card.kind, card.name, card.path, card.size) == ("lora", "pens/ink", path, path.stat().st_size)
    assert (card.family, card.precision, card.problem, card.preview) == ("sd1", "F16", "", None)
    assert card.card.trigger_words == ("inkstyle",) and "LoRA" in card.title
    assert card.modified == pytest.approx(path.stat().st_mtime, abs=0.001) and card.created > 0
    put_json(path, ".json", {"sd version": "SDXL"})
    assert cards.find("lora", "PENS/INK").family == "sdxl"  # a person knows better


def test_names_with_spaces_at_their_ends_are_found(cards: ModelCards, paths: Paths) -> None:
    for name in (" ink", "pens/oil "):
        put_lora(paths, name)
        assert cards.find("lora", name).name == cards.find("lora", name.strip().upper()).name == name
    put_lora(paths, "ink")
    assert [cards.find("lora", name).name for name in ("ink", " ink")] == ["ink", " ink"]


def test_broken_files_have_cards_that_say_why(cards: ModelCards, paths: Paths) -> None:
    path = put_lora(paths, "ink")
    path.write_bytes(path.read_bytes()[:-100])
    assert "incomplete" in cards.find("lora", "ink").problem
    assert cards.thumbnail("lora", "ink") is None and cards.training_facts("lora", "ink").tags == ()


def test_search_looks_for_every_word(cards: ModelCards, paths: Paths) -> None:
    put_json(put_lora(paths, "pens/ink"), ".json", {"description": "Hatched LINES", "activation text": "pen drawing"})
    put_json(put_lora(paths, "water"), ".json", {"description": "wet lines"})
    assert names(cards, "lines") == ["pens/ink", "water"]
    assert names(cards, "lines hatched") == names(cards, "DRAWING") == names(cards, "pens/") == ["pens/ink"]
    assert names(cards, "lines nowhere") == []


def test_orders_and_directions(cards: ModelCards, paths: Paths) -> None:
    for place, (name, rank) in enumerate([("b", 8), ("a", 4), ("x/c", 6)]):
        os.utime(put_lora(paths, name, rank), (1000 - place, 1000 - place))
    wanted: dict[Order, list[str]] = {
        "name": ["a", "b", "x/c"],
        "path": ["a", "b", "x/c"],
        "modified": ["x/c", "a", "b"],
        "size": ["a", "x/c", "b"],
    }
    for order, found in wanted.items():
        assert names(cards, order=order) == found
        assert names(cards, order=order, descending=True) == found[::-1]
    assert sorted(names(cards, order="created")) == wanted["name"]
    with pytest.raises(InvalidRequest):
        cards.all("lora", order="colour")  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest):
        cards.all("picture")  # type: ignore[arg-type]


def test_changed_side_files_are_seen_at_once(cards: ModelCards, paths: Paths) -> None:
    path = put_lora(paths, "ink")
    for words in ("one", "three", ""):
        put_json(path, ".json", {"notes": words})
        assert cards.find("lora", "ink").card.notes == words
        assert cards.all("lora")[0].card.notes == words
    path.with_name("ink.json").unlink()
    path.with_name("ink.txt").write_text("plain", encoding="utf-8")
    assert cards.all("lora")[0].card.description == "plain"


def test_a_thumbnail_follows_its_preview(cards: ModelCards, paths: Paths) -> None:
    path = put_lora(paths, "ink")
    assert cards.thumbnail("lora", "ink") is None
    path.with_name("ink.preview.gif").write_bytes(picture("blue", "GIF"))
    assert cards.find("lora", "ink").preview == path.with_name("ink.preview.gif")
    first = cards.thumbnail("lora", "ink")
    assert colour_of(first) == (0, 0, 1) and first == cards.thumbnail("lora", "ink")
    assert first is not None and first.is_relative_to(paths.cache)
    card = cards.set_preview("lora", "ink", picture("red"))
    assert card.preview == path.with_name("ink.preview.png")
    assert colour_of(cards.thumbnail("lora", "ink")) == (1, 0, 0)
    source = paths.data / "finished.png"
    source.write_bytes(picture("lime"))
    cards.set_preview("lora", "ink", source)
    assert colour_of(cards.thumbnail("lora", "ink")) == (0, 1, 0)


def test_a_cover_in_the_header_is_the_preview_where_there_is_no_other(cards: ModelCards, paths: Paths) -> None:
    cover = "data:image/png;base64," + base64.b64encode(picture("red")).decode()
    put_lora(paths, "ink", metadata={"modelspec.thumbnail": cover})
    assert colour_of(cards.thumbnail("lora", "ink")) == (1, 0, 0)
    cards.set_preview("lora", "ink", picture("blue"))
    assert colour_of(cards.thumbnail("lora", "ink")) == (0, 0, 1)


def test_a_preview_that_is_no_picture_is_none(cards: ModelCards, paths: Paths) -> None:
    path = put_lora(paths, "ink", metadata={"modelspec.thumbnail": "data:image/png;base64,aGVsbG8="})
    assert cards.thumbnail("lora", "ink") is None
    path.with_name("ink.png").write_bytes(b"<script>")
    assert cards.thumbnail("lora", "ink") is None
    with pytest.raises(UnreadablePicture):
        cards.set_preview("lora", "ink", b"<svg/>")
    assert path.with_name("ink.png").read_bytes() == b"<script>"


def test_a_written_preview_carries_nothing_of_its_source(cards: ModelCards, paths: Paths) -> None:
    from modules.imaging.encoding import encode_png

    put_lora(paths, "ink")
    card = cards.set_preview("lora", "ink", encode_png(np.zeros((8, 8, 3), dtype=np.uint8), "a secret prompt"))
    assert card.preview is not None and b"secret" not in card.preview.read_bytes()


def test_editing_writes_beside_the_model_and_nowhere_else(cards: ModelCards, paths: Paths) -> None:
    path = put_lora(paths, "pens/ink")
    edited = cards.edit("lora", "pens/ink", {"notes": "mine", "preferred_weight": 0.5})
    assert (edited.card.notes, edited.card.preferred_weight) == ("mine", 0.5)
    assert json.loads(path.with_name("ink.json").read_bytes()) == {"notes": "mine", "preferred weight": 0.5}
    before = sorted(paths.data.rglob("*"))
    for name in ("../../outside", "ink", "pens/../pens/ink", "", str(path), "pens/ink.safetensors"):
        with pytest.raises(ModelNotFound):
            cards.edit("lora", name, {"notes": "x"})
        with pytest.raises(ModelNotFound):
            cards.set_preview("lora", name, picture("red"))
    assert sorted(paths.data.rglob("*")) == before


def test_training_facts_come_from_the_header(cards: ModelCards, paths: Paths) -> None:
    put_lora(paths, "ink", metadata={"ss_tag_frequency": json.dumps({"set": {"pen": 2}}), "ss_network_dim": "4"})
    facts = cards.training_facts("lora", "ink")
    assert facts.tags == (("pen", 2),) and facts.rank == "4"


def test_the_shipped_model_has_its_card(cards: ModelCards) -> None:
    card = cards.find("checkpoint", "atelier-demo")
    assert card.card.example_prompts and card.card.recommended.cfg_scale == 4.5
    assert card.preview is not None and colour_of(cards.thumbnail("checkpoint", "atelier-demo"))


def test_two_thousand_cards_are_listed_again_without_reading_them(
    cards: ModelCards, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = put_lora(paths, "model-0")
    for number in range(1, 2000):
        path = first.with_name(f"model-{number}.safetensors")
        os.link(first, path)
        if number % 4 == 0:
            path.with_name(f"model-{number}.json").write_text('{"notes": "hatched"}', encoding="utf-8")
    deadline = time.monotonic() + 60
    while [card.family for card in cards.all("lora")] != ["sd1"] * 2000:
        assert time.monotonic() < deadline
    monkeypatch.setattr("modules.services.model_cards.read_card", None)  # whatever reads a card now fails
    assert len(cards.all("lora", "hatched", order="size")) == 499
