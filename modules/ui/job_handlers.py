"""What every tab that queues jobs does with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.schema.jobs import Job
from modules.services.accounts import Visitor
from modules.services.build import Services
from modules.ui.job_panel import JobPanel
from modules.ui.page_state import PageState
from modules.ui.status_panel import status_value
from modules.ui.thumbnails import clicked_picture, shown_file
from modules.ui.visitors import own_job
from modules.ui.watching import Sight

Values = Mapping[Component, Any]
Changes = dict[Component, Any]


class JobHandlers:
    """The handlers of one tab; `values` are those of the components named as inputs."""

    def __init__(self, services: Services, panel: JobPanel, state: PageState) -> None:
        self._services = services
        self._panel = panel
        self._state = state

    def show_queued(self, job: Job) -> Changes:
        """Watch a job that was just queued."""
        front = self._services.generate.active_jobs()[:1]
        # Said at once, and not only by the watch, which takes a moment to begin.
        at_once = {self._panel.status: status_value(Sight(job), has_pictures=True)} if front == [job] else {}
        return {self._state.submitted: job.id, **at_once}

    def interrupt(self, values: Values, visitor: Visitor) -> Changes:
        """Stop the job that is shown; asked twice, within one step."""
        if job_id := values[self._state.running]:
            self._services.generate.interrupt(own_job(self._services.generate, visitor, job_id).id)
        return {}

    def skip(self, values: Values, visitor: Visitor) -> Changes:
        """Leave out what the job that is shown is making now."""
        if job_id := values[self._state.running]:
            self._services.generate.skip(own_job(self._services.generate, visitor, job_id).id)
        return {}

    def select_recent(self, event: gr.SelectData, visitor: Visitor) -> Changes:
        """Show a picture of the row large."""
        picture = clicked_picture(self._services.pictures, visitor, event)
        return self._panel.result.showing(shown_file(self._services, picture), picture)
