"""From what was asked for to what will be done: every open choice is made when a job is accepted."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from modules.checkpoints.card import Recommended
from modules.config.settings import SettingsStore
from modules.diffusion.names import LATENT_UPSCALE_MODES, SamplingNames
from modules.gallery.inputs import InputPictures
from modules.hooks import with_changes
from modules.hooks.sampling_registry import SamplingRegistry
from modules.schema.extras_request import ExtrasRequest, ResolvedExtras
from modules.schema.infotext_keys import ETA_DDIM_SAMPLERS
from modules.schema.requests import (
    AUTOMATIC,
    RESOLVED,
    AnyRequest,
    AnyResolved,
    Img2ImgRequest,
    Request,
    Resolved,
    ResolvedImg2Img,
    ResolvedTxt2Img,
    Txt2ImgRequest,
)
from modules.schema.setting_fields import USUAL_FIELDS
from modules.services.changed_sizes import changed_size, size_follows
from modules.services.input_sizes import mask_is_blank, size_for
from modules.services.models import ModelService
from modules.services.network_files import NetworkFileService
from modules.services.postprocessing import PostprocessingService
from modules.services.prompt_preparation import PromptPreparation
from modules.services.sections import SectionService
from modules.services.vaes import VaeService
from modules.upscaling.registry import UpscalerRegistry

_MAX_RANDOM_SEED = 2**32
_LATENT_MODES = {mode.lower(): mode for mode in LATENT_UPSCALE_MODES}


class RequestResolver:
    """Decides what a request leaves open by the checkpoint's card and the settings, and finds everything it names."""

    def __init__(
        self,
        models: ModelService,
        vaes: VaeService,
        networks: NetworkFileService,
        settings: SettingsStore,
        preparation: PromptPreparation,
        inputs: InputPictures,
        upscalers: UpscalerRegistry,
        sections: SectionService,
        postprocessing: PostprocessingService,
        sampling: SamplingRegistry,
    ) -> None:
        self._models = models
        self._vaes = vaes
        self._networks = networks
        self._settings = settings
        self._preparation = preparation
        self._inputs = inputs
        self._upscalers = upscalers
        self._sections = sections
        self._postprocessing = postprocessing
        self._sampling = sampling

    def with_seeds(self, request: AnyRequest) -> AnyRequest:
        """The request with numbers drawn for its random seeds."""
        return request.with_seeds(lambda: secrets.randbelow(_MAX_RANDOM_SEED))

    def with_settings(self, request: AnyRequest) -> AnyRequest:
        """The request with what the settings say in the fields that nobody gave."""
        settings, known = self._settings.current, type(request).model_fields
        asked = request.model_fields_set
        usual = {field: getattr(settings, name) for field, name in USUAL_FIELDS.items() if field in known}
        return request.model_copy(update={name: value for name, value in usual.items() if name not in asked})

    def resolve(self, request: Txt2ImgRequest | Img2ImgRequest) -> ResolvedTxt2Img | ResolvedImg2Img:
        """Make every choice that a request leaves open.

        Raises InvalidRequest, ModelNotFound, UnsupportedModel, PluginFailed.
        """
        checkpoint = self._models.current() if request.model is None else self._models.find(request.model)
        recommended = checkpoint.card.recommended
        sampler, scheduler = _sampler_and_schedule(request, recommended, self._sampling.names)
        request = self.with_settings(request)
        given = self.with_seeds(request).model_dump(exclude_none=True)
        width, height = self._size(request, recommended)
        usual = {"steps": recommended.steps, "cfg_scale": recommended.cfg_scale}
        decided = {"sampler_name": sampler, "scheduler": scheduler, "width": width, "height": height}
        decided["eta"] = self._eta(sampler, request.eta)
        decided["sd_vae"] = self._vaes.chosen(checkpoint, request.sd_vae)
        names = self._names({**given, "model": checkpoint.name, "sampler_name": sampler})
        return self._checked(RESOLVED[request.task].of({**usual, **given, **names, **decided}))

    def resolve_extras(self, request: ExtrasRequest) -> ResolvedExtras:
        """A request of Extras as it is stored.

        Raises ModelNotFound for an upscaler, NotFound for a picture, InvalidRequest and PluginFailed for a step.
        """
        for picture_id in request.images:
            self._inputs.file(picture_id)
        names = {field: getattr(request, field) for field in ("upscaler_1", "upscaler_2")}
        found = {field: self._upscalers.find(name).name for field, name in names.items() if name is not None}
        return self._postprocessing.completed(ResolvedExtras.of({**request.model_dump(), **found}))

    def changed(self, request: AnyResolved, fields: Mapping[str, Any]) -> AnyResolved:
        """A resolved request with other values in some fields, ready to be painted; raises as `resolve` does.

        Prompts count as they were typed. A new sampler gets its own schedule, unless `fields` name one or the request
        has one that is not its sampler's own. Another factor or other margins bring another size with them, unless
        `fields` name one.
        """
        samplers = {name: getattr(request, name, None) for name in ("sampler_name", "hr_sampler_name")}
        names = self._names({**samplers, **fields})
        if fields.get("sd_vae"):
            checkpoint = self._models.find(names.get("model") or request.model)
            names["sd_vae"] = self._vaes.chosen(checkpoint, fields["sd_vae"])
        sampler, known = fields.get("sampler_name"), self._sampling.names
        if sampler is not None or "scheduler" in fields:
            own = known.find_pair(request.sampler_name, AUTOMATIC)[1] == request.scheduler
            schedule = fields.get("scheduler", AUTOMATIC if own else request.scheduler)
            found, names["scheduler"] = known.find_pair(sampler or request.sampler_name, schedule)
            names["sampler_name"] = found.name
            if "eta" not in fields and request.eta == self._eta(request.sampler_name, None):
                names["eta"] = self._eta(found.name, None)
        changed = with_changes(request, {**fields, **names})
        if isinstance(changed, ResolvedImg2Img) and not {"width", "height"} & fields.keys():
            changed = with_changes(changed, self._changed_size(request, changed))
        return self._checked(changed)

    def _checked(self, request: AnyResolved) -> AnyResolved:
        """The request with its sections complete and its painted prompts, whose networks are all there."""
        prepared = self._preparation.prepared(self._sections.completed(request))
        self._networks.check(prepared)
        self._sections.check(prepared, self.changed)
        return prepared

    def _changed_size(self, before: Resolved, after: ResolvedImg2Img) -> dict[str, int]:
        """Width and height where they follow from something that has changed; else nothing."""
        if not (isinstance(before, ResolvedImg2Img) and size_follows(before, after)):
            return {}
        recommended = self._models.find(after.model).card.recommended
        inputs = {self._inputs.size(one) for one in after.init_images}
        size = changed_size(before, after, inputs, (recommended.width, recommended.height))
        return dict(zip(("width", "height"), size, strict=True))

    def _eta(self, sampler: str, given: float | None) -> float | None:
        """What was given, or what the settings say for a sampler; None for the sampler's own."""
        own, settings = self._sampling.names.find_sampler(sampler).usual_eta, self._settings.current
        if given is None and own is not None:
            given = settings.eta_ddim if sampler in ETA_DDIM_SAMPLERS else settings.eta_ancestral
        return None if given == own else given

    def _size(self, request: Request, recommended: Recommended) -> tuple[int, int]:
        usual = (recommended.width, recommended.height)
        if isinstance(request, Img2ImgRequest) and request.init_images:
            sizes = {self._inputs.size(one) for one in request.init_images}
            return size_for(request, sizes, usual, blank_mask=mask_is_blank(request, self._inputs))
        return request.width or usual[0], request.height or usual[1]

    def _names(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The names in some fields as they are spelled here."""
        found: dict[str, Any] = {}
        for field in ("model", "refiner_checkpoint", "hr_checkpoint_name"):
            if fields.get(field):
                found[field] = self._models.find(fields[field]).name
        for field in ("hr_upscaler", "sd_upscale_upscaler"):
            if fields.get(field):
                mode = _LATENT_MODES.get(fields[field].strip().lower()) if field == "hr_upscaler" else None
                found[field] = mode or self._upscalers.find(fields[field]).name
        for field in ("mask", "firstpass_image"):
            if fields.get(field):
                self._inputs.file(fields[field])
        return found | _second_pass_names(fields, self._sampling.names)


def _second_pass_names(fields: Mapping[str, Any], names: SamplingNames) -> dict[str, Any]:
    """Its sampler and schedule, as far as they are named. A schedule of its own goes with the first pass's sampler."""
    sampler, schedule = fields.get("hr_sampler_name"), fields.get("hr_scheduler")
    found, own = names.find_pair(sampler or fields["sampler_name"], schedule)
    told = {} if sampler is None else {"hr_sampler_name": found.name}
    named = schedule is not None or (sampler is not None and names.split_sampler(sampler)[1] is not None)
    return {**told, "hr_scheduler": own} if named else told


def _sampler_and_schedule(request: Request, recommended: Recommended, names: SamplingNames) -> tuple[str, str]:
    """The names to run. The card's schedule goes with the card's sampler; another sampler has its own."""
    if request.sampler_name is None:
        sampler, scheduler = names.find_pair(recommended.sampler_name, request.scheduler or recommended.scheduler)
    else:
        sampler, scheduler = names.find_pair(request.sampler_name, request.scheduler)
    return sampler.name, scheduler
