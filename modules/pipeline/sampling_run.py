"""One run of a sampler for a batch of pictures: words, denoiser, noise, steps. Every task is made of such runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass

import torch

from modules.checkpoints.loaded import LoadedModel
from modules.diffusion.brownian import SamplerNoise
from modules.diffusion.conditioning import BatchConditioning, TextConditioning
from modules.diffusion.denoisers import Denoiser
from modules.diffusion.guidance.guided_denoiser import GuidedDenoiser
from modules.diffusion.img2img_start import noised
from modules.diffusion.masked_denoiser import MaskBlend, MaskedDenoiser, straight_blend
from modules.diffusion.noise_levels import NoiseLevels
from modules.diffusion.refining import RefinedDenoiser, SwitchPoint
from modules.diffusion.samplers import Callback, SamplerOptions
from modules.errors import InvalidRequest
from modules.hooks import PassKind
from modules.pipeline.brought_samplers import recipe_of
from modules.pipeline.brought_schedules import schedules_of
from modules.pipeline.conditioning import PromptEncoder, PromptSteps
from modules.pipeline.guiding import guidance_of
from modules.pipeline.input_conditioning import ChannelsFor
from modules.pipeline.learned_words import LearnedWords
from modules.pipeline.network_patches import patched
from modules.pipeline.networks import PassNetworks
from modules.pipeline.noise_of_images import noise_of_images
from modules.pipeline.pass_hooks import PassFacts, PassHooks
from modules.pipeline.prompt_outline import PromptOutline
from modules.pipeline.resources import Resources
from modules.pipeline.run_recording import RunFacts, RunRecording, WordsAt
from modules.pipeline.scheduling import levels_of, run_schedule
from modules.prompt.extra_networks import lora_uses
from modules.schema.requests import Resolved, ResolvedImg2Img


@dataclass(frozen=True)
class LatentMask:
    """Where a run may paint; `original` is what stays elsewhere, `mask` (1 or batch, 1, height, width), 0 to 1."""

    original: torch.Tensor
    mask: torch.Tensor
    blend: MaskBlend = straight_blend


class SamplingRun:
    """The runs of one pass of a request: all of them have its sampler, schedule, guidance and model."""

    def __init__(
        self,
        request: Resolved,
        resources: Resources,
        *,
        strength: float | None = None,
        exact: bool = False,
        noise_multiplier: float = 1.0,
        first_pass_steps: int | None = None,
        refiner: str | None = None,
    ) -> None:
        """`strength`: of runs that begin with latents, 0 to 1; None for those that begin with noise alone.

        `first_pass_steps`: how often the network was asked in the first pass, where this is the second one; prompts
        count that. `refiner`: the checkpoint that takes over at the request's switch point.
        """
        self.model = model = resources.model(request.model)
        self._request = request
        self._resources = resources
        self._refiner = refiner
        self._sampler = resources.sampling.names.find_sampler(request.sampler_name)
        self._noise_multiplier = noise_multiplier
        schedule = run_schedule(
            request,
            model.levels,
            self._sampler,
            strength=strength,
            exact=exact,
            large=model.wants_pooled,
            others=schedules_of(resources.sampling),
        )
        self._levels, self._schedule, self.sigmas = schedule.levels, schedule.whole, schedule.run
        self.evaluations = request.steps * self._sampler.calls_per_step
        self._prompt_steps = PromptSteps(self.evaluations, after=first_pass_steps)
        self._is_second = first_pass_steps is not None

    @property
    def brought_by(self) -> tuple[str, ...]:
        """The extensions that the sampler and the schedule came with; none where they are the program's."""
        return self._resources.sampling.plugins_of(self._sampler.name, self._request.scheduler)

    @property
    def steps(self) -> int:
        """How many steps a run takes."""
        return len(self.sigmas) - 1

    def latents(
        self,
        indices: Sequence[int],
        report: Callback,
        begin: torch.Tensor | tuple[int, int],
        *,
        mask: LatentMask | None = None,
        channels: ChannelsFor | None = None,
    ) -> torch.Tensor:
        """The finished latents of those pictures, (batch, channels, height, width).

        They begin with latents, a row for each, or with noise of a height and width. `channels` are asked for of each
        model that paints.
        """
        if isinstance(begin, torch.Tensor) and self.steps == 0:
            return begin
        sides = begin if isinstance(begin, tuple) else begin.shape[-2:]
        with self._recording(indices, sides) as recording, ExitStack() as patches:
            around = _Around(self._hooks(indices), recording, patches)
            for plugin in self.brought_by:
                self._resources.participants.add(plugin, indices)
            return self._latents(indices, report, begin, sides, mask, channels, around)

    def _latents(
        self,
        indices: Sequence[int],
        report: Callback,
        begin: torch.Tensor | tuple[int, int],
        sides: Sequence[int],
        mask: LatentMask | None,
        channels: ChannelsFor | None,
        around: _Around,
    ) -> torch.Tensor:
        request, sampler, hooks = self._request, self._sampler, around.hooks

        # 1. The words become conditioning, the model a denoiser that follows them.
        self._resources.watcher.stage("Reading the prompt")
        denoiser: Denoiser = self._denoiser(indices, channels, around)
        if mask is not None:
            denoiser = MaskedDenoiser(denoiser, mask.original, mask.mask, mask.blend)

        # 2. Every picture starts from its own noise.
        recipe = recipe_of(sampler.name, self._resources.sampling)
        noise = self.noise(indices, sides)
        start = float(self.sigmas[0])
        if isinstance(begin, tuple):
            x = noise() * recipe.start_scale(start, sgm=request.sgm_noise_multiplier)
        else:
            x = noised(begin, noise(), start, multiplier=self._noise_multiplier, extra=request.img2img_extra_noise)
        x = x if hooks is None else hooks.begun(x)

        # 3. The sampler takes the noise away, step by step.
        options = _sampler_options(request, self._levels, hooks)
        report = around.reporting(report)
        x = recipe.run(denoiser, x, self.sigmas, noise=noise, callback=report, options=options)
        latents = recipe.finished_latents(x, float(self.sigmas[-1]))
        return latents if hooks is None else hooks.finished(latents)

    def noise(self, indices: Sequence[int], sides: Sequence[int]) -> SamplerNoise:
        """The noise of those pictures from its beginning, for latents of that height and width."""
        height, width = sides
        return noise_of_images(
            self._request,
            indices,
            self._schedule,
            shape=(self.model.latent_channels, height, width),
            pixels_per_latent=self.model.pixels_per_latent,
            device=self.model.device,
        )

    def _recording(self, indices: Sequence[int], sides: Sequence[int]) -> AbstractContextManager[RunRecording | None]:
        """What records the run, where somebody wants one of its pictures recorded."""
        recorder = self._resources.recorder
        if recorder is None or not any(map(recorder.wants, indices)):
            return nullcontext()
        request = self._request
        facts = RunFacts(self._is_second, self._sampler.name, request.scheduler, self.sigmas.tolist())
        return RunRecording(recorder, self.model, facts, indices, (sides[0], sides[1]))

    def _hooks(self, indices: Sequence[int]) -> PassHooks | None:
        """What extensions do in the run; None: nothing."""
        if self._resources.hooks is None:
            return None
        kind = _kind_of(self._request, is_second=self._is_second)
        facts = PassFacts(self._request, kind, tuple(indices), tuple(self.sigmas.tolist()))
        return self._resources.hooks.of_pass(facts, self._resources.participants)

    def _denoiser(self, indices: Sequence[int], channels: ChannelsFor | None, around: _Around) -> Denoiser:
        base = self._guided(self.model, indices, channels, around)
        if self._refiner is None:
            return base
        request = self._request

        def refiner(evaluations: int) -> GuidedDenoiser:
            self._resources.watcher.stage(f"Loading the refiner {self._refiner}")
            model = self._resources.model(str(self._refiner))
            check_latents(self.model, model)
            return self._guided(model, indices, channels, around, evaluations_before=evaluations)

        switch = SwitchPoint(request.refiner_switch_at, by_steps=request.refiner_switch_by_sample_steps)
        return RefinedDenoiser(base, refiner, switch, self._levels, steps=self._evaluations_run)

    @property
    def _evaluations_run(self) -> int:
        return self.steps * self._sampler.calls_per_step

    def _guided(
        self,
        model: LoadedModel,
        indices: Sequence[int],
        channels: ChannelsFor | None,
        around: _Around,
        *,
        evaluations_before: int = 0,
    ) -> GuidedDenoiser:
        request, watcher, recording = self._request, self._resources.watcher, around.recording
        seen = None if channels is None else channels(model)
        texts = [(request.prompt_of(index), request.negative_prompt_of(index)) for index in indices]
        networks = self._resources.networks.of_pass(
            model,
            lora_uses(texts[0][0]),
            self._evaluations_run,
            only_fitting=model is not self.model,
            tell=watcher.stage,
        )
        prompts = PromptEncoder(
            model, self._resources.texts, request, self._prompt_steps, watcher.check, networks=networks
        )
        for plugin in networks.plugins:
            self._resources.participants.add(plugin, indices)
        told = networks.told(lambda: prompts.batch(texts))
        around.patches.enter_context(patched(model, around.hooks, networks))
        if recording is not None:
            recording.follow(model, [self._words(model, networks, prompt) for prompt, _ in texts])

        def conditioning(evaluation: int) -> BatchConditioning:
            return told(evaluation) if seen is None else seen.told(told(evaluation))

        def watched(x: torch.Tensor, timestep: torch.Tensor, conditioning: TextConditioning) -> torch.Tensor:
            watcher.check()
            return model.predict(x, timestep, conditioning)

        return GuidedDenoiser(
            watched,
            levels_of(request, model.levels),
            model.prediction_type,
            conditioning=conditioning,
            guidance=guidance_of(request, self._sampler),
            steps=self._evaluations_run,
            evaluations_before=evaluations_before,
            keep_negative=self._sampler.reads_negative,
            tell=watcher.stage,
            onlooker=recording,
            changes=None if around.hooks is None else around.hooks.guidance_changes,
        )

    def _words(self, model: LoadedModel, networks: PassNetworks, prompt: str) -> WordsAt:
        """The words of a prompt at each evaluation, as `PromptEncoder` reads it for the model."""
        learned = networks.embeddings(prompt)
        names, evaluations = LearnedWords(model, learned).names(0), range(max(self._evaluations_run, 1))
        outline = PromptOutline(model.tokenizer, self._request, learned, names, self._prompt_steps, evaluations)
        parts = outline.words(prompt)
        # A sampler may ask once more than it announced.
        return lambda evaluation: [words[min(evaluation, evaluations[-1])] for words in parts]


