"""What the doctor says of upscalers and plugins."""

from __future__ import annotations

from contextlib import closing

from modules.config.paths import Paths
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions
from tests.checkpoints.weights_files import LORA, write_weights


def test_upscalers_scripts_and_plugins_that_were_left_out(idle_services: Services) -> None:
    mine = idle_services.paths.models / "ESRGAN" / "mine.pth"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"not looked into")
    idle_services.scripts.plugins.leave_out("my_extension", "ImportError: no module named 'colour'")
    report: dict[str, str] = {}
    for label, finding in idle_services.doctor.report():
        report[label] = finding
        if label == "Plugin":
            break
    assert report["Device"] == "cpu"
    assert report["Precision"] == "float32. --precision full asks for it."
    assert report["Attention"].startswith("sdp. PyTorch's own")
    assert "xformers has no kernels for processors" in report["Attention kinds"]
    assert report["Upscalers"] == "2 in files, with atelier-x2, which ships with the program"
    assert report["Scripts"] == "Prompt matrix, Prompts from file or textbox, X/Y/Z plot, Loopback"
    assert report["Plugin"] == "my_extension is left out: ImportError: no module named 'colour'"
    assert idle_services.scripts.failures[0].plugin == "my_extension"


def test_the_memory_mode_is_told_with_its_reason(idle_services: Services) -> None:
    report = dict(idle_services.doctor.report())
    assert report["Memory mode"].startswith("resident: all parts stay on the device. The device computes in the comp")
    assert "s per step" in report["Expected speed"]


def test_an_impossible_precision_does_not_end_the_report(paths: Paths) -> None:
    with closing(build_services(paths, EngineOptions(use_cpu=True, precision="half"))) as services:
        report = dict(services.doctor.report())
    assert "--precision half" in report["Device"]
    assert report["Device"] == report["Expected speed"]
    assert "Checkpoints" in report and "Upscalers" in report and "Encoded texts" in report


def test_model_files_are_counted_as_they_are_found(idle_services: Services) -> None:
    first, second = idle_services.paths.lora_folders
    write_weights(first / "style" / "ink.safetensors", LORA)
    write_weights(first / "pen.SAFETENSORS", LORA)
    write_weights(first / "brush.sft", LORA)
    (first / "notes.bin.txt").write_text("no model")
    (first / ".hidden").mkdir()
    write_weights(first / ".hidden" / "old.safetensors", LORA)
    found = next(finding for label, finding in idle_services.doctor.report() if label == "LoRAs")
    assert found == f"3 files in {first}; 0 files in {second}"
