"""Every handler of the page is somebody's, and refuses who is somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, get_args

import gradio as gr
import pytest

from modules.services.accounts import EVERYBODY, Visitor
from modules.services.build import Services
from modules.ui.application import build_page
from modules.ui.handler_classes import HandlerClass, class_of, names_of
from modules.ui.notices import guarded
from modules.ui.owners_parts import OwnersPartsHandlers
from tests.ui.askers import asked_by

BOB = Visitor("bob", is_owner=False)
REFUSAL = "Only an owner of this server may do that."
Handler = Callable[..., Any]


@pytest.fixture(scope="module")
def handlers(demo_services: Services) -> list[Handler]:
    """What gradio calls, of a page with logins."""

    async def built() -> gr.Blocks:
        # Outside of a running loop gradio makes one for each of its locks and closes none.
        return build_page(demo_services, has_logins=True)

    return [one.fn for one in asyncio.run(built()).fns.values() if one.fn is not None]


def test_no_handler_is_without_a_class(handlers: list[Handler]) -> None:
    assert len(handlers) > 80
    assert sorted({one.__qualname__ for one in handlers if class_of(one) is None}) == []


def test_the_table_holds_each_handler_once_and_no_others(handlers: list[Handler]) -> None:
    by_class = {kind: {one for one in handlers if class_of(one) == kind} for kind in get_args(HandlerClass)}
    lines = [name for kind in by_class for name in names_of(kind)]
    assert len(lines) == len(set(lines))
    qualified = {inmost(one).__qualname__ for one in handlers}
    assert qualified == set(lines)


def told(answer: dict[Any, Any]) -> list[Any]:
    """What an answer says; it may empty what was said before."""
    return [value for value in answer.values() if value != ""]


def inmost(handler: Any) -> Any:
    while hasattr(handler, "__wrapped__") or hasattr(handler, "func"):
        handler = getattr(handler, "__wrapped__", None) or handler.func
    return handler


def test_who_is_no_owner_is_refused_in_one_sentence(handlers: list[Handler]) -> None:
    refused = [one for one in handlers if class_of(one) == "owner"]
    assert len(refused) >= len(names_of("owner"))
    for handler in refused:
        assert told(handler(asked_by(BOB), None)) == [REFUSAL], handler.__qualname__


def test_what_the_page_asks_by_itself_tells_others_nothing(handlers: list[Handler]) -> None:
    unasked = [one for one in handlers if class_of(one) == "unasked"]
    assert len(unasked) >= len(names_of("unasked"))
    for handler in unasked:
        assert list(handler(asked_by(BOB), None).values()) == [gr.skip()], handler.__qualname__


def test_who_is_not_known_may_do_nothing(handlers: list[Handler]) -> None:
    for handler in handlers:
        answer = handler(asked_by(None), None)
        if hasattr(answer, "__anext__"):
            answer = asyncio.run(anext(answer))
        assert told(answer) == ["Log in first."], handler.__qualname__


def test_a_handler_without_a_class_is_for_owners_alone() -> None:
    notice = gr.HTML()

    def unheard() -> dict[Any, Any]:
        return {"done": True}

    assert guarded(notice, unheard)(asked_by(BOB)) == {notice: REFUSAL}
    assert guarded(notice, unheard)(asked_by(EVERYBODY)) == {notice: "", "done": True}


def test_the_parts_of_owners_are_hidden_from_others() -> None:
    part = gr.Button()
    handlers = OwnersPartsHandlers([part])
    assert handlers.welcome(EVERYBODY) == {}
    assert handlers.welcome(BOB)[part]["visible"] is False
