"""What the server has to show: pictures of the demo model, favourites, albums."""

from __future__ import annotations

import time
from typing import Any

import httpx

PATIENCE = 600
SIDE = 128
PROMPTS = (
    "a yellow moon under the stars",
    "three red balloons on a sunny day",
    "a purple umbrella in the rain",
    "a pink flower on a white background",
    "a red rocket at night",
    "a blue bird at sunset",
    "a green tree in a meadow",
    "a grey castle on a foggy day",
    "an orange fish in the sea",
    "a red mushroom in the forest",
    "two yellow stars at night",
    "a brown mountain at sunset",
    "a red apple on a yellow background",
    "a blue cup on a pink background",
    "a white lighthouse at sea",
    "a blue boat on the sea",
    "a red house at night",
)
PER_PROMPT = 2
SEA_ALBUM = "At sea"
NIGHT_ALBUM = "Night sky"
COPY = "sketchbook"
"""A second checkpoint, so that lists of models are lists."""


class Contents:
    """What is on the server, for those who show it."""

    def __init__(self, address: str) -> None:
        self.client = _client(address)

    def picture(self, words: str) -> bytes:
        """The file of the newest picture with these words in its prompt."""
        return self.client.get(f"pictures/{_found(self.client, words)[0]}/file").content

    def post(self, path: str) -> Any:
        """What the native API answers."""
        return _answer(self.client.post(path))

    def queue(self, prompt: str, **fields: Any) -> Any:
        """A job of txt2img."""
        return _queue(self.client, prompt, **fields)

    def wait(self) -> None:
        """Until no job is waiting or running."""
        _wait_for_rest(self.client)


def fill(address: str) -> Contents:
    """Make what there is to see, where it is not there yet."""
    client = _client(address)
    if not _answer(client.get("pictures"))["total"]:
        for prompt in PROMPTS:
            _queue(client, prompt, batch_size=PER_PROMPT)
        _wait_for_rest(client)
        _mark(client)
        _describe_copy(client)
    return Contents(address)


def _client(address: str) -> httpx.Client:
    return httpx.Client(base_url=f"{address}/api/v1/", timeout=120)


def _answer(response: httpx.Response) -> Any:
    if response.is_error:
        raise RuntimeError(f"{response.request.url}: {response.text}")
    return response.json()


def _queue(client: httpx.Client, prompt: str, **fields: Any) -> Any:
    request = {"prompt": prompt, "seed": 1, "width": SIDE, "height": SIDE, **fields}
    return _answer(client.post("jobs/txt2img", json=request))


def _wait_for_rest(client: httpx.Client) -> None:
    deadline = time.monotonic() + PATIENCE
    while _answer(client.get("queue"))["total"]:
        if time.monotonic() > deadline:
            raise RuntimeError("The jobs did not end.")
        time.sleep(0.2)
    failed = _answer(client.get("jobs", params={"state": "failed"}))
    if failed["jobs"]:
        raise RuntimeError(f"A job failed: {failed['jobs'][0]['error']}")


def _found(client: httpx.Client, words: str) -> list[int]:
    found = _answer(client.get("pictures", params={"words": words, "limit": 100}))
    return [one["id"] for one in found["pictures"]]


def _mark(client: httpx.Client) -> None:
    for words, changes in (
        ("lighthouse", {"favourite": True, "rating": 5}),
        ("rocket", {"rating": 4}),
        ("mountain", {"favourite": True}),
        ("mushroom", {"rating": 3}),
    ):
        _answer(client.post("pictures/change", json={"ids": _found(client, words), **changes}))
    for name, words in ((SEA_ALBUM, "sea"), (NIGHT_ALBUM, "night")):
        album = _answer(client.post("albums", json={"name": name}))
        _answer(client.post(f"albums/{album['id']}/pictures", json={"add": _found(client, words)}))


def _describe_copy(client: httpx.Client) -> None:
    path = f"checkpoint/{COPY}"
    _answer(client.put(f"model-previews/{path}", json={"picture": _found(client, "mushroom")[0]}))
    _answer(client.patch(f"models/{path}", json={"description": "A copy of the demo model, for sketches."}))
