"""The command line of launch.py and webui.py: one parser, A1111's flag names where they mean the same."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from modules.config.extras_words import EXTRAS_WORDS, USUAL_UPSCALER
from modules.config.flag_groups import add_engine, add_folders, add_installation
from modules.config.paths import Paths, resolve_paths
from modules.config.request_words import OF_IMG2IMG_ALONE, OF_TXT2IMG_ALONE, REQUEST_WORDS
from modules.config.server_flags import add_server_flags
from modules.config.typed_fields import add_fields, typed_fields
from modules.errors import InvalidSetting

INSTALLATION_FLAGS = ("--reinstall", "--skip-install")
ENVIRONMENT_VARIABLES = """\
environment variables:
  COMMANDLINE_ARGS  arguments that are put before those given here
  TORCH_INDEX_URL   where PyTorch is installed from, for a build that suits the machine: pytorch.org shows
                    the addresses for processors alone, AMD cards (ROCm) and other versions of CUDA.
                    Remembered until --reinstall
  TORCH_COMMAND     arguments for pip that install PyTorch, in place of the pinned versions: for example
                    "torch==2.14.1 torchvision==0.29.1". Remembered until --reinstall
  INDEX_URL         package index for everything else; default: the one that pip is configured to
"""
TaskName = Literal["txt2img", "img2img"]
_MODEL_FOLDERS = (
    "models_dir",
    "ckpt_dir",
    "vae_dir",
    "lora_dir",
    "embeddings_dir",
    "hypernetwork_dir",
    "controlnet_dir",
    "vae_approx_dir",
)
MERGE_METHODS = ("No interpolation", "Weighted sum", "Add difference")


def parse_command_line(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse arguments (without the program's name), after those in the environment's COMMANDLINE_ARGS.

    The result's `command` is "ui", "test", "generate", "upscale", "doctor", "download", "merge", "convert", "user" or
    "token". Exits with a message on bad arguments.
    """
    parser = build_parser()
    try:
        given = [*split_words(os.environ.get("COMMANDLINE_ARGS", "")), *arguments]
    except ValueError as error:
        parser.error(f"COMMANDLINE_ARGS cannot be read: {error}")
    options, unknown = parser.parse_known_args(given)
    if options.command == "test":
        # pytest's own flags are not ours to know, so all that follows the command is its, in order.
        following = given[_position_of_command(parser, given) + 1 :]
        options.pytest_arguments = [argument for argument in following if argument not in INSTALLATION_FLAGS]
    elif unknown:
        parser.error(f"unknown arguments: {' '.join(unknown)}; --help lists the known ones")
    return options


def _position_of_command(parser: argparse.ArgumentParser, given: Sequence[str]) -> int:
    """Where the command's name stands: a word "test" after `--data-dir` is a folder."""
    takes_value = {flag for action in parser._actions if action.nargs != 0 for flag in action.option_strings}
    return next(
        position
        for position, word in enumerate(given)
        if word == "test" and (position == 0 or given[position - 1] not in takes_value)
    )


def split_words(text: str) -> list[str]:
    """The words of an environment variable, unquoted; no shell sees them. On Windows a backslash is no escape."""
    if os.name != "nt":
        return shlex.split(text)
    return [word.strip("\"'") for word in shlex.split(text, posix=False)]


def paths_of(options: argparse.Namespace) -> Paths:
    """The folders that parsed options ask for. Raises InvalidSetting for one to read from that does not exist."""
    readable: list[Path] = options.allow_folder or []
    upscalers: list[Path] = options.upscaler_dir or []
    for flag, folder in [
        *((name, getattr(options, name)) for name in _MODEL_FOLDERS),
        *(("allow_folder", one) for one in readable),
        *(("upscaler_dir", one) for one in upscalers),
    ]:
        if folder is not None and not folder.expanduser().is_dir():
            name = "--" + flag.replace("_", "-")
            raise InvalidSetting(f"{name} {folder} is no folder. Correct the path, or create the folder first.")
    return resolve_paths(
        data_dir=options.data_dir,
        **{name: getattr(options, name) for name in _MODEL_FOLDERS},
        upscaler_dirs=upscalers,
        adopted=options.adopt or (),
        styles_files=options.styles_file or (),
        readable_folders=readable,
    )


def build_parser() -> argparse.ArgumentParser:
    """The parser of every command; `--help` works on each."""
    parser = argparse.ArgumentParser(
        prog="launch.py",
        description="Atelier: a web UI for latent-diffusion image generation. Without a command it opens the web UI.",
        epilog=ENVIRONMENT_VARIABLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # it reads what stands behind a command too, and would take --vae for short of --vae-dir
    )
    add_installation(parser, inherited=False)
    add_folders(parser, inherited=False)
    add_engine(parser, inherited=False)
    add_server_flags(parser)
    parser.set_defaults(command="ui")
    commands = parser.add_subparsers(metavar="COMMAND")
    _add_test(commands)
    _add_generate(commands)
    _add_upscale(commands)
    _add_doctor(commands)
    _add_download(commands)
    _add_merge(commands)
    _add_convert(commands)
    _add_user(commands)
    _add_token(commands)
    return parser


