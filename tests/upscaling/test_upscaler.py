"""Networks applied to pictures: sizes, tiles, memory, interruption, alpha, grey, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from spandrel import ImageModelDescriptor
from spandrel.architectures.Compact import CompactArch
from spandrel.architectures.SwinIR import SwinIR, SwinIRArch

from modules.errors import Interrupted, InvalidRequest, NumbersOverflowed, OutOfMemory, UnsupportedModel
from modules.upscaling.listener import Listener
from modules.upscaling.tiling import Tiling
from modules.upscaling.upscaler import MAX_PASSES, ModelUpscaler, PillowUpscaler
from tests.upscaling.networks import compact

ROOT = Path(__file__).resolve().parents[2]


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def network(**of: int) -> ImageModelDescriptor[Any]:
    return CompactArch().load(compact(**of))


def upscaler(**of: int) -> ModelUpscaler:
    return ModelUpscaler("tiny", network(**of))


def fails_above(
    descriptor: ImageModelDescriptor[Any], side: int, error: Exception | None = None
) -> list[tuple[int, int]]:
    """Make a network run out of memory for tiles above a side, and note the tiles it is given."""
    given: list[tuple[int, int]] = []

    def look(module: object, inputs: tuple[torch.Tensor, ...]) -> None:
        given.append((inputs[0].shape[3], inputs[0].shape[2]))
        if max(given[-1]) > side:
            raise error or torch.OutOfMemoryError("no room")

    descriptor.model.register_forward_pre_hook(look)
    return given


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("wanted", [(30, 22), (77, 80), (15, 11), (16, 11), (7, 90), (1, 1), (100, 60)])
def test_the_size_is_exact(scale: int, wanted: tuple[int, int]) -> None:
    made = upscaler(scale=scale).upscale(noise(11, 15), *wanted)
    assert made.shape == (wanted[1], wanted[0], 3) and made.dtype == np.uint8


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 200)])
@pytest.mark.filterwarnings("ignore:torch.meshgrid")
@pytest.mark.parametrize("architecture", ["Compact", "SwinIR"])
def test_tiny_pictures_are_enlarged_too(size: tuple[int, int], architecture: str) -> None:
    if architecture == "Compact":
        model = upscaler()
    else:
        torch.manual_seed(0)
        small = SwinIR(
            img_size=64, embed_dim=12, depths=[2], num_heads=[2], window_size=8, upscale=2, upsampler="pixelshuffle"
        )
        model = ModelUpscaler("swin", SwinIRArch().load(small.state_dict()))
    assert model.upscale(noise(*size), size[1] * 2, size[0] * 2).shape == (size[0] * 2, size[1] * 2, 3)


@pytest.mark.parametrize(
    ("scale", "wanted", "passes"),
    [
        (2, 20, 1),
        (2, 21, 2),
        (2, 80, 3),
        (2, 800, MAX_PASSES),
        (4, 41, 2),
        (1, 80, 1),
        (1, 10, 1),
        (2, 10, 1),
        (2, 9, 0),
    ],
)
def test_passes_are_repeated_until_the_picture_is_large_enough(scale: int, wanted: int, passes: int) -> None:
    descriptor = network(scale=scale)
    given = fails_above(descriptor, 10_000)
    ModelUpscaler("tiny", descriptor).upscale(noise(10, 10), wanted, wanted)
    assert given == [(10 * scale**index, 10 * scale**index) for index in range(passes)]


def test_without_overshoot_the_result_is_the_networks_own() -> None:
    descriptor, pixels = network(), noise(20, 24)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    direct = descriptor(tensor)[0].permute(1, 2, 0).numpy() * 255
    made = ModelUpscaler("tiny", descriptor).upscale(pixels, 48, 40)
    assert np.abs(made - direct).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("size", [(300, 410), (193, 64), (192, 500)])
def test_tiles_leave_no_trace(size: tuple[int, int]) -> None:
    """A Compact of two hidden convolutions sees 4 pixels far, and a tile's outermost 4 pixels are not used."""
    model, pixels = upscaler(features=16), noise(*size)
    wanted = size[1] * 2, size[0] * 2
    whole = model.upscale(pixels, *wanted, tiling=Tiling(0))
    tiled = model.upscale(pixels, *wanted, tiling=Tiling(64, 16))
    assert np.abs(whole.astype(int) - tiled).max() <= 1
    assert (whole != tiled).mean() < 0.001


def test_memory_that_is_short_makes_tiles_smaller_and_says_so() -> None:
    descriptor, pixels = network(), noise(150, 200)
    expected = ModelUpscaler("tiny", descriptor).upscale(pixels, 800, 600, tiling=Tiling(48, 16))
    given = fails_above(descriptor, 50)
    told: list[str] = []
    made = ModelUpscaler("tiny", descriptor).upscale(
        pixels, 800, 600, tiling=Tiling(192, 16), listener=Listener(tell=told.append)
    )
    assert [max(tile) for tile in given if max(tile) > 50] == [192, 96], "the second pass begins with what fitted"
    assert told == [
        "Upscaler tiny: memory was short, so tiles are now 96 pixels.",
        "Upscaler tiny: memory was short, so tiles are now 48 pixels.",
    ]
    assert np.array_equal(made, expected)


@pytest.mark.parametrize("error", [None, RuntimeError("DefaultCPUAllocator: can't allocate memory: 1 byte")])
def test_memory_that_is_short_for_the_smallest_tile_is_an_error_in_words(error: Exception | None) -> None:
    descriptor = network()
    fails_above(descriptor, 10, error)
    with pytest.raises(OutOfMemory, match="Upscaler tiny: .* even for tiles of 32 pixels"):
        ModelUpscaler("tiny", descriptor).upscale(noise(150, 200), 400, 300, tiling=Tiling(0))


