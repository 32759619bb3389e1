"""CLIP's own tokenizer without a file of the checkpoint's and without the network.

A single-file checkpoint has no tokenizer inside. Its vocabulary, the same for every Stable Diffusion, comes with the
package `open_clip_torch`; the package is only read, never imported.
"""

from __future__ import annotations

import functools
import gzip
import importlib.util
from pathlib import Path

from transformers import CLIPTokenizer

from modules.errors import BrokenInstallation

MAX_TOKENS = 77
_FILE = "bpe_simple_vocab_16e6.txt.gz"
_TOKENS = 49_408
_START, _END, _WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"


def clip_tokenizer(*, padding: str = _END) -> CLIPTokenizer:
    """The tokenizer of Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (2021).

    `padding` is what fills a chunk: the end mark for CLIP ViT-L, "!" for OpenCLIP's text encoders of SD 2 and SDXL.
    Raises BrokenInstallation where the package is missing.
    """
    vocabulary, merges = _vocabulary(_package_file())
    return CLIPTokenizer(vocab=vocabulary, merges=merges, pad_token=padding, model_max_length=MAX_TOKENS)


def _package_file() -> Path:
    found = importlib.util.find_spec("open_clip")
    folders = [] if found is None else list(found.submodule_search_locations or ())
    for folder in folders:
        if (path := Path(folder) / _FILE).is_file():
            return path
    raise BrokenInstallation(
        f"CLIP's vocabulary ({_FILE} of the package open_clip_torch) is missing. Run: python launch.py --reinstall"
    )


@functools.cache
def _vocabulary(path: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Ids by token, and merges by rank: single bytes, bytes that end a word, merged pairs, the two marks."""
    letters = _byte_letters()
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")
    first = 1  # a line that names the version
    count = _TOKENS - 2 * len(letters) - 2
    merges = [(left, right) for left, right in (line.split() for line in lines[first : first + count])]
    tokens = [*letters, *(letter + _WORD_END for letter in letters), *map("".join, merges), _START, _END]
    return {token: number for number, token in enumerate(tokens)}, merges


def _byte_letters() -> list[str]:
    """A printable letter for each byte: itself where it is one, else the next one from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [*map(chr, printable), *(chr(0x100 + number) for number in range(256 - len(printable)))]
