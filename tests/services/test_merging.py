"""Merges as a page or a command asks for them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import modules.checkpoints.merging as merging_module
from modules.checkpoints.merge_recipe import MergeRecipe
from modules.checkpoints.weights_header import read_header
from modules.config.command_line import parse_command_line
from modules.config.paths import Paths
from modules.errors import InvalidRequest, ModelNotFound, QueueFull
from modules.services.build import Services
from modules.services.merging import MergeRequest, MergeService, merge_request
from tests.small_checkpoints import write_small
from webui import main

NAME = "model.diffusion_model.middle_block.0.in_layers.0.bias"


@pytest.fixture
def folder(paths: Paths) -> Path:
    """The folder of checkpoints, with A and B in it."""
    folder = paths.data / "models" / "Stable-diffusion"
    write_small(folder / "a.safetensors", seed=0)
    write_small(folder / "b.safetensors", seed=1)
    return folder


@pytest.fixture
def merges(folder: Path, idle_services: Services, paths: Paths) -> Iterator[MergeService]:
    service = MergeService(idle_services.models, paths, idle_services.model_files.sha256_of)
    yield service
    service.stop()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Merges wait for it before they write their first tensor."""
    opened, cut = threading.Event(), merging_module._cut

    def waiting(tensor: torch.Tensor) -> Any:
        opened.wait(30)
        return cut(tensor)

    monkeypatch.setattr(merging_module, "_cut", waiting)
    return opened


def test_result_appears_among_the_models(merges: MergeService, idle_services: Services, folder: Path) -> None:
    id = merges.start(MergeRequest(MergeRecipe(multiplier=0.3), "a", "b"))
    assert merges.wait(60)
    state = merges.state()
    assert state is not None
    assert (state.id, state.state, state.progress, state.error) == (id, "done", 1.0, "")
    assert state.result is not None
    assert state.result.path == folder / "0.7(a) + 0.3(b).safetensors"
    a, b = (load_file(folder / f"{name}.safetensors")[NAME].float() for name in "ab")
    assert torch.equal(load_file(state.result.path)[NAME], (a * 0.7 + b * 0.3).half())
    assert idle_services.models.find("0.7(a) + 0.3(b)").identity.family == "sd1"


def test_one_at_a_time(merges: MergeService, gate: threading.Event, folder: Path) -> None:
    merges.start(MergeRequest(MergeRecipe(), "a", "b", name="first"))
    with pytest.raises(QueueFull, match="Wait until it is done"):
        merges.start(MergeRequest(MergeRecipe(), "a", "b", name="second"))
    gate.set()
    assert merges.wait(60)
    merges.start(MergeRequest(MergeRecipe(), "a", "b", name="second"))
    assert merges.wait(60)
    assert {path.name for path in folder.iterdir()} == {f"{name}.safetensors" for name in ("a", "b", "first", "second")}


def test_cancelled_one_leaves_nothing(merges: MergeService, gate: threading.Event, folder: Path) -> None:
    merges.start(MergeRequest(MergeRecipe(), "a", "b"))
    deadline = time.monotonic() + 60
    while not list(folder.glob(".*")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    merges.cancel()
    gate.set()
    assert merges.wait(60)
    state = merges.state()
    assert state is not None and state.state == "cancelled"
    assert {path.name for path in folder.iterdir()} == {"a.safetensors", "b.safetensors"}


def test_failure_is_told(merges: MergeService, folder: Path) -> None:
    write_small(folder / "x.safetensors", "sdxl_base")
    merges.start(MergeRequest(MergeRecipe(), "a", "x"))
    assert merges.wait(60)
    state = merges.state()
    assert state is not None and state.state == "failed"
    assert "is of another kind" in state.error


def test_fault_is_told_with_its_number(
    merges: MergeService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(merging_module, "_Merge", broken)
    merges.start(MergeRequest(MergeRecipe(), "a", "b"))
    assert merges.wait(60)
    state = merges.state()
    assert state is not None and state.state == "failed"
    assert state.error.removesuffix(".").rpartition(" ")[2] in caplog.text
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    "name", ["../evil", "a/b", "C:x", "", ".hidden", "x" * 300, "a\nb", "NUL", "com1", "COM¹.v2", "a\u202eb"]
)
def test_results_stay_in_their_folder(merges: MergeService, folder: Path, name: str) -> None:
    request = MergeRequest(MergeRecipe(), "a", "b", name=name)
    if not name:
        merges.start(request)
        assert merges.wait(60)
        assert len(list(folder.iterdir())) == 3
    else:
        with pytest.raises(InvalidRequest, match="is no name for a file"):
            merges.start(request)


def test_names_are_resolved_and_taken_names_refused(merges: MergeService, folder: Path) -> None:
    with pytest.raises(ModelNotFound, match="Choose one of"):
        merges.start(MergeRequest(MergeRecipe(), "a", "nobody"))
    write_small(folder.parent / "outside.safetensors")
    with pytest.raises(ModelNotFound):
        merges.start(MergeRequest(MergeRecipe(), str(folder.parent / "outside.safetensors"), "b"))
    with pytest.raises(InvalidRequest, match="is missing"):
        merges.start(MergeRequest(MergeRecipe(), "", "b"))
    with pytest.raises(InvalidRequest, match="is taken"):
        merges.start(MergeRequest(MergeRecipe(), "a", "b", name="b.safetensors"))
    assert merges.state() is None


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("out/merge-v1.5", "out/merge-v1.5.safetensors"),
        ("out/m.safetensors", "out/m.safetensors"),
        ("out/m.SafeTensors", "out/m.SafeTensors"),
        ("out/m.ckpt", "out/m.ckpt.safetensors"),
    ],
)
def test_suffix_is_added_to_a_path(
    folder: Path, idle_services: Services, paths: Paths, tmp_path: Path, name: str, file: str
) -> None:
    service = MergeService(idle_services.models, paths, trusted=True)
    service.start(MergeRequest(MergeRecipe(), "a", "b", name=str(tmp_path / name)))
    assert service.wait(60)
    state = service.state()
    assert state is not None and (state.state, state.target) == ("done", tmp_path / file)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [Path(file).name]
    for nothing in ("out/..", "/"):
        with pytest.raises(InvalidRequest, match="is no name for a file"):
            service.start(MergeRequest(MergeRecipe(), "a", "b", name=nothing))


