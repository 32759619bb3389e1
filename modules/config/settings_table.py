"""The settings table: name, section, label, type, limits, default, help. A1111's names and sections are kept.

The Settings tab, the API and `docs/settings.md` are made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal

from modules.errors import InvalidSetting

ATTENTION_KINDS = ("sdp", "sdp-no-mem", "sub-quadratic", "xformers", "flash", "sage")
"""Ways to compute attention; modules.diffusion.attention knows them."""
MOST_CHARACTERS = 1000
"""Of a text, and of an entry of a list."""
MOST_ENTRIES = 100

SettingType = Literal["bool", "int", "float", "str", "list"]

_SAVING = "Saving images/grids"
_FOLDERS = "Saving to a directory"
_MODELS = "Stable Diffusion"
_IMG2IMG = "img2img"
_SAMPLER = "Sampler parameters"
_VAE = "VAE"
_SPEED = "Optimizations"
_PREVIEWS = "Live previews"
_INFOTEXT = "Infotext"
_PAGE = "User interface"
_QUEUE = "Queue"
_API = "API"
_EXTENSIONS = "Extensions"


def _setting(
    default: Any,
    section: str,
    label: str,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    restart: bool = False,
) -> Any:
    """A row; `restart`: it acts when the program is started."""
    told = {"section": section, "label": label, "help": help, "choices": choices, "restart": restart}
    return field(default=default, metadata={**told, "minimum": minimum, "maximum": maximum})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One row per setting; a value of another type, or outside of choices and limits, is refused.

    The rows of a section stand together.
    """

    samples_format: str = _setting(
        "png",
        _SAVING,
        "File format for images",
        "PNG keeps every pixel; JPEG and WebP are smaller and keep the parameters in their EXIF data.",
        choices=("png", "jpg", "webp"),
    )
    samples_filename_pattern: str = _setting(
        "",
        _SAVING,
        "Images filename pattern",
        "How files are called, such as [model_name]-[seed] or [datetime]-[prompt_words]; empty: [seed]. "
        "docs/settings.md lists the words in brackets.",
    )
    save_images_add_number: bool = _setting(
        True, _SAVING, "Add number to filename when saving", "Begin the names of files with a number that counts up."
    )
    jpeg_quality: int = _setting(
        80,
        _SAVING,
        "Quality for saved jpeg and webp images",
        "From 1, small and blurred, to 100, large and faithful.",
        minimum=1,
        maximum=100,
    )
    webp_lossless: bool = _setting(
        False, _SAVING, "Use lossless compression for webp images", "WebP files then keep every pixel, as PNG does."
    )
    save_txt: bool = _setting(
        False,
        _SAVING,
        "Create a text file next to every image with generation parameters",
        "For programs that read the parameters from there; the picture carries them in any case.",
    )
    save_incomplete_images: bool = _setting(
        False,
        _SAVING,
        "Save incomplete images",
        "Keep pictures that were interrupted or skipped in the middle as far as they were.",
    )
    grid_save: bool = _setting(
        False,
        _SAVING,
        "Always save all generated image grids",
        "Where a job makes several pictures, save one of all of them besides. Grids of scripts are always saved.",
    )
    grid_format: str = _setting(
        "png",
        _SAVING,
        "File format for grids",
        "The same for grids, which may be large.",
        choices=("png", "jpg", "webp"),
    )
    n_rows: int = _setting(
        -1,
        _SAVING,
        "Grid row count",
        "Rows of a grid of a job's pictures; -1: as many as make it nearly square; 0: as many as a batch has pictures.",
        minimum=-1,
        maximum=16,
    )
    save_images_before_highres_fix: bool = _setting(
        False,
        _SAVING,
        "Save a copy of image before applying highres fix",
        "The picture of the first pass is kept besides, with parameters that make it again.",
    )
    save_images_before_color_correction: bool = _setting(
        False,
        _SAVING,
        "Save a copy of image before applying color correction to img2img results",
        "So that both can be compared.",
    )
    save_mask: bool = _setting(
        False,
        _SAVING,
        "For inpainting, save a copy of the greyscale mask",
        "White where the picture was painted anew, as it was blurred.",
    )
    save_mask_composite: bool = _setting(
        False,
        _SAVING,
        "For inpainting, save a masked composite",
        "The painted part alone, on a transparent ground.",
    )
    save_to_dirs: bool = _setting(
        True, _FOLDERS, "Save images to a subdirectory", "Sort pictures into folders, which the pattern below names."
    )
    grid_save_to_dirs: bool = _setting(
        True, _FOLDERS, "Save grids to a subdirectory", "Sort grids into folders by the same pattern."
    )
    directories_filename_pattern: str = _setting(
        "[date]",
        _FOLDERS,
        "Directory name pattern",
        "What the folders are called, below those of txt2img, img2img and grids; a / begins a folder in a folder. "
        "Empty: [date].",
    )
    directories_max_prompt_words: int = _setting(
        8,
        _FOLDERS,
        "Max prompt words for [prompt_words] pattern",
        "How many words of the prompt [prompt_words] stands for, in names of folders and of files.",
        minimum=1,
        maximum=20,
    )
    sd_model_checkpoint: str = _setting(
        "",
        _MODELS,
        "Stable Diffusion checkpoint",
        "Checkpoint used when a request names none; empty: the first one found.",
    )
    model_memory_gib: int = _setting(
        0,
        _MODELS,
        "Memory for checkpoints that stay loaded",
        "In GiB; 0: half of the computer's memory.",
        minimum=0,
        maximum=65536,
    )
    sd_checkpoints_limit: int = _setting(
        0,
        _MODELS,
        "Maximum number of checkpoints loaded at the same time",
        "At most so many stay in memory, however much of it there is; 0: as many as fit.",
        minimum=0,
        maximum=100,
    )
    randn_source: str = _setting(
        "NV",
        _MODELS,
        "Random number generator source",
        "Where the starting noise comes from when a request does not say. NV gives the picture of an NVIDIA card "
        "on every device, CPU the processor's own, GPU that of the device at hand.",
        choices=("NV", "CPU", "GPU"),
    )
    CLIP_stop_at_last_layers: int = _setting(
        1,
        _MODELS,
        "Clip skip",
        "Which layer of the text encoder is used, counted from the last, when a request does not say.",
        minimum=1,
        maximum=12,
    )
    emphasis: str = _setting(
        "Original",
        _MODELS,
        "Emphasis mode",
        "How (x:1.3) is carried out when a request does not say. No norm: without bringing the mean back. Ignore: "
        "brackets go, weights have no effect. None: brackets are text.",
        choices=("Original", "No norm", "Ignore", "None"),
    )
    comma_padding_backtrack: int = _setting(
        20,
        _MODELS,
        "Prompt word wrap length limit",
        "How many tokens back a comma is looked for, to end a chunk of 75 there, when a request does not say; 0: none.",
        minimum=0,
        maximum=74,
    )
    img2img_color_correction: bool = _setting(
        False,
        _IMG2IMG,
        "Apply color correction to img2img results to match original colors",
        "Give results the colours of their input when a request does not say.",
    )
    eta_ancestral: float = _setting(
        1.0,
        _SAMPLER,
        "Eta for k-diffusion samplers",
        "Share of fresh noise in each step of Euler a and its like when a request does not say; 0: none.",
        minimum=0,
        maximum=1,
    )
    eta_ddim: float = _setting(
        0.0,
        _SAMPLER,
        "Eta for DDIM",
        "Share of fresh noise in each step of DDIM when a request does not say; 0: none.",
        minimum=0,
        maximum=1,
    )
    eta_noise_seed_delta: int = _setting(
        0,
        _SAMPLER,
        "Eta noise seed delta",
        "Added to the seed for all noise after the first when a request does not say; 31337 is that of NovelAI.",
        minimum=-(2**32),
        maximum=2**32,
    )
    sd_vae: str = _setting(
        "Automatic",
        _VAE,
        "SD VAE",
        "VAE used when a request names none: a file's name; None for the one inside of the checkpoint; Automatic for "
        "the file that is named after the checkpoint, else the one inside of it.",
    )
    cross_attention_optimization: str = _setting(
        "Automatic",
        _SPEED,
        "Cross attention optimization",
        "How attention is computed: Automatic picks what is fastest on this device.",
        choices=("Automatic", *ATTENTION_KINDS),
    )
    fp8_storage: str = _setting(
        "Disable",
        _SPEED,
        "FP8 weight",
        "Store the network's weights in eight bits: half the memory, slightly other pictures, slower steps.",
        choices=("Disable", "Enable for SDXL", "Enable"),
    )
    live_previews_enable: bool = _setting(
        True, _PREVIEWS, "Show live previews of the created image", "Show the picture while it is being made."
    )
    show_progress_type: str = _setting(
        "TAESD",
        _PREVIEWS,
        "Live preview method",
        "How live previews are made. TAESD: by the tiny decoder in models/VAE-approx where there is one for the model, "
        "else as Approx. Approx: by a linear map fitted to the VAE, at no cost. Full: by the VAE, which takes as long "
        "as several steps.",
        choices=("TAESD", "Approx NN", "Approx cheap", "Full"),
    )
    show_progress_every_n_steps: int = _setting(
        1, _PREVIEWS, "Live preview display period", "Steps between two live previews.", minimum=1, maximum=150
    )
    interrupt_after_current: bool = _setting(
        True,
        _PREVIEWS,
        "Don't Interrupt in the middle",
        "Where a job makes its pictures one batch after another, an interrupt lets the current one be finished, and a "
        "second interrupt stops it.",
    )
    enable_pnginfo: bool = _setting(
        True,
        _INFOTEXT,
        "Write infotext to metadata of the generated image",
        "So that a picture can be made again from its file alone. Without it the parameters stand in the gallery only.",
    )
    quicksettings_list: tuple[str, ...] = _setting(
        ("sd_model_checkpoint",),
        _PAGE,
        "Quicksettings list",
        "What stands at the top of the page besides the model: names of settings, such as sd_vae, and of fields of the "
        "forms, such as clip_skip.",
        restart=True,
    )
    ui_tab_order: tuple[str, ...] = _setting(
        (), _PAGE, "UI tab order", "Tabs that come first, by their titles; the others follow in their usual order.",
        restart=True,
    )  # fmt: skip
    hidden_tabs: tuple[str, ...] = _setting(
        (),
        _PAGE,
        "Hidden UI tabs",
        "Tabs that the page leaves out, by their titles. Settings always stays.",
        restart=True,
    )
    queue_limit: int = _setting(
        64,
        _QUEUE,
        "Jobs that may wait",
        "How many jobs may wait at once; more are refused.",
        minimum=1,
        maximum=1_000_000,
    )
    jobs_per_user: int = _setting(
        32,
        _QUEUE,
        "Jobs of one person that may wait",
        "How many jobs of one person who logs in may wait at once; more are refused.",
        minimum=1,
        maximum=1_000_000,
    )
    job_quiet_limit: int = _setting(
        30,
        _QUEUE,
        "Minutes until a silent job is stopped",
        "Minutes without a step, a picture or other news of a job before it is stopped, since it hangs, and its worker "
        "replaced; 0: no limit.",
        minimum=0,
        maximum=100_000,
    )
    job_time_limit: int = _setting(
        0,
        _QUEUE,
        "Minutes that a job may take",
        "Minutes that a job may take in all before it is stopped and its worker replaced; 0: no limit.",
        minimum=0,
        maximum=100_000,
    )
    api_enable_requests: bool = _setting(
        True,
        _API,
        "Allow http:// and https:// URLs for input images in API",
        "Let programs name pictures by web addresses, which the server then fetches (docs/a1111_api.md).",
    )
    api_forbid_local_requests: bool = _setting(
        True,
        _API,
        "Forbid URLs to local resources",
        "Fetch those from public addresses alone, and from none of this machine or its network.",
    )
    extension_index: str = _setting(
        "",
        _EXTENSIONS,
        "Extension index URL",
        "Where a list of extensions lies, as JSON in the format of A1111's index; empty: none.",
    )
    extension_time_limit: int = _setting(
        300,
        _EXTENSIONS,
        "Seconds that a hook may take",
        "Seconds that a hook of an extension may take while a job runs. A picture that is being saved is then saved "
        "without it, and elsewhere the job ends; 0: no limit.",
        minimum=0,
        maximum=100_000,
    )


