"""Groups of flags that several commands take: folders, engine, installation.

Each may stand before the command's name or behind it: a command's own parser has them with `inherited`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from modules.config.settings_table import ATTENTION_KINDS

_UPSCALER_PATHS = tuple(
    f"--{name}-models-path" for name in ("esrgan", "realesrgan", "bsrgan", "swinir", "dat", "hat", "scunet")
)
PRECISIONS = ("auto", "full", "half", "bfloat16")


def add_folders(parser: argparse.ArgumentParser, *, inherited: bool) -> None:
    """Where things lie."""
    group = parser.add_argument_group("folders")
    for flag, text in (
        ("--data-dir", "everything that is written lies below it: outputs, settings, database, caches"),
        ("--models-dir", "models, in A1111's folder names; default: models below the data folder"),
        ("--ckpt-dir", "a further folder with checkpoints"),
        ("--vae-dir", "a further folder with VAEs"),
        ("--lora-dir", "a further folder with LoRAs"),
        ("--embeddings-dir", "a further folder with embeddings"),
        ("--hypernetwork-dir", "a further folder with hypernetworks"),
        ("--controlnet-dir", "a further folder with ControlNets"),
        ("--vae-approx-dir", "a further folder with the tiny VAEs of previews"),
    ):
        group.add_argument(flag, type=Path, metavar="DIR", default=_default(None, inherited), help=text)
    _add_repeated_folders(group, inherited)
    group.add_argument(
        "--styles-file",
        type=Path,
        action="append",
        metavar="FILE",
        default=_default(None, inherited),
        help="a file of styles, * and ? allowed in its name; may be repeated (default: styles.csv in the data folder)",
    )


def _add_repeated_folders(group: argparse._ArgumentGroup, inherited: bool) -> None:
    for flags, text in (
        (("--upscaler-dir", *_UPSCALER_PATHS), "a further folder with upscalers; may be repeated"),
        (("--adopt",), "an A1111, Forge or ComfyUI folder whose models are used where they lie; may be repeated"),
    ):
        group.add_argument(
            *flags, type=Path, action="append", metavar="DIR", default=_default(None, inherited), help=text
        )


def add_engine(parser: argparse.ArgumentParser, *, inherited: bool) -> None:
    """How pictures are computed."""
    group = parser.add_argument_group("engine")
    group.add_argument(
        "--precision",
        type=_precision,
        choices=PRECISIONS,
        default=_default("auto", inherited),
        help="number format of the networks; auto: what suits device and model (doctor tells which, and why)",
    )
    group.add_argument(
        "--no-half",
        dest="precision",
        action="store_const",
        const="full",
        default=_default("auto", inherited),
        help="the same as --precision full",
    )
    group.add_argument(
        "--use-cpu",
        action="store_true",
        default=_default(False, inherited),
        help="do not use a graphics card even if there is one",
    )
    group.add_argument(
        "--device-id",
        type=_device_number,
        metavar="N",
        default=_default(None, inherited),
        help="use this one of several graphics cards, counted from 0; by default the web UI uses all of them",
    )
    for flag, text in (
        ("--no-half-vae", "compute the VAE in float32"),
        ("--upcast-sampling", "compute attention in float32 (samplers always do)"),
        ("--fp8", "store the network's weights in eight bits, whatever the settings say"),
    ):
        group.add_argument(flag, action="store_true", default=_default(False, inherited), help=text)
    group.add_argument(
        "--disable-extensions",
        "--disable-extra-extensions",
        "--disable-all-extensions",
        action="store_true",
        default=_default(False, inherited),
        help="take in no extension, whatever is switched on",
    )
    _add_attention(group, inherited)
    _add_memory(group, inherited)


def _add_attention(group: argparse._ArgumentGroup, inherited: bool) -> None:
    """The flag, and A1111's for the same choice."""
    default = _default("", inherited)
    text = "how attention is computed, whatever the settings say; one that does not work here becomes sdp"
    group.add_argument("--attention", choices=ATTENTION_KINDS, default=default, help=text)
    for flag, kind in (
        ("--xformers", "xformers"),
        ("--opt-sdp-attention", "sdp"),
        ("--opt-sdp-no-mem-attention", "sdp-no-mem"),
        ("--opt-sub-quad-attention", "sub-quadratic"),
        ("--opt-split-attention", "sub-quadratic"),
    ):
        group.add_argument(
            flag,
            dest="attention",
            action="store_const",
            const=kind,
            default=default,
            help=f"the same as --attention {kind}",
        )


def _add_memory(group: argparse._ArgumentGroup, inherited: bool) -> None:
    """A1111's flags; without one of them the mode is planned before each job."""
    for flag, text in (
        ("--medvram", "have text encoders, network and VAE on the graphics card in turn"),
        ("--medvram-sdxl", "the same for SDXL alone"),
        ("--lowvram", "bring the network's layers to the graphics card one after the other: slow, needs least memory"),
    ):
        group.add_argument(
            flag, dest="memory", action="store_const", const=flag[2:], default=_default("auto", inherited), help=text
        )


def _precision(text: str) -> str:
    """A1111's "autocast" lets the program choose, which is "auto"."""
    return "auto" if text == "autocast" else text


def add_installation(parser: argparse.ArgumentParser, *, inherited: bool) -> None:
    """What launch.py does before the command."""
    group = parser.add_argument_group("installation")
    group.add_argument(
        "--reinstall",
        action="store_true",
        default=_default(False, inherited),
        help="throw the .venv folder away and install everything anew",
    )
    group.add_argument(
        "--skip-install",
        action="store_true",
        default=_default(False, inherited),
        help="start with what is installed, whether or not it fits the requirements",
    )


def _default(value: object, inherited: bool) -> object:
    """A subcommand must not overwrite by its own default what stood before the command's name."""
    return argparse.SUPPRESS if inherited else value


def _device_number(text: str) -> int:
    if not text.isdecimal() or int(text) > 255:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a card. Choose a whole number from 0 on.")
    return int(text)
