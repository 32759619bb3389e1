"""The samplers, schedules and latent upscale modes by name.

Free of torch, so that a screen can list them before torch is imported.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from modules.errors import InvalidRequest
from modules.schema.requests import AUTOMATIC, CUSTOM

__all__ = [
    "AUTOMATIC",
    "BUILT_IN_NAMES",
    "CUSTOM",
    "LATENT_UPSCALE_MODES",
    "LCM",
    "LISTED_SCHEDULES",
    "SAMPLER_NAMES",
    "SCHEDULE_NAMES",
    "TIMESTEPS",
    "TIME_UNIFORM",
    "UNLISTED_SCHEDULES",
    "SamplerName",
    "SamplingNames",
    "ScheduleName",
    "plain_sampling_name",
]


@dataclass(frozen=True)
class ScheduleName:
    """One schedule as people call it."""

    name: str
    aliases: tuple[str, ...] = ()


LISTED_SCHEDULES = (
    ScheduleName(AUTOMATIC),
    ScheduleName("Uniform"),
    ScheduleName("Karras"),
    ScheduleName("Exponential"),
    ScheduleName("Polyexponential"),
    ScheduleName("SGM Uniform", ("SGMUniform",)),
    ScheduleName("KL Optimal"),
    ScheduleName("Align Your Steps", ("AYS",)),
    ScheduleName("Simple"),
    ScheduleName("Normal"),
    ScheduleName("DDIM", ("DDIM Uniform",)),
    ScheduleName("Beta"),
    ScheduleName("Linear-Quadratic"),
)
SCHEDULE_NAMES = tuple(row.name for row in LISTED_SCHEDULES)
"""What a list offers."""
TIMESTEPS, TIME_UNIFORM, LCM = "Timesteps", "Time uniform", "LCM"
UNLISTED_SCHEDULES = tuple(map(ScheduleName, (CUSTOM, TIMESTEPS, TIME_UNIFORM, LCM)))
"""A person's own sigmas, and the schedules that belong to DDIM and PLMS, UniPC, and LCM."""

LATENT_UPSCALE_MODES = (
    "Latent",
    "Latent (antialiased)",
    "Latent (bicubic)",
    "Latent (bicubic antialiased)",
    "Latent (nearest)",
    "Latent (nearest-exact)",
)
"""How latents are enlarged between two passes, in the order in which a list shows them."""

_FREE = (*SCHEDULE_NAMES[1:], CUSTOM)


@dataclass(frozen=True)
class SamplerName:
    """One sampler as people call it, and all that is known of it without running it."""

    name: str
    aliases: tuple[str, ...]
    automatic: str = "Uniform"
    """The schedule that Automatic stands for."""
    schedules: tuple[str, ...] = _FREE
    """The schedules of the program that it can run; a name outside of them is taken for `automatic`, but for Custom."""
    calls_per_step: int = 1
    """How often it asks the denoiser in a step; 2 for samplers of second order."""
    stochastic: bool = False
    """Whether it adds fresh noise with its usual options."""
    brownian: bool = False
    """Whether its noise is a Brownian path over sigma, the same for any number of steps."""
    options: tuple[str, ...] = ()
    """The fields of SamplerOptions that change its picture."""
    usual_eta: float | None = None
    """The eta it runs with where none is given; None where it has no eta."""
    discards_penultimate: bool = False
    """Whether its schedule has one sigma more of which the last but one is left out."""
    uses_ensd: bool = False
    """Whether existing pictures were made with the eta noise seed delta in its noise."""
    cfg_divisor: float = 1.0
    """By what the CFG scale is divided before it guides; CFG++ samplers want scales from 0 to 1."""

    @property
    def second_order(self) -> bool:
        return self.calls_per_step > 1

    @property
    def takes_any_schedule(self) -> bool:
        """Whether it runs those of extensions too."""
        return frozenset(SCHEDULE_NAMES[1:]) <= frozenset(self.schedules)

    @property
    def reads_negative(self) -> bool:
        """Whether it needs the negative prompt's picture apart (CFG++)."""
        return self.cfg_divisor != 1


_CHURN = ("s_churn", "s_tmin", "s_tmax", "s_noise")
_ANCESTRAL = ("eta", "s_noise")
_CFG_PLUS_PLUS = 12.5

