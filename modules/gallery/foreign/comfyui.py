"""ComfyUI: a graph of nodes in the chunk `prompt`, or only the drawing of it in `workflow`.

A node is `{"class_type": ..., "inputs": {name: value or [number of a node, place among its outputs]}}`. Somewhere
among them a sampler is linked to a model, two texts and a latent; each of these is followed along the links, through
nodes that nobody has heard of too, as long as their inputs have names that tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modules.gallery.foreign.comfyui_drawing import graph_of_drawing
from modules.gallery.foreign.foreign_json import object_of
from modules.gallery.foreign.translation import Translation, model_name

PROGRAM = "ComfyUI"
MOST_NODES = 5_000
_MOST_STEPS = 400
"""Nodes that one thing is followed through."""
_MOST_SAMPLERS = 50
_MOST_NAMED = 20
_SAMPLING = ("positive", "guider")
_TEXTS = ("text", "text_g", "clip_g", "t5xxl", "text_l", "clip_l", "prompt", "string", "value", "populated_text")
_TEXT_LINKS = ("string_a", "string_b", "text_a", "text_b", "text1", "text2", "string1", "string2", "any", "source")
_CONDITIONINGS = ("conditioning", "conditioning_1", "conditioning_2", "conditioning_to", "conditioning_from", "cond")
_LATENTS = ("latent_image", "latent", "samples", "latents", "latent_img", "optional_latent")
_CHECKPOINTS = ("ckpt_name", "unet_name", "base_ckpt_name", "model_name", "gguf_name")
_MODEL_LINKS = ("model", "model1", "base_model", "unet", "MODEL", "ckpt")
_VALUES = ("value", "seed", "noise_seed", "int", "float", "number", "Number", "Value", "a", "steps", "cfg")
_UNDERSTOOD = frozenset(
    {
        *("CheckpointLoaderSimple", "CheckpointLoader", "UNETLoader", "CLIPLoader", "DualCLIPLoader", "VAELoader"),
        *("KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced", "KSamplerSelect"),
        *("BasicScheduler", "RandomNoise", "CFGGuider", "BasicGuider", "CLIPTextEncode", "CLIPTextEncodeSDXL"),
        *("CLIPTextEncodeFlux", "CLIPSetLastLayer", "EmptyLatentImage", "EmptySD3LatentImage", "LoraLoader"),
        *("LoraLoaderModelOnly", "VAEDecode", "VAEDecodeTiled", "SaveImage", "PreviewImage", "Reroute", "Note"),
        *("PrimitiveNode", "ConditioningZeroOut", "UnetLoaderGGUF", "LoadImage", "VAEEncode", "MarkdownNote"),
    }
)
_MARKS = (("ControlNet", "ControlNet"), ("IPAdapter", "IP-Adapter"), ("UpscaleModel", "Upscaling by a model"))
"""What the names of node classes hold that is told by itself."""

Graph = Mapping[str, Mapping[str, Any]]


def infotext_of(texts: Mapping[str, str]) -> str:
    """The infotext; "" where these are no texts of ComfyUI, or nothing in them samples."""
    graph = _graph(object_of(texts.get("prompt", "")))
    if not graph:
        drawing = object_of(texts.get("workflow", ""))
        graph = _graph(graph_of_drawing(drawing)) if drawing else {}
    return _Reading(graph).infotext() if graph else ""


def _graph(found: Mapping[str, Any]) -> Graph:
    if len(found) > MOST_NODES:
        return {}
    return {
        number: node
        for number, node in found.items()
        if isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)
    }


class _Reading:
    """One graph on its way to an infotext."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def infotext(self) -> str:
        samplers = [number for number, node in self._graph.items() if self._samples(node)]
        if not samplers:
            return ""
        first = next((number for number in samplers[:_MOST_SAMPLERS] if self._begins_empty(number)), samplers[0])
        to = Translation(PROGRAM)
        self._put_sampling(to, first)
        self._put_texts(to, first)
        self._put_model(to, first)
        to.put("RNG", "CPU")
        to.put("Emphasis", "No norm")
        if len(samplers) > 1:
            to.put("Further passes", len(samplers) - 1)
        self._put_the_rest(to)
        return to.infotext()

    def _samples(self, node: Mapping[str, Any]) -> bool:
        inputs = node["inputs"]
        return any(self._target(inputs.get(name)) for name in _SAMPLING) and bool(
            inputs.keys() & {"steps", "sigmas", "sampler_name", "sampler", "seed", "noise_seed", "noise"}
        )

    def _target(self, value: object) -> str | None:
        """The number of the node that a link leads to."""
        is_link = isinstance(value, list) and len(value) == 2 and isinstance(value[0], (str, int))
        number = str(value[0]) if is_link and isinstance(value, list) else None
        return number if number in self._graph else None

    def _along(self, start: object, *names: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Class and inputs of the nodes behind a link, each once, nearest first, through inputs of these names."""
        seen: set[str] = set()
        waiting = [self._target(start)]
        while waiting and len(seen) < _MOST_STEPS:
            number = waiting.pop(0)
            if number is None or number in seen:
                continue
            seen.add(number)
            node = self._graph[number]
            yield node["class_type"], node["inputs"]
            waiting += [self._target(node["inputs"].get(name)) for name in names]

    def _value(self, value: object, *names: str) -> Any:
        """A value itself, or behind links: of the first node that has one under one of these names."""
        if not isinstance(value, list):
            return value if isinstance(value, (str, int, float)) else None
        for _, inputs in self._along(value, *names, *_VALUES):
            for name in (*names, *_VALUES):
                if isinstance(found := inputs.get(name), (str, int, float)) and not isinstance(found, bool):
                    return found
        return None

    def _begins_empty(self, number: str) -> bool:
        """Whether a sampler begins with noise alone, as the first of several does."""
        inputs = self._graph[number]["inputs"]
        link = next((inputs[name] for name in _LATENTS if name in inputs), None)
        latents = list(self._along(link, *_LATENTS))
        return bool(latents) and not any("Sampler" in kind or "Encode" in kind for kind, _ in latents)

    def _put_sampling(self, to: Translation, number: str) -> None:
        inputs = self._graph[number]["inputs"]
        behind = [
            row[1]
            for name in ("sigmas", "sampler", "noise", "guider")
            for row in self._along(inputs.get(name), "sigmas", "sampler")
        ]
        places = [inputs, *behind]

        def found(*names: str) -> Any:
            values = (self._value(place[name], *names) for place in places for name in names if name in place)
            return next((value for value in values if value is not None), None)

        to.put("Steps", found("steps"))
        sampler = found("sampler_name")
        to.put("UniPC variant", "bh2" if sampler == "uni_pc_bh2" else None)
        to.put_sampler("uni_pc" if sampler == "uni_pc_bh2" else sampler, found("scheduler"))
        to.put("CFG scale", found("cfg"))
        to.put("Seed", found("seed", "noise_seed"))
        self._put_latent(to, inputs)
        denoise = found("denoise")
        if isinstance(denoise, float) and denoise < 1:
            to.put("Denoising strength", denoise)

    def _put_latent(self, to: Translation, inputs: Mapping[str, Any]) -> None:
        link = next((inputs[name] for name in _LATENTS if name in inputs), None)
        for _, latent in self._along(link, *_LATENTS, "pixels"):
            sides = [self._value(latent.get(name), name) for name in ("width", "height")]
            if all(isinstance(side, int) for side in sides):
                to.put_size(*sides)
                return

    def _put_texts(self, to: Translation, number: str) -> None:
        inputs = self._graph[number]["inputs"]
        guiders = [row for _, row in self._along(inputs.get("guider"))]
        places = [inputs, *guiders]
        wanted = next((place[name] for place in places for name in ("positive", "conditioning") if name in place), None)
        unwanted = next((place["negative"] for place in places if "negative" in place), None)
        to.prompt = self._text(wanted, "positive", to)
        to.negative_prompt = self._text(unwanted, "negative", to)

    def _text(self, link: object, role: str, to: Translation) -> str:
        """The words behind a conditioning, those of several combined ones with commas between them."""
        found: list[str] = []
        for kind, inputs in self._along(link, *_CONDITIONINGS, role):
            if kind == "ConditioningZeroOut":
                break
            texts = [self._words(inputs.get(name)) for name in _TEXTS if name in inputs]
            if len(texts) > 1 and any(texts):  # the encoders of a model are given the same, or one of them the most
                texts = [max(texts, key=len)]
            found += [text for text in texts if text and text not in found]
            to.put("Distilled CFG Scale", self._value(inputs.get("guidance"), "guidance"))
        return ", ".join(found)

    def _words(self, value: object) -> str:
        """A text, or those behind a link, in their order."""
        if isinstance(value, str):
            return value.strip()
        pieces: list[str] = []
        names = (*_TEXTS, *_TEXT_LINKS)
        for _, inputs in self._along(value, *names):
            for name in names:
                if isinstance(text := inputs.get(name), str) and text.strip() and text.strip() not in pieces:
                    pieces.append(text.strip())
        return ", ".join(pieces)

    def _put_model(self, to: Translation, number: str) -> None:
        inputs = self._graph[number]["inputs"]
        starts = [inputs.get("model"), *(row.get("model") for _, row in self._along(inputs.get("guider")))]
        for start in starts:
            for _, node in self._along(start, *_MODEL_LINKS):
                self._put_loras(to, node)
                for name in _CHECKPOINTS:
                    if "lora_name" not in node:
                        to.put_model("Model", self._value(node.get(name), name))
        for node in self._graph.values():
            if node["class_type"] == "CLIPSetLastLayer" and isinstance(node["inputs"].get("stop_at_clip_layer"), int):
                to.put("Clip skip", abs(node["inputs"]["stop_at_clip_layer"]))
            if node["class_type"] == "VAELoader":
                to.put_model("VAE", self._value(node["inputs"].get("vae_name"), "vae_name"))

    def _put_loras(self, to: Translation, inputs: Mapping[str, Any]) -> None:
        if name := self._value(inputs.get("lora_name"), "lora_name"):
            to.add_lora(name, self._value(inputs.get("strength_model"), "strength_model"))
        for key, row in inputs.items():  # loaders of many: {"on": true, "lora": name, "strength": weight}
            if key.lower().startswith("lora_") and isinstance(row, dict) and row.get("on", True) is True:
                to.add_lora(row.get("lora"), row.get("strength"))

    def _put_the_rest(self, to: Translation) -> None:
        """What is not honoured here."""
        kinds = dict.fromkeys(node["class_type"] for node in self._graph.values())
        for mark, key in _MARKS:
            if any(mark in kind for kind in kinds):
                names = (self._control_name(node) for node in self._graph.values() if mark in node["class_type"])
                to.put(key, ", ".join(dict.fromkeys(name for name in names if name)) or "used")
        unknown = [kind for kind in kinds if kind not in _UNDERSTOOD and not any(mark in kind for mark, _ in _MARKS)]
        to.put("ComfyUI nodes", ", ".join(unknown[:_MOST_NAMED]))

    def _control_name(self, node: Mapping[str, Any]) -> str:
        name = self._value(node["inputs"].get("control_net_name"), "control_net_name")
        return model_name(name) if isinstance(name, str) else ""
