"""What gradio remembers of each page that was opened, without what nothing here asks for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
from gradio.state_holder import SessionState, StateHolder


class PageSession(SessionState):
    """The controls of one page that were updated.

    gradio's own also describes all controls anew, for links to a page as it is: a tenth of a second and more than a
    megabyte for each page.
    """

    def __init__(self, page: gr.Blocks) -> None:
        undescribed = SimpleNamespace(default_config=page.default_config, blocks={})
        super().__init__(cast(gr.Blocks, undescribed))

    def __setitem__(self, key: int, value: Any) -> None:
        known = self.blocks_config.blocks.get(key)
        if known is not None and known.stateful:
            super().__setitem__(key, value)
        else:
            self.blocks_config.blocks[key] = value

    def _update_config(self, key: int) -> None:
        """Nothing is described."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Nothing is described."""


class PageSessions(StateHolder):
    """The pages that were used last, as many as `page.state_session_capacity`."""

    def __init__(self, page: gr.Blocks) -> None:
        super().__init__()
        self.set_blocks(page)

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = PageSession(self.blocks)
        return super().__getitem__(session_id)
