"""Contact sheets: many pictures in one, to look at. As a command it draws random scenes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from tools.demo_model.painting import paint
from tools.demo_model.scene import Scene, Thing, training_scene, visible
from tools.demo_model.subjects import SUBJECTS


def contact_sheet(pictures: Sequence[Image.Image], columns: int) -> Image.Image:
    """The pictures in rows, row by row."""
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), (255, 255, 255))
    for number, picture in enumerate(pictures):
        sheet.paste(picture, (number % columns * width, number // columns * height))
    return sheet


def main() -> None:
    """Draw a sheet of random training scenes, or of every subject once."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("output", type=Path, help="PNG file to write")
    parser.add_argument("--count", type=int, default=96, help="how many scenes")
    parser.add_argument("--columns", type=int, default=12)
    parser.add_argument("--side", type=int, default=128, help="side of one picture in pixels")
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    parser.add_argument("--style", help="every subject once in this style, instead of random scenes")
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + arguments.count)
    if arguments.style:
        colours = ["red", "blue", "yellow", "green", "purple", "orange", "pink", "white", "grey", "brown"]
        scenes = [
            Scene(
                first=Thing(kind, colours[n % 10]),
                ground=("day", "plain-pink", "night", "plain-white", "sea", "city", "forest")[n % 7],
                style=arguments.style,
            )
            for n, kind in enumerate(SUBJECTS)
        ]
        scenes = [scene for scene in scenes if visible(scene.first, scene.ground, scene.style)]
    else:
        scenes = [training_scene(seed) for seed in seeds]
    pictures = [paint(scene, arguments.seed + n, arguments.side) for n, scene in enumerate(scenes)]
    contact_sheet(pictures, arguments.columns).save(arguments.output)


if __name__ == "__main__":
    main()
