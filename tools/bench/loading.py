"""Full-size checkpoints of random numbers: how fast they load, with how much memory, and whether they paint the same.

python -m tools.bench.loading [--models sd15 sdxl_base] [--stored float16] [--precision float32] [--no-diffusers]

Every file is written into a temporary folder, loaded in a process of its own, run, loaded and run by diffusers' own
`from_single_file` in another process, and deleted.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import diffusers
import numpy as np
import psutil
import torch
from transformers import CLIPTextConfig

from modules.checkpoints.card import Card
from modules.checkpoints.clip_tokenizer import clip_tokenizer
from modules.checkpoints.loading import load_checkpoint
from modules.checkpoints.registry import Checkpoint
from modules.checkpoints.weights_header import read_header
from modules.checkpoints.weights_identity import identify_weights
from modules.diffusion.noise import ImageNoise, NoiseRecipe
from modules.pipeline.resources import Resources
from modules.pipeline.text_cache import TextCache
from modules.pipeline.txt2img import txt2img
from modules.pipeline.watcher import Unwatched
from modules.schema.requests import ResolvedTxt2Img
from tests.layouts import PUBLISHED_TEXTS, PUBLISHED_UNETS, PUBLISHED_VAE, shapes_of, write_checkpoint

PROMPT, NEGATIVE, GUIDANCE, SIDE, STEPS = "a red house at night", "blurry", 3.0, 128, 2
_L, _H, _G = "CLIP ViT-L", "OpenCLIP ViT-H", "OpenCLIP ViT-bigG"
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Kind:
    """A layout of `tests/checkpoint_layouts`, and the published configuration of its family."""

    family: str
    pipeline: str
    channels: int
    texts: dict[str, str]
    """OpenCLIP's or CLIP's, by what follows "text_encoder" in the name of the folder."""


KINDS = {
    "sd15": Kind("sd1", "StableDiffusionPipeline", 4, {"": _L}),
    "sd15_inpaint": Kind("sd1", "StableDiffusionInpaintPipeline", 9, {"": _L}),
    "sd15_instruct_pix2pix": Kind("sd1", "StableDiffusionInstructPix2PixPipeline", 8, {"": _L}),
    "sd21": Kind("sd2", "StableDiffusionPipeline", 4, {"": _H}),
    "sdxl_base": Kind("sdxl", "StableDiffusionXLPipeline", 4, {"": _L, "_2": _G}),
    "sdxl_refiner": Kind("sdxl-refiner", "StableDiffusionXLImg2ImgPipeline", 4, {"_2": _G}),
}


@dataclass
class Run:
    """What one process saw."""

    seconds: float
    peak: int
    """Bytes of memory beside what the process had before."""
    step: float = 0.0
    """Seconds of one step."""
    prediction: str = ""
    answer: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """The network's to fixed numbers."""
    picture: np.ndarray | None = None
    """uint8; of plain models alone."""


class Peak:
    """The most memory that the process had while this was open, looked at every 5 ms."""

    def __enter__(self) -> Peak:
        self._process, self._over = psutil.Process(), threading.Event()
        self._before = self.most = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._started
        self._over.set()
        self._thread.join()
        self.added = self.most - self._before

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            self.most = max(self.most, self._process.memory_info().rss)


def main() -> None:
    """Print a line for every model and precision."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--stored", choices=["float16", "bfloat16", "float32"], default="float16")
    parser.add_argument("--precision", nargs="+", choices=["bfloat16", "float32"], default=["float32"])
    parser.add_argument("--no-diffusers", action="store_true")
    options = parser.parse_args()
    for model in options.models:
        folder = Path(tempfile.mkdtemp(prefix="atelier-bench-"))
        try:
            path = write_checkpoint(folder / f"{model}.safetensors", shapes_of(model), getattr(torch, options.stored))
            for precision in options.precision:
                _compare(model, path, precision, with_diffusers=not options.no_diffusers)
        finally:
            shutil.rmtree(folder)


def _compare(model: str, path: Path, precision: str, *, with_diffusers: bool) -> None:
    size = path.stat().st_size
    ours = _apart(_ours, model, path, precision)
    print(
        f"{model:<22} {size / 1e9:5.2f} GB -> {precision:<8} loaded in {ours.seconds:5.1f} s, "
        f"memory {ours.peak / size:5.2f} x the file, one step {ours.step:5.1f} s, {ours.prediction}",
        flush=True,
    )
    if not with_diffusers:
        return
    theirs = _apart(_theirs, model, path, precision, ours.prediction)
    far = float(np.abs(ours.answer - theirs.answer).max() / np.abs(theirs.answer).max())
    line = f"{'':<22} diffusers: {theirs.seconds:5.1f} s, {theirs.peak / size:5.2f} x; answers differ by {far:.1e}"
    if ours.picture is not None and theirs.picture is not None:
        levels = np.abs(ours.picture.astype(int) - theirs.picture.astype(int))
        line += f", pictures by {levels.max()} of 255 (deviation of the picture: {theirs.picture.std():.0f})"
    print(line, flush=True)


def _apart(run: Callable[..., Answer], *given: object) -> Answer:
    """In a fresh process, whose memory nothing else touched."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(run, *given).result()


