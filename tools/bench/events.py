"""Event streams over HTTP: what 200 listeners cost the sampler, what previews cost it, and how fast an event arrives.

python -m tools.bench.events [--listeners 200] [--rounds 5] [--steps 40] [--thread]

A server with the demo model runs in this process; who listens are connections of another one. Half of the listeners
follow the job with its previews, half the queue. Jobs with and without them are timed in turn, from their first step to
their last; every figure is a median. With --thread the job runs in the server's process, else in one of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import uvicorn

from modules.api.application import create_application
from modules.config.paths import resolve_paths
from modules.schema.requests import Txt2ImgRequest
from modules.services.build import Services, build_services
from modules.services.options import EngineOptions

_EVENTS_TIMED = 30


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listeners", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--thread", action="store_true")
    parser.add_argument("--listen", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.listen:
        host, *paths = options.listen
        asyncio.run(_listen(host, paths))
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = resolve_paths(data_dir=Path(folder))
        opened = build_services(paths, EngineOptions(use_cpu=True), processes=not options.thread)
        with closing(opened) as services, _served(services) as host:
            services.generate.start()
            _measure(services, host, options)


def _measure(services: Services, host: str, options: argparse.Namespace) -> None:
    counts = {"nobody": 0, "one, with previews": 1, f"{options.listeners}, half with previews": options.listeners}
    seconds: dict[str, list[float]] = {name: [] for name in counts}
    shares: dict[str, list[float]] = {name: [] for name in counts}
    _step_seconds(services, host, options.steps, 0)  # the model is loaded, and counts for nobody
    for _ in range(options.rounds):
        for name, count in counts.items():
            step, share = _step_seconds(services, host, options.steps, count)
            seconds[name].append(step)
            shares[name].append(share)
    where = "in the server's process" if options.thread else "in a process of its own"
    print(f"{options.steps} steps of the demo model {where}, {options.rounds} rounds")
    for name, times in seconds.items():
        ratio = statistics.median(mine / none for mine, none in zip(times, seconds["nobody"], strict=True))
        taken = f"the server's process takes {100 * statistics.median(shares[name]):.1f} % of a core"
        print(f"  {name:<28} {1000 * statistics.median(times):8.2f} ms a step  ratio {ratio:6.3f}  {taken}", flush=True)
    first = _first_event_seconds(services, host)
    print(
        f"  first event after a submit   {1000 * statistics.median(first):8.2f} ms, at most {1000 * max(first):.2f} ms"
    )


def _step_seconds(services: Services, host: str, steps: int, listeners: int) -> tuple[float, float]:
    """Seconds of one step of a job that so many listen to, and the share of a core that the server's process takes.

    From the first step to the last.
    """
    services.generate.pause()
    job = services.generate.submit(Txt2ImgRequest(prompt="a red house at night", steps=steps, seed=1))
    paths = [f"/api/v1/jobs/{job.id}/events" if place % 2 == 0 else "/api/v1/events" for place in range(listeners)]
    with _listening(host, paths), services.generate.subscribe() as news:
        news.skip()
        services.generate.resume()
        told: list[tuple[int, float, float]] = []
        while True:
            for event in news.get(60):
                if event.kind == "progress":
                    told.append((event.step, time.perf_counter(), time.process_time()))
                elif event.kind == "state" and event.state in ("done", "failed", "cancelled"):
                    assert event.state == "done", event.message
                    done, seconds, used = (last - first for first, last in zip(told[0], told[-1], strict=True))
                    return seconds / done, used / seconds


def _first_event_seconds(services: Services, host: str) -> list[float]:
    """From before a request is sent until its first event has been read, over HTTP, while nothing else goes on."""
    services.generate.pause()
    body = json.dumps({"prompt": "a red house at night", "steps": 1}).encode()
    seconds = []
    with urllib.request.urlopen(f"http://{host}/api/v1/events") as stream:
        for _ in range(_EVENTS_TIMED):
            started = time.perf_counter()
            request = urllib.request.Request(f"http://{host}/api/v1/jobs/txt2img", body, method="POST")
            job_id = json.load(urllib.request.urlopen(request))["id"]
            while job_id.encode() not in stream.readline():
                pass
            seconds.append(time.perf_counter() - started)
    services.generate.cancel_all(None)
    return seconds


@contextmanager
def _served(services: Services) -> Iterator[str]:
    application = create_application(hosts=None, services=services)
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@contextmanager
def _listening(host: str, paths: list[str]) -> Iterator[None]:
    """Connections of another process, which returns when all have heard something."""
    if not paths:
        yield
        return
    # They stand for other computers: they get what the server leaves.
    polite = ["nice", "-n", "19"] if shutil.which("nice") else []
    command = [*polite, sys.executable, "-m", "tools.bench.events", "--listen", host, *paths]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE) as listeners:
        assert listeners.stdout is not None and listeners.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            listeners.terminate()


async def _listen(host: str, paths: list[str]) -> None:
    name, _, port = host.partition(":")
    heard = 0
    ready = asyncio.Event()

    async def follow(path: str) -> None:
        nonlocal heard
        reader, writer = await asyncio.open_connection(name, int(port))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        first = await reader.readuntil(b"snapshot")
        assert b" 200 " in first.split(b"\r\n")[0], first
        heard += 1
        if heard == len(paths):
            ready.set()
        while await reader.read(2**16):
            pass

    tasks = [asyncio.create_task(follow(path)) for path in paths]
    await asyncio.wait_for(ready.wait(), 60)
    print("ready", flush=True)
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    main()
