"""What a whole tab asks for: its form, the script that is chosen, and the pictures to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradio.components import Component

from modules.schema.requests import Img2ImgRequest, Request, Txt2ImgRequest
from modules.services.build import Services
from modules.ui.binding import RequestFields, request_of
from modules.ui.generation_tab import GenerationTab
from modules.ui.request_controls import SWITCHED
from modules.ui.source_handlers import SourceHandlers

_NOT_OF_WORDS = {"width", "height", "script_name", "script_args", "sections"}
Values = Mapping[Component, Any]


def requested(services: Services, tab: GenerationTab, values: Values) -> Txt2ImgRequest | Img2ImgRequest:
    """The request; pictures that it begins with are stored. Raises InvalidRequest, NotFound, StorageFull."""
    composed: dict[str, Any] = {}
    without = uncounted_fields(services, tab, values)
    if tab.sources is not None:
        request_of(values, tab.form, without=without)  # what is refused anyway stores no pictures
        composed |= SourceHandlers(services, tab).composed(values)
    part = tab.script.parts.get(values[tab.script.choice] or "")
    if part is not None:
        composed["script_args"] = {name: value for name, value in part.read(values).items() if value is not None}
    composed["sections"] = tab.sections.read(values, tab.task)
    return request_of(values, tab.form, composed, without)


def request_of_words(tab: GenerationTab, values: Values) -> Txt2ImgRequest:
    """A request of the same words, seeds and sections, without pictures and scripts. Raises InvalidRequest."""
    names = Request.model_fields.keys() - _NOT_OF_WORDS - _switched_off(tab.form, values)
    given = {name: values[tab.form[name]] for name in names}
    given |= {"sections": tab.sections.read(values, "txt2img")}
    return Txt2ImgRequest.of({name: value for name, value in given.items() if value not in (None, "")})


def uncounted_fields(services: Services, tab: GenerationTab, values: Values, *, masked: bool = False) -> set[str]:
    """The fields that have no part in what is asked for, so that a forgotten value cannot refuse it.

    `masked`: whether there is a mask that `values` do not tell of.
    """
    without = SourceHandlers(services, tab).irrelevant(values) if tab.sources is not None else set()
    if masked:
        without -= set(tab.mask_fields)
    # A script may switch on what the form has off, and then its values count.
    return without if values[tab.script.choice] else without | _switched_off(tab.form, values)


def _switched_off(form: RequestFields, values: Values) -> set[str]:
    there = form.by_name()
    off = [fields for switch, fields in SWITCHED.items() if switch in there and not values[there[switch]]]
    return {name for fields in off for name in fields if name in there}
