"""What the doctor says of upscalers and plugins."""

from __future__ import annotations

from modules.services.build import Services


def test_upscalers_scripts_and_plugins_that_were_left_out(idle_services: Services) -> None:
    mine = idle_services.paths.models / "ESRGAN" / "mine.pth"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"not looked into")
    idle_services.scripts._plugins.leave_out("my_extension", "ImportError: no module named 'colour'")
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
