"""From the prompts that were typed to those that are painted: styles, wildcards, NovelAI's brackets, in that order."""

from __future__ import annotations

from collections.abc import Callable

from modules.prompt.novelai import from_novelai
from modules.schema.requests import AnyResolved, Resolved, ResolvedTxt2Img
from modules.services.styles import StyleService
from modules.services.wildcards import PromptField, WildcardService


class PromptPreparation:
    """Carries out what a request says about its texts, once, when its job is accepted.

    A job that is run again after a crash must not depend on files that may have changed in between.
    """

    def __init__(self, styles: StyleService, wildcards: WildcardService) -> None:
        self._styles = styles
        self._wildcards = wildcards

    def prepared(self, request: AnyResolved) -> AnyResolved:
        """The request with its painted prompts, and what was typed as its templates where that differs.

        `wildcards` stays on only where something was drawn, or where a script may yet bring wildcards in. Raises
        InvalidRequest for an unknown style or wildcard.
        """
        with_script = request.wildcards and request.script_name is not None
        painted, drawn = self._pair(request, request.prompt, request.negative_prompt)
        fields = dict(zip(("prompt", "prompts", "template"), painted[0], strict=True))
        fields |= dict(zip(("negative_prompt", "negative_prompts", "negative_template"), painted[1], strict=True))
        if isinstance(request, ResolvedTxt2Img) and request.enable_hr:
            second, drawn_too = self._pair(request, request.hr_prompt, request.hr_negative_prompt)
            drawn = drawn or drawn_too
            if request.hr_prompt:
                fields |= dict(zip(("hr_prompt", "hr_prompts", "hr_template"), second[0], strict=True))
            if request.hr_negative_prompt:
                names = ("hr_negative_prompt", "hr_negative_prompts", "hr_negative_template")
                fields |= dict(zip(names, second[1], strict=True))
        return type(request).of({**request.model_dump(), **fields, "wildcards": drawn or with_script})

    def _pair(self, request: Resolved, prompt: str, negative_prompt: str) -> tuple[tuple[Painted, Painted], bool]:
        """What becomes of a prompt and its negative, and whether words were drawn for them."""
        styled = self._styles.apply(prompt, negative_prompt, request.styles)
        positives = self._painted(styled[0], request, "prompt")
        negatives = self._painted(styled[1], request, "negative_prompt")
        drawn = request.wildcards and any(map(self._wildcards.is_template, styled))
        return (_as_fields(prompt, positives), _as_fields(negative_prompt, negatives)), drawn

    def _painted(self, text: str, request: Resolved, field: PromptField) -> tuple[str, ...]:
        """The text of every picture."""
        read: Callable[[str], str] = from_novelai if request.novelai_emphasis else str
        if not (request.wildcards and self._wildcards.is_template(text)):
            return (read(text),) * request.picture_count
        seeds = [request.wildcard_seed_of(index) for index in range(request.picture_count)]
        words = {seed: self._wildcards.expand(text, seed, field) for seed in dict.fromkeys(seeds)}
        return tuple(read(words[seed]) for seed in seeds)


Painted = tuple[str, tuple[str, ...], str | None]
"""A prompt, the prompts of all pictures where they differ, and what was typed where that is neither."""


def _as_fields(typed: str, texts: tuple[str, ...]) -> Painted:
    several = len(set(texts)) > 1
    return texts[0], texts if several else (), None if set(texts) == {typed} else typed
