"""Samplers: plain functions from noise to a picture's latents. They know a denoiser, not prompts, CFG or seeds.

contract                 what a sampler is given and tells; the table's rows
steps                    parts of steps that several samplers share
euler                    one straight line per step: Euler, DDIM, DDPM, LCM, TCD, Gradient Estimation
runge_kutta              two looks per step: Heun, DPM2, Restart
multistep                Adams-Bashforth: LMS, PLMS, IPNDM, DEIS
dpm_solver               DPM fast, DPM adaptive
dpm_solver_plus_plus     the DPM++ family, RES
unipc                    UniPC
cfg_plus_plus            CFG++ forms
stochastic_solvers       ER-SDE, SA-Solver
flow                     any of them on a flow model
"""

from __future__ import annotations

from modules.diffusion.samplers import (
    cfg_plus_plus,
    dpm_solver,
    dpm_solver_plus_plus,
    euler,
    multistep,
    runge_kutta,
    stochastic_solvers,
    unipc,
)
from modules.diffusion.samplers.contract import (
    AfterStep,
    Callback,
    Denoiser,
    Noise,
    Sampler,
    SamplerOptions,
    SamplerRecipe,
    StepReport,
)
from modules.diffusion.samplers.flow import for_flow

__all__ = [
    "SAMPLERS",
    "AfterStep",
    "Callback",
    "Denoiser",
    "Noise",
    "Sampler",
    "SamplerOptions",
    "SamplerRecipe",
    "StepReport",
    "for_flow",
]


SAMPLERS: dict[str, SamplerRecipe] = {
    "DPM++ 2M": SamplerRecipe(dpm_solver_plus_plus.dpmpp_2m),
    "DPM++ SDE": SamplerRecipe(dpm_solver_plus_plus.dpmpp_sde),
    "DPM++ 2M SDE": SamplerRecipe(dpm_solver_plus_plus.dpmpp_2m_sde),
    "DPM++ 2M SDE Heun": SamplerRecipe(dpm_solver_plus_plus.dpmpp_2m_sde_heun),
    "DPM++ 2S a": SamplerRecipe(dpm_solver_plus_plus.dpmpp_2s_ancestral),
    "DPM++ 3M SDE": SamplerRecipe(dpm_solver_plus_plus.dpmpp_3m_sde),
    "Euler a": SamplerRecipe(euler.euler_ancestral),
    "Euler": SamplerRecipe(euler.euler, straight=True),
    "LMS": SamplerRecipe(multistep.lms, straight=True),
    "Heun": SamplerRecipe(runge_kutta.heun, straight=True),
    "DPM2": SamplerRecipe(runge_kutta.dpm2, straight=True),
    "DPM2 a": SamplerRecipe(runge_kutta.dpm2_ancestral),
    "DPM fast": SamplerRecipe(dpm_solver.dpm_fast),
    "DPM adaptive": SamplerRecipe(dpm_solver.dpm_adaptive),
    "Restart": SamplerRecipe(runge_kutta.restart),
    "DDIM": SamplerRecipe(euler.ddim, variance_preserving=True),
    "DDIM CFG++": SamplerRecipe(cfg_plus_plus.ddim_cfg_plus_plus, variance_preserving=True),
    "PLMS": SamplerRecipe(multistep.plms, variance_preserving=True, straight=True),
    "UniPC": SamplerRecipe(unipc.unipc, variance_preserving=True),
    "LCM": SamplerRecipe(euler.lcm),
    "DEIS": SamplerRecipe(multistep.deis),
    "IPNDM": SamplerRecipe(multistep.ipndm, straight=True),
    "RES multistep": SamplerRecipe(dpm_solver_plus_plus.res_multistep),
    "RES multistep a": SamplerRecipe(dpm_solver_plus_plus.res_multistep_ancestral),
    "Gradient Estimation": SamplerRecipe(euler.gradient_estimation, straight=True),
    "ER-SDE": SamplerRecipe(stochastic_solvers.er_sde),
    "SA-Solver": SamplerRecipe(stochastic_solvers.sa_solver),
    "TCD": SamplerRecipe(euler.tcd),
    "DDPM": SamplerRecipe(euler.ddpm),
    "Euler CFG++": SamplerRecipe(cfg_plus_plus.euler_cfg_plus_plus),
    "Euler a CFG++": SamplerRecipe(cfg_plus_plus.euler_ancestral_cfg_plus_plus),
    "DPM++ 2M CFG++": SamplerRecipe(cfg_plus_plus.dpmpp_2m_cfg_plus_plus),
    "DPM++ 2S a CFG++": SamplerRecipe(cfg_plus_plus.dpmpp_2s_ancestral_cfg_plus_plus),
}
"""By the names of modules.diffusion.names, in their order."""
