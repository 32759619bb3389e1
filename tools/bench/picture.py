"""One picture of the current model: against the bare network, and against a plain diffusers pipeline.

python -m tools.bench.picture [--rounds 7] [--steps 20]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from diffusers import StableDiffusionPipeline

from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.loading import load_checkpoint
from modules.checkpoints.registry import Checkpoint, Registry
from modules.config.paths import resolve_paths
from modules.pipeline.conditioning import PromptEncoder, PromptSteps
from modules.pipeline.networks import JobNetworks
from modules.pipeline.resources import Resources
from modules.pipeline.text_cache import TextCache
from modules.pipeline.txt2img import txt2img
from modules.pipeline.watcher import Unwatched
from modules.schema.requests import ResolvedTxt2Img

PROMPT = "a red house at night"


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    checkpoint = Registry(resolve_paths().checkpoint_folders).find("")
    model = load_checkpoint(checkpoint, device=torch.device("cpu"), dtype=torch.float32, attention="sdp")
    request = _request(checkpoint, options.steps)
    resources = Resources(lambda name: model, TextCache(), Unwatched(), _nothing, _nothing)
    contenders: dict[str, Callable[[], object]] = {
        "picture": lambda: list(txt2img(request, resources)),
        "bare network": _bare(model, request),
        "decoding": _decoding(model, request),
        "diffusers pipeline": _diffusers(checkpoint, request),
    }
    seconds = _in_turn(contenders, options.rounds)
    print(f"{checkpoint.name}, {request.width} x {request.height}, {options.steps} steps, {options.rounds} rounds")
    for name, times in seconds.items():
        print(f"{name:<28} {statistics.median(times):7.3f} s (median)")
    ours, bare, decode, theirs = (seconds[name] for name in contenders)
    steps_alone = [(a - c) / b for a, b, c in zip(ours, bare, decode, strict=True)]
    print(f"steps / bare network         {statistics.median(steps_alone):7.3f}")
    print(f"picture / diffusers pipeline {_median_ratio(ours, theirs):7.3f}")


def _nothing(*_: object, **__: object) -> Any:
    raise LookupError("txt2img in one pass begins with no picture and upscales none.")


def _request(checkpoint: Checkpoint, steps: int) -> ResolvedTxt2Img:
    recommended = checkpoint.card.recommended
    return ResolvedTxt2Img(
        prompt=PROMPT,
        negative_prompt="",
        steps=steps,
        sampler_name="DPM++ 2M",
        scheduler="Karras",
        cfg_scale=recommended.cfg_scale,
        seed=1,
        width=recommended.width,
        height=recommended.height,
        batch_count=1,
        batch_size=1,
        clip_skip=1,
        rng="CPU",
        model=checkpoint.name,
    )


def _bare(model: LoadedModel, request: ResolvedTxt2Img) -> Callable[[], object]:
    """As many calls of the network as the picture needs, and nothing else."""
    factor = model.pixels_per_latent
    x = torch.randn(2, model.latent_channels, request.height // factor, request.width // factor)
    timestep = torch.full((2,), 500.0)
    networks = JobNetworks().of_pass(model, (), request.steps)
    steps, check = PromptSteps(request.steps), Unwatched().check
    prompts = PromptEncoder(model, TextCache(), request, steps, check, networks=networks)
    with torch.inference_mode():
        (told,) = prompts.batch([(PROMPT, "")])(0)
        conditioning = torch.cat([told.positives[0].conditioning.states, told.negative.states])

    def run() -> None:
        with torch.inference_mode():
            for _ in range(request.steps):
                model.unet(x, timestep, encoder_hidden_states=conditioning, return_dict=False)

    return run


def _decoding(model: LoadedModel, request: ResolvedTxt2Img) -> Callable[[], object]:
    factor = model.pixels_per_latent
    latents = torch.randn(1, model.latent_channels, request.height // factor, request.width // factor)

    def run() -> None:
        with torch.inference_mode():
            model.decode(latents)

    return run


def _diffusers(checkpoint: Checkpoint, request: ResolvedTxt2Img) -> Callable[[], object]:
    pipeline: Any = StableDiffusionPipeline.from_pretrained(
        checkpoint.path,
        torch_dtype=torch.float32,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = pipeline.scheduler.from_config(pipeline.scheduler.config, use_karras_sigmas=True)
    return lambda: pipeline(
        PROMPT,
        num_inference_steps=request.steps,
        guidance_scale=request.cfg_scale,
        width=request.width,
        height=request.height,
    )


def _in_turn(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Times of every contender, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for round_number in range(rounds + 1):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            if round_number:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def _median_ratio(one: list[float], other: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


if __name__ == "__main__":
    main()
