"""Merging against the same arithmetic on whole checkpoints in memory, and its laws."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import modules.checkpoints.merging as merging_module
from modules.checkpoints.mapped_weights import MappedWeights
from modules.checkpoints.merge_recipe import MergeFiles, MergeRecipe, Method
from modules.checkpoints.merging import merge
from modules.checkpoints.weights_header import read_header
from modules.checkpoints.weights_identity import identify_weights
from modules.errors import BrokenModel, Interrupted, InvalidRequest, NumbersOverflowed, StorageFull, UnsupportedModel
from tests.small_checkpoints import write_small

Tensors = dict[str, torch.Tensor]
FIRST_LAYER = "model.diffusion_model.input_blocks.0.0.weight"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four checkpoints: A, B, C of one layout, and X of SDXL."""
    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate("abc"):
        write_small(folder / f"{name}.safetensors", seed=seed)
    write_small(folder / "x.safetensors", "sdxl_base", seed=9)
    return folder


def files(folder: Path, names: str = "ab", vae: str = "") -> MergeFiles:
    primary, *others = (folder / f"{name}.safetensors" for name in names)
    return replace(MergeFiles(primary, *others[:2]), vae=folder / f"{vae}.safetensors" if vae else None)


def merged(folder: Path, recipe: MergeRecipe, names: str = "ab", *, vae: str = "", into: Path | None = None) -> Tensors:
    output = (into or folder) / "out.safetensors"
    merge(recipe, files(folder, names, vae), output, overwrite=True)
    read_header(output)
    return load_file(output)


def is_merged(name: str) -> bool:
    return not name.startswith(("alphas", "betas", "sqrt", "log", "posterior")) and not name.endswith("position_ids")


def dense(m: float, a: Tensors, b: Tensors, c: Tensors | None = None) -> Tensors:
    """Whole checkpoints, in the formulas' own words."""
    result = {}
    for name, tensor in a.items():
        if not is_merged(name):
            result[name] = tensor
        elif c is None:
            result[name] = (tensor.float() * (1 - m) + b[name].float() * m).to(tensor.dtype)
        else:
            result[name] = (tensor.float() + (b[name].float() - c[name].float()) * m).to(tensor.dtype)
    return result


