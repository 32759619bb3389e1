"""The drawing of a ComfyUI graph, where the graph itself is missing: values have places in it and no names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMES: Mapping[str, tuple[str, ...]] = {
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": ("add_noise", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler"),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl", "guidance"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name",),
    "VAELoader": ("vae_name",),
    "EmptyLatentImage": ("width", "height"),
    "EmptySD3LatentImage": ("width", "height"),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
    "CLIPSetLastLayer": ("stop_at_clip_layer",),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "RandomNoise": ("noise_seed",),
    "FluxGuidance": ("guidance",),
    "PrimitiveNode": ("value",),
}
"""What the values of a node are called, in their order; "" for one that is of no interest."""
_NOT_RUN = (2, 4)
"""Modes of nodes that are muted or passed by."""


def graph_of_drawing(drawing: Mapping[str, Any]) -> dict[str, Any]:
    """The nodes of a drawing by their numbers, as a graph has them."""
    nodes, links = drawing.get("nodes"), drawing.get("links")
    if not isinstance(nodes, list) or not isinstance(links, list):
        return {}
    sources = {row[0]: row[1:3] for row in links if isinstance(row, list) and len(row) >= 3 and isinstance(row[0], int)}
    graph: dict[str, Any] = {}
    for node in nodes:
        if isinstance(node, dict) and isinstance(node.get("type"), str) and node.get("mode") not in _NOT_RUN:
            graph[str(node.get("id"))] = {"class_type": node["type"], "inputs": _inputs(node, sources)}
    return graph


def _inputs(node: Mapping[str, Any], sources: Mapping[int, list[Any]]) -> dict[str, Any]:
    values = node.get("widgets_values")
    found: dict[str, Any] = {}
    if isinstance(values, dict):
        found.update(values)
    elif isinstance(values, list):
        found.update(zip(_NAMES.get(node["type"], ()), values, strict=False))
    found.pop("", None)
    rows = node.get("inputs")
    for row in rows if isinstance(rows, list) else ():
        link = row.get("link") if isinstance(row, dict) else None
        if isinstance(link, int) and link in sources and isinstance(row.get("name"), str):
            found[row["name"]] = sources[link]
    return found
