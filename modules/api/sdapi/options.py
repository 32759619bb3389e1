"""The settings by A1111's names."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request

from modules.api.sdapi.lists import place_of, title_of
from modules.api.sdapi.remembered_settings import NAMES, RememberedSettings
from modules.api.visitors import owner, visitor
from modules.config.settings_table import ROWS, check_setting
from modules.errors import InvalidRequest, InvalidSetting, UserError
from modules.schema.requests import AUTOMATIC, NO_VAE
from modules.services.accounts import Visitor
from modules.services.build import Services

log = logging.getLogger(__name__)

_PATTERNS = ("samples_filename_pattern", "directories_filename_pattern")
_FORMATS = ("samples_format", "grid_format")
_CHECKPOINT, _VAE, _CHECKPOINT_HASH = "sd_model_checkpoint", "sd_vae", "sd_checkpoint_hash"
AS_IT_IS: Mapping[str, Any] = {
    "samples_save": True,
    "return_grid": False,
    "return_mask": False,
    "return_mask_composite": False,
    "add_model_hash_to_info": True,
    "add_model_name_to_info": True,
    "add_version_to_infotext": True,
    "face_restoration": False,
    "face_restoration_model": None,
    "sd_unet": "Automatic",
    "sd_vae_encode_method": "Full",
    "sd_vae_decode_method": "Full",
    "token_merging_ratio": 0.0,
    "token_merging_ratio_img2img": 0.0,
    "token_merging_ratio_hr": 0.0,
    "live_previews_image_format": "jpeg",
    "disable_weights_auto_swap": True,
}
"""A1111's settings that clients read and that cannot be changed here, as they are."""


def option_routes(router: APIRouter, services: Services, remembered: RememberedSettings) -> None:
    """Add the routes."""

    @router.get("/options")
    def options(request: Request) -> dict[str, Any]:
        """All settings."""
        asking = visitor(request)
        return {
            **AS_IT_IS,
            **_folders(services, asking),
            **remembered.all(),
            **_of_the_server(services),
            **_checkpoint(services),
        }

    @router.post("/options")
    def set_options(values: dict[str, Any], request: Request) -> None:
        """Change settings, for everybody and for good. What is no setting here is passed over."""
        owner(request)
        of_the_server = _read(services, values)
        remembered.change({name: value for name, value in values.items() if name in NAMES})
        if of_the_server:
            services.settings.change(**of_the_server)
        known = {*of_the_server, *NAMES, *AS_IT_IS, _CHECKPOINT_HASH, *_folders(services, owner(request))}
        if others := sorted(set(values) - known):
            log.info("Settings that have no effect here were sent: %s", ", ".join(map(repr, others))[:1000])


def _read(services: Services, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values for the server's own settings. Raises UserError for one that cannot be used."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name not in ROWS or value is None:
            continue
        if name == _CHECKPOINT:
            found[name] = services.models.find(_text(name, value)).name
        elif name == _VAE:
            text = _text(name, value)
            found[name] = text if text in (AUTOMATIC, NO_VAE) or not services.vaes.find(text) else text
        else:
            found[name] = _as_declared(name, value)
        try:
            found[name] = check_setting(name, found[name])
        except InvalidSetting as error:
            raise InvalidRequest(name, value, "cannot be set", str(error)) from error
    return found


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(name, value, "is not text", "Write the name in letters.")
    return value


def _as_declared(name: str, value: Any) -> Any:
    """Numbers as their setting has them: clients send 1.0 where 1 is meant. Of choices any spelling."""
    default = ROWS[name].default
    if name in _FORMATS and isinstance(value, str):
        return value.strip().lower().replace("jpeg", "jpg")
    if type(default) is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is str:
        return next((one for one in ROWS[name].metadata["choices"] if one.lower() == value.strip().lower()), value)
    return float(value) if type(default) is float and type(value) is int else value


def _of_the_server(services: Services) -> dict[str, Any]:
    """Its settings, but for texts of any kind, which may be secrets."""
    current = services.settings.current
    shown = (
        row
        for row in ROWS.values()
        if row.name in (_VAE, *_PATTERNS) or row.metadata["choices"] or not isinstance(row.default, str)
    )
    return {row.name: getattr(current, row.name) for row in shown}


def _checkpoint(services: Services) -> dict[str, Any]:
    try:
        current = services.models.current()
    except UserError:
        return {_CHECKPOINT: None, _CHECKPOINT_HASH: ""}
    hashes = {file.path: file.sha256 for file in services.models.files("checkpoint")}
    known = hashes.get(current.path)
    return {_CHECKPOINT: title_of(current.name + current.path.suffix, known), _CHECKPOINT_HASH: known or ""}


def _folders(services: Services, asking: Visitor) -> dict[str, Any]:
    """Where finished pictures go; who does not own the server is told no places."""
    paths = services.paths
    return {
        "outdir_samples": "",
        "outdir_txt2img_samples": place_of(paths.txt2img_pictures, asking),
        "outdir_img2img_samples": place_of(paths.img2img_pictures, asking),
        "outdir_extras_samples": place_of(paths.extras_pictures, asking),
        "outdir_grids": "",
        "outdir_txt2img_grids": place_of(paths.grids, asking),
        "outdir_img2img_grids": place_of(paths.grids, asking),
        "outdir_save": place_of(paths.outputs, asking),
        "outdir_init_images": place_of(paths.input_pictures, asking),
    }