def assert_same(found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


def bits(tensor: torch.Tensor) -> bytes:
    return bytes(tensor.contiguous().view(-1).view(torch.uint8).numpy())


@pytest.mark.parametrize("m", [0.25, 0.3, 0.99, -0.5, 1.7])
def test_weighted_sum_is_the_dense_formula(folder: Path, m: float) -> None:
    a, b, _ = (load_file(folder / f"{name}.safetensors") for name in "abc")
    assert_same(merged(folder, MergeRecipe(multiplier=m)), dense(m, a, b))


@pytest.mark.parametrize("m", [0.25, 1.0, -0.5, 1.7])
def test_add_difference_is_the_dense_formula(folder: Path, m: float) -> None:
    a, b, c = (load_file(folder / f"{name}.safetensors") for name in "abc")
    assert_same(merged(folder, MergeRecipe("Add difference", m), "abc"), dense(m, a, b, c))


def test_pieces_make_the_same_numbers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = merged(folder, MergeRecipe(multiplier=0.3))
    monkeypatch.setattr(merging_module, "PIECE", 1000)
    monkeypatch.setattr(merging_module, "READ_BEFORE_LETTING_GO", 5000)
    assert_same(merged(folder, MergeRecipe(multiplier=0.3)), whole)


@pytest.mark.parametrize("method", ["Weighted sum", "Add difference"])
def test_nothing_of_b_is_a_bit_for_bit(folder: Path, method: Method) -> None:
    names = "ab" if method == "Weighted sum" else "abc"
    found, a = merged(folder, MergeRecipe(method, 0), names), load_file(folder / "a.safetensors")
    assert {name: bits(tensor) for name, tensor in found.items()} == {name: bits(one) for name, one in a.items()}


def test_all_of_b_is_b(folder: Path) -> None:
    found, a, b = (merged(folder, MergeRecipe(multiplier=1)), *(load_file(folder / f"{n}.safetensors") for n in "ab"))
    assert_same(found, {name: b[name] if is_merged(name) else a[name] for name in a})


def test_difference_of_a_checkpoint_to_itself_changes_nothing(folder: Path) -> None:
    assert_same(merged(folder, MergeRecipe("Add difference", 0.7), "abb"), load_file(folder / "a.safetensors"))


@settings(max_examples=8)
@given(st.floats(0, 1))
def test_swapping_sides_turns_the_multiplier_round(folder: Path, m: float) -> None:
    there, back = merged(folder, MergeRecipe(multiplier=m)), merged(folder, MergeRecipe(multiplier=1 - m), "ba")
    for name in (FIRST_LAYER, "first_stage_model.decoder.conv_in.weight"):
        torch.testing.assert_close(there[name], back[name], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("word", "dtype"), [("fp16", torch.float16), ("bf16", torch.bfloat16), ("fp32", torch.float32)]
)
def test_precision_is_that_of_weights_alone(folder: Path, word: Any, dtype: torch.dtype) -> None:
    a, b, _ = (load_file(folder / f"{name}.safetensors") for name in "abc")
    wanted = {
        name: (tensor.float() * 0.7 + b[name].float() * 0.3).to(dtype) if is_merged(name) else tensor
        for name, tensor in a.items()
    }
    assert_same(merged(folder, MergeRecipe(multiplier=0.3, dtype=word)), wanted)


def test_one_checkpoint_alone_is_converted(folder: Path) -> None:
    a = load_file(folder / "a.safetensors")
    found = merged(folder, MergeRecipe("No interpolation", dtype="bf16"), "a")
    assert_same(found, {name: one.bfloat16() if is_merged(name) else one for name, one in a.items()})


def test_blocks_have_their_own_amounts(folder: Path) -> None:
    a, b, _ = (load_file(folder / f"{name}.safetensors") for name in "abc")
    found = merged(folder, MergeRecipe(multiplier=0.5, blocks="IN00-IN03=0, M00=1, OUT*=0..1, TE=0.1, VAE=0"))
    amounts = {
        "model.diffusion_model.input_blocks.3.0.op.bias": 0.0,
        "model.diffusion_model.time_embed.0.bias": 0.0,
        "model.diffusion_model.input_blocks.4.0.in_layers.0.bias": 0.5,
        "model.diffusion_model.middle_block.0.in_layers.0.bias": 1.0,
        "model.diffusion_model.output_blocks.0.0.emb_layers.1.bias": 0.0,
        "model.diffusion_model.output_blocks.11.0.emb_layers.1.bias": 1.0,
        "model.diffusion_model.out.0.bias": 1.0,
        "cond_stage_model.transformer.text_model.final_layer_norm.bias": 0.1,
        "first_stage_model.decoder.norm_out.bias": 0.0,
    }
    for name, m in amounts.items():
        wanted = (a[name].float() * (1 - m) + b[name].float() * m).half()
        assert torch.equal(found[name], wanted), name


def test_tensors_that_b_lacks_are_kept(folder: Path, tmp_path: Path) -> None:
    gone = "model.diffusion_model.middle_block.0.in_layers.0.bias"
    write_small(tmp_path / "d.safetensors", seed=1, changes={gone: None, "model.new.bias": torch.ones(3)})
    given = MergeFiles(folder / "a.safetensors", tmp_path / "d.safetensors")
    result = merge(MergeRecipe(multiplier=0.5), given, tmp_path / "out.safetensors")
    found, a = load_file(result.path), load_file(folder / "a.safetensors")
    assert torch.equal(found[gone], a[gone])
    assert found.keys() == a.keys()
    untouched = sum(not is_merged(name) for name in a)
    assert (result.merged, result.kept, result.left_out) == (len(a) - untouched - 1, untouched + 1, 1)


@pytest.mark.parametrize(("layout", "channels"), [("sd15_inpaint", 9), ("sd15_instruct_pix2pix", 8)])
def test_further_channels_of_a_stay(folder: Path, tmp_path: Path, layout: str, channels: int) -> None:
    a = write_small(tmp_path / "wide.safetensors", layout, seed=5)
    b, c = (load_file(folder / f"{name}.safetensors") for name in "bc")
    given = MergeFiles(tmp_path / "wide.safetensors", folder / "b.safetensors")
    for m in (0.4, 1.0):
        merge(MergeRecipe(multiplier=m), given, tmp_path / "out.safetensors", overwrite=True)
        found = load_file(tmp_path / "out.safetensors")[FIRST_LAYER]
        assert found.shape[1] == channels
        wanted = a[FIRST_LAYER].clone()
        wanted[:, :4] = (a[FIRST_LAYER][:, :4].float() * (1 - m) + b[FIRST_LAYER].float() * m).half()
        assert torch.equal(found, wanted)
    three = replace(given, tertiary=folder / "c.safetensors")
    merge(MergeRecipe("Add difference", 1), three, tmp_path / "three.safetensors")
    wanted = a[FIRST_LAYER].clone()
    wanted[:, :4] = (a[FIRST_LAYER][:, :4].float() + (b[FIRST_LAYER].float() - c[FIRST_LAYER].float())).half()
    assert torch.equal(load_file(tmp_path / "three.safetensors")[FIRST_LAYER], wanted)
    told = json.loads(read_header(tmp_path / "three.safetensors").metadata["sd_merge_recipe"])
    assert (told["is_inpainting"], told["is_instruct_pix2pix"]) == (channels == 9, channels == 8)
    with pytest.raises(InvalidRequest, match="Choose the .* checkpoint as A"):
        merge(MergeRecipe(), MergeFiles(given.parents[1], given.primary), tmp_path / "no.safetensors")


@pytest.mark.parametrize("whole", [False, True])
def test_vae_is_baked_in(folder: Path, tmp_path: Path, whole: bool) -> None:
    vae = write_small(tmp_path / "vae.safetensors", "sd15" if whole else "vae_kl_f8", seed=6, dtype=torch.float32)
    given = replace(files(folder), vae=tmp_path / "vae.safetensors")
    merge(MergeRecipe(multiplier=0.5, dtype="fp16"), given, tmp_path / "out.safetensors")
    found = load_file(tmp_path / "out.safetensors")
    names = [name for name in found if name.startswith("first_stage_model.")]
    for name in names:
        assert torch.equal(found[name], vae[name if whole else name.removeprefix("first_stage_model.")].half()), name
    assert len(names) > 100
    assert json.loads(read_header(tmp_path / "out.safetensors").metadata["sd_merge_recipe"])["bake_in_vae"] == (
        "vae.safetensors"
    )


def test_vae_is_put_into_a_checkpoint_without(folder: Path, tmp_path: Path) -> None:
    whole = load_file(folder / "a.safetensors")
    without: dict[str, torch.Tensor | None] = {name: None for name in whole if name.startswith("first_stage_model.")}
    write_small(tmp_path / "pruned.safetensors", changes=without)
    given = MergeFiles(tmp_path / "pruned.safetensors", vae=folder / "a.safetensors")
    merge(MergeRecipe("No interpolation"), given, tmp_path / "out.safetensors")
    assert_same(load_file(tmp_path / "out.safetensors"), whole)


def test_file_without_a_vae_cannot_be_baked_in(folder: Path, tmp_path: Path) -> None:
    save_file({"model.0.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(InvalidRequest, match="has no VAE"):
        merge(MergeRecipe(), replace(files(folder), vae=tmp_path / "other.safetensors"), tmp_path / "out.safetensors")


def test_patterns_leave_tensors_out(folder: Path) -> None:
    found = merged(folder, MergeRecipe(discard=("cond_stage_model.*", "*.out.?.bias")))
    assert not any(name.startswith("cond_stage_model.") for name in found)
    assert "model.diffusion_model.out.0.bias" not in found
    assert "model.diffusion_model.out.0.weight" in found
    with pytest.raises(InvalidRequest, match="leaves nothing"):
        merged(folder, MergeRecipe(discard=("*",)))


def test_pattern_made_to_take_for_ever_does_not(folder: Path) -> None:
    recipe = MergeRecipe(discard=("*a" * 60 + "b",))
    assert not recipe.discards("a" * 2000)


def test_metadata_are_a1111s(folder: Path, tmp_path: Path) -> None:
    old = json.dumps({"type": "webui", "multiplier": 0.1})
    tree = json.dumps({"00": {"name": "old.ckpt", "legacy_hash": "1", "sd_merge_recipe": None}})
    said = {"sd_merge_recipe": old, "sd_merge_models": tree, "author": "me", "modelspec.hash_sha256": "0x1"}
    write_small(tmp_path / "p.safetensors", seed=3, metadata=said)
    write_small(tmp_path / "q.safetensors", seed=4, metadata={"author": "you", "licence": "free"})
    given = MergeFiles(tmp_path / "p.safetensors", tmp_path / "q.safetensors")
    recipe = MergeRecipe(multiplier=0.25, dtype="fp16", discard=("model_ema.*",), custom_name="mine")
    merge(recipe, given, tmp_path / "out.safetensors")
    metadata = dict(read_header(tmp_path / "out.safetensors").metadata)
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in given.parents]
    legacy = [hashlib.sha256(path.read_bytes()[0x100000:0x110000]).hexdigest()[:8] for path in given.parents]
    assert json.loads(metadata.pop("sd_merge_recipe")) == {
        "type": "webui",
        "primary_model_hash": hashes[0],
        "secondary_model_hash": hashes[1],
        "tertiary_model_hash": None,
        "interp_method": "Weighted sum",
        "multiplier": 0.25,
        "save_as_half": True,
        "custom_name": "mine",
        "config_source": 0,
        "bake_in_vae": "None",
        "discard_weights": "model_ema.*",
        "is_inpainting": False,
        "is_instruct_pix2pix": False,
        "dtype": "fp16",
    }
    assert json.loads(metadata.pop("sd_merge_models")) == {
        hashes[0]: {"name": "p.safetensors", "legacy_hash": legacy[0], "sd_merge_recipe": json.loads(old)},
        hashes[1]: {"name": "q.safetensors", "legacy_hash": legacy[1], "sd_merge_recipe": None},
        **json.loads(tree),
    }
    assert metadata == {"format": "pt", "author": "me", "licence": "free"}
    merge(replace(recipe, copy_metadata=False), given, tmp_path / "out.safetensors", overwrite=True)
    kept = read_header(tmp_path / "out.safetensors").metadata
    assert kept.keys() == {"format", "sd_merge_recipe", "sd_merge_models"}


def test_result_is_read_by_the_library_and_known(folder: Path, tmp_path: Path) -> None:
    merge(MergeRecipe(dtype="bf16"), files(folder), tmp_path / "out.safetensors")
    with safe_open(tmp_path / "out.safetensors", "pt") as opened:
        assert opened.metadata()["format"] == "pt"
    with MappedWeights(tmp_path / "out.safetensors") as weights:
        identity = identify_weights(weights.header)
        assert all(info.begin % 8 == 0 for info in weights.header.tensors.values() if info.dtype == "I64")
    assert (identity.kind, identity.family, identity.precision) == ("checkpoint", "sd1", "BF16")


def test_configuration_beside_a_parent_goes_with_the_result(folder: Path, tmp_path: Path) -> None:
    write_small(tmp_path / "v.safetensors", seed=1)
    (tmp_path / "v.yaml").write_text("parameterization: v")
    given = MergeFiles(folder / "a.safetensors", tmp_path / "v.safetensors")
    merge(MergeRecipe(), given, tmp_path / "out.safetensors")
    assert (tmp_path / "out.yaml").read_text() == "parameterization: v"


@pytest.mark.parametrize("parent_has_one", [False, True])
def test_configuration_of_a_result_that_is_overwritten_goes(folder: Path, tmp_path: Path, parent_has_one: bool) -> None:
    write_small(tmp_path / "v.safetensors", seed=1)
    (tmp_path / "out.yaml").write_text("old")
    given = MergeFiles(folder / "a.safetensors", tmp_path / "v.safetensors")
    merge(MergeRecipe(), given, tmp_path / "out.safetensors", overwrite=True)
    assert (tmp_path / "out.yaml").read_text() == "old", "it is of another file, since nothing was overwritten"
    if parent_has_one:
        (tmp_path / "v.yaml").write_text("new")
    done = merge(MergeRecipe(), given, tmp_path / "out.safetensors", overwrite=True)
    assert done.note == ""
    assert (tmp_path / "out.yaml").exists() == parent_has_one
    assert not parent_has_one or (tmp_path / "out.yaml").read_text() == "new"


def test_large_metadata_of_parents_stay_behind(folder: Path, tmp_path: Path) -> None:
    """Each parent can be read, and both together would be more than any reader takes."""
    large = "x" * (9 << 20)
    write_small(tmp_path / "p.safetensors", seed=3, metadata={"modelspec.thumbnail": large, "licence": "free"})
    write_small(tmp_path / "q.safetensors", seed=4, metadata={"ss_tag_frequency": large, "sd_merge_models": "{}"})
    given = MergeFiles(tmp_path / "p.safetensors", tmp_path / "q.safetensors")
    merge(MergeRecipe(), given, tmp_path / "out.safetensors")
    metadata = read_header(tmp_path / "out.safetensors").metadata
    assert metadata.keys() == {"licence", "format", "sd_merge_recipe", "sd_merge_models"}


def test_large_family_tree_stays_behind(folder: Path, tmp_path: Path) -> None:
    trees = [json.dumps({f"{place}{name}": {"name": "x" * 1000} for place in range(9000)}) for name in "pq"]
    for name, tree in zip("pq", trees, strict=True):
        write_small(tmp_path / f"{name}.safetensors", seed=3, metadata={"sd_merge_models": tree})
    given = MergeFiles(tmp_path / "p.safetensors", tmp_path / "q.safetensors")
    merge(MergeRecipe(), given, tmp_path / "out.safetensors")
    tree = json.loads(read_header(tmp_path / "out.safetensors").metadata["sd_merge_models"])
    assert [one["name"] for one in tree.values()] == ["p.safetensors", "q.safetensors"]


def test_header_that_nobody_could_read_is_not_written(folder: Path, tmp_path: Path) -> None:
    for name, seed in (("p", 3), ("q", 4)):
        said = {f"{name}{place}": "x" * 60_000 for place in range(150)}
        write_small(tmp_path / f"{name}.safetensors", seed=seed, metadata=said)
    given = MergeFiles(tmp_path / "p.safetensors", tmp_path / "q.safetensors")
    with pytest.raises(InvalidRequest, match="--no-metadata"):
        merge(MergeRecipe(), given, tmp_path / "out.safetensors")
    assert {path.name for path in tmp_path.iterdir()} == {"p.safetensors", "q.safetensors"}
    merge(MergeRecipe(copy_metadata=False), given, tmp_path / "out.safetensors")
    assert read_header(tmp_path / "out.safetensors").tensors


@pytest.mark.parametrize(
    ("names", "recipe", "sentence"),
    [
        ("ax", MergeRecipe(), "is of another kind .*XL.* than a.safetensors .*Diffusion 1"),
        ("a", MergeRecipe(), "takes 2 checkpoints, and 1 are given"),
        ("ab", MergeRecipe("Add difference"), "takes 3 checkpoints, and 2 are given"),
        ("ab", MergeRecipe("No interpolation"), "takes one checkpoint"),
        ("ab", MergeRecipe(blocks="IN12=1"), "names no block.*IN00 to IN11"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(
    folder: Path, tmp_path: Path, names: str, recipe: MergeRecipe, sentence: str
) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        merge(recipe, files(folder, names), tmp_path / "out.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("values", [{"multiplier": 9.0}, {"multiplier": float("nan")}, {"method": "x"}, {"dtype": "f"}])
def test_recipe_is_checked_at_birth(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="Choose"):
        MergeRecipe(**values)


def test_shapes_that_differ_are_refused(folder: Path, tmp_path: Path) -> None:
    name = "model.diffusion_model.middle_block.0.in_layers.0.bias"
    write_small(tmp_path / "d.safetensors", changes={name: torch.zeros(7)})
    with pytest.raises(InvalidRequest, match="has the shapes 1280, 7"):
        merge(MergeRecipe(), MergeFiles(folder / "a.safetensors", tmp_path / "d.safetensors"), tmp_path / "out")


def test_other_things_than_checkpoints_are_refused(folder: Path, tmp_path: Path) -> None:
    save_file({"lora_unet_a.lora_up.weight": torch.zeros(4, 2)}, tmp_path / "l.safetensors")
    with pytest.raises(UnsupportedModel, match="is no checkpoint but"):
        merge(MergeRecipe(), MergeFiles(folder / "a.safetensors", tmp_path / "l.safetensors"), tmp_path / "out")
    (tmp_path / "t.safetensors").write_bytes((folder / "b.safetensors").read_bytes()[:-5])
    with pytest.raises(BrokenModel, match="incomplete"):
        merge(MergeRecipe(), MergeFiles(folder / "a.safetensors", tmp_path / "t.safetensors"), tmp_path / "out")
    with pytest.raises(UnsupportedModel, match="is a diffusers folder"):
        merge(MergeRecipe(), MergeFiles(folder / "a.safetensors", tmp_path), tmp_path / "out")


def test_numbers_too_large_for_the_type_are_told(folder: Path, tmp_path: Path) -> None:
    name = "model.diffusion_model.middle_block.0.in_layers.0.bias"
    write_small(tmp_path / "d.safetensors", dtype=torch.float32, changes={name: torch.full((1280,), 7e4)})
    given = MergeFiles(tmp_path / "d.safetensors")
    with pytest.raises(NumbersOverflowed, match="Choose bf16 or fp32"):
        merge(MergeRecipe("No interpolation", dtype="fp16"), given, tmp_path / "out.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["d.safetensors"]
    merge(MergeRecipe("No interpolation", dtype="bf16"), given, tmp_path / "out.safetensors")


def test_existing_file_is_not_replaced_unasked(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out.safetensors").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        merge(MergeRecipe(), files(folder), tmp_path / "out.safetensors")
    assert (tmp_path / "out.safetensors").read_bytes() == b"mine"
    with pytest.raises(InvalidRequest, match="is one of the files"):
        merge(MergeRecipe(), files(folder), folder / "b.safetensors", overwrite=True)


@pytest.mark.skipif(os.name == "nt", reason="file size limits are POSIX")
def test_full_disk_is_told_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))
    try:
        with pytest.raises(StorageFull, match="Free some space"):
            merge(MergeRecipe(), files(folder), tmp_path / "out.safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_too_little_room_is_known_beforehand(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("modules.checkpoints.new_file.shutil.disk_usage", lambda path: usage)
    with pytest.raises(StorageFull, match="needs 0.0 GB"):
        merge(MergeRecipe(), files(folder), tmp_path / "out.safetensors")


def test_cancelled_merge_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    heard: list[float] = []

    def check() -> None:
        if heard and heard[-1] > 0.5:
            raise Interrupted

    with pytest.raises(Interrupted):
        merge(MergeRecipe(), files(folder), tmp_path / "out.safetensors", progress=heard.append, check=check)
    assert 0.5 < heard[-1] < 1
    assert not list(tmp_path.iterdir())


def test_progress_goes_evenly_to_the_end(folder: Path, tmp_path: Path) -> None:
    heard: list[float] = []
    merge(MergeRecipe(), files(folder), tmp_path / "out.safetensors", progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1