def test_suffix_in_capitals_is_one(merges: MergeService, folder: Path) -> None:
    merges.start(MergeRequest(MergeRecipe(), "a", "b", name="m.SAFETENSORS"))
    assert merges.wait(60)
    assert [path.name for path in folder.iterdir() if path.name.startswith("m")] == ["m.SAFETENSORS"]


def test_configuration_that_cannot_be_copied_is_told_beside_the_result(
    merges: MergeService, folder: Path, paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "b.yaml").write_text("parameterization: v")
    (folder / "m.yaml").mkdir()
    merges.start(MergeRequest(MergeRecipe(), "a", "b", name="m", overwrite=True))
    assert merges.wait(60)
    state = merges.state()
    assert state is not None and state.result is not None
    assert (state.state, state.error) == ("done", "")
    assert "m.yaml" in state.result.note and "b.yaml" in state.result.note
    (folder / "n.yaml").mkdir()
    assert main(["merge", "a", "b", "--output", "n", "--overwrite", "--data-dir", str(paths.data)]) == 0
    told = capsys.readouterr()
    assert told.out.endswith("n.safetensors\n") and "n.yaml" in told.err


def test_command_line_has_every_field() -> None:
    given = [
        "--method",
        "Weighted sum",
        "--multiplier",
        "0.5",
        "--blocks",
        "IN*=0",
        "--bake-vae",
        "v",
        "--dtype",
        "bf16",
    ]
    rest = ["--discard", "x*", "--discard", "y*", "--no-metadata", "--output", "out", "--overwrite"]
    options = parse_command_line(["merge", "a", "b", *given, *rest])
    recipe = MergeRecipe("Weighted sum", 0.5, "IN*=0", "bf16", ("x*", "y*"), copy_metadata=False)
    assert merge_request(options.models, vars(options)) == MergeRequest(recipe, "a", "b", "", Path("v"), "out", True)
    for models, method in ((["a"], "No interpolation"), (["a", "b"], "Weighted sum"), (["a"] * 3, "Add difference")):
        plain = parse_command_line(["merge", *models])
        assert merge_request(models, vars(plain)).recipe == MergeRecipe(method)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="takes 3, and 4 models are given"):
        merge_request(["a"] * 4, vars(parse_command_line(["merge", *"abcd"])))


def test_commands_print_where_the_file_is(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"state_dict": load_file(folder / "b.safetensors")}, tmp_path / "b.ckpt")
    assert main(["convert", str(tmp_path / "b.ckpt"), "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'b.safetensors'}\n"
    output = tmp_path / "elsewhere" / "m.safetensors"
    models = ["a", str(tmp_path / "b.safetensors"), "--output", str(output), "--data-dir", str(tmp_path)]
    assert main(["merge", *models, "--multiplier", "1", "--dtype", "fp32"]) == 0
    told = capsys.readouterr()
    assert told.out == f"{output}\n"
    assert "tensors merged" in told.err
    assert torch.equal(load_file(output)[NAME], load_file(folder / "b.safetensors")[NAME].float())
    assert json.loads(read_header(output).metadata["sd_merge_recipe"])["multiplier"] == 1
    assert main(["merge", *models]) == 2
    assert "is taken" in capsys.readouterr().err