SAMPLER_NAMES = (
    SamplerName("DPM++ 2M", ("k_dpmpp_2m", "dpmpp_2m"), "Karras"),
    SamplerName(
        "DPM++ SDE",
        ("k_dpmpp_sde", "dpmpp_sde"),
        "Karras",
        calls_per_step=2,
        stochastic=True,
        brownian=True,
        options=_ANCESTRAL,
        usual_eta=1.0,
    ),
    SamplerName(
        "DPM++ 2M SDE",
        ("k_dpmpp_2m_sde", "dpmpp_2m_sde"),
        "Exponential",
        stochastic=True,
        brownian=True,
        options=_ANCESTRAL,
        usual_eta=1.0,
    ),
    SamplerName(
        "DPM++ 2M SDE Heun",
        ("k_dpmpp_2m_sde_heun", "dpmpp_2m_sde_heun"),
        "Exponential",
        stochastic=True,
        brownian=True,
        options=_ANCESTRAL,
        usual_eta=1.0,
    ),
    SamplerName(
        "DPM++ 2S a",
        ("k_dpmpp_2s_a", "dpmpp_2s_ancestral"),
        "Karras",
        calls_per_step=2,
        stochastic=True,
        options=_ANCESTRAL,
        usual_eta=1.0,
        uses_ensd=True,
    ),
    SamplerName(
        "DPM++ 3M SDE",
        ("k_dpmpp_3m_sde", "dpmpp_3m_sde"),
        "Exponential",
        stochastic=True,
        brownian=True,
        options=_ANCESTRAL,
        usual_eta=1.0,
        discards_penultimate=True,
    ),
    SamplerName(
        "Euler a",
        ("k_euler_a", "k_euler_ancestral", "euler_ancestral"),
        stochastic=True,
        options=_ANCESTRAL,
        usual_eta=1.0,
        uses_ensd=True,
    ),
    SamplerName("Euler", ("k_euler",), options=_CHURN),
    SamplerName("LMS", ("k_lms",), options=("order",)),
    SamplerName("Heun", ("k_heun",), calls_per_step=2, options=_CHURN),
    SamplerName("DPM2", ("k_dpm_2", "dpm_2"), "Karras", calls_per_step=2, options=_CHURN, discards_penultimate=True),
    SamplerName(
        "DPM2 a",
        ("k_dpm_2_a", "k_dpm_2_ancestral", "dpm_2_ancestral"),
        "Karras",
        calls_per_step=2,
        stochastic=True,
        options=_ANCESTRAL,
        usual_eta=1.0,
        discards_penultimate=True,
        uses_ensd=True,
    ),
    SamplerName(
        "DPM fast",
        ("k_dpm_fast", "dpm_fast"),
        schedules=("Uniform",),
        stochastic=True,
        options=_ANCESTRAL,
        usual_eta=1.0,
        uses_ensd=True,
    ),
    SamplerName(
        "DPM adaptive",
        ("k_dpm_ad", "dpm_adaptive"),
        schedules=("Uniform",),
        stochastic=True,
        options=_ANCESTRAL,
        usual_eta=1.0,
        uses_ensd=True,
    ),
    SamplerName(
        "Restart",
        ("restart",),
        "Karras",
        schedules=SCHEDULE_NAMES[1:],  # it makes sigmas of its own from the ends of these
        calls_per_step=2,
        stochastic=True,
        options=("s_noise",),
    ),
    SamplerName("DDIM", ("ddim",), TIMESTEPS, (TIMESTEPS,), options=_ANCESTRAL, usual_eta=0.0),
    SamplerName(
        "DDIM CFG++",
        ("ddim_cfgpp",),
        TIMESTEPS,
        (TIMESTEPS,),
        options=_ANCESTRAL,
        usual_eta=0.0,
        cfg_divisor=_CFG_PLUS_PLUS,
    ),
    SamplerName("PLMS", ("plms",), TIMESTEPS, (TIMESTEPS,)),
    SamplerName("UniPC", ("unipc", "uni_pc"), TIME_UNIFORM, (TIME_UNIFORM,), options=("order", "unipc_variant")),
    SamplerName("LCM", ("k_lcm", "lcm"), LCM, (LCM, *_FREE), stochastic=True, options=("s_noise",)),
    # Newer than the ones above, which most existing pictures name.
    SamplerName("DEIS", ("k_deis", "deis"), "Karras", options=("order",)),
    SamplerName("IPNDM", ("k_ipndm", "ipndm"), "SGM Uniform", options=("order",)),
    SamplerName("RES multistep", ("k_res_multistep", "res_multistep"), "Karras"),
    SamplerName(
        "RES multistep a",
        ("k_res_multistep_a", "res_multistep_ancestral"),
        "Karras",
        stochastic=True,
        options=_ANCESTRAL,
        usual_eta=1.0,
    ),
    SamplerName("Gradient Estimation", ("k_gradient_estimation", "gradient_estimation"), options=("ge_gamma",)),
    SamplerName("ER-SDE", ("k_er_sde", "er_sde"), "Karras", stochastic=True, options=("s_noise",)),
    SamplerName(
        "SA-Solver",
        ("k_sa_solver", "sa_solver"),
        "Karras",
        stochastic=True,
        options=("eta", "s_noise", "order"),
        usual_eta=1.0,
    ),
    SamplerName("TCD", ("k_tcd", "tcd"), "SGM Uniform", stochastic=True, options=_ANCESTRAL, usual_eta=0.3),
    SamplerName("DDPM", ("k_ddpm", "ddpm"), stochastic=True, options=("s_noise",)),
    SamplerName("Euler CFG++", ("k_euler_cfg_pp", "euler_cfg_pp"), cfg_divisor=_CFG_PLUS_PLUS),
    SamplerName(
        "Euler a CFG++",
        ("k_euler_ancestral_cfg_pp", "euler_ancestral_cfg_pp"),
        stochastic=True,
        options=_ANCESTRAL,
        usual_eta=1.0,
        cfg_divisor=_CFG_PLUS_PLUS,
    ),
    SamplerName("DPM++ 2M CFG++", ("k_dpmpp_2m_cfg_pp", "dpmpp_2m_cfg_pp"), "Karras", cfg_divisor=_CFG_PLUS_PLUS),
    SamplerName(
        "DPM++ 2S a CFG++",
        ("k_dpmpp_2s_a_cfg_pp", "dpmpp_2s_ancestral_cfg_pp"),
        "Karras",
        calls_per_step=2,
        stochastic=True,
        options=_ANCESTRAL,
        usual_eta=1.0,
        cfg_divisor=_CFG_PLUS_PLUS,
    ),
)
"""In the order in which a list shows them."""

