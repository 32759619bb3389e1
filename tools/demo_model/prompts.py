"""The fixed lists of prompts the model is measured and shown with. Knows nothing of networks.

`obedience_prompts` are scenes with their captions, so that a judge knows what to look for; two thirds of them show
combinations that training may see, one third combinations held out of it. `EVERYDAY` are what a person might type.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tools.demo_model.captions import GROUND_WORDS, plain_caption, say
from tools.demo_model.scene import Scene, held_out, sample_scene


@dataclass(frozen=True)
class Prompt:
    """What is typed and what the picture has to show."""

    text: str
    scene: Scene
    held_out: bool


def obedience_prompts(count: int = 500) -> list[Prompt]:
    """The first `count` prompts of the fixed list, every third one held out of training."""
    prompts: list[Prompt] = []
    rng = random.Random("obedience")
    while len(prompts) < count:
        scene = sample_scene(rng)
        wants_held_out = len(prompts) % 3 == 2
        if held_out(scene) == wants_held_out:
            prompts.append(Prompt(_full_caption(scene, rng), scene, wants_held_out))
    return prompts


def _full_caption(scene: Scene, rng: random.Random) -> str:
    """A wording that leaves nothing out: the fixed one, or a random one that names all that the fixed one names."""
    plain = plain_caption(scene)
    for _ in range(20):
        words = say(scene, rng)
        if rng.random() < 0.5 and _tells_all(words, scene):
            return words
    return plain


def _tells_all(words: str, scene: Scene) -> bool:
    needed = [thing.colour for thing in scene.things]
    if scene.relation is not None:
        needed.append(scene.relation)
    if scene.ground.startswith("plain-"):
        needed.append(scene.ground.removeprefix("plain-"))
    elif not any(phrase in words for phrase in GROUND_WORDS[scene.ground]):
        return False
    return all(word in words for word in needed)


EVERYDAY = (
    "a red house at night", "a white cat", "two yellow stars at night", "a blue boat on the sea",
    "a green tree in a meadow", "a pink flower on a white background", "a red apple on a yellow background",
    "an orange cat on the grass", "a black dog in the snow", "a red car in the city",
    "a yellow sun above a blue boat", "a white cloud on a blue background", "three red balloons on a sunny day",
    "a brown dog in the forest", "a blue bird at sunset", "an orange fish in the sea",
    "a red mushroom in the forest", "a purple umbrella in the rain", "a white lighthouse at sea",
    "a grey castle on a foggy day", "a red rocket at night", "a yellow moon under the stars",
    "a pink heart on a red background", "a brown mountain at sunset", "a blue cup on a pink background",
    "four green apples on a white background", "a yellow star on a purple background",
    "a red circle on a black background",
    "a blue square left of a red circle", "a green triangle above a yellow square", "a black cat below a yellow moon",
    "a red house next to a green tree", "a purple castle in the desert", "a white boat at sunset with a rainbow",
    "a red car, pixel art", "a green fish, watercolor", "a pink cat, neon sign", "a blue rocket, paper cut",
    "an orange mushroom, outlined", "watercolor painting of a purple flower in a meadow", "neon castle at night",
    "a pixel art house in the snow", "a paper cut yellow bird in the forest", "a small red boat on the left at sea",
    "a big yellow sun in the desert", "a green balloon at the top on a pink background",
    "two black birds at sunset", "a house",
)  # fmt: skip
