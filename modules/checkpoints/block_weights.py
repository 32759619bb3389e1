"""How much of B goes into each block of a network when checkpoints are merged, as people write it.

    blocks  = list | rules
    list    = number , number ...      IN00 .. INxx, M00, OUT00 .. OUTxx; with one number more, the first is BASE
    rules   = place = amount , ...     a later rule wins over an earlier one
    place   = IN04 | IN00-IN05 | IN* | M00 | OUT* | UNET | TE | TE1 | TE2 | VAE | BASE
    amount  = number | number..number  the second form goes evenly from the first block of the place to its last

Stable Diffusion 1 and 2 have IN00-IN11, M00 and OUT00-OUT11, SDXL IN00-IN08, M00 and OUT00-OUT08. What stands before
the blocks (the time's and the size's embedding) goes with IN00, what follows them with the last OUT. TE are the text
encoders, and BASE all that lies outside of the network. Places that are not named get the multiplier.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from modules.checkpoints.merge_recipe import check_multiplier
from modules.errors import InvalidRequest

FIELD = "Blocks"
MOST_CHARACTERS = 2000
_NETWORK = "model.diffusion_model."
_OUTSIDE = {
    "TE1": ("cond_stage_model.", "conditioner.embedders.0."),
    "TE2": ("conditioner.embedders.1.",),
    "VAE": ("first_stage_model.",),
}
_SYNONYMS = {"MID": "M00", "MID00": "M00", "M": "M00"}
_FORM = "Write for example IN00-IN05=0.4, M00=0.5, OUT*=0..1, TE=0, or one number for each block."


class BlockWeights:
    """The amounts of one merge, by the names of tensors."""

    def __init__(self, text: str, names: Iterable[str], multiplier: float) -> None:
        """`names` are those of the primary checkpoint's tensors. Raises InvalidRequest for a text of another form."""
        self._multiplier = multiplier
        blocks = _blocks_of(names) if text.strip() else []
        self._last = blocks[-1] if blocks else ""
        self._amounts = _read(text, blocks) if text.strip() else {}

    def of(self, name: str) -> float:
        """The amount for a tensor."""
        return self._amounts.get(self._place(name), self._multiplier)

    def _place(self, name: str) -> str:
        if not name.startswith(_NETWORK):
            return next((place for place, starts in _OUTSIDE.items() if name.startswith(starts)), "")
        part, _, rest = name.removeprefix(_NETWORK).partition(".")
        if part == "middle_block":
            return "M00"
        if part in ("input_blocks", "output_blocks"):
            return _numbered(part, rest)
        return self._last if part == "out" else "IN00"


def _blocks_of(names: Iterable[str]) -> list[str]:
    """The network's blocks in the order in which it passes them. Raises InvalidRequest where it has none."""
    found: dict[str, set[str]] = {"input_blocks": set(), "output_blocks": set()}
    for name in names:
        part, _, rest = name.removeprefix(_NETWORK).partition(".")
        if name.startswith(_NETWORK) and part in found:
            found[part].add(_numbered(part, rest))
    if not all(found.values()):
        raise InvalidRequest(FIELD, "", "are for checkpoints with Stable Diffusion's own names", "Leave them empty.")
    return [*sorted(found["input_blocks"]), "M00", *sorted(found["output_blocks"])]


def _numbered(part: str, rest: str) -> str:
    return f"{'IN' if part == 'input_blocks' else 'OUT'}{rest.partition('.')[0]:0>2}"


def _read(text: str, blocks: list[str]) -> dict[str, float]:
    if len(text) > MOST_CHARACTERS:
        raise InvalidRequest(FIELD, text, f"are longer than {MOST_CHARACTERS:,} characters", _FORM)
    entries = [entry.strip() for entry in text.replace("\n", ",").split(",") if entry.strip()]
    if "=" not in text:
        return _listed([_number(entry) for entry in entries], blocks, text)
    amounts: dict[str, float] = {}
    for entry in entries:
        place, _, amount = (part.strip() for part in entry.partition("="))
        places = _places(place.upper(), blocks, entry)
        amounts.update(zip(places, _spread(amount, len(places)), strict=True))
    return amounts


def _listed(numbers: list[float], blocks: list[str], text: str) -> dict[str, float]:
    if len(numbers) == len(blocks):
        return dict(zip(blocks, numbers, strict=True))
    if len(numbers) == len(blocks) + 1:
        return dict(zip([*_OUTSIDE, *blocks], [*numbers[:1] * len(_OUTSIDE), *numbers[1:]], strict=True))
    raise InvalidRequest(
        FIELD,
        text,
        f"are {len(numbers)} numbers, and this network has {len(blocks)} blocks",
        f"Write {len(blocks)} numbers, or {len(blocks) + 1} with BASE first.",
    )


def _places(place: str, blocks: list[str], entry: str) -> list[str]:
    """The places that the left side of a rule means, in their order."""
    groups: Mapping[str, list[str]] = {
        "UNET": blocks,
        "IN*": [block for block in blocks if block.startswith("IN")],
        "OUT*": [block for block in blocks if block.startswith("OUT")],
        "TE": ["TE1", "TE2"],
        "BASE": list(_OUTSIDE),
        **{name: [name] for name in (*_OUTSIDE, *blocks)},
    }
    if place in groups:
        return groups[place]
    ends = [_SYNONYMS.get(end.strip(), end.strip()) for end in place.split("-")]
    if len(ends) <= 2 and all(end in blocks for end in ends):
        first, last = blocks.index(ends[0]), blocks.index(ends[-1])
        if first <= last:
            return blocks[first : last + 1]
    known = f"{blocks[0]} to {_last_in(blocks)}, M00, OUT00 to {blocks[-1]}, IN*, OUT*, UNET, TE, TE1, TE2, VAE, BASE"
    raise InvalidRequest(FIELD, entry, "names no block of this network", f"There are {known}, and ranges of blocks.")


def _last_in(blocks: list[str]) -> str:
    return blocks[blocks.index("M00") - 1]


def _spread(amount: str, count: int) -> list[float]:
    """An amount for each of so many places: the same for all, or evenly from one to another."""
    first, dots, last = amount.partition("..")
    start = _number(first)
    end = _number(last) if dots else start
    return [start + (end - start) * place / max(count - 1, 1) for place in range(count)]


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise InvalidRequest(FIELD, text, "is no number", _FORM)
    check_multiplier(FIELD, number)
    return number
