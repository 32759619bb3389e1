"""What a request names that is not here, left out: A1111 paints without it, and its clients count on that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modules.errors import UserError
from modules.prompt.comments import strip_comments
from modules.prompt.extra_networks import NetworkTag, extra_networks
from modules.schema.requests import AUTOMATIC, NO_VAE, Img2ImgRequest, Txt2ImgRequest
from modules.services.build import Services

AnyTask = Txt2ImgRequest | Img2ImgRequest


def without_missing(services: Services, request: AnyTask, *, networks: bool) -> tuple[AnyTask, tuple[str, ...]]:
    """The request without the styles, the VAE and the tags of networks that cannot be used, and a sentence on each.

    With `networks` off it loses all tags, without a word. The prompt is what is painted: with a tag left in it, its
    infotext could not be followed. Raises ModelNotFound, UnsupportedModel, BrokenModel for a checkpoint.
    """
    told: list[str] = []
    fields: dict[str, Any] = {}
    if request.styles:
        known = {listed.name for listed in services.styles.list_styles()}
        missing = [name for name in dict.fromkeys(request.styles) if name not in known]
        told += [f"styles: {name!r} is in no styles file and was left out." for name in missing]
        fields["styles"] = tuple(name for name in request.styles if name in known)
    if (problem := _vae_problem(services, request.sd_vae)) is not None:
        told.append(f"{problem} The checkpoint's own is used.")
        fields["sd_vae"] = NO_VAE
    request = request.model_copy(update=fields)
    request, problems = _without_tags(services, request, networks)
    return request, (*told, *problems)


def _vae_problem(services: Services, name: str | None) -> UserError | None:
    if name is None or name.strip().lower() in (AUTOMATIC.lower(), NO_VAE.lower()):
        return None
    try:
        services.vaes.find(name)
    except UserError as error:
        return error
    return None


def _without_tags(services: Services, request: AnyTask, networks: bool) -> tuple[AnyTask, list[str]]:
    models = _models_of(services, request)

    def bad(text: str, model: str) -> Iterator[tuple[NetworkTag, str]]:
        for tag in extra_networks(strip_comments(text)):
            drawn_later = request.wildcards and services.wildcards.is_template(tag.source)
            if not networks:
                yield tag, ""
            elif not drawn_later and (problem := _tag_problem(services, tag, model)) is not None:
                yield tag, f"{problem} {tag.source} was left out."

    texts = {name: getattr(request, name) for name in models}
    named = {listed.name: listed.style for listed in services.styles.list_styles()} if request.styles else {}
    styles = [style.prompt for name in request.styles if (style := named[name]) is not None]
    fields: dict[str, Any] = {}
    if any(found for model in models.values() for text in styles for found in bad(text, model)):
        fields = _styled(services, request)
        texts |= {name: fields[name] for name in texts}
    told: list[str] = []
    for name, text in texts.items():
        for tag, problem in bad(text, models[name]):
            text = text.replace(tag.source, "")
            told += [problem] if problem else []
        fields[name] = text
    return request.model_copy(update=fields), list(dict.fromkeys(told))


def _models_of(services: Services, request: AnyTask) -> Mapping[str, str]:
    """The checkpoint of each prompt that there is, by the prompt's field."""
    first = (services.models.current() if request.model is None else services.models.find(request.model)).name
    if not (isinstance(request, Txt2ImgRequest) and request.enable_hr and request.hr_prompt):
        return {"prompt": first}
    second = request.hr_checkpoint_name
    return {"prompt": first, "hr_prompt": first if second is None else services.models.find(second).name}


def _tag_problem(services: Services, tag: NetworkTag, model: str) -> UserError | None:
    try:
        services.networks.check_tag(tag, model)
    except UserError as error:
        return error
    return None


def _styled(services: Services, request: AnyTask) -> dict[str, Any]:
    """The prompts with the styles in them, and no styles: one of them has a tag that has to go."""
    names = request.styles
    prompt, negative = services.styles.apply(request.prompt, request.negative_prompt, names)
    fields: dict[str, Any] = {"prompt": prompt, "negative_prompt": negative, "styles": ()}
    if isinstance(request, Txt2ImgRequest):
        second = services.styles.apply(request.hr_prompt, request.hr_negative_prompt, names)
        texts = zip(("hr_prompt", "hr_negative_prompt"), second, strict=True)
        fields |= {name: text for name, text in texts if getattr(request, name)}
    return fields
