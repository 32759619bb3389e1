"""Plans of memory: what fits, what was asked for, and what every plan keeps to."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.checkpoints.identification import Family
from modules.checkpoints.memory_plan import DeviceMemory, JobSize, MemoryMode, MemoryWish, PartSizes, plan_memory

GIB = 1 << 30
XL = PartSizes(unet=5 * GIB, text_encoders=int(1.6 * GIB), vae=int(0.3 * GIB))
JOB = JobSize(sampling=GIB, decoding=GIB // 2)


def card(gibibytes: float) -> DeviceMemory:
    return DeviceMemory(int(gibibytes * GIB), of_its_own=True)


@pytest.mark.parametrize(
    ("free", "mode"), [(24.0, "resident"), (10.0, "resident"), (8.0, "balanced"), (7.0, "balanced"), (4.0, "streamed")]
)
def test_the_first_mode_that_fits(free: float, mode: MemoryMode) -> None:
    plan = plan_memory(XL, JOB, card(free), "sdxl")
    assert plan.mode == mode
    assert plan.reason.endswith(".")
    assert f"{free:.1f} GiB" in plan.reason
    assert plan.words.startswith(f"{mode}: ")


@pytest.mark.parametrize(
    ("wish", "family", "mode"),
    [
        ("lowvram", "sd1", "streamed"),
        ("medvram", "sd1", "balanced"),
        ("medvram-sdxl", "sd1", "resident"),
        ("medvram-sdxl", "sdxl", "balanced"),
        ("medvram-sdxl", "sdxl-refiner", "balanced"),
    ],
)
def test_flags_decide(wish: MemoryWish, family: Family, mode: MemoryMode) -> None:
    plan = plan_memory(XL, JOB, card(48), family, wish)
    assert plan.mode == mode
    assert (plan.reason == f"--{wish} asks for it.") == (mode != "resident")


@given(
    parts=st.builds(PartSizes, *[st.integers(0, 1 << 36)] * 3),
    free=st.integers(0, 1 << 36),
    wish=st.sampled_from(["auto", "medvram", "medvram-sdxl", "lowvram"]),
)
def test_nothing_is_moved_where_memory_is_one(parts: PartSizes, free: int, wish: MemoryWish) -> None:
    plan = plan_memory(parts, JOB, DeviceMemory(free, of_its_own=False), "sdxl", wish)
    assert plan.mode == "resident"
    assert (f"--{wish} has no effect" in plan.reason) == (wish != "auto")


@given(
    parts=st.builds(PartSizes, *[st.integers(0, 1 << 36)] * 3),
    job=st.builds(JobSize, *[st.integers(0, 1 << 36)] * 2),
    free=st.integers(0, 1 << 38),
    more=st.integers(0, 1 << 38),
)
def test_more_memory_never_moves_more_and_plans_fit(parts: PartSizes, job: JobSize, free: int, more: int) -> None:
    order = ("streamed", "balanced", "resident")
    plan = plan_memory(parts, job, DeviceMemory(free, of_its_own=True), "sd1")
    richer = plan_memory(parts, job, DeviceMemory(free + more, of_its_own=True), "sd1")
    assert order.index(richer.mode) >= order.index(plan.mode)
    if plan.mode == "resident":
        assert parts.all + max(job.sampling, job.decoding) <= free
    if plan.mode == "balanced":
        assert max(parts.unet + job.sampling, parts.vae + job.decoding, parts.text_encoders) <= free


def test_a_processor_s_memory_is_the_computer_s() -> None:
    memory = DeviceMemory.of(torch.device("cpu"), held=5)
    assert memory.free > 5
    assert not memory.of_its_own
