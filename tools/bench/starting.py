"""How long a server needs from its start to its first answer and until its page is ready, with extensions and without.

python -m tools.bench.starting [--extensions 30] [--starts 10]

Every extension is switched on and brings a section, a script, a setting, a route and a script of the page. Starts with
and without them take turns, so that what else the machine does weighs on both alike.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import httpx

from tests.hooks.extension_makers import put_extension
from tests.program import is_ready, serving, until

CODE = """
from modules.hooks import Number, Route, Script, Section, Switch, hookimpl


class Louder(Section):
    name = "{name} louder"
    arguments = (Number(name="by", label="By", default=0, minimum=0, maximum=10),)

    def process_image(self, context):
        return context.pixels


class Twice(Script):
    name = "{name} twice"

    def run(self, base, arguments, context):
        context.paint(base)


@hookimpl
def register_sections():
    return [Louder()]


@hookimpl
def register_scripts():
    return [Twice()]


@hookimpl
def register_settings():
    return [Switch(name="grids_too", label="Grids too")]


@hookimpl
def register_routes():
    return [Route(method="GET", path="there", answer=lambda asked: True, audience="user")]
"""


def furnish(data: Path, count: int) -> None:
    """A data folder with so many extensions, all switched on by a server of it."""
    names = [f"bench-{number}" for number in range(count)]
    for name in names:
        folder = put_extension(data / "extensions", name, CODE.format(name=name), touches='["page"]')
        (folder / "javascript").mkdir()
        (folder / "javascript" / "page.js").write_text("window.there = true;\n", "utf-8")
    with serving(data) as (server, port), httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
        is_ready(server)
        for name in names:
            client.put(f"/api/v1/extensions/{name}").raise_for_status()
        _end(server)


def start(data: Path, count: int) -> tuple[float, float]:
    """Seconds to the first answer, and to a page that was read."""

    def answers(path: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
                return bool(answer.read())
        except (urllib.error.URLError, ConnectionError):
            return False

    began = time.perf_counter()
    with serving(data) as (server, port):
        until(lambda: answers("/internal/ping"))
        first = time.perf_counter() - began
        until(lambda: answers("/"))
        page = time.perf_counter() - began
        rows = httpx.get(f"http://127.0.0.1:{port}/api/v1/extensions", timeout=60).json()["extensions"]
        assert sum(row["is_active"] for row in rows if row["name"].startswith("bench-")) == count
        _end(server)
    return first, page


def _end(server: subprocess.Popen[str]) -> None:
    server.terminate()
    server.wait(60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extensions", type=int, default=30)
    parser.add_argument("--starts", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="atelier-starting-") as name:
        folders = {0: Path(name) / "none", options.extensions: Path(name) / "many"}
        for count, folder in folders.items():
            furnish(folder, count)
        times: dict[int, list[tuple[float, float]]] = {count: [] for count in folders}
        for _ in range(options.starts):
            for count, folder in folders.items():
                times[count].append(start(folder, count))
    for count, found in times.items():
        first, page = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"{count:3} extensions: first answer after {first:.2f} s, page after {page:.2f} s (medians)")


if __name__ == "__main__":
    main()
