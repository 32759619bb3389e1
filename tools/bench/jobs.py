"""A job's way to its worker: how soon it is told of and begun, and what a step costs in a process beside a thread.

python -m tools.bench.jobs [--rounds 5] [--steps 100] [--side 64]

Every time is a median and the comparison a ratio of times taken in turn in one run, with the demo model on the
processor. A step's time is that of the whole job, events included, by the number of its steps.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from modules.config.paths import resolve_paths
from modules.schema.events import StateChanged
from modules.schema.requests import Txt2ImgRequest
from modules.services.build import Services, running_services
from modules.services.options import EngineOptions


def timed(services: Services, request: Txt2ImgRequest) -> tuple[float, float, float]:
    """Seconds from asking to the first event, to the beginning, and from there to the end."""
    with services.generate.subscribe() as news:
        news.skip()
        asked = time.perf_counter()
        services.generate.submit(request)
        at: dict[str, float] = {}
        while "done" not in at:
            for event in news.get(60):
                at.setdefault("first", time.perf_counter())
                if isinstance(event, StateChanged):
                    at[event.state] = time.perf_counter()
    return at["first"] - asked, at["running"] - asked, at["done"] - at["running"]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--side", type=int, default=64)
    options = parser.parse_args()
    request = Txt2ImgRequest.of(
        {"prompt": "a red house", "seed": 1, "steps": options.steps, "width": options.side, "height": options.side}
    )
    with ExitStack() as stack:
        kinds: dict[str, Services] = {}
        for kind in ("thread", "process"):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            engine = EngineOptions(use_cpu=True, precision="full")
            opened = running_services(resolve_paths(data_dir=folder), engine, processes=kind == "process", workers=1)
            kinds[kind] = stack.enter_context(opened)
            timed(kinds[kind], request)
        times = [{kind: timed(services, request) for kind, services in kinds.items()} for _ in range(options.rounds)]
    for kind in kinds:
        first, begun, run = (statistics.median(one[kind][place] for one in times) * 1000 for place in range(3))
        print(
            f"{kind:<8} first event {first:.1f} ms, begun {begun:.1f} ms after it was asked for; "
            f"{run / options.steps:.2f} ms per step"
        )
    ratio = statistics.median(one["process"][2] / one["thread"][2] for one in times)
    print(f"process / thread: {ratio:.3f}")


if __name__ == "__main__":
    main()
