"""Who asks, as a handler of the page learns it."""

from __future__ import annotations

import gradio as gr
from fastapi import Request

from modules.services.accounts import Visitor


def visitor_of(request: gr.Request | Request) -> Visitor:
    """Who sits before the page. The application in front has put it there, and refused whom it does not know."""
    inner = request.request if isinstance(request, gr.Request) else request
    found = getattr(inner.state, "visitor", None) if inner is not None else None
    if not isinstance(found, Visitor):
        raise gr.Error("Log in first.")
    return found
