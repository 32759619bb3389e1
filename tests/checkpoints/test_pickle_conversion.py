"""What is found in pickles, and what their reader gives up before it looks."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from modules.checkpoints.pickle_conversion import Refusal, convert, weights_in
from modules.checkpoints.pickle_conversion import load as load_pickle
from modules.checkpoints.weights_header import read_header
from modules.checkpoints.weights_identity import identify_weights
from modules.config.paths import ROOT

MOST = 1 << 24


def converted(path: Path) -> dict[str, torch.Tensor]:
    """Convert in this process, without any confinement."""
    result = path.parent / "result.safetensors"
    convert(path, result.open("wb"), most_bytes=MOST)
    read_header(result)
    return load_file(result)


def saved(folder: Path, content: object, *, legacy: bool = False) -> Path:
    path = folder / "file.ckpt"
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


@pytest.fixture
def training_classes(monkeypatch: pytest.MonkeyPatch) -> dict[str, type]:
    """Classes under the names that old snapshots hold; gone when the file is read, as on a person's machine."""
    from types import ModuleType

    classes: dict[str, type] = {}
    for path, base in (
        ("pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint", object),
        ("pytorch_lightning.utilities.parsing.AttributeDict", dict),
        ("omegaconf.listconfig.ListConfig", object),
    ):
        name, _, title = path.rpartition(".")
        module = ModuleType(name)
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            monkeypatch.setitem(sys.modules, ".".join(parts[:depth]), ModuleType(".".join(parts[:depth])))
        classes[title] = type(title, (base,), {"__module__": name})
        setattr(module, title, classes[title])
        monkeypatch.setitem(sys.modules, name, module)
    return classes


@pytest.mark.parametrize("legacy", [False, True])
def test_snapshots_weights_come_out_bit_for_bit(tmp_path: Path, legacy: bool) -> None:
    weights = {
        "model.a.weight": torch.randn(3, 4),
        "model.b.weight": torch.randn(5).half(),
        "model.c.weight": torch.randn(2, 2).bfloat16(),
        "model.ids": torch.arange(7),
        "model.turned": torch.randn(4, 6).T,
        "v_pred": torch.tensor([]),
        "number": torch.tensor(3.0),
    }
    content = {"state_dict": OrderedDict(weights), "epoch": 3, "global_step": 470000, "optimizer_states": [{}]}
    path = saved(tmp_path, content, legacy=legacy)
    found = converted(path)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], one) and found[name].dtype == one.dtype for name, one in weights.items())
    told = weights_in(load_pickle(path))
    assert told.metadata == {"epoch": "3", "global_step": "470000"}
    assert told.dropped == ["optimizer_states (list)"]


@pytest.mark.parametrize("legacy", [False, True])
def test_objects_of_a_training_stand_beside_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, training_classes: dict[str, type], legacy: bool
) -> None:
    callback = training_classes["ModelCheckpoint"]()
    callback.best_model_score = torch.tensor(0.5)
    callback.dirpath = "/data"
    config = training_classes["ListConfig"]()
    config._content = [1, 2]
    numpy = pytest.importorskip("numpy")
    path = saved(
        tmp_path,
        {
            "epoch": 1,
            "callbacks": {type(callback): {"best_model_score": numpy.float64(0.25), "monitor": None}},
            "hyper_parameters": training_classes["AttributeDict"](lr=1e-4, config=config),
            "lr_schedulers": [defaultdict(list, {"a": [1]})],
            "array": numpy.arange(3),
            "object": callback,
            "state_dict": {"model.a": torch.ones(3)},
        },
        legacy=legacy,
    )
    for name in [name for name in sys.modules if name.startswith(("pytorch_lightning", "omegaconf"))]:
        monkeypatch.setitem(sys.modules, name, None)  # an import of it would raise
    assert torch.equal(converted(path)["model.a"], torch.ones(3))
    told = weights_in(load_pickle(path))
    assert [entry.split(" ")[0] for entry in told.dropped] == [
        "callbacks", "hyper_parameters", "lr_schedulers", "array", "object"
    ]  # fmt: skip


def test_tensors_that_share_memory_get_their_own(tmp_path: Path) -> None:
    whole = torch.randn(4, 4)
    found = converted(saved(tmp_path, {"a": whole, "b": whole, "row": whole[1], "column": whole[:, 2]}))
    assert torch.equal(found["b"], whole)
    assert torch.equal(found["row"], whole[1])
    assert torch.equal(found["column"], whole[:, 2])


@pytest.mark.parametrize("holder", ["dict", "ParameterDict", "old ParameterDict"])
def test_embedding_gets_the_name_that_readers_know(tmp_path: Path, holder: str) -> None:
    vectors = torch.randn(2, 768)
    params: Any = {"*": vectors}
    if holder != "dict":
        params = torch.nn.ParameterDict({"*": torch.nn.Parameter(vectors)})
    if holder == "old ParameterDict":  # before torch 1.12 parameters lay in this entry of the state
        vars(params)["_parameters"] = {"*": torch.nn.Parameter(vectors)}
        vars(params).pop("*", None)
    facts = {"name": "my-style", "step": 1500, "sd_checkpoint": "abcd", "sd_checkpoint_name": None}
    path = saved(tmp_path, {"string_to_token": {"*": torch.tensor(265)}, "string_to_param": params, **facts})
    assert torch.equal(converted(path)["emb_params"], vectors)
    assert weights_in(load_pickle(path)).metadata == {"name": "my-style", "step": "1500", "sd_checkpoint": "abcd"}
    assert identify_weights(read_header(tmp_path / "result.safetensors")).kind == "embedding"


