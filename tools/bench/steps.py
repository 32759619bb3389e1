"""One step of a full-size network of random weights: number formats, kinds of attention, and what a preview costs.

python -m tools.bench.steps [--family sd1|sdxl] [--side 256] [--rounds 3] [--device cpu] [--formats float32,bfloat16]
                            [--parts attention,previews,formats]

Every time is a median and every comparison a ratio of times taken in turn in one run. A step is one call with two rows,
as guidance makes it. The sliced attention is made to slice.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.autoencoders.vae import DecoderTiny

from modules.checkpoints.precision import PrecisionPlan, store_weights
from modules.checkpoints.tiny_decoder import TinyDecoder
from modules.diffusion import attention
from modules.diffusion.attention import KINDS, set_attention, why_not
from modules.diffusion.previews import LatentPreview

SHAPES: dict[str, dict[str, Any]] = {
    "sd1": {"cross_attention_dim": 768, "attention_head_dim": 8, "block_out_channels": (320, 640, 1280, 1280)},
    "sdxl": {
        "cross_attention_dim": 2048,
        "attention_head_dim": [5, 10, 20],
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": [1, 2, 10],
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}
FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_SLICE = 4 << 20


class Step:
    """One call of the network, with what it is given."""

    def __init__(self, family: str, side: int, device: torch.device) -> None:
        torch.manual_seed(0)
        with torch.device(device):
            self.network: Any = UNet2DConditionModel(**SHAPES[family]).eval().requires_grad_(False)
            self.latents = torch.randn(2, 4, side // 8, side // 8)
            self._words = torch.randn(2, 77, SHAPES[family]["cross_attention_dim"])
            self._added = {"text_embeds": torch.randn(2, 1280), "time_ids": torch.randn(2, 6)}

    def copied(self, dtype: torch.dtype) -> Step:
        """The same with a network that is cast."""
        other = copy.copy(self)
        other.network = copy.deepcopy(self.network).to(dtype)
        return other

    @torch.inference_mode()
    def __call__(self) -> torch.Tensor:
        dtype = self.network.dtype
        added = {name: tensor.to(dtype) for name, tensor in self._added.items()}
        answer: torch.Tensor = self.network(
            self.latents.to(dtype), 500, encoder_hidden_states=self._words.to(dtype), added_cond_kwargs=added
        ).sample
        return answer.float().cpu()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=SHAPES, default="sd1")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--formats", default="float32,bfloat16")
    parser.add_argument("--parts", default="attention,previews,formats")
    options = parser.parse_args()
    device = torch.device(options.device)
    formats = [FORMATS[name] for name in options.formats.split(",")]
    step = Step(options.family, options.side, device)
    print(f"{options.family}, {options.side} x {options.side}, two rows, {options.rounds} rounds, {_name(device)}")
    attention._KERNELS["sub-quadratic"] = partial(attention._in_slices, most=_SLICE)
    step.network.to(formats[0])
    contenders = {
        "attention": lambda: _attention(step, formats[0], device),
        "previews": lambda: _previews(step, device),
        "formats": lambda: _formats(step, formats),
    }
    for part in options.parts.split(","):
        _print(part, contenders[part](), options.rounds)
        set_attention(step.network, "sdp")


Contender = tuple[str, Callable[[], None], Callable[[], torch.Tensor]]
"""A name, what prepares it, and what is timed."""


def _attention(step: Step, dtype: torch.dtype, device: torch.device) -> Iterator[Contender]:
    for kind in KINDS:
        problem = why_not(kind, device, dtype)
        if problem:
            print(f"  {kind}: {problem}")
        else:
            yield kind, partial(set_attention, step.network, kind), step
    if dtype != torch.float32:
        yield "sdp in float32", partial(set_attention, step.network, "sdp", full=True), step


def _previews(step: Step, device: torch.device) -> Iterator[Contender]:
    latents = step.latents[:1]
    with torch.device(device):
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
        ).eval()
        tiny = TinyDecoder(DecoderTiny(4, 3, (3, 3, 3, 1), (64,) * 4, 2, "relu", "nearest").eval())
    linear = LatentPreview.fit(vae)
    yield "a step", _nothing, step
    yield "linear preview", _nothing, lambda: linear(latents)
    yield "tiny decoder", _nothing, lambda: tiny(latents)


def _formats(step: Step, formats: list[torch.dtype]) -> Iterator[Contender]:
    """Each with a network of its own: casting back would not give the digits back."""
    for dtype in formats:
        yield _short(dtype), _nothing, step.copied(dtype)
    stored = step.copied(formats[0])
    first = formats[0]
    store_weights(stored.network, PrecisionPlan(first, first, first, torch.float8_e4m3fn, False, ""))
    yield f"float8, computing {_short(formats[0])}", _nothing, stored


def _nothing() -> None:
    """What needs no preparation."""


def _print(title: str, contenders: Iterator[Contender], rounds: int) -> None:
    print(title)
    seconds, answers = _in_turn(list(contenders), rounds)
    first = next(iter(seconds))
    for name, times in seconds.items():
        ratio = statistics.median(times) / statistics.median(seconds[first])
        said = f"  {name:<28} {statistics.median(times):8.4f} s  ratio {ratio:7.4f}"
        if answers[name].shape == answers[first].shape:
            error = float((answers[name] - answers[first]).norm() / answers[first].norm())
            said += f"  differs by {error:.1e}"
        print(said, flush=True)


def _in_turn(contenders: list[Contender], rounds: int) -> tuple[dict[str, list[float]], dict[str, torch.Tensor]]:
    """Times of every contender, after one round that does not count, and its answers."""
    seconds: dict[str, list[float]] = {name: [] for name, _, _ in contenders}
    answers: dict[str, torch.Tensor] = {}
    for round_number in range(rounds + 1):
        for name, prepare, run in contenders:
            prepare()
            started = time.perf_counter()
            answers[name] = run()
            if round_number:
                seconds[name].append(time.perf_counter() - started)
    return seconds, answers


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


if __name__ == "__main__":
    main()
