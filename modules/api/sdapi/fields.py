"""From A1111's fields to those of our requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modules.api.sdapi.bodies import GenerationBody, Img2ImgBody
from modules.api.sdapi.image_bodies import stored, stored_mask
from modules.api.sdapi.missing_names import without_missing
from modules.api.sdapi.override_settings import SWITCHES_MODEL, read_overrides
from modules.api.sdapi.routes import Refused
from modules.api.sdapi.script_arguments import always_on_fields, script_fields
from modules.diffusion.names import SamplingNames
from modules.errors import InvalidRequest
from modules.schema.field_types import SIDE_STEP
from modules.schema.hires_fields import HiresFields
from modules.schema.requests import AUTOMATIC, REQUESTS, Img2ImgRequest, Task, Txt2ImgRequest
from modules.services.build import Services


def _same(value: Any) -> Any:
    return value


def _whole_latents(side: int) -> int:
    """A1111 paints whole latents too, and cuts a side down to them."""
    return side // SIDE_STEP * SIDE_STEP


def _or_none(name: str) -> str | None:
    """A name; several words stand for none."""
    plain = name.strip().lower()
    return None if plain in ("", "none") or plain.startswith("use same ") else name


def _or_unnamed(name: str) -> str | None:
    """A name; "None" is one, too."""
    return name or None


def _not_empty(names: Sequence[str]) -> list[str]:
    return [name for name in names if name]


FIELDS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    **{
        name: (name, _same)
        for name in (
            *("prompt", "negative_prompt", "seed", "subseed", "subseed_strength"),
            *("batch_size", "steps", "cfg_scale", "tiling", "eta"),
            *("denoising_strength", "s_min_uncond", "s_churn", "s_tmax", "s_tmin", "s_noise", "refiner_switch_at"),
            *("enable_hr", "hr_scale", "hr_second_pass_steps", "hr_prompt", "hr_negative_prompt"),
            *("resize_mode", "image_cfg_scale", "mask_round", "inpainting_mask_invert", "initial_noise_multiplier"),
            *("mask_blur_x", "mask_blur_y", "inpainting_fill", "inpaint_full_res", "inpaint_full_res_padding"),
        )
    },
    "styles": ("styles", _not_empty),
    "hr_upscaler": ("hr_upscaler", _or_unnamed),
    "n_iter": ("batch_count", _same),
    "width": ("width", _whole_latents),
    "height": ("height", _whole_latents),
    "seed_resize_from_w": ("seed_resize_from_w", _whole_latents),
    "seed_resize_from_h": ("seed_resize_from_h", _whole_latents),
    "hr_resize_x": ("hr_resize_x", _whole_latents),
    "hr_resize_y": ("hr_resize_y", _whole_latents),
    "refiner_checkpoint": ("refiner_checkpoint", _or_none),
    "hr_checkpoint_name": ("hr_checkpoint_name", _or_none),
    "hr_sampler_name": ("hr_sampler_name", _or_none),
    "hr_scheduler": ("hr_scheduler", _or_none),
    "scheduler": ("scheduler", _or_none),
}
"""A1111's field -> ours, and how its value becomes ours. What takes more than that is done by `_of_caller`."""
OF_MASKS = (
    *("mask_round", "inpainting_mask_invert", "mask_blur_x", "mask_blur_y"),
    *("inpainting_fill", "inpaint_full_res", "inpaint_full_res_padding"),
)
"""Fields that mean nothing without a mask."""
_OF_SECOND_PASS = frozenset(name for name in HiresFields.model_fields if name.startswith("hr_"))
_NEVER_OF_INFOTEXT = frozenset(
    {"init_images", "mask", "firstpass_image", "script_name", "script_args", "batch_count", "batch_size"}
)


@dataclass(frozen=True)
class Asked:
    """What a body asks for."""

    request: Txt2ImgRequest | Img2ImgRequest
    not_honoured: tuple[str, ...]
    """Sentences on what the request does not follow."""


def asked_of(services: Services, body: GenerationBody, task: Task, remembered: Mapping[str, Any]) -> Asked:
    """The request of a body; its pictures are stored.

    What the caller sent goes before `override_settings`, those before `infotext`, that before `remembered` settings,
    and these before A1111's defaults.
    Raises Refused (404 for a sampler, a schedule or an input picture, 422 for a script), InvalidRequest,
    UnreadablePicture, StorageFull.
    """
    _check(body)
    kind = REQUESTS[task]
    known = frozenset(kind.model_fields)
    usual = _of_caller(body.model_copy(update={"sampler_name": body.sampler_name or body.sampler_index}), None)
    sent = _of_caller(body, body.model_fields_set)
    sent |= {name: value for name, value in (body.model_extra or {}).items() if name in known}
    told, problems = _of_infotext(services, body, known)
    sampler = find_or_refuse(_that_count({**usual, **told, **sent}), services.sampling.names)
    server = services.settings.current
    kept = read_overrides(remembered, sampler, known, server)
    settings = read_overrides(body.override_settings or {}, sampler, known, server)
    fields = {**usual, **kept.fields, **told, **settings.fields, **sent}
    fields |= always_on_fields(services, body.alwayson_scripts, task)
    fields |= script_fields(services, body.script_name, body.script_args, task)
    fields = _that_count(fields)
    find_or_refuse(fields, services.sampling.names)
    fields |= _pictures(services, body, fields)
    problems += [f"override_settings: {name} has no effect here" for name in settings.without_effect]
    if body.restore_faces:
        problems.append("restore_faces: faces are restored by extra-single-image only")
    request = kind.of({name: value for name, value in fields.items() if name in known})
    request, left_out = without_missing(services, request, networks=not body.disable_extra_networks)
    return Asked(request, (*problems, *left_out))