def test_embedding_of_diffusers(tmp_path: Path) -> None:
    vector = torch.randn(1024)
    path = saved(tmp_path, {"<cat-toy>": vector})
    assert torch.equal(converted(path)["emb_params"], vector.reshape(1, 1024))
    assert weights_in(load_pickle(path)).metadata == {"name": "<cat-toy>"}
    assert identify_weights(read_header(tmp_path / "result.safetensors")).family == "sd2"


def test_embedding_for_two_encoders_keeps_its_names(tmp_path: Path) -> None:
    found = converted(saved(tmp_path, {"clip_l": torch.randn(1, 768), "clip_g": torch.randn(1, 1280)}))
    assert found.keys() == {"clip_l", "clip_g"}


def test_hypernetwork(tmp_path: Path) -> None:
    layers: dict[Any, Any] = {
        width: [{"linear.0.weight": torch.randn(8, 4)}, {"linear.0.weight": torch.randn(8, 4)}] for width in (320, 768)
    }
    facts = {
        "step": 10,
        "name": "hyper",
        "layer_structure": [1, 2, 1],
        "activation_func": "linear",
        "is_layer_norm": False,
    }
    path = saved(tmp_path, {**layers, **facts, "optimizer_state_dict": {}})
    found = converted(path)
    assert torch.equal(found["768.1.linear.0.weight"], layers[768][1]["linear.0.weight"])
    assert len(found) == 4
    assert weights_in(load_pickle(path)).metadata == {
        "step": "10",
        "name": "hyper",
        "layer_structure": "[1, 2, 1]",
        "activation_func": "linear",
        "is_layer_norm": "false",
    }
    assert identify_weights(read_header(tmp_path / "result.safetensors")).kind == "hypernetwork"


def test_upscaler_is_unwrapped(tmp_path: Path) -> None:
    found = converted(saved(tmp_path, {"params": {"a": torch.zeros(1)}, "params_ema": {"a": torch.ones(1)}}))
    assert torch.equal(found["a"], torch.ones(1))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (torch.ones(3), "a single object"),
        ({"a": 1}, "holds no weights"),
        ({"a": torch.zeros(1).expand(1 << 30)}, "far larger than the file"),
        ({"string_to_param": {}}, "without vectors"),
        ({"a": torch.ones(2, 2).to_sparse()}, "holds no weights"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, "holds no weights"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*[Ss]parse.*")
def test_what_cannot_be_converted_is_told(tmp_path: Path, content: object, reason: str) -> None:
    path = saved(tmp_path, content)
    with pytest.raises(Refusal, match=reason):
        convert(path, io.BytesIO(), most_bytes=MOST)


def test_whole_networks_are_refused_by_what_they_name(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="holds more than weights"):
        load_pickle(saved(tmp_path, torch.nn.Linear(2, 2)))


_ATTEMPTS = {
    "network": "import socket; socket.socket()",
    "program": "import subprocess; subprocess.Popen(['true'])",
    "shell": "os.system('true')",
    "fork": "os.fork()",
    "exec": "os.execv('/bin/true', ['true'])",
    "write": "open(sys.argv[1] + '/new', 'w')",
    "append": "open(__file__ if '__file__' in globals() else sys.argv[2], 'a')",
    "low level": "os.open(sys.argv[1] + '/new', os.O_CREAT | os.O_WRONLY)",
    "remove": "os.remove(sys.argv[2])",
    "rename": "os.rename(sys.argv[2], sys.argv[1] + '/moved')",
    "pickle": "import pickle; pickle.loads(b'cos\\nsystem\\n.')",
    "library": "import ctypes; ctypes.CDLL('libm.so.6')",
}


@pytest.mark.parametrize("attempt", _ATTEMPTS)
def test_confined_process_is_refused_what_it_needs_not(tmp_path: Path, attempt: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("whole")
    program = (
        f"import os, sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from modules.checkpoints.confinement import Refused, refuse_events\n"
        "import ctypes, pickle, socket, subprocess\n"
        f"refuse_events()\nopen(sys.argv[2]).read()\ntry:\n    {_ATTEMPTS[attempt]}\n"
        "except Refused: sys.exit(7)\n"
    )
    command = [sys.executable, "-I", "-c", program, str(tmp_path), str(victim)]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 7
    assert [path.name for path in tmp_path.iterdir()] == ["victim"]
    assert victim.read_text() == "whole"


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_process_that_left_the_network_has_none() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from modules.checkpoints.confinement import leave_network\n"
        "print(leave_network(), open('/proc/net/dev').read().count(':'))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=60, check=True)
    left, devices = done.stdout.split()
    if left == "False":
        pytest.skip("this system does not permit it")
    assert devices == "1", "the loopback device alone"


@pytest.mark.skipif(os.name == "nt", reason="limits are POSIX")
def test_memory_is_limited() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from modules.checkpoints.confinement import limit_resources\n"
        "limit_resources(memory=50_000_000, written=1000, seconds=60)\n"
        "bytearray(20_000_000)\n"
        "try:\n    bytearray(100_000_000)\nexcept MemoryError: sys.exit(7)\n"
    )
    assert subprocess.run([sys.executable, "-I", "-c", program], timeout=60, check=False).returncode == 7
