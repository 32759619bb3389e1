"""What the page makes of values that its controls do not offer."""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from modules.ui.controls import lay_out_choice
from modules.ui.page import Page

ODD = "<img src=x onerror=alert(1)>"


def test_a_choice_that_was_updated_still_hands_on_what_it_does_not_offer() -> None:
    async def send_before_and_after() -> tuple[list[Any], list[Any]]:
        with Page() as page:
            choice = lay_out_choice("choice", ["old"], "old", label="Choice")
            choice.change(lambda value: value, choice, choice)
        state, handler = SessionState(page), page.fns[0]
        before = await page.preprocess_data(handler, [ODD], state)
        await page.postprocess_data(handler, gr.update(choices=["new"]), state)
        assert state[choice._id].choices == [("new", "new")]
        return before, await page.preprocess_data(handler, [ODD], state)

    assert asyncio.run(send_before_and_after()) == ([ODD], [ODD])


def test_what_gradio_refuses_is_quoted_as_text() -> None:
    async def send() -> None:
        with Page() as page:
            choice = gr.Dropdown(["old", ODD], value="old")
            choice.change(lambda value: value, choice, choice)
        await page.preprocess_data(page.fns[0], ["<b>another"], SessionState(page))

    with pytest.raises(gr.Error) as refusal:
        asyncio.run(send())
    assert "&lt;b&gt;another" in refusal.value.message and "<" not in refusal.value.message
