"""What requests would run, step by step and word by word, told in the worker beside a job: no model is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from modules.checkpoints.diffusers_folder import read_tokenizer
from modules.checkpoints.loading import read_noise_facts
from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.hooks.sampling_registry import SamplingRegistry
from modules.pipeline.run_outline import RunOutline, Start, models_of
from modules.schema.requests import ResolvedTxt2Img
from modules.services.models import ModelService

EmbeddingLengths = Callable[[str, str | None], Mapping[str, int]]
"""Of how many vectors the embeddings in a text are, by their names, for models of a family."""


class OutlineReader:
    """Answers questions about requests, each {"request", "strength", "exact"}; keeps the latest tokenizer."""

    def __init__(self, models: ModelService, embedding_lengths: EmbeddingLengths, sampling: SamplingRegistry) -> None:
        self._models = models
        self._embedding_lengths = embedding_lengths
        self._sampling = sampling
        self._tokenizer: tuple[object, PromptTokenizer] | None = None

    def schedule(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Each step of each pass. Raises InvalidRequest, ModelNotFound, UnsupportedModel, BrokenModel,
        PluginFailed."""
        outline, _ = self._outline(question)
        return {"passes": [asdict(one) for one in outline.passes()]}

    def words(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The texts of each pass, cut into chunks and tokens. Raises as `schedule` does."""
        outline, request = self._outline(question)
        checkpoint = self._models.find(request.model)
        known = (checkpoint.path, checkpoint.identity)
        if self._tokenizer is None or self._tokenizer[0] != known:
            self._tokenizer = (known, read_tokenizer(checkpoint.path))
        texts = (request.prompt_of(0), request.negative_prompt_of(0), request.hr_prompt_of(0))
        lengths = self._embedding_lengths(
            "\n".join((*texts, request.hr_negative_prompt_of(0))), checkpoint.identity.family
        )
        return {"passes": [asdict(one) for one in outline.words(self._tokenizer[1], lengths)]}

    def _outline(self, question: Mapping[str, Any]) -> tuple[RunOutline, ResolvedTxt2Img]:
        request = ResolvedTxt2Img.of(question["request"])
        strength = question["strength"]
        start = None if strength is None else Start(float(strength), bool(question["exact"]))
        facts = {name: read_noise_facts(self._models.find(name)) for name in models_of(request)}
        return RunOutline(request, facts, start, self._sampling.now), request
