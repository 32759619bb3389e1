"""What an extension is written against, and nothing else: hooks, and the names that they speak in.

This room knows neither the page nor the engine. The names below are stable: they change with `VERSION` only.
"""

from __future__ import annotations

from modules.errors import Interrupted, InvalidRequest, UserError
from modules.hooks.adapter_kinds import AdapterContext, AdapterKind
from modules.hooks.argument_groups import ArgumentGroup
from modules.hooks.arguments import (
    Argument,
    Arguments,
    Choice,
    Colour,
    Drawn,
    Number,
    Picture,
    SeveralChoices,
    Switch,
    Text,
    arguments_of_infotext,
    infotext_parameters,
    read_arguments,
)
from modules.hooks.available import Available, RequestField
from modules.hooks.contexts import MetadataContext, ProcessContext, SavedContext, SavingChange, SavingContext
from modules.hooks.image_upscalers import ImageUpscaler, UpscaleContext
from modules.hooks.model_families import FamilyContext, FamilyNetwork, FamilyParts, ModelFamily
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
from modules.hooks.postprocessing import PostprocessingContext, PostprocessingStep
from modules.hooks.result_actions import NewPicture, ResultAction, ResultAnswer, ResultContext
from modules.hooks.routes import Route, RouteAnswer, RouteRequest
from modules.hooks.samplers import Sampler, SamplerContext
from modules.hooks.schedules import Schedule, ScheduleContext
from modules.hooks.script_registry import ScriptRegistry
from modules.hooks.scripts import SCRIPT_KEY, Drafting, PaintedResult, Script, ScriptContext, drawn_seed
from modules.hooks.section_layouts import SectionLayout
from modules.hooks.section_registry import SectionRegistry
from modules.hooks.sections import PROMPT_FIELDS, SECTIONS_KEY, ChangeContext, ImageContext, Section
from modules.hooks.specs import hookimpl
from modules.hooks.tabs import Tab, TabContext
from modules.hooks.typed_requests import typed, with_changes
from modules.hooks.version import VERSION
from modules.imaging.grids import grid, grid_columns
from modules.prompt.comments import strip_comments
from modules.schema.requests import Img2ImgRequest, Resolved, Task, Txt2ImgRequest

__all__ = [
    "BUILTIN",
    "PROMPT_FIELDS",
    "SCRIPT_KEY",
    "SECTIONS_KEY",
    "VERSION",
    "AdapterContext",
    "AdapterKind",
    "AfterGuidance",
    "AfterPass",
    "AfterStep",
    "Argument",
    "ArgumentGroup",
    "Arguments",
    "Available",
    "ChangeContext",
    "BeforeNetwork",
    "BeforePass",
    "Choice",
    "Colour",
    "Drafting",
    "Drawn",
    "FamilyContext",
    "FamilyNetwork",
    "FamilyParts",
    "ImageContext",
    "Evaluation",
    "ImageUpscaler",
    "Img2ImgRequest",
    "Interrupted",
    "InvalidRequest",
    "MetadataContext",
    "ModelFamily",
    "NetworkPatch",
    "NewPicture",
    "Number",
    "PaintedResult",
    "Picture",
    "PassContext",
    "PassKind",
    "PluginFailure",
    "Plugins",
    "PostprocessingContext",
    "PostprocessingStep",
    "ProcessContext",
    "RequestField",
    "Resolved",
    "ResultAction",
    "ResultAnswer",
    "ResultContext",
    "Route",
    "RouteAnswer",
    "RouteRequest",
    "Sampler",
    "SamplerContext",
    "SavedContext",
    "SavingChange",
    "SavingContext",
    "Schedule",
    "ScheduleContext",
    "Script",
    "ScriptContext",
    "ScriptRegistry",
    "Section",
    "SectionLayout",
    "SectionRegistry",
    "SeveralChoices",
    "Switch",
    "Tab",
    "TabContext",
    "Task",
    "Text",
    "Txt2ImgRequest",
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
    "strip_comments",
    "typed",
    "with_changes",
]
