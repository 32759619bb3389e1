"""What an extension is written against, and nothing else: hooks, and the names that they speak in.

This room knows neither the page nor the engine. The names below are stable: they change with `VERSION` only.
"""

from __future__ import annotations

from modules.errors import Interrupted, InvalidRequest, UserError
from modules.hooks.arguments import (
    Argument,
    Arguments,
    Choice,
    Drawn,
    Number,
    SeveralChoices,
    Switch,
    Text,
    arguments_of_infotext,
    infotext_parameters,
    read_arguments,
)
from modules.hooks.available import Available, RequestField
from modules.hooks.image_upscalers import ImageUpscaler, UpscaleContext
from modules.hooks.passes import (
    AfterGuidance,
    AfterPass,
    AfterStep,
    BeforeNetwork,
    BeforePass,
    Evaluation,
    NetworkPatch,
    PassContext,
    PassKind,
)
from modules.hooks.picture_sides import sides_of
from modules.hooks.plugins import BUILTIN, PluginFailure, Plugins
from modules.hooks.script_registry import ScriptRegistry
from modules.hooks.scripts import SCRIPT_KEY, Drafting, PaintedResult, Script, ScriptContext, drawn_seed
from modules.hooks.specs import hookimpl
from modules.hooks.typed_requests import typed, with_changes
from modules.hooks.version import VERSION
from modules.imaging.grids import grid, grid_columns
from modules.schema.requests import Resolved, Task

__all__ = [
    "BUILTIN",
    "SCRIPT_KEY",
    "VERSION",
    "AfterGuidance",
    "AfterPass",
    "AfterStep",
    "Argument",
    "Arguments",
    "Available",
    "BeforeNetwork",
    "BeforePass",
    "Choice",
    "Drafting",
    "Drawn",
    "Evaluation",
    "ImageUpscaler",
    "Interrupted",
    "InvalidRequest",
    "NetworkPatch",
    "Number",
    "PaintedResult",
    "PassContext",
    "PassKind",
    "PluginFailure",
    "Plugins",
    "RequestField",
    "Resolved",
    "Script",
    "ScriptContext",
    "ScriptRegistry",
    "SeveralChoices",
    "Switch",
    "Task",
    "Text",
    "UpscaleContext",
    "UserError",
    "arguments_of_infotext",
    "drawn_seed",
    "grid",
    "grid_columns",
    "hookimpl",
    "infotext_parameters",
    "read_arguments",
    "sides_of",
    "typed",
    "with_changes",
]
