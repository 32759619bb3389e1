"""Requests of people, as handlers of the page are given them."""

from __future__ import annotations

from typing import cast

import gradio as gr
from fastapi import Request

from modules.services.accounts import Visitor


def asked_by(visitor: Visitor | None) -> gr.Request:
    """A request of somebody; None: of nobody that is known."""
    state = {} if visitor is None else {"visitor": visitor}
    return cast(gr.Request, Request({"type": "http", "headers": [], "state": state}))
