"""The machine's choices: the command line goes before the settings, and every choice says why."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from modules.checkpoints.loading import load_checkpoint
from modules.checkpoints.registry import Registry
from modules.config.paths import Paths
from modules.config.settings import SettingsStore
from modules.errors import InvalidSetting
from modules.services.machine import Machine
from modules.services.options import EngineOptions
from modules.services.workshop import Workshop
from tests.tiny_models import write_tiny_model


@pytest.fixture
def settings(tmp_path: Path) -> SettingsStore:
    return SettingsStore(tmp_path / "config.json")


def on_processor(settings: SettingsStore, **options: object) -> Machine:
    return Machine(EngineOptions(use_cpu=True, **options), settings)  # type: ignore[arg-type]


def test_settings_are_read_at_each_choice(settings: SettingsStore) -> None:
    machine = on_processor(settings)
    assert machine.device == torch.device("cpu")
    assert machine.precision().storage is None
    assert machine.attention(torch.float32).kind == "sdp"
    settings.change(fp8_storage="Enable for SDXL", cross_attention_optimization="sub-quadratic")
    assert machine.precision("sdxl").storage is torch.float8_e4m3fn
    assert machine.precision("sd1").storage is None
    assert machine.attention(torch.float32).kind == "sub-quadratic"


def test_the_command_line_goes_before_the_settings(settings: SettingsStore) -> None:
    settings.change(cross_attention_optimization="sdp-no-mem")
    machine = on_processor(
        settings, precision="bfloat16", attention="sub-quadratic", eight_bit=True, full_vae=True, full_attention=True
    )
    assert machine.attention(torch.float32).kind == "sub-quadratic"
    assert machine.precision().words == "bfloat16, VAE float32, weights stored in float8_e4m3fn, attention float32"
    with pytest.raises(InvalidSetting, match="--precision half needs a graphics card"):
        on_processor(settings, precision="half").precision()


def test_findings_say_what_and_why(settings: SettingsStore) -> None:
    found = dict(on_processor(settings, precision="full", attention="xformers").findings("sdxl"))
    assert found == {
        "Device": "cpu",
        "Precision": "float32. --precision full asks for it.",
        "Attention": "sdp. xformers was asked for, but xformers has no kernels for processors.",
        "Attention kinds": "usable: sdp, sdp-no-mem, sub-quadratic; xformers has no kernels for processors; "
        "flash has no kernels for processors; sage has no kernels for processors",
    }


def test_nothing_is_moved_on_a_processor(settings: SettingsStore, tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "tiny")
    model = load_checkpoint(
        Registry([folder]).find("tiny"), device=torch.device("cpu"), dtype=torch.float32, attention="sdp"
    )
    plan = on_processor(settings, memory="lowvram").memory(model, 512, 512, 1)
    assert plan.mode == "resident"
    assert plan.reason.endswith("--lowvram has no effect.")


@pytest.fixture
def two_cards(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of a torch that has two cards, in order; a choice of the current one with the thread's name."""
    asked: list[str] = []
    facts = SimpleNamespace(major=9, total_memory=2**34)

    def noted(name: str, answer: object) -> object:
        def answered(*given: object) -> object:
            asked.append(name)
            return answer

        return answered

    answers = {"is_available": True, "device_count": 2, "get_device_name": "Card", "get_device_properties": facts}
    for name, answer in {**answers, "current_device": 0, "mem_get_info": (2**33, 2**34)}.items():
        monkeypatch.setattr(torch.cuda, name, noted(name, answer))

    def set_device(device: torch.device) -> None:
        asked.append(f"set_device {device} in {threading.current_thread().name}")

    monkeypatch.setattr(torch.cuda, "set_device", set_device)
    return asked


def test_worker_of_a_card_makes_it_the_current_one_before_anything_else(
    settings: SettingsStore, two_cards: list[str]
) -> None:
    machine = Machine(EngineOptions(device_number=1), settings)
    assert machine.device == torch.device("cuda", 1)
    chosen = next(place for place, name in enumerate(two_cards) if name.startswith("set_device cuda:1"))
    assert set(two_cards[:chosen]) <= {"is_available", "device_count"}  # these make nothing on a card
    assert "get_device_name" in two_cards[chosen:]


def test_every_thread_that_works_with_the_engine_has_its_card(paths: Paths, two_cards: list[str]) -> None:
    """The current card is a thread's own; a new thread begins with the first one."""
    workshop = Workshop(paths, EngineOptions(device_number=1))
    for name in ("painter", "another"):
        thread = threading.Thread(target=workshop.engine.engine, name=name)
        thread.start()
        thread.join()
    assert [name for name in two_cards if name.startswith("set_device")][-1] == "set_device cuda:1 in another"
    assert "set_device cuda:1 in painter" in two_cards
    assert workshop.engine.devices() == 2
    workshop.close()


def test_processor_has_no_current_card(settings: SettingsStore, two_cards: list[str]) -> None:
    on_processor(settings)
    assert not [name for name in two_cards if name.startswith("set_device")]
