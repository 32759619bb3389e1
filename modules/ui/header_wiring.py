"""What the header changes on the tabs, and they in it; all of it happens in the browser."""

from __future__ import annotations

import json

from modules.ui.header import Header
from modules.ui.memory import kept
from modules.ui.wiring import Wiring

_SHOW_MODEL = "(name) => { window.atelier.header?.showModel(name); return []; }"
_WATCH_MODEL = "() => { window.atelier.header?.watchModel(); return []; }"


def wire_header(wiring: Wiring, header: Header) -> None:
    """The badge of the model, and quick settings that are fields of the forms."""
    header.model.change(None, [header.model], None, js=_SHOW_MODEL)
    header.model.input(None, None, None, js=_WATCH_MODEL)
    names = [one["name"] for one in header.quick if "name" in one]
    forms = [tab.form.by_name() for tab in wiring.tabs.values()]
    fields = [(name, form[name]) for name in names for form in forms if name in form]
    for name, component in fields:
        shown = f"(value, now) => ({{...now, values: {{...now.values, {json.dumps(name)}: value}}}})"
        component.change(None, [component, header.tools], header.tools, js=shown)
    if fields:
        values = ", ".join(f"now.values[{json.dumps(name)}]" for name, _ in fields)
        kept(header.tools.input(None, [header.tools], [one for _, one in fields], js=f"(now) => [{values}]"))