def find_or_refuse(fields: Mapping[str, Any], names: SamplingNames) -> str:
    """The name of the sampler. Raises Refused (404) for one that is not known, and for a schedule."""
    for sampler, schedule in (("sampler_name", "scheduler"), ("hr_sampler_name", "hr_scheduler")):
        try:
            names.find_pair(str(fields.get(sampler) or fields["sampler_name"]), str(fields.get(schedule) or AUTOMATIC))
        except InvalidRequest as error:
            what = "Sampler not found" if error.field == "Sampler" else "Scheduler not found"
            raise Refused(404, what, str(error)) from error
    return names.find_sampler(str(fields["sampler_name"])).name


def _check(body: GenerationBody) -> None:
    if isinstance(body, Img2ImgBody):
        if not body.init_images:
            raise Refused(404, "Init image not found", "Input picture is missing. Send init_images, in base64.")
        if body.latent_mask:
            raise InvalidRequest("latent_mask", body.latent_mask, "is no field here", "Send the mask as mask.")


def _of_caller(body: GenerationBody, names: set[str] | None) -> dict[str, Any]:
    """Our fields as some of A1111's say (all of them without `names`); what is None is left out."""
    values = {name: getattr(body, name) for name in type(body).model_fields if names is None or name in names}
    found: dict[str, Any] = {
        FIELDS[name][0]: FIELDS[name][1](value)
        for name, value in values.items()
        if name in FIELDS and value is not None
    }
    sampler = values.get("sampler_name") or values.get("sampler_index")
    if sampler is not None:
        found["sampler_name"] = sampler
    if values.get("mask_blur") is not None:
        found |= dict.fromkeys(("mask_blur_x", "mask_blur_y"), values["mask_blur"])
    first = (getattr(body, "firstphase_width", 0), getattr(body, "firstphase_height", 0))
    if all(first):
        found |= {"hr_resize_x": _whole_latents(body.width), "hr_resize_y": _whole_latents(body.height)}
        found |= {"width": _whole_latents(first[0]), "height": _whole_latents(first[1])}
    if min(body.seed_resize_from_w, body.seed_resize_from_h) <= 0:
        found |= dict.fromkeys(found.keys() & {"seed_resize_from_w", "seed_resize_from_h"}, 0)  # one side alone is none
    return {name: value for name, value in found.items() if value is not None}


def _that_count(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields without those of a second pass that others leave no say: clients send them, whatever is in them."""
    if not fields.get("enable_hr"):
        idle: Collection[str] = _OF_SECOND_PASS
    else:
        idle = {"hr_scale"} if fields.get("hr_resize_x") or fields.get("hr_resize_y") else frozenset()
    return {name: value for name, value in fields.items() if name not in idle}


def _of_infotext(services: Services, body: GenerationBody, known: frozenset[str]) -> tuple[dict[str, Any], list[str]]:
    """The fields that an infotext names, and what of it cannot be followed."""
    if not body.infotext:
        return {}, []
    reading = services.pictures.read_text(body.infotext)
    left_out = set(_NEVER_OF_INFOTEXT)
    if (body.override_settings or {}).get(SWITCHES_MODEL) is not False:
        left_out.add("model")
    names = (reading.request.model_fields_set & known) - left_out
    return {name: getattr(reading.request, name) for name in names}, [
        f"infotext: {row}" for row in reading.not_honoured
    ]


def _pictures(services: Services, body: GenerationBody, fields: dict[str, Any]) -> dict[str, Any]:
    """The pictures of a body as ids, and what follows from how many there are."""
    if not isinstance(body, Img2ImgBody):
        first = body.firstpass_image
        return {"firstpass_image": stored(services, first, "firstpass_image")} if first else {}
    found: dict[str, Any] = {"init_images": [stored(services, one, "init_images") for one in body.init_images or ()]}
    if len(found["init_images"]) > 1:
        found["batch_size"] = 1  # A1111 makes one batch of them
    if body.mask:
        found["mask"] = stored_mask(services, body.mask, "mask")
    elif not any(fields.get(name) for name in ("mask_from_alpha", *_MARGINS)):
        found |= dict.fromkeys(OF_MASKS)
    return found


_MARGINS = ("outpaint_left", "outpaint_right", "outpaint_top", "outpaint_bottom")
