"""What the Merge tab does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.checkpoints.merge_recipe import METHODS, MergeRecipe
from modules.errors import InvalidRequest
from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.services.merging import MergeRequest, MergeState
from modules.ui.merge_tab import FORMULAS, MODELS, MergeTab
from modules.ui.model_kinds import size_words
from modules.ui.opened_model_handlers import OpenedModelHandlers

Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class MergeHandlers:
    """The tab's handlers; the merge is the server's, and every page shows it."""

    def __init__(self, services: Services, tab: MergeTab) -> None:
        self._services = services
        self._tab = tab

    def open(self) -> Changes:
        """Offer the models that there are now, and show how the latest merge goes."""
        form = self._tab.form
        names = [checkpoint.name for checkpoint in self._services.models.all() if checkpoint.path.is_file()]
        vaes = [file.name for file in self._services.models.files("vae") if not file.problem]
        return {
            **{form[name]: gr.Dropdown(choices=names) for name in MODELS},
            form["vae"]: gr.Dropdown(choices=[("As in model A", ""), *vaes]),
            **self.show(),
        }

    def choose_method(self, values: Values) -> Changes:
        """Show the models that a method takes, and what it does with them."""
        form = self._tab.form
        method = values[form["method"]]
        count = METHODS.get(method, len(MODELS))
        shown = {form[name]: gr.Dropdown(visible=place < count) for place, name in enumerate(MODELS)}
        return {**shown, form["multiplier"]: gr.Slider(visible=count > 1), self._tab.formula: FORMULAS.get(method, "")}

    def start(self, values: Values) -> Changes:
        """Begin the merge. Raises QueueFull, InvalidRequest, ModelNotFound, UnsupportedModel, BrokenModel."""
        self._services.merging.start(self._request(values))
        return self.show()

    def cancel(self) -> Changes:
        """Stop the merge."""
        self._services.merging.cancel()
        return self.show()

    def watch(self, values: Values) -> Changes:
        """Look often while a merge is under way."""
        return {self._tab.timer: gr.Timer(active=values[self._tab.under_way] == "yes"), **self.show()}

    def look(self) -> Changes:
        """Whether one is under way; the page asks this again and again."""
        state = self._services.merging.state()
        return {self._tab.under_way: "yes" if state is not None and not state.is_over else ""}

    def show(self) -> Changes:
        """How the latest merge goes."""
        tab, state = self._tab, self._services.merging.state()
        is_busy = state is not None and not state.is_over
        done = state is not None and state.state == "done"
        failure = {tab.notice: state.error} if state is not None and state.state == "failed" else {}
        return {
            tab.merge: gr.Button(interactive=not is_busy),
            tab.cancel: gr.Button(interactive=is_busy),
            tab.status: _status(state),
            tab.result: _result(state),
            tab.made: state.target.stem if state is not None and done else "",
            tab.use: gr.Button(visible=done),
            tab.under_way: "yes" if is_busy else "",
            **failure,
        }

    def use(self, opened: OpenedModelHandlers, values: Values, visitor: Visitor) -> Changes:
        """Make the result the checkpoint that is used. Raises ModelNotFound, UnsupportedModel, BrokenModel."""
        name = str(values[self._tab.made] or "")
        return {**opened.select(name, values, visitor), self._tab.result: f"{name} is used from now on."}

    def _request(self, values: Values) -> MergeRequest:
        given = {name: values[component] for name, component in self._tab.form.items()}
        method = given["method"]
        try:
            multiplier = float(given["multiplier"])
        except (TypeError, ValueError):
            raise InvalidRequest("Multiplier", given["multiplier"], "is no number", "Choose one from 0 to 1.") from None
        recipe = MergeRecipe(
            method=method,
            multiplier=multiplier,
            blocks=_text(given["blocks"]),
            dtype=given["dtype"] or "",
            discard=tuple(_text(given["discard"]).split()),
            copy_metadata=bool(given["copy_metadata"]),
        )
        names = {name: _text(given[name]) for name in [*MODELS][: METHODS[recipe.method]]}
        for name, chosen in names.items():
            if not chosen:
                raise InvalidRequest(MODELS[name], "", "is missing", "Choose a checkpoint.")
        vae = self._services.vaes.find(_text(given["vae"])).path if given["vae"] else None
        return MergeRequest(
            recipe,
            names["primary"],
            names.get("secondary", ""),
            names.get("tertiary", ""),
            vae=vae,
            name=_text(given["name"]),
            overwrite=bool(given["overwrite"]),
        )


def _text(value: Any) -> str:
    return str(value or "").strip()


def _status(state: MergeState | None) -> dict[str, Any]:
    """A merge as the status panel shows it."""
    if state is None or state.is_over:
        return {"busy": False, "empty": state is None}
    known = state.progress > 0
    text = f"Merging into {state.target.stem}" if known else "Reading the models"
    return {"busy": True, "text": text, "share": state.progress if known else None, "empty": False}


def _result(state: MergeState | None) -> str:
    if state is None or not state.is_over:
        return ""
    if state.state == "cancelled":
        return "The merge was cancelled; nothing is left of it."
    if state.state == "failed":
        return ""
    note = f" {state.result.note}" if state.result and state.result.note else ""
    try:
        size = size_words(state.target.stat().st_size)
    except OSError:
        return f"{state.target.stem} was made.{note}"
    return f"{state.target.stem} is among your checkpoints now: {size}.{note}"
