"""What is offered while somebody types into a prompt."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from modules.errors import InvalidRequest
from modules.gallery.records import PictureRecords
from modules.gallery.store import PictureStore
from modules.imaging.encoding import encode_png
from modules.services.build import Services
from modules.services.word_suggestions import WordSuggestions

TAGS = """long_hair,0,4350743,"longhair,very_long"
hatsune_miku_(vocaloid),4,90000,miku
^_^,0,20000,
"a, b",0,7,
hair_ornament,0,1500000,
# a comment,0,1,
"""


@pytest.fixture
def suggestions(idle_services: Services) -> WordSuggestions:
    folder = idle_services.suggestions.folder
    folder.mkdir(parents=True)
    (folder / "danbooru.csv").write_text(TAGS, encoding="utf-8")
    return idle_services.suggestions


def inserts(suggestions: WordSuggestions, text: str, *kinds: str) -> list[str]:
    return [one.insert for one in suggestions.find(text, kinds).suggestions]


def put_network(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"lora_unet_a.lora_down.weight": np.zeros((2, 2), np.float32)}, folder / f"{name}.safetensors")


def test_tags_are_found_by_their_beginnings_words_and_other_names(suggestions: WordSuggestions) -> None:
    assert inserts(suggestions, "LONG_h") == ["long hair"]
    assert inserts(suggestions, "hair") == ["hair ornament", "long hair"]  # one begins so; of the other a word does
    assert inserts(suggestions, "naments") == [] and inserts(suggestions, "rnamen") == ["hair ornament"]
    (found,) = suggestions.find("very l").suggestions
    assert (found.label, found.insert, found.count) == ("very_long → long hair", "long hair", 4350743)
    assert suggestions.find("long h", spaces=False).suggestions[0].insert == "long_hair"


def test_in_a_sentence_the_last_words_count(suggestions: WordSuggestions) -> None:
    found = suggestions.find("a girl with very long hai")
    assert (found.typed, found.suggestions[0].insert) == ("long hai", "long hair")
    assert suggestions.find("a girl with hatsu").typed == "hatsu"
    assert suggestions.find("nothing of that kind").suggestions == []


def test_brackets_are_escaped_and_faces_kept(suggestions: WordSuggestions) -> None:
    assert inserts(suggestions, "hatsune") == [r"hatsune miku \(vocaloid\)"]
    assert inserts(suggestions, r"hatsune miku \(voc") == [r"hatsune miku \(vocaloid\)"]
    assert inserts(suggestions, "^_") == ["^_^"]


def test_a_file_that_changes_is_read_again_and_a_broken_one_left_out(suggestions: WordSuggestions) -> None:
    assert inserts(suggestions, "zebra") == []
    (suggestions.folder / "more.csv").write_text("name,category,count\nzebra,0,many\n")
    (suggestions.folder / "broken.csv").write_bytes(b"\xff\xfe\x00zebra crossing")
    assert inserts(suggestions, "zebra") == ["zebra"]
    assert "name" not in inserts(suggestions, "name")  # the heading
    (suggestions.folder / "more.csv").unlink()
    assert inserts(suggestions, "zebra") == []


def test_a_lora_comes_with_its_weight_and_words(idle_services: Services) -> None:
    folder = idle_services.paths.lora_folders[0]
    put_network(folder / "pens", "ink_v2")
    put_network(folder, "pink")
    (folder / "pens" / "ink_v2.json").write_text('{"activation text": "ink drawing", "preferred weight": 0.7}')
    idle_services.model_files.refresh(wait=30, read=True)
    for text in ("<", "<lora:", "<lyc"):
        assert len(inserts(idle_services.suggestions, text)) == 2, text
    assert inserts(idle_services.suggestions, "<ink") == ["<lora:ink_v2:0.7>, ink drawing", "<lora:pink:1>"]
    assert inserts(idle_services.suggestions, "<lora:INK V") == ["<lora:ink_v2:0.7>, ink drawing"]
    assert inserts(idle_services.suggestions, "in") == inserts(idle_services.suggestions, "<in")
    assert inserts(idle_services.suggestions, "i") == []


def test_wildcards_and_styles_are_found_by_name(idle_services: Services) -> None:
    idle_services.wildcards.folder.mkdir(parents=True)
    (idle_services.wildcards.folder / "colour.txt").write_text("red\nblue")
    idle_services.styles.save("oil painting", "oil painting of {prompt}, thick strokes")
    assert inserts(idle_services.suggestions, "__") == ["__colour__"]
    assert inserts(idle_services.suggestions, "__co", "lora") == []
    assert inserts(idle_services.suggestions, "col") == ["__colour__"]
    assert inserts(idle_services.suggestions, "oil") == ["oil painting of, thick strokes"]


def test_words_of_past_pictures_are_a_persons_own(idle_services: Services) -> None:
    store = PictureStore(idle_services.database, PictureRecords(idle_services.database), idle_services.paths.outputs)
    for index, (user, prompt) in enumerate([("ann", "(red house:1.2), <lora:x:1> night"), ("bob", "red boat")]):
        infotext = f"{prompt}\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 16x8"
        store.save(
            encode_png(np.zeros((8, 16, 3), np.uint8), infotext),
            folder=idle_services.paths.txt2img_pictures,
            width=16,
            height=8,
            seed=5,
            infotext=infotext,
            job_id=f"job{index}",
            index=0,
            user=user,
        )
    found = idle_services.suggestions
    assert [one.insert for one in found.find("red", user="ann").suggestions] == ["red house"]
    assert sorted(one.insert for one in found.find("red").suggestions) == ["red boat", "red house"]
    assert [one.insert for one in found.find("nig", user="bob").suggestions] == []


def test_an_unknown_kind_is_refused(suggestions: WordSuggestions) -> None:
    with pytest.raises(InvalidRequest, match="Kind 'loras' is not known"):
        suggestions.find("a", ["loras"])


def test_two_hundred_thousand_tags_are_searched_while_one_types(suggestions: WordSuggestions) -> None:
    numbers = np.random.default_rng(3).integers(0, 26, (200_000, 12)) + ord("a")
    names = ["".join(map(chr, row[:5])) + "_" + "".join(map(chr, row[5:])) for row in numbers.tolist()]
    lines = (f'{name},0,{200_000 - at},"{name[::-1]}"' for at, name in enumerate(names))
    (suggestions.folder / "many.csv").write_text("\n".join(lines))
    assert inserts(suggestions, names[-1][:9]) == [names[-1].replace("_", " ")]

    def seconds(text: str) -> float:
        began = time.thread_time()
        suggestions.find(text)
        return time.thread_time() - began

    texts = ("a", "ab", "abc", "abcd", "zq", "zzqq", "hair", "no such tag at all", names[-2][:8])
    taken = [min(seconds(text) for _ in range(3)) for text in texts]
    assert max(taken) < 0.1  # 20 ms by themselves; the margin is for machines that do much else
