"""What an infotext says that pictures are looked for by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modules.prompt.extra_networks import LORA_KINDS, extra_networks
from modules.schema.infotext import Infotext, parse_infotext
from modules.schema.infotext_versions import PROGRAM, version_of

HERE = ""
UNKNOWN = "unknown"
_MOST_LORAS = 100
_LONGEST_NAME = 300


@dataclass(frozen=True)
class InfotextFacts:
    """Names are "" where the text does not tell them."""

    prompt: str
    negative_prompt: str
    model: str
    sampler: str
    loras: tuple[str, ...]
    origin: str
    """The program that wrote it; HERE for this one, UNKNOWN where the text does not tell."""
    seed: int | None


def facts_of(infotext: str) -> InfotextFacts:
    """The facts of any text; never raises."""
    parsed = parse_infotext(infotext)
    given = parsed.parameters
    return InfotextFacts(
        prompt=parsed.prompt,
        negative_prompt=parsed.negative_prompt,
        model=given.get("Model", "")[:_LONGEST_NAME],
        sampler=given.get("Sampler", "")[:_LONGEST_NAME],
        loras=tuple(dict.fromkeys(_loras(parsed)))[:_MOST_LORAS],
        origin=_origin(parsed),
        seed=_seed(given.get("Seed", "")),
    )


def _loras(parsed: Infotext) -> Iterator[str]:
    """By the tags of the prompts, and by the list of hashes, which also names those of a wildcard's draw."""
    for text in (parsed.prompt, parsed.parameters.get("Hires prompt", "")):
        if "<" in text:
            for tag in extra_networks(text):
                if tag.kind in LORA_KINDS and tag.arguments:
                    yield tag.arguments[0][:_LONGEST_NAME]
    for row in parsed.parameters.get("Lora hashes", "").split(","):
        if name := row.rpartition(":")[0].strip():
            yield name[:_LONGEST_NAME]


def _origin(parsed: Infotext) -> str:
    given = parsed.parameters
    version = given.get("Version", "")
    if version.startswith(PROGRAM):
        return HERE
    if named := next((name for name in ORIGINS if version.startswith(name)), ""):
        return named
    if given.get("App", "").startswith("SD.Next"):
        return "SD.Next"
    if version.startswith(("f", "neo", "classic")):
        return "Forge"
    return "A1111" if version_of(version) or "Steps" in given else UNKNOWN


ORIGINS = ("ComfyUI", "InvokeAI", "Fooocus", "NovelAI", "Draw Things", "Easy Diffusion", "SwarmUI")
"""Programs that write no infotext of their own; what is read of them is put into one that names them as its version."""


def _seed(text: str) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) <= 19
    return int(text) if is_number and int(text) < 1 << 63 else None
