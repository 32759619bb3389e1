"""Scripts and what they are given, by place: in A1111's order where A1111 has the script, else as ours declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modules.api.sdapi.bodies import AlwaysOn
from modules.api.sdapi.image_bodies import stored
from modules.api.sdapi.routes import Refused
from modules.errors import InvalidRequest
from modules.hooks import Script, Section, Text
from modules.hooks.arguments import Drawn
from modules.schema.requests import Task
from modules.services.build import Services

SD_UPSCALE = "SD upscale"
"""A script of A1111 that is a part of img2img here."""
_AXES = ("x", "y", "z")
_ORDERS: Mapping[str, tuple[str, ...]] = {
    "X/Y/Z plot": (
        *(f"{axis}_{part}" for axis in _AXES for part in ("type", "values", "values_dropdown")),
        *("draw_legend", "include_lone_images", "include_sub_grids", "no_fixed_seeds"),
        *("vary_seeds_x", "vary_seeds_y", "vary_seeds_z", "margin_size", "csv_mode"),
    ),
    "Loopback": ("loops", "final_denoising_strength", "denoising_curve", "append_interrogation"),
    SD_UPSCALE: ("info", "sd_upscale_overlap", "sd_upscale_upscaler", "sd_upscale_by"),
}
"""A1111's order of arguments, by our names; others are A1111's own."""
_AXIS_LABELS = tuple(
    row.strip()
    for row in (
        "Nothing, Seed, Var. seed, Var. strength, Steps, Hires steps*, CFG Scale, Image CFG Scale+, Prompt S/R, "
        "Prompt order, Sampler, Hires sampler*, Checkpoint name, Negative Guidance minimum sigma, Sigma Churn, "
        "Sigma min, Sigma max, Sigma noise, Schedule type, Schedule min sigma, Schedule max sigma, Schedule rho, "
        "Beta schedule alpha, Beta schedule beta, Eta, Clip skip, Denoising, Initial noise multiplier, Extra noise, "
        "Hires upscaler*, Cond. Image Mask Weight+, VAE, Styles, UniPC Order, Face restore, Token merging ratio, "
        "Token merging ratio high-res, Always discard next-to-last sigma, SGM noise multiplier, Refiner checkpoint, "
        "Refiner switch at, RNG source, FP8 mode, Size"
    ).split(",")
)
"""A1111's axes in A1111's order, by whose places clients choose them. *: txt2img only, +: img2img only."""
ALWAYS_ON: Mapping[str, tuple[str, ...]] = {
    "Refiner": ("enabled", "refiner_checkpoint", "refiner_switch_at"),
    "Seed": (
        *("seed", "enabled", "subseed", "subseed_strength"),
        *("seed_resize_from_w", "seed_resize_from_h"),
    ),
    "Sampler": ("steps", "sampler_name", "scheduler"),
    "Soft inpainting": (
        *("soft_inpainting", "soft_inpainting_schedule_bias", "soft_inpainting_preservation_strength"),
        *("soft_inpainting_transition_contrast_boost", "soft_inpainting_mask_influence"),
        *("soft_inpainting_difference_threshold", "soft_inpainting_difference_contrast"),
    ),
}
"""A1111's scripts that are parts of every request here, and which fields their arguments are.

`enabled` says whether those behind it count.
"""
IMG2IMG_ALONE = frozenset({"Soft inpainting"})


def axis_labels(task: Task) -> tuple[str, ...]:
    """A1111's axes of a task, in A1111's order."""
    others = "+" if task == "txt2img" else "*"
    return tuple(label.rstrip("*+") for label in _AXIS_LABELS if not label.endswith(others))


def always_on_fields(services: Services, given: Mapping[str, AlwaysOn], task: Task) -> dict[str, Any]:
    """The fields that `alwayson_scripts` set. Raises Refused (422) for a script that is not there."""
    found: dict[str, Any] = {}
    sections: dict[str, dict[str, Any]] = {}
    of_extensions = {section.name.lower(): section for section in services.sections.all(task)}
    known = {name.lower(): name for name in ALWAYS_ON if task == "img2img" or name not in IMG2IMG_ALONE}
    selectable = {script.name.lower() for script in services.scripts.all(task)}
    for name, script in given.items():
        if name.lower() in selectable:
            raise Refused(
                422,
                "Cannot have a selectable script in the always on scripts params",
                f"Script {name!r} goes into script_name.",
            )
        if name.lower() in of_extensions and name.lower() not in known:
            sections |= _section(services, of_extensions[name.lower()], script.args)
            continue
        if name.lower() not in known:
            names = [*known.values(), *(section.name for section in of_extensions.values())]
            sentence = f"Always on script {name[:60]!r} is not here. Known ones: {', '.join(names)}."
            raise Refused(422, f"always on script {name[:60]} not found", sentence)
        named = _by_name(known[name.lower()], ALWAYS_ON[known[name.lower()]], script.args)
        enabled = named.pop("enabled", True)
        found |= named if enabled else {row: value for row, value in named.items() if row == "seed"}
    plain = {name: value for name, value in found.items() if value not in (None, "", "None")}
    return plain | ({"sections": sections} if sections else {})


def section_names(section: Section) -> tuple[str, ...]:
    """The arguments of a section by place: first whether it is on, as A1111's extensions have it."""
    return ("enabled", *(row.name for row in section.arguments))


