"""Batches: the pictures of a request that are still to be painted."""

from __future__ import annotations

from itertools import groupby

from modules.pipeline.networks import networks_of
from modules.schema.requests import Resolved


def missing_pictures(request: Resolved, finished: frozenset[int]) -> list[int]:
    """The indices still to be painted, in order."""
    return [index for index in range(request.picture_count) if index not in finished]


def missing_batches(request: Resolved, finished: frozenset[int]) -> list[list[int]]:
    """The same by their batches, of which those that were begun are smaller: a batch has one input at most.

    Pictures of a batch that name other LoRAs than those before them are a batch of their own.
    """
    missing = missing_pictures(request, finished)
    return [
        list(batch)
        for _, batch in groupby(missing, lambda index: (index // request.batch_size, networks_of(request, index)))
    ]