@dataclass(frozen=True)
class _Around:
    """Who else is told of one run for a batch."""

    hooks: PassHooks | None
    recording: RunRecording | None
    patches: ExitStack
    """At whose end the networks are what they were."""

    def reporting(self, report: Callback) -> Callback:
        """The sampler's callback."""
        report = report if self.hooks is None else self.hooks.counting(report)
        return report if self.recording is None else self.recording.reporting(report)


def _kind_of(request: Resolved, *, is_second: bool) -> PassKind:
    if isinstance(request, ResolvedImg2Img):
        return "img2img" if request.sd_upscale_upscaler is None else "tile"
    return "hires pass" if is_second else "first pass"


def check_latents(first: LoadedModel, second: LoadedModel) -> None:
    """Raises InvalidRequest where the second model does not understand the first one's latents."""
    if _latents_of(first) != _latents_of(second):
        problem = f"cannot go on with what {first.name!r} began: its latents are of another kind"
        raise InvalidRequest("Model", second.name, problem, "Choose one of the same family.")


def _latents_of(model: LoadedModel) -> tuple[int, int, float]:
    """Their form, and the scale that every family has its own of."""
    return model.latent_channels, model.pixels_per_latent, float(model.vae.config.scaling_factor)


def _sampler_options(request: Resolved, levels: NoiseLevels, hooks: PassHooks | None) -> SamplerOptions:
    return SamplerOptions(
        eta=request.eta,
        s_noise=request.s_noise,
        s_churn=request.s_churn,
        s_tmin=request.s_tmin,
        s_tmax=request.s_tmax or float("inf"),
        order=request.sampler_order or None,
        unipc_variant=request.uni_pc_variant,
        ge_gamma=request.ge_gamma,
        levels=levels,
        after_step=None if hooks is None else hooks.after_step,
    )


def img2img_run(request: ResolvedImg2Img, resources: Resources) -> SamplingRun:
    """The sampler's run that changes a picture as strongly as the request says."""
    return SamplingRun(
        request,
        resources,
        strength=request.denoising_strength,
        exact=request.img2img_fix_steps,
        noise_multiplier=request.initial_noise_multiplier,
        refiner=request.refiner_checkpoint,
    )
