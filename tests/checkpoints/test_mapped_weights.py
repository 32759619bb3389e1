"""Views into files: the same bits wherever they lie, nothing in memory before it is used, and changes are told."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
import torch

from modules.checkpoints.mapped_weights import _TYPES, MappedWeights
from modules.checkpoints.network_part import NetworkPart, SharedParts
from modules.errors import BrokenModel
from tests.checkpoints.weights_files import write_weights

ROWS, COLUMNS = 12, 35
CPU = torch.device("cpu")


class Rows(torch.nn.Module):
    """The least network."""

    def __init__(self, names: tuple[str, ...] = ("a",), side: int = 1024) -> None:
        super().__init__()
        for name in names:
            self.register_parameter(name, torch.nn.Parameter(torch.empty(side, side)))

    @classmethod
    def from_config(cls, configuration: dict[str, object]) -> Rows:
        return cls(**configuration)  # type: ignore[arg-type]


def part_of(*files: MappedWeights) -> NetworkPart:
    weights = {name: tensor for file in files for name, tensor in file.items()}
    names, side = tuple(weights), next(iter(weights.values())).shape[0]
    return NetworkPart("VAE", Rows, {"names": names, "side": side}, weights, files)


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()


@pytest.mark.parametrize("name", _TYPES)
@pytest.mark.parametrize("offset", range(9))
def test_numbers_may_begin_anywhere(name: str, offset: int, tmp_path: Path) -> None:
    dtype = _TYPES[name]
    draw = torch.Generator().manual_seed(offset)
    stored = torch.randint(0, 2 if name == "BOOL" else 120, (ROWS * COLUMNS * dtype.itemsize,), generator=draw)
    expected = stored.to(torch.uint8).view(dtype).view(ROWS, COLUMNS)
    length = stored.numel()
    text = json.dumps({"a": {"dtype": name, "shape": [ROWS, COLUMNS], "data_offsets": [0, length]}})
    text += " " * ((offset - len(text)) % 16)
    numbers = stored.to(torch.uint8).numpy().tobytes()
    (tmp_path / "a.safetensors").write_bytes(len(text).to_bytes(8, "little") + text.encode() + numbers)
    with MappedWeights(tmp_path / "a.safetensors") as weights:
        view = weights["a"]
        begin = weights.header.tensors["a"].begin
        assert begin % 8 == offset % 8
        # Every view begins where the file's bytes are: nothing was copied.
        assert view.data_ptr() == torch.frombuffer(weights._map, dtype=torch.uint8).data_ptr() + begin
        assert bits(view.clone()) == bits(view.to(CPU, copy=True)) == bits(expected)
        assert bits(view.T) == bits(expected.T)
        assert [bits(one) for one in view.chunk(3)] == [bits(one) for one in expected.chunk(3)]
        for other in (torch.float32, torch.float16, torch.bfloat16):
            assert bits(view.T.to(CPU, other, copy=True, memory_format=torch.contiguous_format)) == bits(
                expected.T.to(other, memory_format=torch.contiguous_format)
            )


def test_a_change_in_place_is_told(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "big.safetensors", {"a": [1024, 1024]})
    whole = path.read_bytes()
    for change in ("cut", "overwritten", "gone", "replaced"):
        in_place = change in ("cut", "overwritten")
        told = pytest.raises(BrokenModel, match=r"big.safetensors was changed while it was being read. Load it again.")
        with told if in_place else nullcontext():
            with MappedWeights(path) as weights:
                part = part_of(weights)
                assert part.built(CPU, torch.float32).a.sum() == 0
                if change == "cut":
                    os.truncate(path, 4096)  # reading it now would end the process
                elif change == "overwritten":
                    with path.open("r+b") as file:
                        file.seek(-4, os.SEEK_END)
                        file.write(b"\x01\x3c\x01\x3c")
                    os.utime(path, ns=(1, 1))
                else:
                    path.unlink()
                    if change == "replaced":
                        path.with_suffix(".new").write_bytes(bytes(10))
                        path.with_suffix(".new").rename(path)
                for use in (partial(part.built, CPU, torch.float32), part.digest, weights.let_go, weights.check):
                    with pytest.raises(BrokenModel, match="was changed"):
                        use()
        path.write_bytes(whole)


def test_another_error_goes_before_that_of_a_change(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "a.safetensors", {"a": [2]})
    with pytest.raises(KeyError, match="missing"), MappedWeights(path) as weights:
        path.unlink()
        weights["missing"]


def test_a_changed_second_file_is_another_network(tmp_path: Path) -> None:
    known: dict[tuple[Path, str], str] = {}
    shared = SharedParts(lambda path, name, compute: known.setdefault((path, name), compute()))
    paths = [write_weights(tmp_path / f"{name}.safetensors", {name: [8, 8]}) for name in "ab"]

    def built() -> Rows:
        network: Rows = shared.built(part_of(*map(MappedWeights, paths)), CPU, torch.float32)
        return network

    first = built()
    assert built() is first
    write_weights(paths[1], {"b": [8, 8]}, numbers=b"\x00\x3c")
    os.utime(paths[1], ns=(5, 5))
    second = built()
    assert [float(network.get_parameter("b")[0, 0].detach()) for network in (first, second)] == [0.0, 1.0]
