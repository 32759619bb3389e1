"""Who asks, as a handler of the page learns it, and what of the server's is theirs."""

from __future__ import annotations

import gradio as gr
from fastapi import Request

from modules.errors import InvalidRequest, NotAllowed, NotFound
from modules.schema.jobs import Job
from modules.schema.pictures import Picture
from modules.services.accounts import Visitor
from modules.services.generate import GenerateService
from modules.services.pictures import PictureService


def visitor_of(request: gr.Request | Request) -> Visitor:
    """Who sits before the page; the application in front has put it there. Raises NotAllowed where nobody is known."""
    inner = request.request if isinstance(request, gr.Request) else request
    found = getattr(inner.state, "visitor", None) if inner is not None else None
    if not isinstance(found, Visitor):
        raise NotAllowed("Log in first.")
    return found


def whose(visitor: Visitor) -> str | None:
    """Whose jobs and pictures a visitor sees; None: everybody's."""
    return None if visitor.is_owner else visitor.name


def own_job(generate: GenerateService, visitor: Visitor, job_id: str) -> Job:
    """A job that a visitor may see and change. Raises NotFound for unknown and for foreign ones alike."""
    job = generate.job(job_id)
    if whose(visitor) not in (None, job.user):
        raise NotFound(f"Job {job_id[:40]!r} does not exist.")
    return job


def chosen_picture(pictures: PictureService, visitor: Visitor, chosen: str) -> Picture:
    """The visitor's picture of a number as a browser tells it. Raises InvalidRequest, NotFound."""
    if not chosen:
        raise InvalidRequest("Picture", chosen, "is not chosen", "Choose one first.")
    if not (chosen.isascii() and chosen.isdecimal() and len(chosen) < 19):
        raise NotFound(f"Picture {chosen[:40]!r} does not exist.")
    return own_picture(pictures, visitor, int(chosen))


def own_picture(pictures: PictureService, visitor: Visitor, picture_id: int) -> Picture:
    """A picture that a visitor may see. Raises NotFound for unknown and for foreign ones alike."""
    picture = pictures.get(picture_id)
    if whose(visitor) not in (None, picture.user):
        raise NotFound(f"Picture {picture_id} is no longer there. Open the Gallery tab again to see what is.")
    return picture
