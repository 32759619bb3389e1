"""From the prompts that were typed to those that are painted: sections, styles, wildcards, NovelAI's brackets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain

from modules.prompt.novelai import from_novelai
from modules.schema.requests import AnyResolved, Resolved, ResolvedTxt2Img
from modules.services.sections import SectionService
from modules.services.styles import StyleService
from modules.services.wildcards import PromptField, WildcardService


class PromptPreparation:
    """Carries out what a request says about its texts, once, when its job is accepted.

    A job that is run again after a crash must not depend on files that may have changed in between.
    """

    def __init__(self, styles: StyleService, wildcards: WildcardService, sections: SectionService) -> None:
        self._styles = styles
        self._wildcards = wildcards
        self._sections = sections

    def prepared(self, request: AnyResolved) -> AnyResolved:
        """The request with its painted prompts, and what was typed as its templates where that differs.

        `wildcards` stays on only where something was drawn, or where a script may yet bring wildcards in. Raises
        InvalidRequest for an unknown style or wildcard, and what sections raise.
        """
        texts = self._sections.prompts_of(request)
        with_script = request.wildcards and request.script_name is not None
        painted, drawn = self._pair(request, texts, "prompt", "negative_prompt")
        fields = dict(zip(("prompt", "prompts", "template"), painted[0], strict=True))
        fields |= dict(zip(("negative_prompt", "negative_prompts", "negative_template"), painted[1], strict=True))
        if isinstance(request, ResolvedTxt2Img) and request.enable_hr:
            second, drawn_too = self._pair(request, texts, "hr_prompt", "hr_negative_prompt")
            drawn = drawn or drawn_too
            if request.hr_prompt or any(texts["hr_prompt"]):
                fields |= dict(zip(("hr_prompt", "hr_prompts", "hr_template"), second[0], strict=True))
            if request.hr_negative_prompt or any(texts["hr_negative_prompt"]):
                names = ("hr_negative_prompt", "hr_negative_prompts", "hr_negative_template")
                fields |= dict(zip(names, second[1], strict=True))
        return type(request).of({**request.model_dump(), **fields, "wildcards": drawn or with_script})

    def _pair(
        self, request: Resolved, texts: Mapping[str, Sequence[str]], prompt: str, negative_prompt: str
    ) -> tuple[tuple[Painted, Painted], bool]:
        """What becomes of a prompt and its negative, by the names of their fields, and whether words were drawn."""
        pairs = list(zip(texts[prompt], texts[negative_prompt], strict=True))
        styled = {pair: self._styles.apply(*pair, request.styles) for pair in dict.fromkeys(pairs)}
        positives = self._painted([styled[pair][0] for pair in pairs], request, "prompt")
        negatives = self._painted([styled[pair][1] for pair in pairs], request, "negative_prompt")
        drawn = request.wildcards and any(map(self._wildcards.is_template, chain(*styled.values())))
        typed = getattr(request, prompt), getattr(request, negative_prompt)
        return (_as_fields(typed[0], positives), _as_fields(typed[1], negatives)), drawn

    def _painted(self, texts: Sequence[str], request: Resolved, field: PromptField) -> tuple[str, ...]:
        """The text of every picture."""
        read: Callable[[str], str] = from_novelai if request.novelai_emphasis else str
        templates = {text for text in set(texts) if request.wildcards and self._wildcards.is_template(text)}
        asked = [
            (text, request.wildcard_seed_of(index) if text in templates else None) for index, text in enumerate(texts)
        ]
        words = {
            (text, seed): read(text if seed is None else self._wildcards.expand(text, seed, field))
            for text, seed in dict.fromkeys(asked)
        }
        return tuple(words[one] for one in asked)


Painted = tuple[str, tuple[str, ...], str | None]
"""A prompt, the prompts of all pictures where they differ, and what was typed where that is neither."""


def _as_fields(typed: str, texts: tuple[str, ...]) -> Painted:
    several = len(set(texts)) > 1
    return texts[0], texts if several else (), None if set(texts) == {typed} else typed
