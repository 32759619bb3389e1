"""Prompts from file or textbox: one run for each line, which is a prompt or a list of options.

a red house
--prompt "a blue house" --negative_prompt "night" --steps 30 --seed 7
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from modules.hooks import (
    Arguments,
    Available,
    Choice,
    Drafting,
    Drawn,
    InvalidRequest,
    Resolved,
    Script,
    ScriptContext,
    Switch,
    Text,
    UserError,
    drawn_seed,
    hookimpl,
    typed,
)

MAX_LINES = 1000
_FIELDS_OF_A1111 = {"sd_model": "model", "n_iter": "batch_count", "sampler_index": "sampler_name"}
_STORAGE = ("outpath_samples", "outpath_grids", "do_not_save_samples", "do_not_save_grid", "prompt_for_display")
_PROMPTS = ("prompt", "negative_prompt")
_SEEDS = ("seed", "subseed")
_LISTS = ("styles", "sigmas")


def options_of(line: str, where: str, available: Available) -> dict[str, Any]:
    """The fields that a line sets, by name, as text; `where` names the line in refusals. Raises InvalidRequest."""
    if not line.startswith("--"):
        return {"prompt": line}
    try:
        words = shlex.split(line)
    except ValueError as error:
        remedy = 'Put texts that hold a quote into the other kind of quotes, like --prompt "a cat\'s hat".'
        raise InvalidRequest(where, line, f"cannot be read ({error})", remedy) from error
    found: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            name = _field_of(word, where, available)
            if name in found:
                raise InvalidRequest(where, word, "is there twice", "Leave one of them out.")
            found[name] = []
        else:
            found[list(found)[-1]].append(word)
    return {name: _value(name, texts, where, available) for name, texts in found.items()}


def _field_of(word: str, where: str, available: Available) -> str:
    name = word[2:].replace("-", "_")
    if name in _STORAGE:
        raise InvalidRequest(where, word, "is no option here", "Leave it out: where pictures go is a setting.")
    name = _FIELDS_OF_A1111.get(name, name)
    known = [field for field, row in available.fields.items() if row.kind != "list" or field in _LISTS]
    if name not in known:
        near = difflib.get_close_matches(name[:100], [*known, *_FIELDS_OF_A1111], n=2, cutoff=0.4)
        remedy = f"Nearest: {', '.join(f'--{row}' for row in near)}." if near else "Leave it out."
        raise InvalidRequest(where, word, "is not known", remedy)
    return name


def _value(name: str, words: list[str], where: str, available: Available) -> object:
    field = available.fields[name]
    if not words and field.kind == "switch":
        return True
    if not words and name not in _PROMPTS:
        raise InvalidRequest(where, f"--{name}", "has no value", f"Write one behind it, like --{name} VALUE.")
    text = " ".join(words)
    return tuple(row.strip() for row in text.split(",") if row.strip()) if name == "styles" else text


class PromptsFromFile(Script):
    """A1111's script of that name."""

    name = "Prompts from file or textbox"
    help = "one run for each line, which is a prompt or a list of options"
    arguments = (
        Switch(
            name="iterate_seed",
            label="Iterate seed every line",
            help="each line goes on with the seed behind those of the line before",
        ),
        Switch(
            name="same_seed",
            label="Use same random seed for all lines",
            help="instead of one for each line, where the seed is -1",
        ),
        Choice(
            name="prompt_position",
            label="Insert prompts at the",
            help="where a line's prompt goes in that of the form",
            choices=("start", "end"),
            default="start",
        ),
        Text(
            name="prompt_txt",
            label="List of prompt inputs",
            help='a prompt in each line, or options like --prompt "a house" --steps 30',
            lines=8,
        ),
        Drawn(name="seed_drawn", label="Seed drawn"),
    )

    def check(self, base: Resolved, arguments: Arguments, context: Drafting) -> None:
        list(_requests(base, arguments, context))

    def run(self, base: Resolved, arguments: Arguments, context: ScriptContext) -> None:
        requests = list(_requests(base, arguments, context))
        context.plan(len(requests), sum(request.steps * request.picture_count for request in requests))
        for number, request in enumerate(requests, 1):
            context.stage(f"Prompt {number} of {len(requests)}")
            context.paint(request)


def _requests(base: Resolved, arguments: Arguments, context: Drafting) -> Iterator[Resolved]:
    ahead = 0
    for place, (where, line) in enumerate(_lines(arguments["prompt_txt"])):
        fields = _with_words_of(base, options_of(line, where, context.available), arguments["prompt_position"])
        if arguments["iterate_seed"]:
            fields = {"seed": base.seed + ahead, **fields}
        elif arguments["seed_drawn"] and not arguments["same_seed"]:
            fields = {"seed": drawn_seed(base.seed, "line", place), **fields}
        for seed in _SEEDS:
            if str(fields.get(seed)).strip() == "-1":
                fields[seed] = drawn_seed(base.seed, seed, place)
        request = _changed(base, fields, where, context)
        ahead += request.picture_count
        yield request


def _lines(text: str) -> list[tuple[str, str]]:
    """What refusals call a line, and the line; empty ones and comments (#) are left out. Raises InvalidRequest."""
    rows = [(f"Line {number}", line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    found = [(where, line) for where, line in rows if line and not line.startswith("#")]
    if not found:
        raise InvalidRequest("List of prompt inputs", text, "is empty", "Write a prompt into each line.")
    if len(found) > MAX_LINES:
        raise InvalidRequest("List of prompt inputs", len(found), "lines are too many", f"The most is {MAX_LINES:,}.")
    return found


def _with_words_of(base: Resolved, fields: Mapping[str, Any], position: str) -> dict[str, Any]:
    """The fields with the prompts of the base before or behind theirs."""
    found = dict(fields)
    for name in _PROMPTS:
        if fields.get(name) and typed(base, name):
            texts = [fields[name], typed(base, name)]
            found[name] = " ".join(texts if position == "start" else reversed(texts))
    return found


def _changed(base: Resolved, fields: Mapping[str, Any], where: str, context: Drafting) -> Resolved:
    try:
        return context.changed(base, fields)
    except InvalidRequest as error:
        raise InvalidRequest(f"{where}: {error.field}", error.value, error.problem, error.remedy) from error
    except UserError as error:
        raise InvalidRequest(where, ", ".join(map(str, fields.values())), "cannot be used", str(error)) from error


@hookimpl
def register_scripts() -> list[Script]:
    """The lines."""
    return [PromptsFromFile()]
