"""A network with YuNet's inputs and outputs, as an ONNX file: it holds every pure red cell of 8 pixels for a face."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

CELL = 8
POINTS = np.array([[-2.0, -1.5], [2.5, -1.0], [0.5, 0.5], [-1.5, 2.0], [2.0, 2.25]])
"""Where the points lie from the corner of the red cell, in cells."""


def write_yunet(path: Path) -> Path:
    """The file, put together by hand by onnx.proto's field numbers."""
    red = np.zeros((1, 3, CELL, CELL), np.float32)
    red[0, 2], red[0, 1], red[0, 0] = 1.0, -1.0, -1.0  # the network is given blue, green, red
    red /= 255 * CELL**2
    nodes, weights, outputs = b"", b"", b""
    for stride in (8, 16, 32):
        of_score = red if stride == CELL else np.zeros((1, 3, stride, stride), np.float32)
        constant = {"bbox": [0.5, 0.5, np.log(6), np.log(6)], "kps": POINTS.ravel()}
        for kind in ("cls", "obj", "bbox", "kps"):
            bias = np.array(constant.get(kind, [0.0]), np.float32)
            weight = np.zeros((len(bias), 3, stride, stride), np.float32) if kind in constant else of_score
            name = f"{kind}_{stride}"
            weights += _part(5, _tensor(f"{name}.weight", weight)) + _part(5, _tensor(f"{name}.bias", bias))
            sides = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
            nodes += _part(1, _node("Conv", ["input", f"{name}.weight", f"{name}.bias"], f"{name}.out", sides))
            nodes += _part(1, _node("Transpose", [f"{name}.out"], name, {"perm": [0, 2, 3, 1]}))
            outputs += _part(12, _value(name, [1, 640 // stride, 640 // stride, len(bias)]))
    graph = nodes + _part(2, b"like YuNet") + weights + _part(11, _value("input", [1, 3, 640, 640])) + outputs
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_number(1, 8) + _part(7, graph) + _part(8, _part(1, b"") + _number(2, 11)))
    return path


def _varint(value: int) -> bytes:
    result = b""
    while value > 127:
        result, value = result + bytes([value % 128 + 128]), value // 128
    return result + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field * 8) + _varint(value)


def _part(field: int, content: bytes) -> bytes:
    return _varint(field * 8 + 2) + _varint(len(content)) + content


def _tensor(name: str, values: np.ndarray) -> bytes:
    dims = b"".join(_number(1, side) for side in values.shape)
    return dims + _number(2, 1) + _part(8, name.encode()) + _part(9, struct.pack(f"<{values.size}f", *values.ravel()))


def _node(kind: str, inputs: list[str], output: str, attributes: dict[str, list[int]]) -> bytes:
    content = b"".join(_part(1, name.encode()) for name in inputs) + _part(2, output.encode())
    content += _part(3, output.encode()) + _part(4, kind.encode())
    for name, values in attributes.items():
        numbers = b"".join(_number(8, value) for value in values)
        content += _part(5, _part(1, name.encode()) + numbers + _number(20, 7))
    return content


def _value(name: str, sides: list[int]) -> bytes:
    shape = b"".join(_part(1, _number(1, side)) for side in sides)
    return _part(1, name.encode()) + _part(2, _part(1, _number(1, 1) + _part(2, shape)))
