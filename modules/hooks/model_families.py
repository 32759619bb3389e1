"""A family of checkpoints that an extension makes loadable, or another way of naming the tensors of a known one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from modules.hooks.passes import Tensor

KnownFamily = Literal["sd1", "sd2", "sdxl", "sdxl-refiner"]
"""The families that the program has."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FamilyContext:
    """A checkpoint file that is loaded."""

    tensors: Mapping[str, Tensor]
    """All of its tensors by their names in the file, on the processor. They are views into the file: nothing is read
    of those that are only renamed, turned or cut."""
    metadata: Mapping[str, str]
    """What the file says of itself."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FamilyNetwork:
    """One network of a checkpoint."""

    weights: Mapping[str, Tensor]
    """Its tensors by the names that its class has; of a text encoder without `text_model.`."""
    kind: Any = None
    """Its class. None: diffusers' `UNet2DConditionModel` and `AutoencoderKL`, transformers' `CLIPTextModel` (or
    `CLIPTextModelWithProjection` where the family that it is like has that)."""
    configuration: Any = None
    """What the class's `from_config` takes; of a text encoder a `CLIPTextConfig`. None: told from the shapes of the
    weights, as for a file of the family that it is like."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FamilyParts:
    """The networks of a checkpoint."""

    network: FamilyNetwork
    """What paints. A class of its own is a diffusers `ModelMixin` and `ConfigMixin` whose `forward` takes what that of
    `UNet2DConditionModel` does: `sample` (batch, channels, height, width), `timestep` (batch,), `encoder_hidden_states`
    (batch, tokens, width), `added_cond_kwargs` and `return_dict`, and gives a tuple of (batch, channels, height,
    width). Its configuration has `in_channels`, `cross_attention_dim`, `block_out_channels`,
    `projection_class_embeddings_input_dim` and `addition_time_embed_dim`."""
    text_encoders: tuple[FamilyNetwork, ...]
    """As many as the family that it is like has: two of SDXL, else one. Texts are cut into CLIP's tokens."""
    vae: FamilyNetwork | None = None
    """None: the file has none, and one from `models/VAE` has to be chosen."""


class ModelFamily(ABC):
    """A family of checkpoints in files of their own, which lie in `models/Stable-diffusion`."""

    name: ClassVar[str]
    """What people call it; like no other family's."""
    like: ClassVar[KnownFamily]
    """The family whose ways it has: the layer of the text encoders that is read, what is told of sizes, the sizes that
    suit it, the noise levels it was trained on, and which VAEs belong to it."""
    prediction_type: ClassVar[Literal["epsilon", "v_prediction"]] = "epsilon"
    """What its network predicts."""
    zero_terminal_snr: ClassVar[bool] = False
    """Whether it was trained to begin with pure noise."""

    @abstractmethod
    def recognises(self, shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str]) -> bool:
        """Whether a file is of this family, by the shapes of its tensors and what it says of itself.

        Asked for files that the program cannot use, in the server and in workers. It has five seconds, and does without
        torch.
        """

    @abstractmethod
    def parts(self, context: FamilyContext) -> FamilyParts:
        """The networks of a file that was recognised. Called in the worker, when the model is loaded."""
