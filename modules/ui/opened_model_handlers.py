"""What is done with the file that is opened on the Models tab: looked at, used in a form, edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from PIL import Image

from modules.errors import InvalidRequest, ModelNotFound, UserError
from modules.imaging.reading import load_input
from modules.schema.requests import AUTOMATIC, NO_VAE
from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.services.model_cards import ModelCard
from modules.services.model_words import embedding_text, lora_text, trigger_words, with_words
from modules.ui.generation_tab import GenerationTab
from modules.ui.model_grid import key_of, kind_and_name
from modules.ui.model_handlers import ModelHandlers
from modules.ui.model_kinds import ONE, size_words
from modules.ui.model_panel import ModelPanel
from modules.ui.request_controls import choices_of

LARGEST_SIDE = 1024
"""Pixels of the preview that is shown large."""
_USES = {
    "checkpoint": "Use this checkpoint",
    "lora": "Put into the prompt",
    "embedding": "Put into the prompt",
    "vae": "Use this VAE",
}
"""What can be done with a kind; the others are chosen where they work."""
_HINTS = {
    "upscaler": "It is in the lists of upscalers: on the Extras tab, in Hires. fix and in SD upscale.",
    "controlnet": "ControlNets cannot be used yet.",
    "hypernetwork": "Hypernetworks cannot be used yet.",
    "tiny-vae": "It paints the live previews of the checkpoints that it was made for.",
}
Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class OpenedModelHandlers:
    """Handlers of the panel; `values` hold its components, and the prompts of all forms."""

    def __init__(
        self,
        services: Services,
        panel: ModelPanel,
        tabs: Mapping[Any, GenerationTab],
        model: gr.Dropdown,
        models: ModelHandlers,
    ) -> None:
        self._services = services
        self._panel = panel
        self._tabs = tabs
        self._model = model
        self._models = models

    def open(self, event: gr.EventData) -> Changes:
        """Show the file whose card was clicked. Raises ModelNotFound."""
        return self._showing(self._services.cards.find(*kind_and_name(_given(event, "key"))))

    def close(self) -> Changes:
        """Show none."""
        return {self._panel.column: gr.Column(visible=False), self._panel.chosen: ""}

    def use(self, values: Values, visitor: Visitor) -> Changes:
        """Select the checkpoint, set the VAE, or put the network and its words into a prompt.

        Raises ModelNotFound, UnsupportedModel, BrokenModel, InvalidRequest.
        """
        card = self._opened(values)
        if card.kind == "checkpoint":
            return {**self.select(card.name, values, visitor), self._panel.remark: f"{card.name} is used from now on."}
        refusal = self._services.models.looked_at(card.file).refusal
        if refusal is not None:
            raise refusal
        if card.kind == "vae":
            return self._use_vae(card, values)
        if card.kind == "lora":
            names = [file.path.stem for file in self._services.models.files("lora")]
            return self._put_lora(card, lora_text(card, names), values)
        return self._put(values, embedding_text(card), negative=bool(values[self._panel.negative]))

    def use_word(self, values: Values, event: gr.EventData) -> Changes:
        """Put a trigger word into the prompt. Raises ModelNotFound, InvalidRequest."""
        word = _given(event, "word")
        if word not in trigger_words(self._opened(values).card):
            raise InvalidRequest("Trigger word", word, "is none of this model's", "Open it again.")
        return self._put(values, word)

    def select(self, name: str, values: Values, visitor: Visitor) -> Changes:
        """Use a checkpoint, as the list in the header does. Raises ModelNotFound, UnsupportedModel, BrokenModel."""
        changes = self._models.select({**values, self._model: name}, visitor)
        names = [checkpoint.name for checkpoint in self._services.models.all()]
        return {**changes, self._model: gr.Dropdown(choices=names, value=self._services.models.find(name).name)}

    def save(self, values: Values) -> Changes:
        """Write what was edited beside the file. Raises ModelNotFound, InvalidRequest, StorageFull."""
        card = self._opened(values)
        given = {name: values[component] for name, component in self._panel.form.items()}
        weight = given.pop("preferred_weight")
        changes: dict[str, Any] = {name: str(text or "").strip() or None for name, text in given.items()}
        changes["preferred_weight"] = None if weight in (None, "") else weight
        if card.kind != "checkpoint":
            del changes["vae"]
        if card.kind != "lora":
            del changes["preferred_weight"]
        saved = self._services.cards.edit(card.kind, card.name, changes)
        return {**self._showing(saved), self._panel.remark: "Saved beside the file."}

    def take_newest(self, values: Values) -> Changes:
        """Make the newest picture of the gallery the preview. Raises InvalidRequest, ModelNotFound, StorageFull."""
        newest = self._services.pictures.page(0, 1)
        if not newest:
            raise InvalidRequest("Preview", "", "has no picture to be made of", "Paint one first, or choose a file.")
        return self._with_preview(values, self._services.pictures.file(newest[0]))

    def take_upload(self, values: Values) -> Changes:
        """Make a file that was sent the preview. Raises UnreadablePicture, ModelNotFound, StorageFull."""
        path = values[self._panel.upload]
        return self._with_preview(values, Path(path)) if path else {}

    def _with_preview(self, values: Values, picture: Path) -> Changes:
        card = self._opened(values)
        changed = self._services.cards.set_preview(card.kind, card.name, picture)
        return {**self._showing(changed), self._panel.remark: "The preview is saved beside the file."}

    def _opened(self, values: Values) -> ModelCard:
        return self._services.cards.find(*kind_and_name(values[self._panel.chosen]))

    def _showing(self, model: ModelCard) -> Changes:
        panel, card = self._panel, model.card
        picture = self._picture(model)
        words = trigger_words(card)
        goes_into_form = model.kind in _USES and model.kind != "checkpoint"
        texts = {"description", "activation_text", "negative_text", "notes"}
        form = {panel.form[name]: getattr(card, name) for name in texts}
        return {
            **form,
            panel.form["preferred_weight"]: gr.Number(value=card.preferred_weight, visible=model.kind == "lora"),
            panel.form["vae"]: gr.Dropdown(
                choices=self._vaes(card.vae),
                value=card.vae,
                visible=model.kind == "checkpoint",
            ),
            panel.column: gr.Column(visible=True),
            panel.chosen: key_of(model),
            panel.title: card.title or model.name,
            panel.picture: gr.Image(value=picture, visible=picture is not None),
            panel.use: gr.Button(value=_USES.get(model.kind, "Use"), visible=model.kind in _USES and not model.problem),
            panel.place: gr.Radio(visible=goes_into_form and not model.problem),
            panel.negative: gr.Checkbox(visible=model.kind == "embedding" and not model.problem),
            panel.words: gr.HTML(value=list(words), visible=bool(words) and not model.problem),
            panel.remark: _HINTS.get(model.kind, ""),
            panel.notice: model.problem,
            panel.about: card.description,
            panel.facts: _facts(model),
            panel.metadata: self._told(model),
        }

    def _vaes(self, own: str) -> list[tuple[str, str]]:
        """Labels and values of what a card may name, with what it names now, wherever that may be."""
        names = [file.name + file.path.suffix for file in self._services.models.files("vae")]
        is_automatic = own.lower() in ("", AUTOMATIC.lower())
        further = [] if is_automatic else [own]
        automatic = (AUTOMATIC, own if is_automatic else "")
        return [automatic, *((name, name) for name in dict.fromkeys([NO_VAE, *names, *further]))]

    def _picture(self, model: ModelCard) -> Image.Image | None:
        """The preview, large; the small one where it is inside of the file; None where there is none."""
        try:
            source = model.preview or self._services.cards.thumbnail_of(model.file)
            picture = load_input(source) if source is not None else None
        except (OSError, UserError):
            return None
        if picture is not None:
            picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        return picture

    def _told(self, model: ModelCard) -> str:
        """What the header says of how the file was made, line by line."""
        facts = self._services.cards.training_facts(model.kind, model.name)
        rows = {
            "Title": facts.title,
            "Author": facts.author,
            "Trigger phrase": facts.trigger_phrase,
            "Base model": facts.base_model,
            "Rank": facts.rank,
            "Resolution": facts.resolution,
            "Words of its pictures": ", ".join(f"{tag} ({count:,})" for tag, count in facts.tags),
        }
        return "\n".join(f"{name}: {text}" for name, text in rows.items() if text) or "Nothing."

    def _use_vae(self, card: ModelCard, values: Values) -> Changes:
        tab = self._place(values)
        name = card.name + card.path.suffix
        choices = choices_of("sd_vae", self._services.scripts.available(tab.task))
        dropdown = gr.Dropdown(choices=choices, value=name)
        return {tab.form["sd_vae"]: dropdown, self._panel.remark: f"{tab.task} paints with this VAE."}

    def _put_lora(self, card: ModelCard, text: tuple[str, str, str], values: Values) -> Changes:
        """The tag and its words, once; what belongs into the negative prompt too."""
        tag, words, negative = text
        tab = self._place(values)
        prompts = tab.form["prompt"], tab.form["negative_prompt"]
        prompt = str(values[prompts[0]] or "")
        if f"<lora:{tag.split(':')[1]}:" in prompt:
            return {self._panel.remark: f"It is in the prompt of {tab.task} already."}
        joined = with_words(f"{prompt.rstrip()} {tag}".strip(), words)
        return {
            prompts[0]: joined,
            prompts[1]: with_words(str(values[prompts[1]] or ""), negative),
            self._panel.remark: f"{tag} is in the prompt of {tab.task}.",
        }

    def _put(self, values: Values, words: str, *, negative: bool = False) -> Changes:
        tab = self._place(values)
        field = tab.form["negative_prompt" if negative else "prompt"]
        prompt = "negative prompt" if negative else "prompt"
        return {
            field: with_words(str(values[field] or ""), words),
            self._panel.remark: f"“{words}” is in the {prompt} of {tab.task}.",
        }

    def _place(self, values: Values) -> GenerationTab:
        tab = self._tabs.get(values[self._panel.place])
        if tab is None:
            raise InvalidRequest("Tab", values[self._panel.place], "is not known", "Choose txt2img or img2img.")
        return tab


def _facts(model: ModelCard) -> list[tuple[str, str]]:
    """Names and texts of what is known of a file."""
    identity = model.file.identity
    rows: Sequence[tuple[str, str]] = (
        ("What it is", model.title or ONE[model.kind]),
        ("Made for", model.card.base_model),
        ("Prediction", (identity.prediction_type or "").replace("_", " ") if identity else ""),
        ("Precision", model.precision),
        ("Size", size_words(model.size)),
        ("Changed", f"{datetime.fromtimestamp(model.modified):%Y-%m-%d %H:%M}" if model.modified else ""),
        ("sha256", model.sha256 or "Being computed"),
        ("File", str(model.path)),
    )
    return [(name, text) for name, text in rows if text]


def _given(event: gr.EventData, name: str) -> str:
    """A text that came with an event; the browser may have sent anything."""
    data = event._data
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, str):
        raise ModelNotFound("No model is opened. Choose one first.")
    return value
