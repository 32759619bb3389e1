"""The panel that tells how the jobs are getting on: a bar, a line of text, the live preview."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import gradio as gr

from modules.schema.jobs import Job
from modules.ui.assets import asset
from modules.ui.watching import Sight

_GB = 2**30


def lay_out_status(name: str, hint: str) -> gr.HTML:
    """The panel; its value is what `status_value` gives, painted by status.js without any HTML made from it.

    `hint` says how the first picture comes about.
    """
    return gr.HTML(
        value=status_value(Sight(), has_pictures=False),
        html_template=asset("status.html").replace("{hint}", hint),
        js_on_load=asset("status.js") + asset("status_foot.js"),
        elem_id=name,
        elem_classes=["status-box"],
    )


def status_value(sight: Sight, *, has_pictures: bool, memory: str = "") -> dict[str, Any]:
    """A sight as the panel shows it. `share` is None where the time that it takes is unknown.

    `memory` is what the latest job left in memory, as `memory_text` has it.
    """
    preview = sight.preview
    return {
        "busy": sight.job is not None,
        "text": status_text(sight),
        "share": sight.progress.step / sight.progress.steps if sight.progress else None,
        "preview": f"data:image/jpeg;base64,{base64.b64encode(preview.jpeg).decode()}" if preview else "",
        "empty": not has_pictures,
        "waiting": f"{sight.waiting} more waiting in the queue" if sight.waiting else "",
        "forever": sight.job is not None and sight.job.repeats,
        "told": "" if sight.ended is None else " · ".join(filter(None, (ended_text(sight.ended), memory))),
    }


def status_text(sight: Sight) -> str:
    """One line: what the front job does, and how long it will take."""
    if sight.job is None:
        return ""
    parts = [_activity(sight)]
    if sight.progress and sight.progress.seconds_left is not None:
        parts.append(f"{duration(sight.progress.seconds_left)} left")
    if sight.ready_in is not None and not sight.rests:
        parts.append(f"ready in about {duration(sight.ready_in)}")
    if sight.finishes:
        parts.append("ends after this picture, at once if you interrupt again")
    return " · ".join(parts)


def ended_text(job: Job) -> str:
    """One line: what became of a job, how long it took, with which model."""
    outcome = {"done": "Done", "failed": "Failed", "cancelled": "Interrupted"}[job.state]
    if job.started is None or job.finished is None:
        return outcome if job.state != "cancelled" else "Cancelled"
    parts = [f"{outcome} after {exact_duration(job.finished - job.started)}"]
    if job.model:
        parts.append(job.model)
    return " · ".join(parts)


def memory_text(found: Mapping[str, Any]) -> str:
    """What `GenerateService.memory` tells, in one line: of the graphics cards where there are some."""
    cards = [device["system"] for device in found["devices"] if "system" in device]
    if not cards:
        return f"{found['ram']['used'] / _GB:.1f} GB of memory in use"
    used, total = (sum(card[name] for card in cards) / _GB for name in ("used", "total"))
    return f"{used:.1f} of {total:.0f} GB of graphics memory in use"


def exact_duration(seconds: float) -> str:
    """A time that is over: tenths of a second as long as they matter."""
    return f"{max(0.0, seconds):.1f} s" if seconds < 10 else duration(seconds)


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
        if sight.rests or sight.job.paused:
            return "The queue is paused" if sight.rests else "This job is paused"
        return f"Waiting at place {sight.ahead + 1} of the queue"
    if sight.progress:
        finished = sight.progress.step == sight.progress.steps
        return "Finishing the picture" if finished else f"Step {sight.progress.step} of {sight.progress.steps}"
    return sight.stage or "Starting"