ROWS: Mapping[str, Field[Any]] = {row.name: row for row in fields(Settings)}
"""The rows by name."""


def type_of(name: str) -> SettingType:
    """What the values of a setting are."""
    kind: Any = type(ROWS[name].default)
    found: SettingType = "list" if kind is tuple else kind.__name__
    return found


def check_setting(name: str, value: object) -> Any:
    """The value as the table holds it. Raises InvalidSetting unless it fits the row for `name`."""
    if name not in ROWS:
        raise InvalidSetting(f"Setting {name!r} does not exist.")
    row = ROWS[name]
    if isinstance(row.default, tuple):
        return _checked_list(name, value)
    wanted = type(row.default)
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise InvalidSetting(f"Setting {name} must be of type {wanted.__name__}, not {value!r}.")
    choices = row.metadata["choices"]
    if choices and value not in choices:
        raise InvalidSetting(f"Setting {name} cannot be {value!r}. Choose one of: {', '.join(choices)}.")
    if isinstance(value, str):
        _check_text(name, value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        _check_limits(name, value)
    return value


def _checked_list(name: str, value: object) -> tuple[str, ...]:
    entries = [entry for entry in value if isinstance(entry, str)] if isinstance(value, (list, tuple)) else None
    if entries is None or not isinstance(value, (list, tuple)) or len(entries) != len(value):
        raise InvalidSetting(f"Setting {name} must be a list of texts, not {value!r}.")
    if len(entries) > MOST_ENTRIES:
        raise InvalidSetting(f"Setting {name} has {len(entries)} entries. The most is {MOST_ENTRIES}.")
    for entry in entries:
        _check_text(name, entry)
    return tuple(dict.fromkeys(entry.strip() for entry in entries if entry.strip()))


def _check_text(name: str, text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise InvalidSetting(f"Setting {name} has {len(text)} characters. The most is {MOST_CHARACTERS}.")
    if text and not text.isprintable():
        raise InvalidSetting(f"Setting {name} has characters that cannot be shown. Leave them out.")


def _check_limits(name: str, value: float) -> None:
    minimum, maximum = ROWS[name].metadata["minimum"], ROWS[name].metadata["maximum"]
    if value != value or (minimum is not None and value < minimum):  # a NaN is no number at all
        raise InvalidSetting(f"Setting {name} cannot be {value}. The least is {minimum}.")
    if maximum is not None and value > maximum:
        raise InvalidSetting(f"Setting {name} cannot be {value}. The most is {maximum}.")
