"""Style, scripts and snippets of the page, as files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_STYLES = (
    "style.css",
    "models.css",
    "pictures.css",
    "lightbox.css",
    "forms.css",
    "keyboard.css",
    "autocomplete.css",
    "drops.css",
    "canvas.css",
    "gallery.css",
    "queue.css",
    "header.css",
    "settings.css",
    "extensions.css",
    "look_inside.css",
)
_SCRIPTS = (
    "page.js",
    "answers.js",
    "toasts.js",
    "elements.js",
    "dialogs.js",
    "pictures.js",
    "result_actions.js",
    "parameters.js",
    "results.js",
    "zoom.js",
    "lightbox.js",
    "compare.js",
    "gallery_list.js",
    "gallery_grid.js",
    "gallery_filters.js",
    "gallery_side.js",
    "gallery.js",
    "png_info.js",
    "memory.js",
    "form.js",
    "presets.js",
    "simple_view.js",
    "floating.js",
    "events.js",
    "jobs.js",
    "notifications.js",
    "generate_menu.js",
    "row_list.js",
    "queue_rows.js",
    "queue.js",
    "translate.js",
    "preferences.js",
    "machine.js",
    "settings.js",
    "extension_desk.js",
    "extension_parts.js",
    "extension_looks.js",
    "extension_cards.js",
    "extension_sources.js",
    "extensions.js",
    "extension_faults.js",
    "tour.js",
    "header.js",
    "prompt_keys.js",
    "keyboard.js",
    "shortcuts.js",
    "autocomplete.js",
    "drops.js",
    "painted_layer.js",
    "look_inside.js",
    "look_inside_noise.js",
    "look_inside_words.js",
    "look_inside_steps.js",
)


def asset(name: str) -> str:
    """The text of the file `name` in this folder."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def page_style() -> str:
    """All of the page's own style."""
    return "\n".join(map(asset, _STYLES))


@cache  # what the page holds and the hash that its policy names must be of one reading
def page_script() -> str:
    """All scripts that run when the page is loaded, one after the other; each wraps itself in a function."""
    return "\n".join(map(asset, _SCRIPTS))
