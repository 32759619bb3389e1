"""Extensions that mean harm, offered to a real server by a git server: each ends as it should, and pictures go on."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.git_server import FILE, GitServer, git_server
from tests.hooks.extension_makers import script_code
from tests.program import is_ready, serving, until

log = logging.getLogger(__name__)

MIB = 2**20
MEMORY = 300 * MIB
"""More than the server needs beside everything else while it refuses half a gigabyte; less than what was sent."""
SLOW_HOOK = """
import time
from modules.hooks import hookimpl

@hookimpl
def before_saving(context):
    if "slow" in context.request.prompt:
        time.sleep(3600)

@hookimpl
def after_step(context):
    if "stuck" in context.request.prompt:
        time.sleep(3600)
"""
FAILING_HOOK = """
from modules.hooks import hookimpl

@hookimpl
def before_saving(context):
    if "failing" in context.request.prompt:
        raise ValueError("too wet")

@hookimpl
def after_step(context):
    if "broken" in context.request.prompt:
        raise ValueError("no network")
"""
FAILING_LATER = """
from pathlib import Path
if (Path(__file__).parents[3] / "trouble").exists():
    raise SystemExit("not today")
"""


def manifest(name: str, more: str = "") -> str:
    return f'name = "{name}"\nversion = "1.0"\nhooks = ">=1"\ntouches = ["scripts", "sampling"]\n{more}'


def files(name: str, code: str, more: str = "") -> dict[str, str | bytes]:
    return {"extension.toml": manifest(name, more), f"{name}/__init__.py": code}


@dataclass
class House:
    """A running server, a git server beside it, and what a person asks of both."""

    client: httpx.Client
    git: GitServer
    process: psutil.Process
    data: Path

    def looked_at(self, repository: str) -> dict[str, Any]:
        """A look, when it is over or ready."""
        asked = {"repository": f"{self.git.address}/{repository}"}
        look = self.client.post("/api/v1/extensions/looks", json=asked).raise_for_status().json()
        return self._when(look["id"], lambda state: state != "fetching")

    def installed(self, repository: str, *, enable: bool = True) -> dict[str, Any]:
        """What becomes of installing one that a look finds nothing wrong with."""
        look = self.looked_at(repository)
        assert look["state"] == "ready", look
        wanted = {"content": look["content"], "enable": enable}
        self.client.post(f"/api/v1/extensions/looks/{look['id']}/install", json=wanted).raise_for_status()
        return self._when(look["id"], lambda state: state not in ("ready", "installing"))

    def _when(self, look: str, is_so: Callable[[str], bool]) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def happened() -> bool:
            found.update(self.client.get(f"/api/v1/extensions/looks/{look}").json())
            return is_so(found["state"])

        until(happened, 300)
        return found

    def rows(self) -> dict[str, dict[str, Any]]:
        listed = self.client.get("/api/v1/extensions").json()["extensions"]
        return {row["name"]: row for row in listed if not row["is_built_in"]}

    def painted(self, prompt: str = "a red house", steps: int = 6, **more: Any) -> dict[str, Any]:
        """The job of one small picture, at its end."""
        wanted = {"prompt": prompt, "steps": steps, "width": 64, "height": 64, **more}
        job = self.client.post("/api/v1/jobs/txt2img", json=wanted).raise_for_status().json()["id"]
        found: dict[str, Any] = {}

        def is_over() -> bool:
            found.update(self.client.get(f"/api/v1/jobs/{job}").json())
            return found["state"] in ("done", "failed", "cancelled")

        until(is_over, 300)
        return found

    def restart(self) -> None:
        before = self.client.get("/api/v1/extensions").json()["start"]
        self.client.post("/api/v1/extensions/restart").raise_for_status()

        def is_back() -> bool:
            try:
                return bool(self.client.get("/api/v1/extensions").json()["start"] != before)
            except httpx.TransportError:
                return False

        until(is_back, 300)

    @contextmanager
    def painting(self) -> Iterator[None]:
        """A picture is begun with the block, and is there after it."""
        with ThreadPoolExecutor(1) as hand:
            job = hand.submit(self.painted)
            yield
            assert job.result()["state"] == "done" and len(job.result()["pictures"]) == 1, job.result()

    def left(self) -> list[str]:
        """What lies in the folder of extensions beside those that are installed."""
        root = self.data / "extensions"
        hidden = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        return sorted(str(path) for path in hidden if path.parts[0].startswith("."))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with git_server() as git, serving(tmp_path, "--allow-private-extensions") as (server, port):
        assert is_ready(server)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            yield House(client, git, psutil.Process(server.pid), tmp_path)


def test_what_means_harm_is_refused_while_a_picture_is_painted(house: House) -> None:
    for name, code, problem in (
        ("broken", "x = (", "SyntaxError"),
        ("endless", "while True: pass", "It took longer than 20 seconds"),
        ("patient", "import time\ntime.sleep(3600)", "It took longer than 20 seconds"),
        ("quitting", "raise SystemExit(3)", "SystemExit: 3"),
        ("leaving", "import os\nos._exit(0)", "It ends the program that imports it (exit code 0)."),
        ("killing", "import os\nos.kill(os.getpid(), 9)", "(exit code -9)"),
        ("taken", script_code("X/Y/Z plot"), "X/Y/Z plot"),
    ):
        house.git.put(name, files(name, code))
        with house.painting():
            began = time.monotonic()
            ended = house.installed(name)
        assert ended["state"] == "failed", ended
        assert problem.lower() in ended["problem"].lower(), ended["problem"]
        log.info("%s: %.1f s: %s", name, time.monotonic() - began, ended["problem"])
        assert name not in house.rows() and house.left() == []


def test_what_cannot_be_taken_is_refused_while_a_picture_is_painted(house: House) -> None:
    house.git.put("torchy", files("torchy", "", 'requirements = ["torch<1"]\n'))
    inner = house.git.store("climbing", [(b"..", FILE, house.git.blob("climbing", b"x"))])
    house.git.commit("climbing", inner)
    aside = house.git.store("aside", [(b"C:\\x.py", FILE, house.git.blob("aside", b"x"))])
    house.git.commit("aside", aside)
    for name, problem in (
        ("torchy", "It needs torch<1, but the program has torch=="),
        ("climbing", ".."),
        ("aside", "C:"),
    ):
        with house.painting():
            look = house.looked_at(name)
        assert look["state"] == "failed" and problem in look["problem"], look
        assert house.rows() == {} and house.left() == []


def test_half_a_gigabyte_is_refused_as_it_comes(house: House) -> None:
    heavy = {f"part{number}.bin": os.urandom(100 * MIB) for number in range(5)}
    house.git.put("heavy", {**files("heavy", ""), **heavy})
    del heavy
    house.painted()
    before = most = house.process.memory_info().rss
    with house.painting(), ThreadPoolExecutor(1) as hand:
        began = time.monotonic()
        look = hand.submit(house.looked_at, "heavy")
        while not look.done():
            most = max(most, house.process.memory_info().rss)
            time.sleep(0.02)
        ended = look.result()
    log.info("500 MB: %.1f s, %.0f MiB more: %s", time.monotonic() - began, (most - before) / MIB, ended["problem"])
    assert ended["state"] == "failed" and "200 MB" in ended["problem"], ended
    assert most - before < MEMORY
    assert house.rows() == {} and house.left() == []


def test_what_fails_at_work_hurts_nobody_else(house: House) -> None:
    for name, code in (("slow", SLOW_HOOK), ("failing", FAILING_HOOK), ("later", FAILING_LATER)):
        house.git.put(name, files(name, code))
        assert house.installed(name)["state"] == "done"
    for name in ("first", "second"):
        house.git.put(name, files(name, script_code("The same")))
        assert house.installed(name)["state"] == "done"
    (house.data / "trouble").touch()
    house.restart()
    rows = house.rows()
    assert {name for name, row in rows.items() if row["is_active"]} == {"slow", "failing", "first"}
    assert "not today" in rows["later"]["problem"] and "The same" in rows["second"]["problem"]
    house.client.post("/sdapi/v1/options", json={"extension_time_limit": 5}).raise_for_status()
    for prompt, pictures, named in (
        ("a red house", 1, ""),
        ("a failing house", 1, "plugin failing"),
        ("a slow house", 1, "plugin slow"),
        ("a broken house", 0, "extension failing"),
        ("a stuck house", 0, "slow.after_step"),
        ("a red house", 1, ""),
    ):
        job = house.painted(prompt)
        assert (job["state"], len(job["pictures"])) == ("failed" if named else "done", pictures), job
        assert named in (job["error"] or ""), job
    assert house.painted(script_name="The same")["state"] == "done"
