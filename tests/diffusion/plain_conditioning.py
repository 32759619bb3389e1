"""The plainest conditioning: one prompt and one negative for all images."""

from __future__ import annotations

from modules.diffusion.conditioning import (
    BatchConditioning,
    ImageConditioning,
    TextConditioning,
    WeightedConditioning,
)


def plain_conditioning(positive: TextConditioning, negative: TextConditioning, images: int) -> BatchConditioning:
    """The same prompt and negative for every image."""
    return (ImageConditioning((WeightedConditioning(positive),), negative),) * images
