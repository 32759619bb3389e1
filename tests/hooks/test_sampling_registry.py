"""Samplers and schedules that plugins bring: what is wrong with one does not hurt the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from modules.diffusion.names import BUILT_IN_NAMES, SAMPLER_NAMES
from modules.errors import InvalidRequest
from modules.hooks import Plugins, Sampler, SamplerContext, Schedule, ScheduleContext, hookimpl
from modules.hooks.sampling_registry import BUILT_IN_SAMPLING, SamplingRegistry


class Standing(Sampler):
    """Gives what it was given."""

    def __init__(self, name: Any, **facts: Any) -> None:
        self.name = name  # type: ignore[misc]
        vars(self).update(facts)

    def sample(self, latents: Any, context: SamplerContext) -> Any:
        """See Sampler."""
        return latents


class Line(Schedule):
    """Falls evenly."""

    def __init__(self, name: Any, **facts: Any) -> None:
        self.name = name  # type: ignore[misc]
        vars(self).update(facts)

    def sigmas(self, context: ScheduleContext) -> list[float]:
        """See Schedule."""
        return [context.sigma_max * (1 - step / context.steps) for step in range(context.steps + 1)]


def bringing(samplers: Any = None, schedules: Any = None) -> SimpleNamespace:
    """A plugin that answers so."""

    @hookimpl
    def register_samplers() -> Any:
        return samplers

    @hookimpl
    def register_schedules() -> Any:
        return schedules

    return SimpleNamespace(register_samplers=register_samplers, register_schedules=register_schedules)


def at_work(**brought: SimpleNamespace) -> Plugins:
    plugins = Plugins(())
    for name, plugin in brought.items():
        plugins.register(plugin, name)
    return plugins


def test_without_plugins_there_is_what_the_program_has() -> None:
    registry = SamplingRegistry(Plugins(()))
    assert registry.names == BUILT_IN_NAMES and registry.now == BUILT_IN_SAMPLING


def test_they_stand_behind_those_of_the_program_and_are_found_by_every_name() -> None:
    rows = [Standing("Own way", aliases=["k_own"], calls_per_step=2, usual_eta=0.5, automatic="own line")]
    registry = SamplingRegistry(at_work(mine=bringing(rows, [Line("Own line", aliases=("ol",))])))
    names = registry.names
    assert names.sampler_names == (*BUILT_IN_NAMES.sampler_names, "Own way")
    assert names.schedule_names == (*BUILT_IN_NAMES.schedule_names, "Own line")
    found = names.find_sampler("OWN_WAY")
    assert (
        (found.name, found.calls_per_step, found.usual_eta)
        == ("Own way", 2, 0.5)
        == (
            names.find_sampler("k own").name,
            found.calls_per_step,
            found.usual_eta,
        )
    )
    assert names.find_pair("own way") == (found, "Own line")
    assert names.find_pair("k_own", "karras") == (found, "Karras")
    assert names.find_pair("own way own line", None) == (found, "Own line")
    assert registry.now.plugins_of("Own way", "Own line") == ("mine",)
    assert registry.now.plugins_of("Euler", "Karras") == ()


@pytest.mark.parametrize("sampler", SAMPLER_NAMES, ids=lambda row: row.name)
def test_every_sampler_runs_a_brought_schedule_unless_it_is_bound_to_its_own(sampler: Any) -> None:
    names = SamplingRegistry(at_work(mine=bringing(schedules=[Line("Own line")]))).names
    bound = sampler.name in ("DPM fast", "DPM adaptive", "DDIM", "DDIM CFG++", "PLMS", "UniPC")
    assert names.find_schedule("own-line", sampler) == (sampler.automatic if bound else "Own line")
    assert names.split_sampler(f"{sampler.name} Own line") == (sampler, "Own line")


@pytest.mark.parametrize(
    ("samplers", "schedules", "problem"),
    [
        (7, None, "register_samplers returned int instead of a list"),
        (None, 7, "register_schedules returned int instead of a list"),
        ([7], None, "register_samplers returned int, which is no Sampler with a name"),
        ([Line("One")], None, "register_samplers returned Line, which is no Sampler with a name"),
        (None, [Standing("One")], "register_schedules returned Standing, which is no Schedule with a name"),
        ([Standing(None)], None, "register_samplers returned Standing, which is no Sampler with a name"),
        ([Standing("euler_A")], None, "there is a sampler 'euler_A' already"),
        ([Standing("k_euler")], None, "there is a sampler 'k_euler' already"),
        ([Standing("Euler Karras")], None, "there is a sampler 'Euler Karras' already"),
        ([Standing("Own", aliases=("DDIM",))], None, "there is a sampler 'DDIM' already"),
        ([Standing("First way")], None, "there is a sampler 'First way' already"),
        ([Standing("b"), Standing("B")], None, "there is a sampler 'B' already"),
        (None, [Line("karras")], "there is a schedule 'karras' already"),
        (None, [Line("Timesteps")], "there is a schedule 'Timesteps' already"),
        (None, [Line("Own", aliases=("AYS",))], "there is a schedule 'AYS' already"),
        (None, [Line("First-Line")], "there is a schedule 'First-Line' already"),
        (None, [Line("Automatic")], "'Automatic' means something else already"),
        ([Standing("None")], None, "'None' means something else already"),
        ([Standing("Use same sampler")], None, "'Use same sampler' means something else already"),
        ([Standing("")], None, "'' is no name: it takes 1 to 100 signs that can be seen"),
        ([Standing("a\nb")], None, "'a\\nb' is no name: it takes 1 to 100 signs that can be seen"),
        ([Standing(" a")], None, "' a' has more blanks than it needs"),
        ([Standing("Own", aliases="k_own")], None, "the aliases of 'Own' are no list"),
        ([Standing("Own", aliases=[3])], None, "3 is no name: it takes 1 to 100 signs that can be seen"),
        ([Standing("Own", calls_per_step=0)], None, "'Own' calls the network 0 times in a step: say 1 to 16"),
        ([Standing("Own", usual_eta=-1)], None, "'Own' has the usual eta -1, which is no number from 0 on"),
        (
            [Standing("Own", automatic="First line")],
            None,
            "'Own' wants the schedule 'First line', which is none of the program's nor its own",
        ),
        (
            [Standing("Own", automatic="Automatic")],
            None,
            "'Own' wants the schedule 'Automatic', which is none of the program's nor its own",
        ),
    ],
)
def test_a_plugin_that_brings_what_cannot_be_used_is_left_out(samplers: Any, schedules: Any, problem: str) -> None:
    plugins = at_work(
        one=bringing([Standing("First way")], [Line("First line")]),
        bad=bringing(samplers, schedules),
        last=bringing([Standing("Last way")], [Line("Last line")]),
    )
    names = SamplingRegistry(plugins).names
    assert names.sampler_names[len(SAMPLER_NAMES) :] == ("First way", "Last way")
    assert names.schedule_names[-2:] == ("First line", "Last line")
    assert [str(failure) for failure in plugins.failures] == [f"bad is left out: {problem}"]


def test_a_plugin_that_is_left_out_for_its_samplers_keeps_no_schedules() -> None:
    plugins = at_work(bad=bringing([Standing("Euler")], [Line("Own line")]))
    assert SamplingRegistry(plugins).now == BUILT_IN_SAMPLING


def test_nothing_is_offered_of_a_plugin_that_was_left_out_since_but_what_has_begun_goes_on() -> None:
    plugins = at_work(mine=bringing([Standing("Own way")], [Line("Own line")]))
    registry = SamplingRegistry(plugins)
    begun = registry.now
    assert registry.now is begun
    plugins.leave_out("mine", "it failed elsewhere")
    assert registry.now == BUILT_IN_SAMPLING
    assert begun.names.find_sampler("Own way").name == "Own way" and begun.samplers["Own way"][0] == "mine"
    with pytest.raises(InvalidRequest, match="Sampler 'Own way' is not known"):
        registry.names.find_sampler("Own way")
    with pytest.raises(InvalidRequest, match="Schedule type 'Own line' is not known"):
        registry.names.find_schedule("Own line", SAMPLER_NAMES[0])