@torch.inference_mode()
def _ours(model: str, path: Path, precision: str) -> Run:
    checkpoint = Checkpoint(model, path, Card(), identify_weights(read_header(path)))
    dtype = getattr(torch, precision)
    with Peak() as peak:
        loaded = load_checkpoint(checkpoint, device=torch.device("cpu"), dtype=dtype, attention="sdp")
    run = Run(peak.seconds, peak.added, prediction=loaded.prediction_type)
    started = time.perf_counter()
    run.answer = _answer(loaded.unet)
    run.step = time.perf_counter() - started
    if _paints(model):
        resources = Resources(lambda name: loaded, TextCache(), Unwatched(), _nothing, _nothing)
        (picture,) = txt2img(_request(model), resources)
        run.picture = picture.pixels
    return run


@torch.inference_mode()
def _theirs(model: str, path: Path, precision: str, prediction: str) -> Run:
    kind = KINDS[model]
    diffusers.utils.logging.set_verbosity_error()
    folder = _configurations(path.parent / f"{model}-configurations", kind, prediction)
    given: dict[str, Any] = {"config": str(folder), "torch_dtype": getattr(torch, precision), "local_files_only": True}
    if not kind.family.startswith("sdxl"):
        given["safety_checker"] = None
    with Peak() as peak:
        pipeline = getattr(diffusers, kind.pipeline).from_single_file(str(path), **given)
    run = Run(peak.seconds, peak.added, answer=_answer(pipeline.unet))
    if not _paints(model):
        return run
    pipeline.set_progress_bar_config(disable=True)
    noise = ImageNoise(NoiseRecipe(_request(model).seed, kind="CPU"), torch.device("cpu"))
    if kind.family == "sdxl":
        pipeline.vae.to(torch.float32)  # as the program and its own `upcast_vae` have it
    painted = pipeline(
        prompt=PROMPT,
        negative_prompt=NEGATIVE,
        height=SIDE,
        width=SIDE,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        latents=noise.initial((4, SIDE // 8, SIDE // 8))[None].to(getattr(torch, precision)),
        output_type="np",
    ).images[0]
    run.picture = np.rint(painted * 255).astype(np.uint8)
    return run


def _paints(model: str) -> bool:
    return KINDS[model].channels == 4 and KINDS[model].family != "sdxl-refiner"


def _answer(unet: Any) -> np.ndarray:
    generator, told = torch.Generator().manual_seed(1), unet.config
    dtype = next(unet.parameters()).dtype
    x = torch.randn((1, told.in_channels, SIDE // 8, SIDE // 8), generator=generator)
    states = torch.randn((1, 77, told.cross_attention_dim), generator=generator)
    added = None
    if told.addition_time_embed_dim:
        numbers = told.projection_class_embeddings_input_dim - 1280
        ids = torch.full((1, numbers // told.addition_time_embed_dim), float(SIDE))
        added = {"text_embeds": torch.randn((1, 1280), generator=generator).to(dtype), "time_ids": ids}
    answer: torch.Tensor = unet(
        x.to(dtype), torch.tensor([500.0]), states.to(dtype), added_cond_kwargs=added, return_dict=False
    )[0]
    return answer.float().numpy()


def _request(model: str) -> ResolvedTxt2Img:
    return ResolvedTxt2Img(
        prompt=PROMPT,
        negative_prompt=NEGATIVE,
        steps=STEPS,
        sampler_name="Euler",
        scheduler="Uniform",
        cfg_scale=GUIDANCE,
        seed=1,
        width=SIDE,
        height=SIDE,
        batch_count=1,
        batch_size=1,
        clip_skip=1,
        rng="CPU",
        model=model,
    )


def _nothing(*_: object, **__: object) -> Any:
    raise LookupError("txt2img in one pass begins with no picture and upscales none.")


def _configurations(folder: Path, kind: Kind, prediction: str) -> Path:
    """What diffusers would fetch from its hub: the published configurations, and a tokenizer."""
    xl = kind.family.startswith("sdxl")
    unet = {"_class_name": "UNet2DConditionModel", "in_channels": kind.channels, "layers_per_block": 2}
    unet |= {"sample_size": 64, **PUBLISHED_UNETS[kind.family]}
    vae = {"_class_name": "AutoencoderKL", "scaling_factor": 0.13025 if xl else 0.18215, **PUBLISHED_VAE}
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
    scheduler = {"_class_name": "EulerDiscreteScheduler", "prediction_type": prediction, **betas}
    index: dict[str, Any] = {
        "_class_name": kind.pipeline,
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    }
    for suffix in ("", "_2") if xl else ("",):
        name = kind.texts.get(suffix)
        classes = ("CLIPTextModelWithProjection" if suffix else "CLIPTextModel", "CLIPTokenizer")
        for part, of in zip((f"text_encoder{suffix}", f"tokenizer{suffix}"), classes, strict=True):
            index[part] = ["transformers", of] if name else [None, None]
        if name:
            CLIPTextConfig(**PUBLISHED_TEXTS[name], architectures=[classes[0]]).save_pretrained(
                folder / f"text_encoder{suffix}"
            )
            clip_tokenizer(**({} if name == _L else {"padding": "!"})).save_pretrained(folder / f"tokenizer{suffix}")
    if xl:
        index["force_zeros_for_empty_prompt"] = kind.family == "sdxl"
        index["requires_aesthetics_score"] = kind.family == "sdxl-refiner"
    else:
        index |= {"safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False}
    for name, content in {"unet": unet, "vae": vae}.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "config.json").write_text(json.dumps(content))
    (folder / "scheduler").mkdir(exist_ok=True)
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


if __name__ == "__main__":
    main()
