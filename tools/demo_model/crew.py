"""Several worker processes that share every training step, so that a busy core slows the work as little as possible.

A step is cut into pieces; a free worker claims the next one, and gradients are summed at the end. What a piece holds
depends on step and piece number alone, so the number of workers does not change the data. Knows nothing of the model.
"""

from __future__ import annotations

import multiprocessing
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]
from torch.multiprocessing.spawn import spawn


class Counters(Protocol):
    """What a crew needs of torch's TCPStore."""

    def add(self, key: str, amount: int) -> int: ...

    def delete_key(self, key: str) -> bool: ...


class Crew:
    """One worker's view of the crew; a crew of one works without any messages."""

    def __init__(self, rank: int = 0, size: int = 1, store: Counters | None = None) -> None:
        self.rank = rank
        self.size = size
        self._store = store

    def claim(self, step: int, pieces: int) -> Iterator[int]:
        """Numbers of the pieces of this step that this worker does."""
        if self._store is None:
            yield from range(pieces)
            return
        while (piece := self._store.add(f"step-{step}", 1) - 1) < pieces:
            yield piece

    def sum_gradients(self, parameters: Sequence[nn.Parameter], extra: Tensor) -> None:
        """Add up all workers' gradients and the `extra` numbers, in place."""
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([*(gradient.flatten() for gradient in gradients), extra])
        dist.all_reduce(flat)
        offset = 0
        for tensor in [*gradients, extra]:
            tensor.copy_(flat[offset : offset + tensor.numel()].view_as(tensor))
            offset += tensor.numel()

    def forget(self, step: int) -> None:
        """Drop a finished step's counter."""
        if self._store is not None and self.rank == 0:
            self._store.delete_key(f"step-{step}")


def run_crew(size: int, job: Callable[[Crew], None]) -> None:
    """Run the job with so many workers of one thread each; with one worker, in this process with all its threads."""
    if size == 1:
        job(Crew())
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    spawn(_work, args=(size, port, job), nprocs=size)  # type: ignore[no-untyped-call]


def _work(rank: int, size: int, port: int, job: Callable[[Crew], None]) -> None:
    torch.set_num_threads(1)
    store = TCPStore("127.0.0.1", port, size, rank == 0, timeout=timedelta(minutes=30))
    dist.init_process_group("gloo", store=PrefixStore("crew", store), rank=rank, world_size=size)
    job(Crew(rank, size, store))
    dist.destroy_process_group()


def stop_if_orphaned() -> None:
    """End a worker whose starting process was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        sys.exit("the starting process is gone")
