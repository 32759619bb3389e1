"""How a network computes attention: which kinds there are, which of them work on a device, and which is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.util import find_spec
from typing import Any, Literal, get_args

import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from torch.nn import functional

AttentionKind = Literal["sdp", "sdp-no-mem", "sub-quadratic", "xformers", "flash", "sage"]
"""PyTorch's own; the same without the kernels that add up in any order; in slices; the rest are packages."""
KINDS: tuple[AttentionKind, ...] = get_args(AttentionKind)
Kernel = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, "torch.Tensor | None"], torch.Tensor]
"""Query, key, value, each (batch, heads, positions, width), and a mask to add or None -> the like of query."""

_SLICE = 128 << 20
"""Bytes that the weights of one slice may take, in float32: slices this large cost no measurable time."""
_PACKAGES: dict[AttentionKind, str] = {"xformers": "xformers", "flash": "flash_attn", "sage": "sageattention"}
_WIDEST: dict[AttentionKind, int] = {"xformers": 512, "flash": 256, "sage": 128}
"""Of a head that the package's kernels take; wider ones go to PyTorch's own."""
_FORMATS = (torch.float16, torch.bfloat16)
_FAR = 0.1
"""How far numbers about 1 may be from PyTorch's own; sage computes in eight bits."""


@dataclass(frozen=True)
class AttentionChoice:
    """The kind in use, and a sentence that says why."""

    kind: AttentionKind
    reason: str


def attention_choice(wanted: str, device: torch.device, dtype: torch.dtype) -> AttentionChoice:
    """The kind to use for a setting ("Automatic" or one of KINDS); one that does not work there becomes "sdp"."""
    if wanted == "Automatic" and device.type == "mps":
        return AttentionChoice("sub-quadratic", "PyTorch's own needs much memory at large sizes on this device.")
    if wanted not in KINDS:
        return AttentionChoice("sdp", "PyTorch's own takes the fastest kernel that it has for the device.")
    kind = next(kind for kind in KINDS if kind == wanted)
    problem = why_not(kind, device, dtype)
    if problem:
        return AttentionChoice("sdp", f"{kind} was asked for, but {problem}.")
    return AttentionChoice(kind, "It was asked for.")


@lru_cache(maxsize=64)
def why_not(kind: AttentionKind, device: torch.device, dtype: torch.dtype) -> str:
    """Why a kind cannot be used on a device, half a sentence; empty: it can. A package's kernel is tried once."""
    if kind not in _PACKAGES:
        return ""
    if device.type == "cpu":
        return f"{kind} has no kernels for processors"
    package = _PACKAGES[kind]
    if find_spec(package) is None:
        return f"the package {package} is not installed"
    if kind != "xformers" and dtype not in _FORMATS:
        return f"{kind} has no kernels for {str(dtype).removeprefix('torch.')}"
    return _trial(kind, device, dtype)


def _trial(kind: AttentionKind, device: torch.device, dtype: torch.dtype) -> str:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn((2, 4, 64, 64), generator=generator).to(device, dtype) for _ in range(3))
    try:
        with torch.inference_mode():
            given = _KERNELS[kind](query, key, value, None)
            near = float((given - _sdp(query, key, value, None)).abs().max()) < _FAR
    # What packages raise that were built for another torch, another card or another operating system.
    except (ImportError, OSError, RuntimeError, ValueError, TypeError, AttributeError, AssertionError) as error:
        return f"its kernel failed ({(str(error).strip().splitlines() or [type(error).__name__])[0][:120]})"
    return "" if near else "its kernel gave wrong numbers"


def set_attention(network: Any, kind: AttentionKind, *, full: bool = False) -> None:
    """Make a diffusers network compute attention that way; `full`: in float32, whatever the network computes in.

    Layers of a form that no Stable Diffusion has keep what they had.
    """
    # diffusers' own for SDPA where that is all there is to it, since its set_default_attn_processor is without SDPA.
    processor = AttnProcessor2_0() if kind == "sdp" and not full else AttentionProcessor(_KERNELS[kind], full=full)
    for module in network.modules():
        if hasattr(module, "set_processor") and _is_plain(module):
            module.set_processor(processor)


