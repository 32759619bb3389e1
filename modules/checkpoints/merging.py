"""Checkpoints made of others: tensor by tensor, so that memory does not grow with the files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from modules.checkpoints.block_weights import BlockWeights
from modules.checkpoints.mapped_weights import MappedWeights
from modules.checkpoints.merge_recipe import METHODS, MergeFiles, MergeRecipe, Parent, recipe_metadata
from modules.checkpoints.new_file import new_file
from modules.checkpoints.streamed_weights import TensorOutline, header_bytes, write_weights
from modules.checkpoints.weights_header import MOST_HEADER_BYTES
from modules.checkpoints.weights_identity import WeightsIdentity, identify_weights
from modules.config.files import write_atomically
from modules.errors import InvalidRequest, NumbersOverflowed, StorageFull, UnsupportedModel

TYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
PIECE = 1 << 22
"""Numbers that are computed at once: 16 MiB for each checkpoint in float32."""
READ_BEFORE_LETTING_GO = 128 << 20
_LATENT_CHANNELS = 4
_TASKS = {9: "inpainting", 8: "pix2pix"}
_FIRST_LAYER = "model.diffusion_model.input_blocks.0.0.weight"
_VAE = "first_stage_model."
_NO_WEIGHTS = ("position_ids", "model_ema.decay", "model_ema.num_updates")
_MERGED_KINDS = ("checkpoint", "vae", "part")


@dataclass(frozen=True)
class MergeResult:
    """A finished merge. `kept` counts A's tensors that B or C had no counterpart for, `left_out` B's that A lacks."""

    path: Path
    merged: int
    kept: int
    left_out: int
    note: str = ""
    """A sentence on what went wrong beside the file, which is whole."""


def merge(
    recipe: MergeRecipe,
    files: MergeFiles,
    output: Path,
    *,
    progress: Callable[[float], None] = lambda share: None,
    check: Callable[[], None] = lambda: None,
    overwrite: bool = False,
    hash_of: Callable[[Path], str] | None = None,
) -> MergeResult:
    """Write the result to `output`, whole or not at all; numbers are computed in float32.

    `progress` hears the share that is done, from 0 to 1; `check` is asked often and stops the merge by raising.
    `hash_of` knows a file's sha256; by default files are read for it. Raises InvalidRequest where the files do not
    fit the method or one another, what `read_header` raises, StorageFull, FileExistsError and NumbersOverflowed.
    """
    _check_files(recipe, files, output)
    replaces = overwrite and output.exists()
    with _opened(files) as opened:
        run = _Merge(recipe, opened, check)
        outlines = run.outlines()
        parents = tuple(_parent(one, hash_of, check) for one in opened.parents)
        vae = files.vae.name if files.vae else ""
        metadata = recipe_metadata(recipe, parents, vae=vae, task=_TASKS.get(_channels(opened.parents[0]), ""))
        expected = sum(outline.bytes for outline in outlines.values())
        _check_header(outlines, metadata)
        run.listen(progress, expected)
        with new_file(output, overwrite=overwrite, expected_bytes=expected) as file:
            write_weights(file, outlines, metadata, run.pieces)
    return replace(run.result(output), note=_copy_configuration(files, output, replaces=replaces))


@dataclass(frozen=True)
class _Opened:
    parents: tuple[MappedWeights, ...]
    vae: MappedWeights | None


@contextmanager
def _opened(files: MergeFiles) -> Iterator[_Opened]:
    """The files, mapped; they are known to fit one another."""
    with ExitStack() as stack:
        parents = tuple(stack.enter_context(MappedWeights(path)) for path in files.parents)
        _check_alike(parents)
        yield _Opened(parents, stack.enter_context(MappedWeights(files.vae)) if files.vae else None)


class _Merge:
    """One run: which tensors the result has, and their numbers piece by piece."""

    def __init__(self, recipe: MergeRecipe, opened: _Opened, check: Callable[[], None]) -> None:
        self._recipe = recipe
        self._a, *self._others = opened.parents
        self._sources = [one for one in (*opened.parents, opened.vae) if one is not None]
        self._amounts = BlockWeights(recipe.blocks, self._a, recipe.multiplier)
        self._baked = _baked_in(self._a, opened.vae)
        self._vae = opened.vae
        self._check = check
        self._progress: Callable[[float], None] = lambda share: None
        self._expected, self._written, self._unreleased = 1, 0, 0
        self._merged: set[str] = set()

    def listen(self, progress: Callable[[float], None], expected: int) -> None:
        """Tell of the share of so many bytes from now on."""
        self._progress, self._expected = progress, max(expected, 1)

    def outlines(self) -> dict[str, TensorOutline]:
        """The result's tensors. Raises InvalidRequest where shapes do not fit, or nothing is left."""
        outlines = {}
        for name in [*self._a, *(name for name in self._baked if name not in self._a)]:
            if self._recipe.discards(name):
                continue
            tensor = self._origin(name)
            dtype = TYPES.get(self._recipe.dtype, tensor.dtype) if _is_weight(name, tensor) else tensor.dtype
            outlines[name] = TensorOutline(dtype, tuple(tensor.shape))
            if self._is_merged(name):
                self._check_shapes(name)
                self._merged.add(name)
        if not outlines:
            raise InvalidRequest("Discard", " ".join(self._recipe.discard), "leaves nothing", "Name fewer tensors.")
        self._types = {name: outline.dtype for name, outline in outlines.items()}
        return outlines

    def pieces(self, name: str) -> Iterator[torch.Tensor]:
        """A tensor's numbers in their order, in the result's type. Raises NumbersOverflowed, and what `check` does."""
        for piece in self._merged_pieces(name) if name in self._merged else _cut(self._origin(name)):
            self._check()
            result = piece.to(self._types[name])
            if result.is_floating_point() and result.dtype.itemsize < 4:
                _check_range(name, piece, result)
            yield result
            self._account(result.numel() * result.element_size())

    def result(self, path: Path) -> MergeResult:
        """What was done, in numbers."""
        compared = [name for name in self._a if not self._recipe.discards(name) and name not in self._baked]
        kept = len(compared) - len(self._merged) if self._others else 0
        strangers = {name for other in self._others for name in other if name not in self._a}
        return MergeResult(path, len(self._merged), kept, len(strangers))

    def _origin(self, name: str) -> torch.Tensor:
        """A's tensor, or that of the VAE which takes its place."""
        if name in self._baked:
            assert self._vae is not None
            return self._vae[self._baked[name]]
        return self._a[name]

    def _is_merged(self, name: str) -> bool:
        if name in self._baked or not self._others:
            return False
        everywhere = all(name in other for other in self._others)
        return everywhere and all(_is_weight(name, one[name]) for one in (self._a, *self._others))

    def _check_shapes(self, name: str) -> None:
        a, *others = [one[name].shape for one in (self._a, *self._others)]
        if len(set(others)) > 1 or (others[0] != a and not _widens(a, others[0])):
            raise _misfit(self._a.path, [one.path for one in self._others], name, [a, *others])

    def _merged_pieces(self, name: str) -> Iterator[torch.Tensor]:
        amount = self._amounts.of(name)
        a, *others = [one[name] for one in (self._a, *self._others)]
        if amount == 0:
            yield from _cut(a)  # bit for bit: a sum with 0 would lose the sign of zeros
        elif a.shape != others[0].shape:
            whole = a.to(torch.float32, copy=True)
            whole[:, :_LATENT_CHANNELS] = self._mixed(a[:, :_LATENT_CHANNELS], others, amount)
            yield whole
        elif amount == 1 and len(others) == 1:
            yield from _cut(others[0])
        else:
            for parts in zip(_cut(a), *map(_cut, others), strict=True):
                yield self._mixed(parts[0], parts[1:], amount)

    def _mixed(self, a: torch.Tensor, others: list[torch.Tensor] | tuple[torch.Tensor, ...], m: float) -> torch.Tensor:
        """A (1 - M) + B M, or A + (B - C) M."""
        result, b = (one.to(torch.float32, copy=True) for one in (a, others[0]))
        if len(others) == 1:
            return result.mul_(1 - m).add_(b.mul_(m))
        return result.add_(b.sub_(others[1].to(torch.float32)).mul_(m))

    def _account(self, size: int) -> None:
        self._written += size
        self._unreleased += size
        self._progress(self._written / self._expected)
        if self._unreleased >= READ_BEFORE_LETTING_GO:
            self._unreleased = 0
            for source in self._sources:
                source.let_go()


