"""What happens around the prompts: counts and brackets while one types, styles, wildcards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.errors import InvalidRequest, UserError
from modules.prompt.brackets import bracket_problem
from modules.schema.refusals import LABELS
from modules.schema.requests import MAX_PROMPT_CHARACTERS
from modules.services.build import Services
from modules.ui.asking import request_of_words
from modules.ui.generation_tab import GenerationTab
from modules.ui.notices import shortened
from modules.ui.prompt_panel import DRAWN_AGAIN

SECONDS_OF_QUIET = 0.3
MAX_SHOWN_PROMPTS, MAX_SHOWN_CHARACTERS, MAX_SHOWN_PROBLEMS = 100, 40_000, 5
Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class PromptHandlers:
    """Handlers of a tab that generates; `values` are those of the components named as inputs."""

    def __init__(self, services: Services, tab: GenerationTab, others: Sequence[GenerationTab] = ()) -> None:
        self._services = services
        self._tab = tab
        self._others = others
        # One count at a time: those that wait for a model to be loaded must not use up the threads of the page.
        self._counting = asyncio.Lock()

    async def describe(self, values: Values) -> AsyncIterator[Changes]:
        """Say which brackets do not match, then how many tokens there are, when the model is there to count them.

        The page calls this again with the newest texts when it is over, so that the pause keeps fast typing quiet.
        """
        prompt, negative, styles = (values[self._tab.form[name]] for name in ("prompt", "negative_prompt", "styles"))
        texts = self._tab.texts
        yield {texts.problem: await asyncio.to_thread(_bracket_problems, prompt or "", negative or "")}
        await asyncio.sleep(SECONDS_OF_QUIET)
        async with self._counting:
            counts = await asyncio.to_thread(self._counts, prompt or "", negative or "", styles or [])
        yield {texts.count: counts[0], texts.negative_count: counts[1]}

    def preview(self, values: Values) -> Changes:
        """Show what the pictures would be asked for."""
        pairs = self._services.generate.preview_prompts(request_of_words(self._tab, values))
        script = values[self._tab.script.choice]
        info = f"Before the script “{script}” changes them. {DRAWN_AGAIN}" if script else DRAWN_AGAIN
        return {self._tab.tools.previewed: gr.Textbox(value=told_prompts(pairs), info=info, visible=True)}

    def save_style(self, values: Values) -> Changes:
        """Keep the prompts as they are under the name in the box."""
        form, tools = self._tab.form, self._tab.tools
        name = str(values[tools.style_name] or "")
        style = self._services.styles.save(name, values[form["prompt"]] or "", values[form["negative_prompt"]] or "")
        return {
            **self._style_lists(values),
            tools.remark: f"The style “{style.name}” is in {self._services.styles.default_file.name} now.",
        }

    def delete_style(self, values: Values) -> Changes:
        """Remove the style whose name is in the box; its file of before stays as a copy."""
        tools = self._tab.tools
        name = str(values[tools.style_name] or "").strip()
        if not name:
            raise InvalidRequest("Style name", name, "is empty", "Choose the style that shall go.")
        self._services.styles.delete(name)
        return {
            **self._style_lists(values),
            tools.remark: f"The style “{name}” is gone. The file as it was stays beside it, with .bak at its end.",
        }

    def apply_styles(self, values: Values) -> Changes:
        """Write the chosen styles into the prompts, and choose none any more. Raises InvalidRequest."""
        form = self._tab.form
        styles = values[form["styles"]] or []
        if not styles:
            raise InvalidRequest("Styles", "", "are not chosen", "Choose some from the list first.")
        prompts = (values[form[name]] or "" for name in ("prompt", "negative_prompt"))
        prompt, negative = self._services.styles.apply(*prompts, styles)
        return {form["prompt"]: prompt, form["negative_prompt"]: negative, form["styles"]: []}

    def edit_style(self, values: Values) -> Changes:
        """Put the text of the style in the box into the prompts; saved under its name it is another one then."""
        form, tools = self._tab.form, self._tab.tools
        style = self._services.styles.find(str(values[tools.style_name] or "").strip())
        remark = f"This is the style “{style.name}”. Change the prompts, and press Save as style."
        return {
            form["prompt"]: style.prompt,
            form["negative_prompt"]: style.negative_prompt,
            form["styles"]: [],
            tools.remark: remark,
        }

    def add_wildcard(self, values: Values) -> Changes:
        """Put the chosen wildcard at the end of the prompt, and have words drawn."""
        form, tools = self._tab.form, self._tab.tools
        name = values[tools.wildcards]
        if not name:
            return {}
        prompt = str(values[form["prompt"]] or "").rstrip()
        joined = f"{prompt}{'' if not prompt or prompt.endswith(',') else ','} __{name}__".strip()
        return {form["prompt"]: joined, form["wildcards"]: True, tools.wildcards: None}

    def _style_lists(self, values: Values) -> Changes:
        """The lists of styles of all tabs, as the files are now."""
        changes = style_choices(self._services, self._tab, values[self._tab.form["styles"]])
        names = style_names(self._services)
        for other in self._others:
            changes |= {one: gr.Dropdown(choices=names) for one in (other.form["styles"], other.tools.style_name)}
        return changes

    def _counts(self, prompt: str, negative: str, styles: Sequence[str]) -> tuple[str, str]:
        """The counts of both prompts with their styles; nothing where there is nothing to count or nobody to."""
        try:
            prompt, negative = self._services.styles.apply(prompt, negative, styles)
        except UserError:
            pass  # said when the picture is asked for
        return self._count(prompt), self._count(negative)

    def _count(self, text: str) -> str:
        if not text.strip() or len(text) > MAX_PROMPT_CHARACTERS:
            return ""
        try:
            return str(self._services.generate.count_tokens(text))
        except UserError:
            return ""


def style_names(services: Services) -> list[str]:
    """The styles that a form can name: the lines between files are none."""
    return [entry.name for entry in services.styles.list_styles() if entry.style is not None]


def wildcard_choices(services: Services) -> list[tuple[str, str]]:
    """What a list says of each wildcard, and its name."""
    return [(f"__{row.name}__ ({row.count:,})", row.name) for row in services.wildcards.list_wildcards()]


def style_choices(services: Services, tab: GenerationTab, chosen: Sequence[str] | None) -> Changes:
    """Both lists of styles as the files are now; of the chosen ones those stay that still are there."""
    names = style_names(services)
    return {
        tab.form["styles"]: gr.Dropdown(choices=names, value=[name for name in chosen or [] if name in names]),
        tab.tools.style_name: gr.Dropdown(choices=names, value=None),
    }


def word_choices(services: Services, tab: GenerationTab, chosen: Sequence[str] | None) -> Changes:
    """Every list of styles and wildcards as the files are now, and what is wrong with the files."""
    problems = [*services.styles.problems(), *services.wildcards.problems()]
    return {
        **style_choices(services, tab, chosen),
        tab.tools.wildcards: gr.Dropdown(choices=wildcard_choices(services), value=None),
        tab.tools.remark: "\n".join(shortened(problems, MAX_SHOWN_PROBLEMS)),
    }


def told_prompts(pairs: Sequence[tuple[str, str]]) -> str:
    """Prompts and negative prompts of pictures as plain text; what is alike is said once."""
    if len(set(pairs)) == 1:
        return _told(*pairs[0])
    told = [f"{number}. {_told(*pair)}" for number, pair in enumerate(pairs, 1)]
    text = "\n\n".join(shortened(told, MAX_SHOWN_PROMPTS))
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…"


def _told(prompt: str, negative: str) -> str:
    return f"{prompt}\nNegative prompt: {negative}" if negative else prompt


def _bracket_problems(prompt: str, negative: str) -> str:
    """A line for each prompt whose brackets do not match."""
    found = {"prompt": bracket_problem(prompt), "negative_prompt": bracket_problem(negative)}
    return "\n".join(
        f"{LABELS[name]}, line {row.line}, character {row.column}: {row.message}." for name, row in found.items() if row
    )