_ALIAS_SUFFIXES = {"_ka": "Karras", "_exp": "Exponential"}


@dataclass(frozen=True)
class SamplingNames:
    """Samplers and schedules by all their names: those of the program, and those that extensions bring."""

    samplers: tuple[SamplerName, ...] = SAMPLER_NAMES
    """In the order in which a list shows them."""
    listed_schedules: tuple[ScheduleName, ...] = LISTED_SCHEDULES

    @cached_property
    def sampler_names(self) -> tuple[str, ...]:
        """What a list of samplers offers."""
        return tuple(row.name for row in self.samplers)

    @cached_property
    def schedule_names(self) -> tuple[str, ...]:
        """What a list of schedules offers."""
        return tuple(row.name for row in self.listed_schedules)

    def with_samplers(self, rows: Iterable[SamplerName]) -> SamplingNames:
        """These and more. Raises ValueError where one of their names means something already, by itself or with the
        name of a schedule in it."""
        more = self
        for row in rows:
            for name in (row.name, *row.aliases):
                if more._split(name) is not None:
                    raise ValueError(f"there is a sampler {name!r} already")
            more = replace(more, samplers=(*more.samplers, row))
        return more

    def with_schedules(self, rows: Iterable[ScheduleName]) -> SamplingNames:
        """These and more. Raises ValueError where one of their names means something already."""
        more = self
        for row in rows:
            for name in (row.name, *row.aliases):
                if plain_sampling_name(name) in more._by_schedule:
                    raise ValueError(f"there is a schedule {name!r} already")
            more = replace(more, listed_schedules=(*more.listed_schedules, row))
        return more

    def find_sampler(self, name: str) -> SamplerName:
        """The sampler of that name or alias, in any case; of a combined name the sampler in it.

        Raises InvalidRequest naming the nearest.
        """
        return self.split_sampler(name)[0]

    def split_sampler(self, name: str) -> tuple[SamplerName, str | None]:
        """The sampler and, of an old combined name ("DPM++ 2M Karras", "k_dpmpp_2m_ka"), the schedule; else None.

        Raises InvalidRequest naming the nearest.
        """
        found = self._split(name)
        if found is None:
            raise InvalidRequest("Sampler", name, "is not known", _nearest(name, self.sampler_names))
        return found

    def find_schedule(self, name: str, sampler: SamplerName) -> str:
        """The schedule that a sampler runs when `name` is asked for; never Automatic.

        Raises InvalidRequest for an unknown name, and for Custom where the sampler cannot run a person's own sigmas.
        """
        found = self._by_schedule.get(plain_sampling_name(name))
        if found is None:
            raise InvalidRequest("Schedule type", name, "is not known", _nearest(name, self.schedule_names))
        is_brought = found not in _OF_THE_PROGRAM
        if found in sampler.schedules or (is_brought and sampler.takes_any_schedule):
            return found
        if found == CUSTOM:
            remedy = "Choose another sampler, such as Euler, or another schedule type and no custom sigmas."
            raise InvalidRequest("Schedule type", name, f"cannot be run by {sampler.name}", remedy)
        return sampler.automatic

    def find_pair(self, sampler_name: str, schedule_name: str | None = None) -> tuple[SamplerName, str]:
        """Sampler and schedule to run. A schedule that is named wins over the one in a combined sampler name.

        `schedule_name` may be None or Automatic. Raises InvalidRequest naming the nearest, and as find_schedule does.
        """
        sampler, combined = self.split_sampler(sampler_name)
        asked = self.find_schedule(schedule_name or AUTOMATIC, sampler)
        is_named = schedule_name and plain_sampling_name(schedule_name) != plain_sampling_name(AUTOMATIC)
        if combined is None or is_named:
            return sampler, asked
        return sampler, self.find_schedule(combined, sampler)

    def _split(self, name: str) -> tuple[SamplerName, str | None] | None:
        wanted = plain_sampling_name(name)
        if wanted in self._by_sampler:
            return self._by_sampler[wanted], None
        for suffix, schedule in self._by_suffix.items():
            if wanted.endswith(suffix) and wanted.removesuffix(suffix) in self._by_sampler:
                return self._by_sampler[wanted.removesuffix(suffix)], schedule
        return None

    @cached_property
    def _by_sampler(self) -> Mapping[str, SamplerName]:
        return {plain_sampling_name(name): row for row in self.samplers for name in (row.name, *row.aliases)}

    @cached_property
    def _by_schedule(self) -> Mapping[str, str]:
        rows = (*self.listed_schedules, *UNLISTED_SCHEDULES)
        return {plain_sampling_name(name): row.name for row in rows for name in (row.name, *row.aliases)}

    @cached_property
    def _by_suffix(self) -> Mapping[str, str]:
        listed = {f" {plain_sampling_name(row.name)}": row.name for row in self.listed_schedules}
        return listed | {f" {plain_sampling_name(suffix)}": name for suffix, name in _ALIAS_SUFFIXES.items()}


BUILT_IN_NAMES = SamplingNames()
"""Those of the program alone. What is asked for is looked up in those that are there now."""

_OF_THE_PROGRAM = frozenset(row.name for row in (*LISTED_SCHEDULES, *UNLISTED_SCHEDULES))


def plain_sampling_name(name: str) -> str:
    """Names are the same in any case, and with spaces, hyphens or underscores between their words."""
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


def _nearest(name: str, known: Iterable[str]) -> str:
    by_plain = {plain_sampling_name(row): row for row in known}
    near = difflib.get_close_matches(plain_sampling_name(name[:100]), by_plain, n=2, cutoff=0.4)
    return (
        f"Nearest: {', '.join(by_plain[row] for row in near)}."
        if near
        else f"Choose one of: {', '.join(by_plain.values())}."
    )