def sha256_of(path: Path, check: Callable[[], None] = lambda: None) -> str:
    """The hash of a file as hexadecimal digits; `check` stops it by raising."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(4 << 20))
    with path.open("rb", buffering=0) as file:
        while length := file.readinto(buffer):
            check()
            digest.update(buffer[:length])
    return digest.hexdigest()


def legacy_hash_of(path: Path) -> str:
    """The first 8 digits of the sha256 of the 64 KiB that follow the file's first MiB, A1111's oldest model hash."""
    with path.open("rb") as file:
        file.seek(0x100000)
        return hashlib.sha256(file.read(0x10000)).hexdigest()[:8]


def _parent(weights: MappedWeights, hash_of: Callable[[Path], str] | None, check: Callable[[], None]) -> Parent:
    path = weights.path
    sha256 = hash_of(path) if hash_of else sha256_of(path, check)
    return Parent(path.name, sha256, legacy_hash_of(path), weights.header.metadata)


def _check_files(recipe: MergeRecipe, files: MergeFiles, output: Path) -> None:
    """Raises InvalidRequest where there are not as many files as the method takes, or one would be overwritten."""
    wanted, given = METHODS[recipe.method], len(files.parents)
    if given != wanted or (files.tertiary and not files.secondary):
        what = "one checkpoint" if wanted == 1 else f"{wanted} checkpoints"
        raise InvalidRequest("Method", recipe.method, f"takes {what}, and {given} are given", "Choose as many.")
    for path in (*files.parents, files.vae):
        if path is not None and path.is_dir():
            raise UnsupportedModel(f"{path.name} is a diffusers folder. Only single .safetensors files can be merged.")
        if path is not None and path.resolve() == output.resolve():
            raise InvalidRequest("Name", output.name, "is one of the files that are merged", "Choose another name.")


def _check_alike(parents: tuple[MappedWeights, ...]) -> None:
    """Raises InvalidRequest where files differ in kind, family or names; UnsupportedModel for what is no model."""
    identities = [identify_weights(one.header) for one in parents]
    first = identities[0]
    for weights, identity in zip(parents, identities, strict=True):
        if identity.kind not in _MERGED_KINDS:
            raise UnsupportedModel(f"{weights.path.name} is no checkpoint but: {identity.title}. Choose a checkpoint.")
        if identity.unsupported:
            raise UnsupportedModel(f"{weights.path.name} cannot be merged. {identity.unsupported}")
        if _sort(identity) != _sort(first):
            raise InvalidRequest(
                "Models",
                weights.path.name,
                f"is of another kind ({identity.title}) than {parents[0].path.name} ({first.title})",
                "Choose checkpoints of one family.",
            )
        if identity.layout != first.layout:
            raise InvalidRequest(
                "Models",
                weights.path.name,
                f"names its tensors in the way of {identity.layout}, and {parents[0].path.name} in that of "
                f"{first.layout}",
                "Choose files that agree.",
            )
    if not any(name in other for other in parents[1:] for name in parents[0]) and parents[1:]:
        raise InvalidRequest("Models", parents[1].path.name, "has nothing in common with A", "Choose another.")


def _sort(identity: WeightsIdentity) -> tuple[str, str]:
    """What has to be the same; families that are not known are told apart by their titles."""
    return identity.kind, identity.family or identity.title


def _misfit(a: Path, others: list[Path], name: str, shapes: list[torch.Size]) -> InvalidRequest:
    if name == _FIRST_LAYER and shapes[0][1] == _LATENT_CHANNELS:
        task = next((_TASKS[shape[1]] for shape in shapes[1:] if shape[1] in _TASKS), "special")
        return InvalidRequest(
            "Models",
            a.name,
            f"is an ordinary checkpoint, and among the others is one for {task}",
            f"Choose the {task} checkpoint as A, so that its further channels stay.",
        )
    told = ", ".join("x".join(map(str, shape)) for shape in shapes)
    names = " and ".join(path.name for path in others)
    return InvalidRequest(
        "Models", names, f"do not fit {a.name}: {name[:80]} has the shapes {told}", "Choose others of one family."
    )


def _widens(a: torch.Size, other: torch.Size) -> bool:
    """Whether A takes further channels behind those of the latents, which B has no weights for."""
    alike = len(a) == len(other) == 4 and a[:1] + a[2:] == other[:1] + other[2:]
    return alike and a[1] in _TASKS and other[1] == _LATENT_CHANNELS


def _channels(weights: MappedWeights) -> int:
    shape = weights.header.shape(_FIRST_LAYER)
    return shape[1] if shape and len(shape) == 4 else 0


def _is_weight(name: str, tensor: torch.Tensor) -> bool:
    """Whether a tensor was trained: tables of the noise schedule, marks and counters are nobody's to mix."""
    is_table = "." not in name or name.startswith("denoiser.") or name.endswith(_NO_WEIGHTS)
    return tensor.is_floating_point() and not is_table