class AttentionProcessor:
    """diffusers' attention with a kernel of our choice: what its AttnProcessor2_0 computes, up to the kernel."""

    def __init__(self, kernel: Kernel, *, full: bool = False) -> None:
        self._kernel = kernel
        self._full = full

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The layer's answer, of the shape of `hidden_states`: (batch, positions, width) or a feature map."""
        del temb  # for layers that `_is_plain` leaves out
        given = hidden_states
        if given.ndim == 4:
            hidden_states = given.flatten(2).transpose(1, 2)
        if attn.group_norm is not None:
            hidden_states = attn.group_norm(hidden_states.transpose(1, 2)).transpose(1, 2)
        told = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        if attention_mask is not None:
            attention_mask = attn.prepare_attention_mask(attention_mask, told.shape[1], len(told))
            attention_mask = attention_mask.view(len(told), attn.heads, -1, attention_mask.shape[-1])
        query, key, value = (
            layer(source).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for layer, source in ((attn.to_q, hidden_states), (attn.to_k, told), (attn.to_v, told))
        )
        answer = self._computed(query, key, value, attention_mask).transpose(1, 2).flatten(2)
        answer = attn.to_out[1](attn.to_out[0](answer))
        if given.ndim == 4:
            answer = answer.transpose(1, 2).reshape(given.shape)
        if attn.residual_connection:
            answer = answer + given
        return answer / attn.rescale_output_factor  # type: ignore[no-any-return]

    def _computed(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        if not self._full:
            return self._kernel(query, key, value, mask)
        mask = None if mask is None else mask.float()
        return self._kernel(query.float(), key.float(), value.float(), mask).to(query.dtype)


def _is_plain(layer: Any) -> bool:
    absent = ("spatial_norm", "norm_q", "norm_k", "norm_cross", "added_kv_proj_dim")
    return all(not getattr(layer, name, None) for name in absent)


def _sdp(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)


def _without_memory_efficient(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor:
    """The kernels that A1111's --opt-sdp-no-mem-attention leaves; the one left out adds up in any order."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.MATH]):
        return _sdp(query, key, value, mask)


def _in_slices(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, *, most: int = _SLICE
) -> torch.Tensor:
    """So many queries at a time that their weights take `most` bytes: every query is weighed by itself anyway."""
    batch, heads, positions, _ = query.shape
    rows = max(1, most // (batch * heads * key.shape[2] * 4))
    if rows >= positions:
        return _sdp(query, key, value, mask)
    answer = torch.empty((*query.shape[:-1], value.shape[-1]), device=query.device, dtype=query.dtype)
    for start in range(0, positions, rows):
        part = slice(start, start + rows)
        rows_of_mask = mask if mask is None or mask.shape[2] == 1 else mask[:, :, part]
        answer[:, :, part] = _sdp(query[:, :, part], key, value, rows_of_mask)
    return answer


def _of_xformers(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor:
    if mask is not None or query.shape[-1] > _WIDEST["xformers"]:
        return _sdp(query, key, value, mask)
    from xformers.ops import memory_efficient_attention

    turned = [tensor.transpose(1, 2).contiguous() for tensor in (query, key, value)]
    return memory_efficient_attention(*turned).transpose(1, 2)  # type: ignore[no-any-return]


def _of_dispatcher(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    *,
    kind: Literal["flash", "sage"],
) -> torch.Tensor:
    """A package's kernel by way of diffusers, which knows their signatures and versions."""
    if mask is not None or query.shape[-1] > _WIDEST[kind] or query.dtype not in _FORMATS:
        return _sdp(query, key, value, mask)
    from diffusers.models import attention_dispatch

    backend = attention_dispatch.AttentionBackendName(kind)
    attention_dispatch._check_attention_backend_requirements(backend)
    turned = [tensor.transpose(1, 2).contiguous() for tensor in (query, key, value)]
    return attention_dispatch.dispatch_attention_fn(*turned, backend=backend).transpose(1, 2)  # type: ignore[no-any-return]


_KERNELS: dict[AttentionKind, Kernel] = {
    "sdp": _sdp,
    "sdp-no-mem": _without_memory_efficient,
    "sub-quadratic": _in_slices,
    "xformers": _of_xformers,
    "flash": partial(_of_dispatcher, kind="flash"),
    "sage": partial(_of_dispatcher, kind="sage"),
}
