"""From the prompts that were typed to those that are painted: styles, wildcards, NovelAI's brackets, in that order."""

from __future__ import annotations

from collections.abc import Callable

from modules.prompt.novelai import from_novelai
from modules.schema.requests import ResolvedTxt2Img
from modules.services.styles import StyleService
from modules.services.wildcards import PromptField, WildcardService


class PromptPreparation:
    """Carries out what a request says about its texts, once, when its job is accepted.

    A job that is run again after a crash must not depend on files that may have changed in between.
    """

    def __init__(self, styles: StyleService, wildcards: WildcardService) -> None:
        self._styles = styles
        self._wildcards = wildcards

    def prepared(self, request: ResolvedTxt2Img) -> ResolvedTxt2Img:
        """The request with its painted prompts, and what was typed as its templates where that differs.

        `wildcards` stays on only where something was drawn. Raises InvalidRequest for an unknown style or wildcard.
        """
        styled = self._styles.apply(request.prompt, request.negative_prompt, request.styles)
        positives = self._painted(styled[0], request, "prompt")
        negatives = self._painted(styled[1], request, "negative_prompt")
        drawn = request.wildcards and any(map(self._wildcards.is_template, styled))
        painted = {
            "prompt": positives[0],
            "negative_prompt": negatives[0],
            "prompts": positives if len(set(positives)) > 1 else (),
            "negative_prompts": negatives if len(set(negatives)) > 1 else (),
            "template": None if set(positives) == {request.prompt} else request.prompt,
            "negative_template": None if set(negatives) == {request.negative_prompt} else request.negative_prompt,
            "wildcards": drawn,
        }
        return ResolvedTxt2Img.of({**request.model_dump(), **painted})

    def _painted(self, text: str, request: ResolvedTxt2Img, field: PromptField) -> tuple[str, ...]:
        """The text of every picture."""
        read: Callable[[str], str] = from_novelai if request.novelai_emphasis else str
        if not (request.wildcards and self._wildcards.is_template(text)):
            return (read(text),) * request.picture_count
        seeds = [request.wildcard_seed_of(index) for index in range(request.picture_count)]
        words = {seed: self._wildcards.expand(text, seed, field) for seed in dict.fromkeys(seeds)}
        return tuple(read(words[seed]) for seed in seeds)