def test_another_fault_of_a_network_is_no_lack_of_memory() -> None:
    descriptor = network()
    given = fails_above(descriptor, 10, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        ModelUpscaler("tiny", descriptor).upscale(noise(150, 200), 400, 300)
    assert len(given) == 1


def test_it_stops_before_the_next_tile() -> None:
    descriptor = network()
    given = fails_above(descriptor, 10_000)

    def check() -> None:
        if len(given) == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        ModelUpscaler("tiny", descriptor).upscale(
            noise(200, 200), 400, 400, tiling=Tiling(64, 16), listener=Listener(check=check)
        )
    assert len(given) == 3


def test_progress_rises_to_one_over_all_passes() -> None:
    shares: list[float] = []
    listener = Listener(progress=shares.append)
    upscaler().upscale(noise(40, 90), 360, 160, tiling=Tiling(48, 16), listener=listener)
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert shares[2] == pytest.approx(2 / 3 / 5), "a fifth of the pixels go into the first of two passes"


@pytest.mark.parametrize(
    "enlarge", [upscaler(), PillowUpscaler("Lanczos", Image.Resampling.LANCZOS)], ids=["model", "pillow"]
)
def test_alpha_is_kept(enlarge: ModelUpscaler | PillowUpscaler) -> None:
    pixels = noise(20, 30, 4)
    pixels[..., 3] = 255
    pixels[:10, :, 3] = 0
    made = enlarge.upscale(pixels, 60, 40)
    assert made.shape == (40, 60, 4)
    assert (made[:15, :, 3] == 0).all() and (made[25:, :, 3] == 255).all()
    opaque = enlarge.upscale(pixels[..., :3], 60, 40)
    assert np.abs(made[25:, :, :3].astype(int) - opaque[25:]).max() <= 1


def test_a_network_for_grey_pictures_gets_each_colour() -> None:
    model = upscaler(channels=1)
    pixels = noise(12, 14)
    made = model.upscale(pixels, 28, 24)
    for colour in range(3):
        grey = np.repeat(pixels[..., colour : colour + 1], 3, axis=2)
        assert np.array_equal(model.upscale(grey, 28, 24)[..., 0], made[..., colour])


def test_nearest_and_lanczos_are_those_of_pillow() -> None:
    pixels = noise(5, 6)
    assert np.array_equal(
        PillowUpscaler("Nearest", Image.Resampling.NEAREST).upscale(pixels, 12, 10), pixels.repeat(2, 0).repeat(2, 1)
    )
    expected = np.asarray(Image.fromarray(pixels).resize((17, 9), Image.Resampling.LANCZOS))
    assert np.array_equal(PillowUpscaler("Lanczos", Image.Resampling.LANCZOS).upscale(pixels, 17, 9), expected)


def test_numbers_that_overflow_are_no_picture() -> None:
    descriptor = network()
    with torch.no_grad():
        next(descriptor.model.parameters()).fill_(float("nan"))
    with pytest.raises(NumbersOverflowed, match="Upscaler tiny: .*--precision full"):
        ModelUpscaler("tiny", descriptor).upscale(noise(8, 8), 16, 16)


def test_half_precision_is_near_single_precision() -> None:
    pixels = noise(40, 40)
    single = upscaler().upscale(pixels, 80, 80)
    half = ModelUpscaler("tiny", network().to(torch.bfloat16)).upscale(pixels, 80, 80)
    assert np.abs(single.astype(int) - half).mean() < 1.5


def changed(**attributes: object) -> ImageModelDescriptor[Any]:
    descriptor = network()
    for name, value in attributes.items():
        setattr(descriptor, name, value)
    return descriptor


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"_purpose": "FaceSR"}, "restores faces"),
        ({"input_channels": 4, "output_channels": 4}, "does not take and give colour"),
        ({"output_channels": 1}, "does not take and give colour"),
    ],
)
def test_networks_for_something_else_are_refused(attributes: dict[str, object], words: str) -> None:
    with pytest.raises(UnsupportedModel, match=f"Upscaler 'x' {words}"):
        ModelUpscaler("x", changed(**attributes))


def test_a_pass_that_would_be_far_too_large_is_refused_or_left_to_lanczos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modules.upscaling.upscaler.MAX_PIXELS_ON_THE_WAY", 50 * 50 * 4)
    told: list[str] = []
    made = upscaler().upscale(noise(50, 50), 150, 150, listener=Listener(tell=told.append))
    assert made.shape == (150, 150, 3)
    assert told == ["Upscaler tiny: pass 2 would make 0 million pixels; Lanczos does the rest."]
    with pytest.raises(InvalidRequest, match="Upscaler 'tiny' would make .* Choose one of a smaller scale"):
        upscaler().upscale(noise(51, 51), 60, 60)


PEAK = """
import resource, sys
import numpy as np
import torch
from spandrel.architectures.Compact import CompactArch
from modules.upscaling.upscaler import ModelUpscaler
from tests.upscaling.networks import compact
model = ModelUpscaler("tiny", CompactArch().load(compact(scale=4, features=16, convolutions=1)))
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
model.upscale(np.zeros((8, 8, 3), np.uint8), 32, 32)
before = peak()
made = model.upscale(np.zeros((1024, 1024, 3), np.uint8), 4096, 4096)
assert made.shape == (4096, 4096, 3)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="measured with getrusage")
def test_an_enlargement_to_4096_needs_far_less_than_two_gigabytes() -> None:
    done = subprocess.run([sys.executable, "-c", PEAK], cwd=ROOT, capture_output=True, text=True, check=True)
    used = int(done.stdout) / 2**20
    assert used < 400, f"{used:.0f} MB above the model"