def _section(services: Services, section: Section, given: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """What a section was given, where it is on: it is where nothing else is said. Its pictures are stored."""
    named = _by_name(section.name, section_names(section), given)
    enabled = named.pop("enabled", True)
    if not enabled:
        return {}
    for name in services.sections.registry.pictures_of(section.name):
        if isinstance(named.get(name), str) and named[name] and not services.inputs.has(named[name]):
            named[name] = stored(services, named[name], name)
    return {section.name: {name: value for name, value in named.items() if value is not None}}


def script_fields(services: Services, name: str | None, given: Sequence[Any], task: Task) -> dict[str, Any]:
    """The fields that `script_name` and `script_args` set. Raises Refused (422) for a script that is not there."""
    if name is None or name.strip().lower() in ("", "none"):
        return {}
    if name.strip().lower() == SD_UPSCALE.lower() and task == "img2img":
        return _sd_upscale(services, _by_name(SD_UPSCALE, _ORDERS[SD_UPSCALE], given))
    try:
        script = services.scripts.registry.find(name, task)
    except InvalidRequest as error:
        raise Refused(422, f"Script '{name[:60]}' not found", str(error)) from error
    named = _by_name(script.name, argument_names(script), given)
    convert = _CONVERSIONS.get(script.name)
    arguments = named if convert is None else convert(named, services, task)
    return {
        "script_name": script.name,
        "script_args": {row: value for row, value in arguments.items() if value is not None},
    }


def argument_names(script: Script) -> tuple[str, ...]:
    """The arguments of a script by place."""
    declared = tuple(row.name for row in script.arguments if not isinstance(row, Drawn))
    return _ORDERS.get(script.name, declared)


def _by_name(script: str, names: Sequence[str], given: Sequence[Any]) -> dict[str, Any]:
    if len(given) > len(names):
        problem = f"are more than the {len(names)} of {script}"
        raise InvalidRequest("Script arguments", len(given), problem, f"In this order: {', '.join(names)}.")
    return dict(zip(names, given, strict=False))


def _plot(named: dict[str, Any], services: Services, task: Task) -> dict[str, Any]:
    """Axes by their places in A1111's list; values that were chosen from a list as text."""
    csv_mode = named.pop("csv_mode", False)
    labels = axis_labels(task)
    for axis in _AXES:
        chosen = named.get(f"{axis}_type")
        if isinstance(chosen, int) and not isinstance(chosen, bool):
            if not 0 <= chosen < len(labels):
                remedy = f"Use 0 to {len(labels) - 1}, or a name such as Steps."
                raise InvalidRequest(f"{axis.upper()} type", chosen, "is no place in A1111's list of axes", remedy)
            named[f"{axis}_type"] = labels[chosen]
        words = named.pop(f"{axis}_values_dropdown", None)
        if isinstance(words, (list, tuple)) and words and not csv_mode:
            named[f"{axis}_values"] = Text.joined(map(str, words))
    return named


def _loopback(named: dict[str, Any], services: Services, task: Task) -> dict[str, Any]:
    wanted = named.pop("append_interrogation", None)
    if wanted not in (None, "", "None"):
        raise InvalidRequest(
            "append_interrogation", wanted, "is not available", "Send None: nothing describes pictures here."
        )
    return named


_CONVERSIONS: Mapping[str, Callable[[dict[str, Any], Services, Task], dict[str, Any]]] = {
    "X/Y/Z plot": _plot,
    "Loopback": _loopback,
}


def _sd_upscale(services: Services, named: dict[str, Any]) -> dict[str, Any]:
    """The upscaler by its place in the list of upscalers, or by its name."""
    named.pop("info", None)
    chosen = named.get("sd_upscale_upscaler")
    if isinstance(chosen, int) and not isinstance(chosen, bool):
        entries = services.upscalers.all()
        if not 0 <= chosen < len(entries):
            raise InvalidRequest(
                "Upscaler", chosen, "is no place in the list of upscalers", f"Use 0 to {len(entries) - 1}."
            )
        chosen = entries[chosen].name
    return {**named, "sd_upscale_upscaler": chosen or "None"}
