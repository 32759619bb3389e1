"""The files of the LoRAs and embeddings that prompts name; nothing is read but their headers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from modules.checkpoints.model_files import ModelFile
from modules.errors import InvalidRequest, ModelNotFound, UnsupportedModel, UserError
from modules.prompt.comments import strip_comments
from modules.prompt.extra_networks import (
    HYPERNETWORK_KIND,
    NetworkTag,
    extra_networks,
    lora_use,
    lora_uses,
    take_extra_networks,
)
from modules.schema.requests import Resolved, ResolvedTxt2Img
from modules.services.models import ModelService


class NetworkFileService:
    """Finds networks by the names in prompts: a file's path below its folder, or its name alone, in any case."""

    def __init__(self, models: ModelService) -> None:
        self._models = models

    def lora(self, name: str) -> ModelFile:
        """The file of a LoRA. Raises ModelNotFound, UnsupportedModel, BrokenModel."""
        if (found := self._by_name().get(name.strip().lower())) is None:
            raise ModelNotFound(
                f"Prompt: the LoRA {name!r} is not here. Put its file into models/Lora, or take <lora:{name}> out."
            )
        found = self._models.looked_at(found)
        if found.refusal is not None:
            raise found.refusal
        return found

    def _by_name(self) -> dict[str, ModelFile]:
        """The LoRAs by path and by name alone, in lower case."""
        files = self._models.files("lora")
        return {file.path.stem.lower().strip(): file for file in reversed(files)} | {
            file.name.lower().strip(): file for file in files
        }

    def embeddings(self, text: str) -> dict[str, ModelFile]:
        """The embeddings whose names stand in a text as words of their own, by those names, but for broken ones."""
        files = {file.path.stem: file for file in self._models.files("embedding")}
        found = {name: file for name, file in files.items() if stands_in(name, text)}
        return {name: file for name, file in found.items() if self._models.looked_at(file).refusal is None}

    def called_here(self, tag: NetworkTag, told_hash: str) -> str | None:
        """The source of a LoRA's tag with the name that it has here, as far as it is known under another one.

        `told_hash` is what an infotext says of it. None where it is not here.
        """
        name = tag.arguments[0] if tag.arguments else ""
        if self._by_name().get(name.strip().lower()) is not None:
            return tag.source
        same = (file for file in self._models.files("lora") if self._models.network_hash(file, wait=False) == told_hash)
        found = next(same, None) if told_hash else None
        return None if found is None else tag.source.replace(f":{name}", f":{found.name}", 1)

    def check(self, request: Resolved) -> None:
        """Raises InvalidRequest for what is no network here, and as `lora` does.

        Raises UnsupportedModel for a LoRA of another family than the model that is to wear it.
        """
        prompts = list(_prompts_of(request))
        for tag in (tag for prompt in prompts for tag in extra_networks(strip_comments(prompt))):
            _check_kind(tag)
        for name in dict.fromkeys(use.name for prompt in prompts for use in lora_uses(prompt)):
            self.lora(name)
        self._check_families(request)

    def check_tag(self, tag: NetworkTag, model: str) -> None:
        """Raises what `check` would raise of one tag in a prompt for a model."""
        _check_kind(tag)
        if (use := lora_use(tag)) is not None:
            self.lora(use.name)
            self._check_family(use.name, model)

    def _check_families(self, request: Resolved) -> None:
        """Before anything is painted: the pass that wears it may be the second one."""
        passes = [(request.model, [request.prompt_of(index) for index in range(request.picture_count)])]
        if isinstance(request, ResolvedTxt2Img) and request.enable_hr:
            second = [request.hr_prompt_of(one) or request.prompt_of(one) for one in range(request.picture_count)]
            passes.append((request.hr_checkpoint_name or request.model, second))
        for model, prompts in passes:
            for name in dict.fromkeys(use.name for prompt in dict.fromkeys(prompts) for use in lora_uses(prompt)):
                self._check_family(name, model)

    def _check_family(self, name: str, model: str) -> None:
        own, identity = self._models.find(model).identity.family, self.lora(name).identity
        if identity is not None and identity.family and own and identity.family != own:
            raise UnsupportedModel(
                f"Prompt: the LoRA {name!r} is a {identity.title}, and the model {model!r} is of another "
                "family. Leave it out, or choose a model of its kind."
            )

    def hashes(self, request: Resolved, index: int) -> dict[str, str]:
        """What the infotext of a picture says of its networks; a file that is gone by now has no row."""
        prompts = _prompts_of(request, index)
        loras = {use.name: partial(self.lora, use.name) for text in prompts for use in lora_uses(text)}
        words = {name: partial(_same, file) for name, file in self._words_of(request, index).items()}
        rows = {"Lora hashes": loras, "TI hashes": words}
        told = {key: {name: self._hash(find) for name, find in row.items()} for key, row in rows.items()}
        return {
            key: ", ".join(f"{name}: {digits}" for name, digits in row.items() if digits)
            for key, row in told.items()
            if any(row.values())
        }

    def _words_of(self, request: Resolved, index: int) -> dict[str, ModelFile]:
        """The embeddings that a picture was painted with."""
        shown = [take_extra_networks(strip_comments(text))[0] for text in _prompts_of(request, index)]
        found = self.embeddings("\n".join([*shown, *_negatives_of(request, index)]))
        try:
            family = self._models.find(request.model).identity.family
        except UserError:
            family = None
        return {
            name: file
            for name, file in found.items()
            if file.identity is None or file.identity.family in (None, family) or family is None
        }

    def _hash(self, find: Callable[[], ModelFile]) -> str:
        try:
            return self._models.network_hash(find())
        except (UserError, OSError):
            return ""


def stands_in(name: str, text: str) -> bool:
    """Whether a name stands somewhere in a text, in any case, and is not a part of a longer word there."""
    name, text = name.lower(), text.lower()
    at = text.find(name)
    while at >= 0:
        end = at + len(name)
        begins = not (at and text[at - 1].isalpha() and name[0].isalpha())
        ends = not (end < len(text) and text[end].isalpha() and name[-1].isalpha())
        if begins and ends:
            return True
        at = text.find(name, at + 1)
    return False


def _check_kind(tag: NetworkTag) -> None:
    if tag.kind == HYPERNETWORK_KIND:
        raise InvalidRequest("Prompt", tag.source, "asks for a hypernetwork, which there are none of", "Take it out.")


def _same(file: ModelFile) -> ModelFile:
    return file


def _prompts_of(request: Resolved, index: int | None = None) -> Iterable[str]:
    """The prompts in which LoRAs may be named: of one picture, or each one once of all of them."""
    pictures = range(request.picture_count) if index is None else [index]
    second = isinstance(request, ResolvedTxt2Img) and request.enable_hr
    texts = [request.prompt_of(one) for one in pictures]
    texts += [request.hr_prompt_of(one) for one in pictures if second and isinstance(request, ResolvedTxt2Img)]
    return dict.fromkeys(filter(None, texts))


def _negatives_of(request: Resolved, index: int) -> list[str]:
    texts = [request.negative_prompt_of(index)]
    if isinstance(request, ResolvedTxt2Img) and request.enable_hr:
        texts.append(request.hr_negative_prompt_of(index))
    return texts
