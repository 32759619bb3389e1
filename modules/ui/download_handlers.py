"""What the panel of downloads does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.errors import InvalidRequest
from modules.services.build import Services
from modules.services.download_list import DOWNLOAD_LIST, ListedModel
from modules.services.downloads import Download
from modules.ui.downloads_panel import DownloadsPanel
from modules.ui.model_kinds import ONE, size_words
from modules.ui.models_handlers import has_own_checkpoints
from modules.ui.status_panel import duration

Values = Mapping[Component, Any]
Changes = dict[Component, Any]
_WELCOME = (
    "So far there is only the small demo model that comes with Atelier. Fetch a real one below, or put files that you "
    "have into the models folder: they appear here by themselves."
)
_ACTIONS = {
    "waiting": ("Pause", "Cancel"),
    "running": ("Pause", "Cancel"),
    "checking": ("Cancel",),
    "paused": ("Resume", "Cancel"),
    "failed": ("Resume", "Remove"),
    "done": ("Remove",),
    "cancelled": ("Remove",),
}
"""What can be done with a download, by its state."""
_STATES = {
    "waiting": "Waits for its turn",
    "running": "",
    "checking": "Checking the file",
    "paused": "Paused",
    "failed": "Failed",
    "done": "Done",
    "cancelled": "Cancelled",
}


class DownloadHandlers:
    """The panel's handlers; the downloads are the server's, and every page shows all of them."""

    def __init__(self, services: Services, panel: DownloadsPanel) -> None:
        self._services = services
        self._panel = panel

    def welcome(self) -> Changes:
        """Bring a page that was just opened up to date."""
        if has_own_checkpoints(self._services):  # "Get models" is shut, if nobody has opened it meanwhile
            return {self._panel.welcome: "", self._panel.more: gr.skip(), **self.show()}
        return {self._panel.welcome: _WELCOME, self._panel.more: gr.Accordion(open=True), **self.show()}

    def look(self) -> Changes:
        """Whether anything is under way; the page asks this again and again."""
        return {self._panel.under_way: _yes(self._is_under_way())}

    def watch(self, values: Values) -> Changes:
        """Look often while something is under way, and once more when it is over."""
        return {self._panel.timer: gr.Timer(active=values[self._panel.under_way] == "yes"), **self.show()}

    def show(self) -> Changes:
        """Every download as it is now."""
        downloads = self._services.downloads.all()
        return {
            self._panel.current: [_shown(one) for one in downloads if one.state != "cancelled"],
            self._panel.listed: [self._listed(entry, downloads) for entry in DOWNLOAD_LIST],
            self._panel.under_way: _yes(any(not one.is_over for one in downloads)),
        }

    def start_listed(self, event: gr.EventData) -> Changes:
        """Fetch a well-known model. Raises InvalidRequest, UnsupportedModel."""
        wanted = event._data.get("id") if isinstance(event._data, dict) else None
        if wanted not in [entry.id for entry in DOWNLOAD_LIST]:
            raise InvalidRequest("Model", wanted, "is not on the list", "Choose one of those that are.")
        self._services.downloads.start(wanted)
        return self.show()

    def start(self, values: Values) -> Changes:
        """Fetch what the form names. Raises InvalidRequest, UnsupportedModel."""
        given = {name: str(values[component] or "").strip() for name, component in self._panel.form().items()}
        if not given["text"]:
            raise InvalidRequest("Source", "", "is missing", "Give a repository such as OWNER/NAME, or an address.")
        self._services.downloads.start(given.pop("text"), given.pop("file"), **given)
        emptied = dict.fromkeys((self._panel.source, self._panel.file, self._panel.name, self._panel.sha256), "")
        return {**emptied, **self.show()}

    def act(self, event: gr.EventData) -> Changes:
        """Pause, resume, cancel or forget a download. Raises NotFound, InvalidRequest."""
        data = event._data if isinstance(event._data, dict) else {}
        id, downloads = str(data.get("id")), self._services.downloads
        action = data.get("action")
        if action == "Pause":
            downloads.pause(id)
        elif action == "Resume":
            downloads.resume(id)
        elif action == "Cancel":
            downloads.cancel(id)
        elif action == "Remove":
            downloads.forget(id)
        return self.show()

    def _is_under_way(self) -> bool:
        return any(not one.is_over for one in self._services.downloads.all())

    def _listed(self, entry: ListedModel, downloads: list[Download]) -> dict[str, str]:
        """An entry for listed_models.js; its button is off where the file is here or on its way."""
        name = entry.name or entry.file.rpartition("/")[2]
        on_its_way = any(one.name == name and one.state in ("waiting", "running", "checking") for one in downloads)
        names = {file.path.name for file in self._services.models.files(entry.kind)}
        return {
            "id": entry.id,
            "title": entry.title,
            "kind": ONE[entry.kind],
            "purpose": entry.purpose,
            "size": size_words(entry.megabytes * 1e6),
            "licence": entry.licence,
            "page": f"https://huggingface.co/{entry.repository}",
            "state": "Here" if name in names else "On its way" if on_its_way else "",
        }


def _shown(one: Download) -> dict[str, Any]:
    """A download for downloads.js."""
    share = one.received / one.total if one.total else None
    if one.state == "done":
        share = None
    return {
        "id": one.id,
        "name": one.name or one.source,
        "source": one.source,
        "state": one.state,
        "share": share,
        "line": _line(one),
        "problem": one.problem,
        "actions": list(_ACTIONS[one.state]),
    }


def _line(one: Download) -> str:
    """How far it is, how fast, and how long it will take."""
    if one.state == "done":
        where = f"in {one.path.parent.name}" if one.path is not None else ""
        return " · ".join(filter(None, (f"Done, {where}".rstrip(", "), size_words(one.received), one.note)))
    parts = [_STATES[one.state]]
    parts.append(f"{size_words(one.received)} of {size_words(one.total)}" if one.total else size_words(one.received))
    if one.state == "running" and one.speed:
        parts.append(f"{size_words(one.speed)}/s")
        parts.append(f"{duration((one.total - one.received) / one.speed)} left" if one.total else "")
    return " · ".join(filter(None, parts))


def _yes(value: bool) -> str:
    return "yes" if value else ""
