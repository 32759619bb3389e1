"""What trainers take from drawings at hand: the right pictures, crops that keep what was promised, fair patches."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from tools.demo_model.drawings import SHARD, draw_shard, read_shard, shard_path
from tools.demo_model.judge import COLOUR_NAMES, IGNORED, KINDS, Drawings, judge_scene
from tools.demo_model.latents import LatentSet
from tools.demo_model.painting import paint, spots
from tools.demo_model.scene import training_scene
from tools.demo_model.train_unet import Practice, bears
from tools.demo_model.train_vae import KeptDrawings, Recipe, pixels

SIDE = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawings")
    assert draw_shard(folder, SIDE, 1) == 1
    draw_shard(folder, SIDE, 0)
    return folder


def test_a_shard_holds_the_drawings_of_its_seeds_and_is_not_drawn_twice(folder: Path) -> None:
    shard = read_shard(shard_path(folder, 1))
    assert shard.shape == (SHARD, SIDE, SIDE, 3)
    for row in (0, 7, SHARD - 1):
        seed = SHARD + row
        np.testing.assert_array_equal(shard[row], np.asarray(paint(training_scene(seed), seed, SIDE)))
    before = shard_path(folder, 1).stat().st_mtime_ns
    draw_shard(folder, SIDE, 1)
    assert shard_path(folder, 1).stat().st_mtime_ns == before


def test_a_piece_is_made_of_kept_drawings_and_depends_on_its_numbers_alone(folder: Path) -> None:
    recipe = Recipe(
        run=folder, steps=1, batch=64, piece=64, rate=1e-3, warmup=1, cooldown=0.5, ema=0.9, save_seconds=1, minutes=1,
        sides=(SIDE, SIDE // 2), drawings=folder, shards=2,
    )  # fmt: skip
    kept = KeptDrawings(recipe, folder, torch.device("cpu"))
    large, small = kept.piece(0, 0), kept.piece(1, 0)
    assert large.shape == (16, 3, SIDE, SIDE)
    assert small.shape == (64, 3, SIDE // 2, SIDE // 2)
    every = pixels(torch.from_numpy(np.concatenate([read_shard(shard_path(folder, n)) for n in (0, 1)])), large.device)
    assert all((every == picture).flatten(1).all(1).any() for picture in large)
    assert torch.equal(large, KeptDrawings(recipe, folder, large.device).piece(0, 0))


@pytest.mark.parametrize("crop", ["landscape", "portrait"])
def test_a_crop_keeps_three_quarters_of_every_subject_in_the_picture(crop: str) -> None:
    borne = 0
    for seed in range(600):
        scene = training_scene(seed)
        if bears(scene, crop):
            borne += 1
            for _, x, y, half in spots(scene, random.Random(seed)):
                assert abs((y if crop == "landscape" else x) - 0.5) + 0.75 * half < 1 / 3 + 0.03, scene
    assert borne > 100


def test_practice_hands_out_the_latents_and_labels_of_the_rows_it_names() -> None:
    scenes = [training_scene(seed) for seed in range(64)]
    latents = torch.arange(64.0).view(64, 1, 1, 1).expand(64, 4, 12, 12).half()
    practice = Practice(LatentSet(latents, scenes), torch.device("cpu"), crops=True)
    shapes = set()
    for turn in range(12):
        rows, picked, layout = practice.pick(random.Random(turn), 20)
        assert picked[:, 0, 0, 0].tolist() == rows
        assert len(layout) == 20
        shapes.add(tuple(picked.shape[2:]))
    assert shapes == {(12, 12), (8, 12), (12, 8)}


def test_patches_show_what_their_labels_say() -> None:
    drawings = Drawings.draw(256, 0)
    rows = torch.arange(256)
    patches, kinds, colours = drawings.patches(
        drawings.pictures.float() / 127.5 - 1, rows, torch.Generator().manual_seed(1)
    )
    assert patches.shape[1:] == (3, 40, 40)
    assert len(patches) == len(kinds) == len(colours) == 256 + 64
    for row in range(256):
        things = {(KINDS.index(thing.kind), COLOUR_NAMES.index(thing.colour)) for thing in judge_scene(row).things}
        assert (int(kinds[row]), int(colours[row])) in things
    nothing = patches[256:][kinds[256:] != IGNORED]
    assert len(nothing) > 8
    on_plain = [number for number in range(64) if judge_scene(4 * number).ground.startswith("plain-")
                and judge_scene(4 * number).style == "flat" and kinds[256 + number] != IGNORED]  # fmt: skip
    assert on_plain
    assert all(float(patches[256 + number].flatten(1).std(1).max()) < 0.02 for number in on_plain)
