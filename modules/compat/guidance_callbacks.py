"""What A1111's extensions see while pictures are painted: the callbacks around classifier-free guidance.

A1111's tensors hold the rows of the prompts and then those of the negative prompts, so they are twice the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from modules.compat.not_here import PartOfA1111
from modules.hooks import AfterGuidance, BeforeNetwork, Evaluation

Tensor = Any
Called = Iterable[Callable[[Any], object]]


class _Told(PartOfA1111):
    def __init__(self, x: Tensor, context: Evaluation) -> None:
        self.x = x
        self.sampling_step = context.step - 1
        """Counted from 0."""
        self.total_sampling_steps = context.steps


class CFGDenoiserParams(_Told):
    """Before the network looks: `x` is (2 * batch, channels, height, width), `sigma` (2 * batch,)."""

    a1111_name = "CFGDenoiserParams"
    sigma: Tensor


class CFGDenoisedParams(_Told):
    """After it has looked: `x` are the denoised pictures, (2 * batch, channels, height, width)."""

    a1111_name = "CFGDenoisedParams"


class AfterCFGCallbackParams(_Told):
    """After guidance: `x` is what it made of both, (batch, channels, height, width)."""

    a1111_name = "AfterCFGCallbackParams"


def before_network(context: BeforeNetwork, called: Called) -> Tensor | None:
    """What callbacks make of the latents; None where they leave them. Raises NotImplementedError where they make
    something else of them for the prompts than for the negative prompts."""
    x, batch = context.latents, len(context.latents)
    params = CFGDenoiserParams(_twice(x), context)
    params.sigma = _twice(context.sigma.to(x))
    for callback in called:
        callback(params)
    _check_shape(params.x, (2 * batch, *x.shape[1:]), params)
    prompts, negatives = params.x[:batch], params.x[batch:]
    if not bool((prompts == negatives).all()):
        raise NotImplementedError("other latents for the negative prompts alone are not here (CFGDenoiserParams.x)")
    return None if bool((prompts == x).all()) else prompts


def after_guidance(context: AfterGuidance, denoised: Called, after_cfg: Called) -> Tensor | None:
    """What callbacks make of the denoised pictures, before and after guidance; None where they leave them."""
    guided = context.denoised
    denoised, after_cfg = tuple(denoised), tuple(after_cfg)
    if denoised:
        guided = guided + _difference(context, denoised)
    if after_cfg:
        after = AfterCFGCallbackParams(guided.clone(), context)
        for callback in after_cfg:
            callback(after)
        _check_shape(after.x, guided.shape, after)
        guided = after.x
    return None if bool((guided == context.denoised).all()) else guided


def _difference(context: AfterGuidance, called: Called) -> Tensor:
    """How much guidance is changed by what callbacks make of what goes into it; it is linear in that."""
    batch, scale = len(context.denoised), getattr(context.request, "cfg_scale", 1.0)
    negative = context.positive if context.negative is None else context.negative
    seen = context.denoised.new_empty((2 * batch, *context.denoised.shape[1:]))
    seen[:batch], seen[batch:] = context.positive, negative
    before = seen.clone()
    params = CFGDenoisedParams(seen, context)
    for callback in called:
        callback(params)
    _check_shape(params.x, before.shape, params)
    changed = params.x - before
    if context.negative is None:
        return changed[:batch]
    return changed[:batch] * scale + changed[batch:] * (1 - scale)


def _twice(tensor: Tensor) -> Tensor:
    return tensor.repeat(2, *(1 for _ in tensor.shape[1:]))


def _check_shape(tensor: Tensor, shape: Iterable[int], told: _Told) -> None:
    """Raises ValueError for a tensor of another shape."""
    if tuple(tensor.shape) != tuple(shape):
        raise ValueError(f"{told.a1111_name}.x was made {tuple(tensor.shape)} in the place of {tuple(shape)}")
