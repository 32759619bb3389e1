"""The hooks: what an extension may contribute. One function each, with a line that says what it is for.

An implementation is a function of the same name marked with `hookimpl`; it may take any of the parameters that stand
here, so that a parameter which is added later breaks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from pluggy import HookimplMarker, HookspecMarker

from modules.hooks.adapter_kinds import AdapterKind
from modules.hooks.arguments import Argument
from modules.hooks.contexts import MetadataContext, ProcessContext, SavedContext, SavingChange, SavingContext
from modules.hooks.image_upscalers import ImageUpscaler
from modules.hooks.model_families import ModelFamily
from modules.hooks.passes import (
    AfterGuidance,
    AfterPass,
    AfterStep,
    BeforeNetwork,
    BeforePass,
    NetworkPatch,
    Tensor,
)
from modules.hooks.postprocessing import PostprocessingStep
from modules.hooks.result_actions import ResultAction
from modules.hooks.routes import Route
from modules.hooks.samplers import Sampler
from modules.hooks.schedules import Schedule
from modules.hooks.scripts import Script
from modules.hooks.sections import Section
from modules.hooks.tabs import Tab

PROJECT = "atelier"

hookspec = HookspecMarker(PROJECT)
hookimpl = HookimplMarker(PROJECT)


@hookspec
def register_scripts() -> Iterable[Script]:  # type: ignore[empty-body]
    """Scripts that a person can choose to run instead of one plain request."""


@hookspec
def register_sections() -> Iterable[Section]:  # type: ignore[empty-body]
    """Groups of arguments in the generation tabs, and what they do with prompts and finished pictures."""


@hookspec
def register_settings() -> Iterable[Argument]:  # type: ignore[empty-body]
    """Settings of the extension's own: `Text`, `Number`, `Switch`, `Choice` and `SeveralChoices`, with words to choose
    from that are known beforehand.

    They stand in the Settings tab and in the API under `EXTENSION.NAME`, in a section of the extension's name. Contexts
    give them back as `settings`, by their names, as they are at that moment. They stay when the extension is off.
    """


@hookspec
def register_routes() -> Iterable[Route]:  # type: ignore[empty-body]
    """Routes below `/extensions/EXTENSION/`, for owners unless they say otherwise.

    The server's guard, its logins and its limits hold for them as for all others.
    """


@hookspec
def start(context: ProcessContext) -> None:
    """The process begins: once in the server, and once in each worker process.

    It may take 20 seconds. Who fails here is left out of this start, with all that it brought.
    """


@hookspec
def stop(context: ProcessContext) -> None:
    """The process ends in order. A killed one does not say so, and all extensions together have two seconds."""


@hookspec
def before_saving(context: SavingContext) -> SavingChange | None:
    """A picture or a grid is about to be saved, in the process that made it: its pixels may be replaced, and parameters
    be added. Extensions are asked one after another, each with what the one before made of it.

    Where it fails the picture is saved as it was, and the job says at its end who failed.
    """


@hookspec
def after_saving(context: SavedContext) -> None:
    """A picture or a grid is on the disk. Where this fails the job says so at its end."""


@hookspec
def before_pass(context: BeforePass) -> Tensor | None:
    """Before a sampler begins with a batch of pictures: other latents to begin with, or None.

    Called in the worker, as all hooks of a pass are. One that raises ends its job with a sentence that names the
    extension; no other job is hurt.
    """


@hookspec
def before_network(context: BeforeNetwork) -> Tensor | None:
    """Before the network looks at the noisy picture: other latents for this evaluation, or None.

    The network and guidance see them; the sampler goes on from its own.
    """


@hookspec
def after_guidance(context: AfterGuidance) -> Tensor | None:
    """After guidance: another denoised picture for the sampler, or None. Masks and soft inpainting come afterwards."""


@hookspec
def after_step(context: AfterStep) -> Tensor | None:
    """After each step of the sampler: other latents to go on with, or None.

    Not called with DPM adaptive, whose pictures have steps of their own. UniPC and SA-Solver have looked at the
    latents already when they are replaced; the change stays in what they go on with.
    """


@hookspec
def after_pass(context: AfterPass) -> Tensor | None:
    """After the last step of a pass: other latents to be enlarged or decoded, or None."""


@hookspec
def patch_network(context: NetworkPatch) -> AbstractContextManager[Any] | None:
    """A context manager that changes a network for as long as it paints in a pass, or None.

    It may replace attributes of modules (a forward, an attention processor, a weight by another tensor), exchange
    modules and register hooks on them. Whatever it replaced when it was entered is put back when it is over, also after
    an exception and by a manager that forgets to. It must not write into the tensors of the weights: that ends the job,
    and the model is loaded anew.
    """


@hookspec
def register_upscalers() -> Iterable[ImageUpscaler]:  # type: ignore[empty-body]
    """Image upscalers, which are offered in hires fix, SD upscale, Extras, the API and plots, after the built-in ones.

    Each is an object with a `name` and a method `upscale(pixels, context)`, which gets (height, width, 3) uint8 and an
    `UpscaleContext` (the wanted width and height, the device, and calls for stopping and for progress), and gives such
    pixels of any size. It is called in the worker; one that fails ends its job. An extension with a name that another
    upscaler has is left out.
    """


@hookspec
def register_samplers() -> Iterable[Sampler]:  # type: ignore[empty-body]
    """Samplers, which are offered wherever samplers are: on the page, in the API, in plots and for the second pass.

    Each is an object with a `name` and a method `sample(latents, context)`, which gets the noisy latents and a
    `SamplerContext` (the noise levels to visit, calls for the network and for noise, and what is to be called after
    each step), and gives the latents at the last level. It is called in the worker; one that fails ends its job. An
    extension with a name that another sampler has is left out. Pictures say which extension painted them.
    """


@hookspec
def register_schedules() -> Iterable[Schedule]:  # type: ignore[empty-body]
    """Noise schedules, which are offered wherever schedule types are, and which every sampler runs that is not bound to
    one of its own.

    Each is an object with a `name` and a method `sigmas(context)`, which gets a `ScheduleContext` (the steps and the
    range that are wanted, and what the model was trained on), and gives one number more than there are steps. It is
    called in the worker; numbers that are none, do not fall or do not end where they should end the job. An extension
    with a name that another schedule has is left out.
    """


@hookspec
def register_postprocessing() -> Iterable[PostprocessingStep]:  # type: ignore[empty-body]
    """Steps of post-processing, which are offered on the Extras tab, in the API's Extras and by the command `upscale`.

    Each is an object with a `name`, `arguments` as sections have them, a `moment` ("first", "enlarged" or "last") and
    a method `process(context)`, which gets a `PostprocessingContext` and gives (height, width, 3 or 4) uint8, or None.
    What was asked of it stands in the results beside what Extras did. It is called in the worker; one that fails ends
    its job. An extension with a name that another step has is left out, and one with a key that Extras itself writes,
    such as those that begin with `Postprocess`.
    """


@hookspec
def read_metadata(context: MetadataContext) -> str | None:
    """What a picture of another program says of how it was made, as an infotext; None where it is no such picture.

    The last line of an infotext has at least three parameters. The hook is asked where the program itself finds none:
    by PNG info, by whatever takes parameters from a picture, and by the gallery for new files. It has two seconds, and
    several threads may call it at once. Where it fails PNG info says so, and the picture is read as without it.
    A gallery asks one no more, until the next start, that has taken too long three times.
    """


@hookspec
def register_tabs() -> Iterable[Tab]:  # type: ignore[empty-body]
    """Tabs of the page, behind the program's own.

    Each has a `title`, a call `build(context)`, which lays out gradio's components and binds their events, and an
    `audience`: events answer owners alone unless it says "user". One that fails shows its error in its tab; the rest
    of the page is what it would be without it.
    """


@hookspec
def register_result_actions() -> Iterable[ResultAction]:  # type: ignore[empty-body]
    """Buttons beside finished pictures: on the tabs that generate, in Extras, and in the gallery's large view.

    Each is an object with a `name`, a `label`, an `audience`, `arguments` that the page asks for, and a method
    `act(context)`, which gets a `ResultContext` and gives a `ResultAnswer`: words, requests for the queue or for a
    form, new pictures. The API has them under `POST /api/v1/pictures/ID/actions/EXTENSION/NAME`. One that fails is told
    to who pressed it, with the name of the extension, and changes nothing.
    """


@hookspec
def register_adapters() -> Iterable[AdapterKind]:  # type: ignore[empty-body]
    """Kinds of adapter files besides those that the program reads, for `models/Lora` and the tags of LoRAs in prompts.

    Each is an object with a `name`, the `suffixes` of its tensors' names, and a method `change(context)`, which gets an
    `AdapterContext` (a weight, the file's tensors for its module, the multiplier) and gives what is added to the
    weight. It is called in the worker; one that fails ends its job, and the model is what it was, to the bit. An
    extension with a suffix that another kind has is left out.
    """


@hookspec
def register_model_families() -> Iterable[ModelFamily]:  # type: ignore[empty-body]
    """Families of checkpoints that the program does not know, or other ways of naming the tensors of those it knows.

    Each is an object with a `name`, the family that it is `like`, a method `recognises(shapes, metadata)`, which is
    asked for checkpoint files that the program cannot use, and a method `parts(context)`, which gives the networks of
    such a file: names, classes and configurations. It is called in the worker; one that fails ends its job. An
    extension with a name that another family has is left out.
    """
