"""The CLIP-style tokenizer: byte-pair merges grown so that every caption word is one token. Knows nothing of networks.

New words are appended behind the tokens a given tokenizer already has, so embeddings learnt for those keep their place.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import CLIPTokenizer

from tools.demo_model.captions import vocabulary

START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
MAX_TOKENS = 77

logger = logging.getLogger(__name__)

Merge = tuple[str, str]


@dataclass(frozen=True)
class Vocabulary:
    """Token strings in the order of their ids, and the merges in the order of their rank."""

    tokens: tuple[str, ...]
    merges: tuple[Merge, ...]


def bare_vocabulary() -> Vocabulary:
    """Single bytes, inside and at the end of a word, and the two marks: all can be spelled, nothing is merged."""
    letters = _byte_letters()
    return Vocabulary((*letters, *(letter + WORD_END for letter in letters), START, END), ())


def read_vocabulary(folder: Path) -> Vocabulary:
    """The vocabulary of a saved tokenizer folder."""
    ids: dict[str, int] = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    merges = [
        (first, second) for first, second in (line.split(" ") for line in lines if line and not line.startswith("#"))
    ]
    return Vocabulary(tuple(sorted(ids, key=ids.__getitem__)), tuple(merges))


def split_word(word: str, merges: Sequence[Merge]) -> list[str]:
    """The pieces byte-pair encoding cuts an ASCII word into, merges of low rank first."""
    ranks = {merge: rank for rank, merge in enumerate(merges)}
    pieces = [*word[:-1], word[-1] + WORD_END]
    while len(pieces) > 1:
        pairs = list(zip(pieces, pieces[1:], strict=False))
        best = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        at = pairs.index(best)
        pieces[at : at + 2] = ["".join(best)]
    return pieces


def extended(base: Vocabulary, words: Iterable[str]) -> Vocabulary:
    """The vocabulary with merges added until each word is a single token; old tokens keep their ids."""
    tokens, merges = list(base.tokens), list(base.merges)
    known = set(tokens)
    for word in words:
        pieces = split_word(word, merges)
        while len(pieces) > 1:
            merge = (pieces[0], pieces[1])
            merges.append(merge)
            if "".join(merge) not in known:
                tokens.append("".join(merge))
                known.add("".join(merge))
            pieces = split_word(word, merges)
    return Vocabulary(tuple(tokens), tuple(merges))


def write_tokenizer(vocabulary_: Vocabulary, folder: Path) -> CLIPTokenizer:
    """Save the vocabulary as a CLIPTokenizer folder (vocab.json, merges.txt, tokenizer.json) and load it."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = {token: number for number, token in enumerate(vocabulary_.tokens)}
    (folder / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(merge) for merge in vocabulary_.merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    made = CLIPTokenizer(vocab=ids, merges=list(vocabulary_.merges), model_max_length=MAX_TOKENS)
    made.save_pretrained(folder)
    return load_tokenizer(folder)


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer of a folder."""
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder)
    return tokenizer


def build_tokenizer(folder: Path, base: Path | None = None) -> CLIPTokenizer:
    """Make the tokenizer of the world's captions, behind the tokens of `base` if given."""
    start = bare_vocabulary() if base is None else read_vocabulary(base)
    full = extended(start, vocabulary())
    logger.info("%d tokens, %d of them new", len(full.tokens), len(full.tokens) - len(start.tokens))
    return write_tokenizer(full, folder)


def _byte_letters() -> list[str]:
    """The printable stand-ins byte-level BPE uses for the 256 bytes, sorted."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in plain}
    for number, byte in enumerate(byte for byte in range(256) if byte not in letters):
        letters[byte] = chr(256 + number)
    return sorted(letters.values())


def main() -> None:
    """Make the tokenizer of the world's captions."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("output", type=Path, help="folder to write")
    parser.add_argument("--base", type=Path, help="tokenizer folder whose tokens keep their ids")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    build_tokenizer(arguments.output, arguments.base)


if __name__ == "__main__":
    main()
