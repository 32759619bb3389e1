"""The panel that tells how the jobs are getting on: a bar, a line of text, the live preview."""

from __future__ import annotations

import base64
from typing import Any

import gradio as gr

from modules.ui.assets import asset
from modules.ui.watching import Sight


def lay_out_status(name: str, hint: str) -> gr.HTML:
    """The panel; its value is what `status_value` gives, painted by status.js without any HTML made from it.

    `hint` says how the first picture comes about.
    """
    return gr.HTML(
        value=status_value(Sight(), has_pictures=False),
        html_template=asset("status.html").replace("{hint}", hint),
        js_on_load=asset("status.js"),
        elem_id=name,
        elem_classes=["status-box"],
    )


def status_value(sight: Sight, *, has_pictures: bool) -> dict[str, Any]:
    """A sight as the panel shows it. `share` is None where the time that it takes is unknown."""
    preview = sight.preview
    return {
        "busy": sight.job is not None,
        "text": status_text(sight),
        "share": sight.progress.step / sight.progress.steps if sight.progress else None,
        "preview": f"data:image/jpeg;base64,{base64.b64encode(preview.jpeg).decode()}" if preview else "",
        "empty": not has_pictures,
    }


def status_text(sight: Sight) -> str:
    """One line: what the front job does, how long it will take, how many wait behind it."""
    if sight.job is None:
        return ""
    parts = [_activity(sight)]
    if sight.progress and sight.progress.seconds_left is not None:
        parts.append(f"{duration(sight.progress.seconds_left)} left")
    if sight.waiting:
        parts.append(f"{sight.waiting} more waiting in the queue")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """A time as people say it: 4 s, 2 min 5 s, 1 h 10 min."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _activity(sight: Sight) -> str:
    if sight.job is not None and sight.job.state == "queued":
        return f"Waiting at place {sight.ahead + 1} of the queue"
    if sight.progress:
        finished = sight.progress.step == sight.progress.steps
        return "Finishing the picture" if finished else f"Step {sight.progress.step} of {sight.progress.steps}"
    return sight.stage or "Starting"
