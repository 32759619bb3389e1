"""The files of the LoRAs and embeddings that prompts name; nothing is read but their headers."""

from __future__ import annotations

from collections.abc import Iterable

from modules.checkpoints.model_files import ModelFile
from modules.errors import ModelNotFound
from modules.prompt.extra_networks import NetworkTag, lora_uses
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
        return {file.path.stem.lower(): file for file in reversed(files)} | {file.name.lower(): file for file in files}

    def embeddings(self, text: str) -> dict[str, ModelFile]:
        """The embeddings whose names stand in a text, by those names; broken ones are words like any others."""
        lowered = text.lower()
        found = {file.path.stem: file for file in self._models.files("embedding") if file.path.stem.lower() in lowered}
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
        """Raises ModelNotFound, UnsupportedModel, BrokenModel for a LoRA that cannot be used, InvalidRequest."""
        for name in dict.fromkeys(use.name for prompt in _prompts_of(request) for use in lora_uses(prompt)):
            self.lora(name)

    def hashes(self, request: Resolved, index: int) -> dict[str, str]:
        """What the infotext of a picture says of its networks."""
        prompts = _prompts_of(request, index)
        loras = {use.name: self.lora(use.name) for text in prompts for use in lora_uses(text)}
        words = self.embeddings("\n".join([*prompts, *_negatives_of(request, index)]))
        rows = {"Lora hashes": loras, "TI hashes": words}
        return {
            key: ", ".join(f"{name}: {self._models.network_hash(file)}" for name, file in row.items())
            for key, row in rows.items()
            if row
        }


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