def _baked_in(a: MappedWeights, vae: MappedWeights | None) -> dict[str, str]:
    """The names in the VAE's file, by the names that they get in the result. Raises InvalidRequest."""
    if vae is None:
        return {}
    inside = {name: name for name in vae if name.startswith(_VAE)}
    names = inside or {
        _VAE + name: name for name in vae if name.startswith(("encoder.", "decoder.", "quant_conv", "post_quant_conv"))
    }
    if not any(name.startswith(_VAE + "decoder.up.") for name in names):
        raise InvalidRequest(
            "VAE", vae.path.name, "has no VAE with Stable Diffusion's own names", "Choose another file."
        )
    if not any(name.startswith("model.diffusion_model.") for name in a):
        raise InvalidRequest("VAE", vae.path.name, f"has no place in {a.path.name}", "Leave the VAE out.")
    for name, origin in names.items():
        if a.header.shape(name) not in (None, vae.header.shape(origin)):
            raise InvalidRequest("VAE", vae.path.name, f"does not fit {a.path.name}", "Choose one of its family.")
    return names


def _cut(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    flat = tensor.reshape(-1)
    for begin in range(0, flat.numel(), PIECE):
        yield flat[begin : begin + PIECE]


def _check_range(name: str, before: torch.Tensor, after: torch.Tensor) -> None:
    """Raises NumbersOverflowed where numbers are too large for the result's type."""
    if before.dtype != after.dtype and bool((~after.isfinite() & before.isfinite()).any()):
        raise NumbersOverflowed(
            f"Numbers of {name[:80]} are larger than {after.dtype} can hold. Choose bf16 or fp32 for the result, or a "
            "multiplier nearer to 0."
        )


def _check_header(outlines: dict[str, TensorOutline], metadata: dict[str, str]) -> None:
    """Raises InvalidRequest where the result would be a file that we do not read."""
    size = header_bytes(outlines, metadata)
    if size > MOST_HEADER_BYTES:
        raise InvalidRequest(
            "Metadata",
            f"{size:,} bytes",
            f"with the tensors' names are more than the {MOST_HEADER_BYTES:,} that can be read again",
            "Do not copy the metadata of the models (--no-metadata).",
        )


def _copy_configuration(files: MergeFiles, output: Path, *, replaces: bool) -> str:
    """A .yaml beside a checkpoint says how its network predicts: the result gets the first that a parent has.

    `replaces`: the one that is there belongs to the file that was overwritten. Returns a sentence where it fails.
    """
    found = next((path.with_suffix(".yaml") for path in files.parents if path.with_suffix(".yaml").is_file()), None)
    target = output.with_suffix(".yaml")
    try:
        if found is None:
            if replaces:
                target.unlink(missing_ok=True)
        elif replaces or not target.is_file():
            write_atomically(target, found.read_bytes())
    except (OSError, StorageFull) as error:
        told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if found is None:
            return f"The configuration {target} of the earlier file is still there ({told}). Remove it."
        return f"The configuration {found.name} was not copied to {target} ({told}). Copy it there."
    return ""
