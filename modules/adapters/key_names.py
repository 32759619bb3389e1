"""Names of an adapter's tensors: the module that each belongs to, and the part it plays there."""

from __future__ import annotations

_ENDS = {
    "lora_up.weight": "up",
    "lora_down.weight": "down",
    "lora_mid.weight": "mid",
    "lora.up.weight": "up",
    "lora.down.weight": "down",
    "lora_linear_layer.up.weight": "up",
    "lora_linear_layer.down.weight": "down",
    "lora_B.weight": "up",
    "lora_A.weight": "down",
    "lora_B.bias": "up_bias",
    "lora_magnitude_vector": "magnitude",
    "lora_magnitude_vector.weight": "magnitude",
    "dora_scale": "dora_scale",
    "a1.weight": "a1",
    "a2.weight": "a2",
    "b1.weight": "b1",
    "b2.weight": "b2",
    "oft_R.weight": "oft_R",
    "oft_R.scaled_oft": "scaled_oft",
    **{
        name: name
        for name in (
            *("alpha", "diff", "diff_b", "weight", "on_input", "oft_blocks", "oft_diag", "rescale", "w_norm", "b_norm"),
            *("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"),
            *("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2"),
            *("ia3_l", "boft_R", "boft_s"),
        )
    },
}
"""What follows behind a module's name, and the part of the tensor that is named so."""
_PROCESSOR_ENDS = {
    "_lora.up.weight": "up",
    "_lora.down.weight": "down",
    "_lora.alpha": "alpha",
    ".lora.alpha": "alpha",
}
"""The same in diffusers' first files, whose modules are attention processors."""
_PEFT_MODULES = (".lora_A.", ".lora_B.", ".lora_magnitude_vector.", ".oft_R.")
_PEFT_TENSORS = (".ia3_l", ".boft_R", ".boft_s")
"""Behind these, peft puts the name that a person gave to the adapter, and behind modules the name of a tensor."""


def split_name(name: str) -> tuple[str, str] | None:
    """A tensor's module, with the prefix that its file gives it, and its part; None for a name of no known form."""
    name = _without_adapter_name(name)
    for end, part in _PROCESSOR_ENDS.items():
        if name.endswith(end) and len(name) > len(end):
            return name[: -len(end)], part
    pieces = name.split(".")
    for count in (3, 2, 1):  # "x.lora.up.weight" is also the "weight" of a module x.lora.up: the longest end counts
        part = _ENDS.get(".".join(pieces[-count:]), "")
        module = ".".join(pieces[:-count])
        if part and module:
            return module, part
    return None


def _without_adapter_name(name: str) -> str:
    """peft's "x.lora_A.default.weight" as "x.lora_A.weight", and "x.ia3_l.default" as "x.ia3_l"."""
    for mark in _PEFT_MODULES:
        module, found, rest = name.partition(mark)
        if found:
            last = rest.rpartition(".")[2]
            return f"{module}{mark}{last if last in ('bias', 'scaled_oft') else 'weight'}"
    for mark in _PEFT_TENSORS:
        module, found, _ = name.partition(f"{mark}.")
        if found:
            return module + mark
    return name


def is_known_suffix(suffix: str) -> bool:
    """Whether a name that ends so behind a module's is read here."""
    found = split_name(f"module.{suffix}")
    return found is not None and found[0] == "module"
