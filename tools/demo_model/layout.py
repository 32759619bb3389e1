"""Teaches the text encoder to say what stands where, so that the U-Net need not find it out from pictures alone.

The last tokens of a caption see all of it. Nine of them learn to name the kind and colour of what stands in their
ninth of the picture, one more to name ground, weather, style and count. The heads that read the answers are needed for
training only; what stays is a text encoder whose states a place of the picture can look itself up in.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.demo_model.grounds import GROUNDS, WEATHERS
from tools.demo_model.painting import standing
from tools.demo_model.palette import COLOURS
from tools.demo_model.scene import STYLES, Scene
from tools.demo_model.subjects import SUBJECTS

GRID = 3
CELLS = GRID * GRID
KINDS = (*SUBJECTS, "nothing")
COLOUR_NAMES = tuple(COLOURS)
COUNTS = (1, 2, 3, 4)
WHOLE = (len(GROUNDS), len(WEATHERS), len(STYLES), len(COUNTS))
IGNORED = -100
NOTHING = KINDS.index("nothing")


class LayoutHeads(nn.Module):
    """Reads kinds, colours and the whole scene from the last ten text states."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.kind = nn.Linear(width, len(KINDS))
        self.colour = nn.Linear(width, len(COLOURS))
        self.whole = nn.Linear(width, sum(WHOLE))

    def loss(self, states: Tensor, labels: Tensor) -> Tensor:
        """How wrong the answers are; states (captions, 77, width), labels as `layout_labels` gives them."""
        cells, whole = states[:, -CELLS:], self.whole(states[:, -CELLS - 1])
        kinds, colours, facts = labels[:, :CELLS], labels[:, CELLS : 2 * CELLS], labels[:, 2 * CELLS :]
        loss = _entropy(self.kind(cells).flatten(0, 1), kinds.flatten())
        loss = loss + _entropy(self.colour(cells).flatten(0, 1), colours.flatten())
        for scores, answers in zip(whole.split(WHOLE, 1), facts.unbind(1), strict=True):
            loss = loss + _entropy(scores, answers)
        return loss


def layout_labels(scenes: Sequence[Scene | None]) -> Tensor:
    """The right answers, one row per scene: kinds and colours of the cells, ground, weather, style and count.

    No scene (an empty caption) asks nothing; neither is the colour of an empty cell asked for.
    """
    return torch.tensor([_row(scene) for scene in scenes])


def _row(scene: Scene | None) -> list[int]:
    if scene is None:
        return [IGNORED] * (2 * CELLS + len(WHOLE))
    kinds, colours = [NOTHING] * CELLS, [IGNORED] * CELLS
    for thing, x, y, _ in standing(scene):
        cell = GRID * int(y * GRID) + int(x * GRID)
        kinds[cell], colours[cell] = KINDS.index(thing.kind), COLOUR_NAMES.index(thing.colour)
    facts = [GROUNDS.index(scene.ground), WEATHERS.index(scene.weather), STYLES.index(scene.style)]
    return [*kinds, *colours, *facts, COUNTS.index(scene.count)]


def _entropy(scores: Tensor, answers: Tensor) -> Tensor:
    """Cross entropy, 0 where nothing is asked."""
    asked = (answers != IGNORED).sum().clamp(min=1)
    return functional.cross_entropy(scores.float(), answers, reduction="sum", ignore_index=IGNORED) / asked
