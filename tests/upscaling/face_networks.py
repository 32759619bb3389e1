"""Networks of random weights in the shapes of GFPGAN and CodeFormer, as the files that people have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from spandrel.architectures.GFPGAN import GFPGAN
from torch import Tensor, nn

from modules.upscaling.model_files import noncommercial_registry


def gfpgan() -> dict[str, Tensor]:
    """As large as the real one, 87 million numbers: spandrel knows no other size."""
    with torch.device("meta"):
        network = GFPGAN(num_style_feat=512, sft_half=True)
    return _filled(network)


def codeformer() -> dict[str, Tensor]:
    """The real convolutions with few codes, one layer for them and one bridge, which the weight acts on."""
    noncommercial_registry()
    from spandrel_extra_arches.architectures.CodeFormer import CodeFormer

    options: Mapping[str, Any] = {"dim_embd": 64, "n_layers": 1, "codebook_size": 16, "connect_list": ["32"]}
    with torch.device("meta"):
        network = CodeFormer(n_head=8, latent_size=256, fix_modules=[], **options)
    return _filled(network)


def _filled(network: nn.Module) -> dict[str, Tensor]:
    """Numbers that neither fade nor grow from layer to layer, in half precision to be half as large on the disk."""
    draw = torch.Generator().manual_seed(0)

    def filled(tensor: Tensor) -> Tensor:
        drawn = torch.rand(tensor.shape, generator=draw)
        return (drawn if tensor.ndim < 2 else drawn.sub(0.5) * (12 / tensor[0].numel()) ** 0.5).half()

    return {name: filled(tensor) for name, tensor in network.state_dict().items()}
