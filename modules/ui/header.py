"""Layout of what stands above all tabs: the name, the model, and the tools of the whole page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from modules.ui.assets import asset
from modules.ui.controls import lay_out_choice
from modules.ui.model_kinds import BADGES


@dataclass(frozen=True)
class Header:
    """What is wired; the tools are painted and run by header.js."""

    model: gr.Dropdown
    tools: gr.HTML
    """Its value is what `header_value` gives."""
    quick: Sequence[dict[str, Any]]


def lay_out_header(models: Sequence[str], quick: Sequence[dict[str, Any]], *, has_logins: bool) -> Header:
    """The header; `quick` is what `quick_settings` gives."""
    with gr.Row(elem_id="header"):
        gr.HTML(asset("brand.html"), elem_id="brand")
        model = lay_out_choice("model", list(models), None, label="Model", filterable=True, min_width=220)
        tools = gr.HTML(
            value=header_value(quick, has_logins=has_logins),
            html_template=asset("header.html"),
            js_on_load="window.atelier.mountHeader(element, props, watch, trigger);",
            elem_id="header-tools",
        )
    return Header(model, tools, quick)


def header_value(quick: Sequence[dict[str, Any]], *, has_logins: bool) -> dict[str, Any]:
    """What header.js paints: the quick settings, and what those that are fields of the forms hold now, by name."""
    values = {one["name"]: one["value"] for one in quick if "name" in one}
    return {"quick": list(quick), "values": values, "hasLogins": has_logins, "badges": BADGES}
