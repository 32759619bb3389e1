"""The order of the tabs, and which of them the page leaves out, as the settings say."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

ALWAYS = "Settings"
"""Whoever hid it could bring no tab back."""


def arrange_tabs(tabs: gr.Tabs, *, first: Sequence[str], hidden: Sequence[str]) -> None:
    """Put tabs in their order, by their titles in any case; to be called before the page is complete."""
    wanted = [_plain(title) for title in first]
    away = {_plain(title) for title in hidden} - {_plain(ALWAYS)}

    def place(tab: gr.Tab) -> int:
        title = _plain(tab.label)
        return wanted.index(title) if title in wanted else len(wanted)

    found = [tab for tab in tabs.children if isinstance(tab, gr.Tab)]
    shown = [tab for tab in found if _plain(tab.label) not in away]
    for tab in found:
        tab.visible = tab in shown
    tabs.children = sorted(tabs.children, key=lambda tab: place(tab) if isinstance(tab, gr.Tab) else len(wanted))
    front = next((tab for tab in tabs.children if tab in shown), None)
    if (first or away) and isinstance(front, gr.Tab):
        tabs.selected = front.id


def _plain(title: object) -> str:
    return str(title or "").strip().lower()
