"""Take every picture of the page that the documentation shows, or some of them.

python -m tools.screenshots docs/images [--only NAME ...] [--address URL]

A server is started on a data folder of its own, filled with pictures of the demo model, and looked at with Chromium.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError

from tools.screenshots.contents import Contents, fill
from tools.screenshots.scenes import SCENES, Scene
from tools.screenshots.server import running_server
from tools.screenshots.window import Windows


def main() -> int:
    """Take them."""
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    wanted = [scene for scene in SCENES if not options.only or scene.name in options.only]
    with ExitStack() as at_the_end:
        address = options.address
        if not address:
            data = Path(at_the_end.enter_context(tempfile.TemporaryDirectory()))
            address = at_the_end.enter_context(running_server(data))
        contents = fill(address)
        windows = at_the_end.enter_context(Windows(address))
        return _take_all(wanted, windows, contents, options.folder)


def _take_all(wanted: Sequence[Scene], windows: Windows, contents: Contents, folder: Path) -> int:
    """1 where a scene did not come about; the others are taken all the same."""
    failed = 0
    for scene in wanted:
        try:
            print(f"{scene.name}: {_take(scene, windows, contents, folder) // 1024} KB", flush=True)
        except PlaywrightError as error:
            print(f"{scene.name} did not come about: {error}", file=sys.stderr, flush=True)
            failed = 1
    return failed


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    names = [scene.name for scene in SCENES]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--address", help="look at this server, which was filled before if its gallery has pictures")
    return parser.parse_args()


def _take(scene: Scene, windows: Windows, contents: Contents, folder: Path) -> int:
    window = windows.open(scene.look)
    scene.arrange(window, contents)
    return window.shoot(folder / f"{scene.name}.webp", scene.part, scene.height)


if __name__ == "__main__":
    sys.exit(main())