def _add_test(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    test = commands.add_parser("test", help="install what is missing, test tools too, and run the whole test suite")
    add_installation(test, inherited=True)
    test.add_argument("pytest_arguments", nargs="*", metavar="...", help="passed on to pytest")
    test.set_defaults(command="test")


def _add_generate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    generate = commands.add_parser(
        "generate",
        help="make pictures from a prompt, or from pictures, and exit",
        usage="launch.py generate [OPTIONS] PROMPT",
    )
    add_fields(generate, REQUEST_WORDS)
    _add_batch(generate)
    _add_outlet(generate)
    generate.set_defaults(command="generate")


def _add_upscale(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    upscale = commands.add_parser(
        "upscale",
        help="enlarge finished pictures, restore their faces, cut them up, and exit",
        usage="launch.py upscale [OPTIONS] FILE [FILE ...]",
    )
    add_fields(upscale, EXTRAS_WORDS)
    _add_outlet(upscale)
    upscale.set_defaults(command="upscale")


def _add_batch(generate: argparse.ArgumentParser) -> None:
    group = generate.add_argument_group("batch", "paint every picture of a folder, in the place of --init-image")
    for flag, metavar, text in (
        ("--batch-dir", "DIR", "the folder with the pictures to begin with"),
        ("--batch-mask-dir", "DIR", "a folder with masks by the pictures' names; one alone is for all"),
    ):
        group.add_argument(flag, type=Path, metavar=metavar, help=text)
    group.add_argument(
        "--batch-take",
        type=_words,
        default=[],
        metavar="FIELD[,...]",
        help="what to take from the parameters in each picture: prompt and negative_prompt, which are put behind "
        "what is given here, seed, cfg_scale, sampler_name, steps, model",
    )
    group.add_argument("--batch-folder", metavar="NAME", help="where the results go, below outputs/img2img-images")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _add_outlet(command: argparse.ArgumentParser) -> None:
    """What every command has that makes pictures."""
    command.add_argument(
        "--output", type=Path, metavar="FILE|DIR", help="also write the picture here (a folder, or a .png name)"
    )
    add_installation(command, inherited=True)
    add_folders(command, inherited=True)
    add_engine(command, inherited=True)


def request_fields(options: argparse.Namespace) -> tuple[TaskName, dict[str, Any]]:
    """The task of `generate`, and what it was given by the names of its request's fields, as it was typed.

    Pictures are Paths. Raises InvalidSetting for what belongs to another task.
    """
    fields = typed_fields(options, REQUEST_WORDS)
    _check_batch(options, fields)
    given = "--init-image" if "init_images" in fields else "--batch-dir" if options.batch_dir else None
    task: TaskName = "img2img" if given else "txt2img"
    others = OF_TXT2IMG_ALONE if given else OF_IMG2IMG_ALONE
    if wrong := next((REQUEST_WORDS[name].flag for name in fields if name in others), None):
        raise InvalidSetting(
            f"{wrong} is for pictures without an input. Leave it or {given} out."
            if given
            else f"{wrong} needs a picture to begin with: --init-image FILE or --batch-dir DIR."
        )
    return task, fields


def _check_batch(options: argparse.Namespace, fields: Mapping[str, Any]) -> None:
    """Raises InvalidSetting where the flags of a batch do not fit those around them."""
    flags = {"--batch-mask-dir": options.batch_mask_dir, "--batch-take": options.batch_take}
    flags["--batch-folder"] = options.batch_folder
    if options.batch_dir is None:
        if wrong := next((flag for flag, value in flags.items() if value), None):
            raise InvalidSetting(f"{wrong} needs --batch-dir DIR, the folder with the pictures to begin with.")
    elif "init_images" in fields:
        raise InvalidSetting("--init-image cannot stand beside --batch-dir. Leave one of them out.")
    elif options.batch_mask_dir is not None and "mask" in fields:
        raise InvalidSetting("--mask cannot stand beside --batch-mask-dir. Leave one of them out.")


def extras_fields(options: argparse.Namespace) -> dict[str, Any]:
    """What `upscale` was given, by the names of a request's fields, as it was typed; pictures are Paths.

    Raises InvalidSetting where it names both a factor and a size.
    """
    fields = {"upscaler_1": USUAL_UPSCALER, **typed_fields(options, EXTRAS_WORDS)}
    sides = fields.keys() & {"upscaling_resize_w", "upscaling_resize_h"}
    if sides and "resize_mode" not in fields:
        if "upscaling_resize" in fields:
            raise InvalidSetting("--upscale-by cannot stand beside --width and --height. Leave one of them out.")
        fields["resize_mode"] = "Scale to"
    return fields


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    doctor = commands.add_parser("doctor", help="tell what was found: device, models, versions, speed; for bug reports")
    add_installation(doctor, inherited=True)
    add_folders(doctor, inherited=True)
    add_engine(doctor, inherited=True)
    doctor.set_defaults(command="doctor")


def _add_download(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    download = commands.add_parser(
        "download",
        help="fetch a model into its folder, or go on fetching it; without a model, list well-known ones",
        usage="launch.py download [OPTIONS] [ID | REPOSITORY FILE | ADDRESS]",
    )
    download.add_argument("model", nargs="?", default="", help="an id of the list, OWNER/NAME, or an address")
    download.add_argument("file", nargs="?", default="", help="which file of the repository")
    group = download.add_argument_group("download")
    group.add_argument("--kind", default="", metavar="KIND", help="what it is; default: what the file is found to be")
    group.add_argument("--name", default="", metavar="NAME", help="what to call the file; default: its own name")
    group.add_argument("--sha256", default="", metavar="DIGITS", help="what the file must have; the hub tells it")
    group.add_argument("--revision", default="main", metavar="NAME", help="branch, tag or commit of the repository")
    group.add_argument("--allow-private-downloads", action="store_true", help="let private addresses through")
    add_installation(download, inherited=True)
    add_folders(download, inherited=True)
    download.set_defaults(command="download")


def _add_merge(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    merge = commands.add_parser(
        "merge",
        help="make a checkpoint of one, two or three others, and exit",
        usage="launch.py merge [OPTIONS] A [B [C]]",
    )
    merge.add_argument("models", nargs="+", metavar="MODEL", help="a checkpoint's name, or a .safetensors file")
    group = merge.add_argument_group("merge")
    group.add_argument(
        "--method",
        choices=MERGE_METHODS,
        help="by default, as many models as are given: A alone, A (1 - M) + B M, or A + (B - C) M",
    )
    group.add_argument("--multiplier", type=float, default=0.3, metavar="M", help="default: 0.3")
    group.add_argument(
        "--blocks",
        default="",
        metavar="AMOUNTS",
        help="multipliers of single blocks, such as IN00-IN05=0.4,M00=0.5,OUT*=0..1,TE=0,VAE=0, or one for each block",
    )
    group.add_argument("--bake-vae", type=Path, metavar="FILE", help="put in the VAE of this file")
    group.add_argument("--dtype", choices=("fp16", "bf16", "fp32"), default="", help="default: that of A")
    group.add_argument(
        "--discard",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave tensors out, such as model_ema.*; may be repeated",
    )
    group.add_argument("--no-metadata", action="store_true", help="do not copy what the models' metadata say")
    group.add_argument("--output", default="", metavar="NAME", help="what to call the result, or a .safetensors file")
    group.add_argument("--overwrite", action="store_true", help="replace a file of that name")
    add_installation(merge, inherited=True)
    add_folders(merge, inherited=True)
    merge.set_defaults(command="merge")


def _add_convert(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    convert = commands.add_parser(
        "convert",
        help="turn a pickle (.ckpt, .pt, .pth, .bin) into a .safetensors file, in a process with few rights, and exit",
        usage="launch.py convert [OPTIONS] FILE",
    )
    convert.add_argument("file", type=Path, metavar="FILE", help="the pickle; it stays as it is")
    group = convert.add_argument_group("convert")
    group.add_argument("--output", type=Path, metavar="FILE", help="default: the same name with .safetensors")
    group.add_argument("--overwrite", action="store_true", help="replace a file of that name")
    group.add_argument(
        "--memory-limit", type=_positive, metavar="GB", help="for the process; default: twice the file's size and 1 GB"
    )
    group.add_argument("--time-limit", type=_positive, default=1800.0, metavar="SECONDS", help="default: 1800")
    add_installation(convert, inherited=True)
    add_folders(convert, inherited=True)
    convert.set_defaults(command="convert")


def _add_user(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    user = commands.add_parser(
        "user",
        help="say who may log in: add, list or remove; running servers know it at once",
        usage="launch.py user [OPTIONS] add NAME [--is-owner] | list | remove NAME",
    )
    user.add_argument("wish", choices=("add", "list", "remove"), help="add also changes the password of a user")
    user.add_argument("name", nargs="?", default="", metavar="NAME")
    user.add_argument("--is-owner", action="store_true", help="one who may change everything; the first user is one")
    add_installation(user, inherited=True)
    add_folders(user, inherited=True)
    user.set_defaults(command="user")


def _add_token(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    token = commands.add_parser(
        "token",
        help="what programs log in with: new, list or revoke",
        usage="launch.py token [OPTIONS] new USER [PURPOSE] | list | revoke ID",
    )
    token.add_argument("wish", choices=("new", "list", "revoke"))
    token.add_argument("subject", nargs="?", default="", metavar="USER|ID")
    token.add_argument("purpose", nargs="?", default="", help="what the list says it is for")
    add_installation(token, inherited=True)
    add_folders(token, inherited=True)
    token.set_defaults(command="token")


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number
